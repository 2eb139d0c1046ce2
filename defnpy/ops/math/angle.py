"""Inverse trigonometric functions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from defnpy.base.dtypes import F32
from defnpy.ops.elementwise import (
    copysign,
    equal,
    fma,
    greater,
    greater_equal,
    less,
    sqrt,
    where,
)
from defnpy.ops.family import binary, unary
from defnpy.ops.math.expansion import (
    bits,
    by_dtype,
    constant,
    expansion,
    polynomial,
    precisely,
)
from defnpy.ops.math.root import hypot

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr

# π, and what its rounding leaves
_PI = ((3.1415927, -8.742278e-08), (3.141592653589793, 1.2246467991473532e-16))

# (asin(s) / s - 1) / s² as a function of s² on |s| ≤ ½
_ASIN_F32 = (0.16666666, 0.07500094, 0.044599403, 0.031100662, 0.017149238, 0.033690847)
_ASIN_F64 = (
    *(0.16666666666666669, 0.07499999999998433, 0.04464285714635543),
    *(0.030381944138531247, 0.02237217294214989, 0.017352392720869973),
    *(0.013971212973552933, 0.011479177415184906, 0.01032281435018578),
    *(0.005457506718640358, 0.01740087944269402, -0.014851887071247204),
    0.028757851367421566,
)
# (atan(t) / t - 1) / t² as a function of t² on |t| ≤ √2 - 1
_ATAN_F32 = (-0.3333333, 0.1999954, -0.1426395, 0.10743669, -0.064517185)
_ATAN_F64 = (
    *(-0.3333333333333333, 0.19999999999999804, -0.14285714285659779),
    *(0.11111111105150588, -0.09090908753259112, 0.07692296368042296),
    *(-0.0666642476020052, 0.05878927554473807, -0.05230443640686948),
    *(0.045515447340221615, -0.03456931506332609, 0.016284375050043393),
)


def _pi(x: Expr, fraction: float = 1.0) -> tuple[Expr, Expr]:
    """Return a fraction of π, a power of 2, in two parts."""
    high, low = _PI[0] if x.dtype == F32 else _PI[1]
    return constant(x, high * fraction), constant(x, low * fraction)


def _asin_tail(z: Expr) -> Expr:
    """Return asin(s) / s - 1 where s² = z ≤ ¼."""
    return z * polynomial(z, _ASIN_F32, _ASIN_F64)


def _expand_asin(x: Expr) -> Expr:
    a = abs(x)
    inner = fma(a, _asin_tail(a * a), a)
    z = (1.0 - a) * 0.5  # asin(a) = π/2 - 2 asin(√z)
    s = sqrt(z)
    high, low = _pi(x, 0.5)
    outer = high - (fma(s, _asin_tail(z), s) * 2.0 - low)
    return copysign(where(less(a, 0.5), inner, outer), x)


def _expand_acos(x: Expr) -> Expr:
    a = abs(x)
    half, rest = _pi(x, 0.5)
    inner = half - (fma(x, _asin_tail(x * x), x) - rest)
    z = (1.0 - a) * 0.5  # acos(a) = 2 asin(√z)
    s = sqrt(z)
    outer = fma(s, _asin_tail(z), s) * 2.0
    high, low = _pi(x)
    outer = where(less(x, 0.0), high - (outer - low), outer)
    return where(less(a, 0.5), inner, outer)


def _first_quadrant(y: Expr, x: Expr) -> Expr:
    """Return the angle of (x, y), neither negative, not both 0.

    The quotient of `y` and `x` is brought into the range of the polynomial by
    turning through π/4 or π/2.
    """
    above = greater(y, x * (math.sqrt(2) + 1))
    beside = greater_equal(y, x * (math.sqrt(2) - 1))  # also if both are infinite
    zero = constant(x, 0.0)
    # The difference of two infinities is 0 here, as that of any equals.
    apart = where(equal(y, x), zero, y - x)
    t = where(above, -x, where(beside, apart, y))
    t = t / where(above, y, where(beside, y + x, x))
    z = t * t
    high, low = (
        where(above, half, where(beside, quarter, zero))
        for half, quarter in zip(_pi(x, 0.5), _pi(x, 0.25), strict=True)
    )
    return high + (fma(t, z * polynomial(z, _ATAN_F32, _ATAN_F64), t) + low)


def _expand_atan(x: Expr) -> Expr:
    return copysign(_first_quadrant(abs(x), constant(x, 1.0)), x)


def _expand_atan2(y: Expr, x: Expr) -> Expr:
    b, a = abs(y), abs(x)
    larger = where(greater(a, b), a, b)
    up, down = by_dtype(x, 2.0**60, 2.0**200), by_dtype(x, 2.0**-30, 2.0**-200)
    one = constant(x, 1.0)
    scale = where(less(larger, by_dtype(x, 2.0**-90, 2.0**-900)), up, one)
    scale = where(greater(larger, by_dtype(x, 2.0**90, 2.0**900)), down, scale)
    a = where(equal(a + b, 0.0), one, a * scale)
    angle = _first_quadrant(b * scale, a)
    high, low = _pi(x)
    behind = less(bits(x), 0)
    return copysign(where(behind, high - (angle - low), angle), y)


asin = unary(
    "asin",
    precisely(np.arcsin),
    lambda y, x: 1.0 / sqrt((1.0 - x) * (1.0 + x)),
    floats=True,
    kinds="f",
    domain=(-0.8, 0.8),
    cost=36,
    lower=expansion(_expand_asin),
    doc="Inverse sine of each element, in [-π/2, π/2]; NaN outside [-1, 1].",
)
acos = unary(
    "acos",
    precisely(np.arccos),
    lambda y, x: -1.0 / sqrt((1.0 - x) * (1.0 + x)),
    floats=True,
    kinds="f",
    domain=(-0.8, 0.8),
    cost=36,
    lower=expansion(_expand_acos),
    doc="Inverse cosine of each element, in [0, π]; NaN outside [-1, 1].",
)
atan = unary(
    "atan",
    precisely(np.arctan),
    lambda y, x: 1.0 / (x * x + 1.0),
    floats=True,
    kinds="f",
    cost=28,
    lower=expansion(_expand_atan),
    doc="Inverse tangent of each element, in [-π/2, π/2].",
)
atan2 = binary(
    "atan2",
    precisely(np.arctan2),
    (lambda angle, y, x: _turn(x, y), lambda angle, y, x: -_turn(y, x)),
    floats=True,
    kinds="f",
    domains=((0.3, 2.0), (-2.0, 2.0)),
    cost=40,
    lower=expansion(_expand_atan2),
    doc="Angle of the point (x, y), in [-π, π]; the first operand is y.",
)


def _turn(a: Expr, b: Expr) -> Expr:
    """Return ``a / (a² + b²)`` without overflow."""
    r = hypot(a, b)
    return a / r / r
