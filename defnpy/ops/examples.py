"""An example of each public function whose documentation is its record's line."""

from __future__ import annotations

import re

_TEXT = """\
>>> dn.abs(np.array([-1.5, 2.0]))
array([1.5, 2. ])

>>> dn.acos(np.array([1.0, 0.0]))
array([0.        , 1.57079633])

>>> dn.acosh(np.array([1.0]))
array([0.])

>>> dn.add(np.array([1, 2]), 0.5)
array([1.5, 2.5], dtype=float32)

>>> dn.all(np.array([[True, False], [True, True]]), axis=1)
array([False,  True])

>>> dn.any(np.array([[0, 0], [0, 3]]), axis=1)
array([False,  True])

>>> dn.argmax(np.array([1.0, 3.0, 2.0]))
np.int64(1)

>>> dn.argmin(np.array([[2, 1], [0, 5]]), axis=1)
array([1, 0])

>>> dn.asin(np.array([0.0, 1.0]))
array([0.        , 1.57079633])

>>> dn.asinh(np.array([0.0]))
array([0.])

>>> dn.atan(np.array([0.0, np.inf]))
array([0.        , 1.57079633])

>>> dn.atan2(np.array([1.0]), np.array([1.0]))
array([0.78539816])

>>> dn.atanh(np.array([0.0, 1.0]))
array([ 0., inf])

>>> dn.bitwise_and(np.array([6, 5]), 3)
array([2, 1])

>>> dn.bitwise_invert(np.array([0, -1]))
array([-1,  0])

>>> dn.bitwise_left_shift(np.array([1, 3]), 2)
array([ 4, 12])

>>> dn.bitwise_or(np.array([6, 5]), 3)
array([7, 7])

>>> dn.bitwise_right_shift(np.array([8, -8]), 2)
array([ 2, -2])

>>> dn.bitwise_xor(np.array([6, 5]), 3)
array([5, 6])

>>> dn.cbrt(np.array([8.0, -27.0]))
array([ 2., -3.])

>>> dn.copysign(np.array([1.0, 2.0]), -1.0)
array([-1., -2.])

>>> dn.cos(np.array([0.0]))
array([1.])

>>> dn.cosh(np.array([0.0]))
array([1.])

>>> dn.divide(np.array([1, 2]), 4)
array([0.25, 0.5 ], dtype=float32)

>>> dn.dot(np.array([[1, 2], [3, 4]]), np.array([1, 1]))
array([3, 7])

>>> dn.equal(np.array([1, 2]), 2)
array([False,  True])

>>> dn.erf(np.array([0.0, np.inf]))
array([0., 1.])

>>> dn.erfc(np.array([0.0, np.inf]))
array([1., 0.])

>>> dn.erfinv(np.array([0.0, 1.0]))
array([ 0., inf])

>>> dn.exp(np.array([0.0, 1.0]))
array([1.        , 2.71828183])

>>> dn.exp2(np.array([0.0, 3.0]))
array([1., 8.])

>>> dn.expm1(np.array([0.0, 1e-20]))
array([0.e+00, 1.e-20])

>>> dn.floor_divide(np.array([7, -7]), 2)
array([ 3, -4])

>>> dn.greater(np.array([1, 2]), 1)
array([False,  True])

>>> dn.greater_equal(np.array([1, 2]), 2)
array([False,  True])

>>> dn.hypot(np.array([3.0]), np.array([4.0]))
array([5.])

>>> dn.isfinite(np.array([1.0, np.inf, np.nan]))
array([ True, False, False])

>>> dn.isinf(np.array([1.0, -np.inf, np.nan]))
array([False,  True, False])

>>> dn.isnan(np.array([1.0, np.inf, np.nan]))
array([False, False,  True])

>>> dn.less(np.array([1, 2]), 2)
array([ True, False])

>>> dn.less_equal(np.array([1, 2]), 1)
array([ True, False])

>>> dn.lgamma(np.array([1.0, 5.0]))
array([0.        , 3.17805383])

>>> dn.log(np.array([1.0, 0.0]))
array([  0., -inf])

>>> dn.log10(np.array([1.0, 0.0]))
array([  0., -inf])

>>> dn.log1p(np.array([0.0, 1e-20]))
array([0.e+00, 1.e-20])

>>> dn.log2(np.array([8.0]))
array([3.])

>>> dn.log_sigmoid(np.array([-1000.0]))
array([-1000.])

>>> dn.logaddexp(np.array([1000.0]), -np.inf)
array([1000.])

>>> dn.logical_and(np.array([True, False]), True)
array([ True, False])

>>> dn.logical_not(np.array([True, False]))
array([False,  True])

>>> dn.logical_or(np.array([True, False]), False)
array([ True, False])

>>> dn.logical_xor(np.array([True, False]), True)
array([False,  True])

>>> dn.max(np.array([[1, 2], [4, 3]]), axis=1)
array([2, 4])

>>> dn.maximum(np.array([-1.0, 2.0]), 0)
array([0., 2.])

>>> dn.min(np.array([[1, 2], [4, 3]]), axis=0)
array([1, 2])

>>> dn.minimum(np.array([-1.0, 2.0]), 0)
array([-1.,  0.])

>>> dn.multiply(np.array([1, 2]), np.array([[2], [3]]))
array([[2, 4],
       [3, 6]])

>>> dn.negative(np.array([1, -2]))
array([-1,  2])

>>> dn.nextafter(np.array([0.0, 1.0]), 2.0)
array([5.e-324, 1.e+000])

>>> dn.not_equal(np.array([1, 2]), 2)
array([ True, False])

>>> dn.power(np.array([2.0, 3.0]), 2)
array([4., 9.])

>>> dn.remainder(np.array([7, -7]), 3)
array([1, 2])

>>> dn.sigmoid(np.array([0.0, 1000.0]))
array([0.5, 1. ])

>>> dn.sign(np.array([-2.0, 0.0, 5.0]))
array([-1.,  0.,  1.])

>>> dn.sin(np.array([0.0]))
array([0.])

>>> dn.sinh(np.array([0.0]))
array([0.])

>>> dn.softplus(np.array([-1000.0, 1000.0]))
array([   0., 1000.])

>>> dn.sqrt(np.array([4.0, 2.25]))
array([2. , 1.5])

>>> dn.subtract(np.array([3, 2]), 1)
array([2, 1])

>>> dn.tan(np.array([0.0]))
array([0.])

>>> dn.tanh(np.array([0.0, np.inf]))
array([0., 1.])

>>> dn.where(np.array([True, False]), np.array([1, 2]), 0)
array([1, 0])
"""


def _by_name(text: str) -> dict[str, str]:
    blocks = text.strip().split("\n\n")
    return {re.findall(r">>> dn\.(\w+)", block)[0]: block for block in blocks}


EXAMPLES: dict[str, str] = _by_name(_TEXT)
