"""Trigonometric functions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from defnpy.base.dtypes import F32, F64
from defnpy.ir.op import Missing
from defnpy.ops.elementwise import (
    bitcast,
    bitwise_and,
    bitwise_xor,
    equal,
    fma,
    less,
    shift_left,
    where,
)
from defnpy.ops.family import Elementwise, binary, unary
from defnpy.ops.math.expansion import (
    bits,
    by_dtype,
    constant,
    expansion,
    integer,
    layout,
    nearest,
    polynomial,
    precisely,
    subtract_multiple,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.ir.expr import Expr

# Arguments this large are few; reducing them exactly would cost all others dear.
FAR = {F32: 2.0**17, F64: 2.0**30}

# π in three parts.  Multiples of the first are subtracted without rounding: what
# remains is below 2 and a multiple of the last bit of π, or half of that for cos.
_PI_F32 = (3.1415927, -8.742278e-08, -3.430249e-15)
_PI_F64 = (3.141592653589793, 1.2246467991473532e-16, -2.9947698097183397e-33)

# (sin(r) / r - 1) / r² as a function of r² on |r| ≤ π/2 · 1.005
_SIN_F32 = (-0.16666667, 0.008333333, -0.00019841081, 2.7536048e-06, -2.4070633e-08)
_SIN_F64 = (
    *(-0.16666666666666666, 0.008333333333333314, -0.0001984126984125406),
    *(2.755731921891776e-06, -2.5052107585891395e-08, 1.605897530586446e-10),
    *(-7.643906551559786e-13, 2.730653899262356e-15),
)
# The same on |r| ≤ π/4 · 1.01, and (cos(r) - 1) / r²
_SIN_4_F32 = (-0.16666664, 0.008332725, -0.00019582831)
_SIN_4_F64 = (
    *(-0.16666666666666666, 0.0083333333333307, -0.00019841269836385435),
    *(2.7557315910939e-06, -2.5051092308431318e-08, 1.5915309183057952e-10),
)
_COS_4_F32 = (-0.5, 0.04166665, -0.0013887536, 2.4457044e-05)
_COS_4_F64 = (
    *(-0.5, 0.04166666666666663, -0.0013888888888879927, 2.4801587293040553e-05),
    *(-2.755731534181856e-07, 2.0875851505773207e-09, -1.1365942454032322e-11),
)


def far_record(name: str, function: Callable[..., np.ndarray]) -> Elementwise:
    """Return the record of `function` for arguments too large to reduce quickly.

    Its operands are `x` and the value to take while `x` is not that large.
    """

    def evaluate(x: np.ndarray, near: np.ndarray) -> np.ndarray:
        far = np.abs(x) >= (FAR[F64] if x.dtype == np.float64 else FAR[F32])
        return np.where(far & np.isfinite(x), precisely(function)(x), near)

    return binary(
        f"far_{name}",
        evaluate,
        Missing(f"it is a part of {name}, which is differentiated as a whole"),
        kinds="f",
        doc=f"The value given while |x| is below 2**17 (f32) or 2**30 (f64), the"
        f" {name} of the machine's library beyond.",
    )


far_sin = far_record("sin", np.sin)
far_cos = far_record("cos", np.cos)
far_tan = far_record("tan", np.tan)


def _sin_small(r: Expr) -> Expr:
    """Return sin(r) for |r| ≤ π/2."""
    z = r * r
    return fma(r * z, polynomial(z, _SIN_F32, _SIN_F64), r)


def _negate_odd(y: Expr, n: Expr) -> Expr:
    """Return `y`, negated where the integer `n` is odd."""
    sign = shift_left(n, integer(y, layout(y).integer.bits - 1))
    return bitcast(bitwise_xor(bits(y), sign), y.dtype)


def _expand_sin(x: Expr) -> Expr:
    n, whole = nearest(x, constant(x, 1 / math.pi))
    pi = _PI_F32 if x.dtype == F32 else _PI_F64
    y = _negate_odd(_sin_small(subtract_multiple(x, n, pi)), whole)
    tiny = less(abs(x), by_dtype(x, 2.0**-12, 2.0**-26))
    return far_sin(x, where(tiny, x, y))


def _expand_cos(x: Expr) -> Expr:
    turns = fma(x, constant(x, 1 / math.pi), constant(x, -0.5))
    n, whole = nearest(turns, constant(x, 1.0))
    pi = _PI_F32 if x.dtype == F32 else _PI_F64
    r = subtract_multiple(x, n + 0.5, pi)
    y = _negate_odd(_sin_small(r), whole + integer(x, 1))
    tiny = less(abs(x), by_dtype(x, 2.0**-12, 2.0**-26))
    return far_cos(x, where(tiny, constant(x, 1.0), y))


def _expand_tan(x: Expr) -> Expr:
    n, whole = nearest(x, constant(x, 2 / math.pi))
    r = subtract_multiple(x, n * 0.5, _PI_F32 if x.dtype == F32 else _PI_F64)
    z = r * r
    sine = fma(r * z, polynomial(z, _SIN_4_F32, _SIN_4_F64), r)
    cosine = fma(z, polynomial(z, _COS_4_F32, _COS_4_F64), constant(x, 1.0))
    odd = equal(bitwise_and(whole, integer(x, 1)), integer(x, 1))
    y = where(odd, cosine, sine) / where(odd, -sine, cosine)
    tiny = less(abs(x), by_dtype(x, 2.0**-12, 2.0**-26))
    return far_tan(x, where(tiny, x, y))


sin = unary(
    "sin",
    precisely(np.sin),
    lambda y, x: cos(x),
    floats=True,
    kinds="f",
    cost=20,
    lower=expansion(_expand_sin),
    doc="Sine of each element, in radians.",
)
cos = unary(
    "cos",
    precisely(np.cos),
    lambda y, x: -sin(x),
    floats=True,
    kinds="f",
    cost=20,
    lower=expansion(_expand_cos),
    doc="Cosine of each element, in radians.",
)
tan = unary(
    "tan",
    precisely(np.tan),
    lambda y, x: y * y + 1.0,
    floats=True,
    kinds="f",
    domain=(-1.2, 1.2),
    cost=30,
    lower=expansion(_expand_tan),
    doc="Tangent of each element, in radians.",
)
