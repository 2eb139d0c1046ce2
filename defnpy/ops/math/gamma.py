"""The derivative of the gamma function's logarithm."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base.dtypes import BF16, F16, F32
from defnpy.ops.elementwise import equal, greater_equal, less, logical_and, rint, where
from defnpy.ops.family import common, convert
from defnpy.ops.leaf import as_expr
from defnpy.ops.math.logarithm import log
from defnpy.ops.math.trigonometric import tan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defnpy.ir.expr import Expr

# B(2k) / 2k for k = 1, 2, …: log(x) - 1 / 2x - Σ B(2k) / 2k x^-2k is digamma(x)
_SERIES = (
    *(1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12),
    -3617 / 8160,
)
_FAR = 10  # where the series is right to the last digit of f64
# The positive root of digamma, as two f64, and digamma(x) / (x - root) on 1 ≤ x ≤ 2
# as a polynomial of x - 1.5, interpolated at Chebyshev's points in 60 digits: its
# error is 2e-17, and that of the shorter one 2e-8.
_ROOT, _ROOT_REST = 1.4616321449683622, 9.549995429965697e-17
_NEAR_F64 = (
    *(0.951055876031833, -0.4236274212814606, 0.2405424842407739),
    *(-0.14840492305388006, 0.09498872445498366, -0.06192213327556183),
    *(0.04076083381023946, -0.02697579665686472, 0.017907252496345213),
    *(-0.011908220169786002, 0.007926943794456376, -0.0052799364178857415),
    *(0.0035190141649363805, -0.0023455016279107115, 0.0015565879761797945),
    *(-0.0010364227247828023, 0.0007234757252061551, -0.00048606417050412354),
    *(0.00022695205071257896, -0.00014460384609240088, 0.0002599100450715037),
    -0.00017837342400462423,
)
_NEAR_F32 = (
    *(0.9510558968448778, -0.4236274993767546, 0.24053837367344955),
    *(-0.14839875906125338, 0.09511782035415392, -0.06205746284785981),
    *(0.03935913584719136, -0.02577894268746931, 0.023929714352016337),
    -0.01638778380426883,
)


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
    """Return digamma where x is not negative.

    It is brought to 1 ≤ x ≤ 2 by digamma(x + 1) = digamma(x) + 1 / x, or is far.
    """
    close, steps = x, 0.0 * x
    for _ in range(2, _FAR):
        beyond = logical_and(greater_equal(close, 2.0), less(x, _FAR))
        close = where(beyond, close - 1.0, close)
        steps = where(beyond, steps + 1.0 / close, steps)
    small = less(x, 1.0)
    near = _near_root(where(small, x + 1.0, where(less(x, _FAR), close, 1.0)))
    near = where(small, near - 1.0 / where(small, x, 1.0), near + steps)
    return where(less(x, _FAR), near, _far(x))


def _near_root(x: Expr) -> Expr:
    high = float(np.float32(_ROOT)) if x.dtype == F32 else _ROOT
    from_root = (x - high) - (_ROOT - high + _ROOT_REST)
    return from_root * _polynomial(x - 1.5, _NEAR_F32 if x.dtype == F32 else _NEAR_F64)


def _far(x: Expr) -> Expr:
    inverse = 1.0 / where(less(x, _FAR), 1.0, x)
    square = inverse * inverse
    return log(x) - 0.5 * inverse - square * _polynomial(square, _SERIES)


def _polynomial(x: Expr, coefficients: Sequence[float]) -> Expr:
    *rest, total = coefficients
    made: Expr | float = total
    for coefficient in reversed(rest):
        made = made * x + coefficient
    return as_expr(made)
