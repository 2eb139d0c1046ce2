"""The derivative of the gamma function's logarithm."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from defnpy.base.dtypes import BF16, F16, F32
from defnpy.ops.elementwise import equal, less, logical_and, rint, where
from defnpy.ops.family import common, convert
from defnpy.ops.leaf import as_expr
from defnpy.ops.math.logarithm import log
from defnpy.ops.math.trigonometric import tan

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr

# B(2k) / 2k for k = 1, 2, …: log(x) - 1 / 2x - Σ B(2k) / 2k x^-2k is digamma(x)
_SERIES = (
    *(1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12),
    -3617 / 8160,
)
_FAR = 10  # where the series is right to the last digit of f64


def digamma(x: Any) -> Expr:
    """Return the derivative of `lgamma`; at 0 infinite, at negative integers NaN.

    Its own gradient is the trigamma function.  Integers become the default float.

    >>> dn.digamma(np.array([1.0, 10.0])).round(6)
    array([-0.577216,  2.251753])
    """
    x = common(as_expr(x), floats=True)[0]
    if x.dtype in (F16, BF16):
        return convert(_digamma(convert(x, F32)), x.dtype)
    return _digamma(x)


def _digamma(x: Expr) -> Expr:
    left = less(x, 0)
    right = where(left, 1.0 - x, x)
    rest = x - rint(x)  # so that π times it is exact enough
    pole = logical_and(left, equal(rest, 0))
    mirror = math.pi / tan(math.pi * where(left, rest, 0.25))
    made = _of_positive(right)
    return where(pole, math.nan, where(left, made - mirror, made))


def _of_positive(x: Expr) -> Expr:
    """Return digamma where x is not negative, from that of a far number."""
    near = less(x, _FAR)
    close = where(near, x, 1.0)
    steps = 1.0 / close
    for k in range(1, _FAR):
        steps = steps + 1.0 / (close + k)
    far = where(near, x + _FAR, x)
    inverse = 1.0 / far
    square = inverse * inverse
    total: Expr | float = 0.0
    for coefficient in reversed(_SERIES):
        total = (total + coefficient) * square
    return log(far) - 0.5 * inverse - total - where(near, steps, 0.0)
