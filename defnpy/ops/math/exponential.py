"""Exponentials."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from defnpy.base.dtypes import F32
from defnpy.ops.elementwise import fma, less, where
from defnpy.ops.family import unary
from defnpy.ops.math.expansion import (
    at_least,
    at_most,
    by_dtype,
    constant,
    expansion,
    integer,
    nearest,
    polynomial,
    power_of_two,
    precisely,
    scale_by_power,
    subtract_multiple,
)

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr

# log(2) and what its rounding leaves.
_LN2_F32 = (0.6931472, -1.9046542e-09)
_LN2_F64 = (0.6931471805599453, 2.3190468138462996e-17)

# (expm1(r) - r) / r² on |r| ≤ log(2)/2 · 1.02
_EXP_F32 = (0.5, 0.1666657, 0.041666545, 0.00836438, 0.0013927685)
_EXP_F64 = (
    *(0.5, 0.1666666666666667, 0.04166666666666667, 0.008333333333324906),
    *(0.001388888888888287, 0.00019841269879033045, 2.4801587328555858e-05),
    *(2.755725016302918e-06, 2.7557269903215795e-07, 2.5107353767261877e-08),
    2.0916212837493853e-09,
)
# (2**r - 1) / r on |r| ≤ 0.5001
_EXP2_F32 = (
    *(0.6931472, 0.2402265, 0.05550357, 0.009618082, 0.0013390887),
    0.00015453182,
)
_EXP2_F64 = (
    *(0.6931471805599453, 0.24022650695910097, 0.0555041086648216),
    *(0.009618129107606854, 0.0013333558146416916, 0.00015403530441794136),
    *(1.525273382986708e-05, 1.3215442552522291e-06, 1.0178062426976924e-07),
    *(7.072593027878997e-09, 4.4549643712692967e-10),
)


def ln2(x: Expr) -> tuple[float, float]:
    """Return log(2) in two parts of the dtype of `x`."""
    return _LN2_F32 if x.dtype == F32 else _LN2_F64


def reduce_exp(x: Expr, rest: Expr | None = None) -> tuple[Expr, Expr]:
    """Return an integer `n` and ``expm1(r)`` where ``x + rest = n * log(2) + r``."""
    n, whole = nearest(x, constant(x, 1 / math.log(2)))
    r = subtract_multiple(x, n, ln2(x))
    if rest is not None:
        r = r + rest
    return whole, fma(r * r, polynomial(r, _EXP_F32, _EXP_F64), r)


def expand_exp(x: Expr) -> Expr:
    """Return exp(x)."""
    x = at_least(x, by_dtype(x, -104.0, -746.0))
    whole, tail = reduce_exp(at_most(x, by_dtype(x, 89.0, 710.0)))
    return scale_by_power(tail + 1.0, whole)


def expand_exp2(x: Expr) -> Expr:
    """Return 2**x."""
    x = at_least(x, by_dtype(x, -151.0, -1076.0))
    x = at_most(x, by_dtype(x, 129.0, 1025.0))
    n, whole = nearest(x, constant(x, 1.0))
    return scale_by_power(exp2_small(x - n), whole)


def exp2_small(r: Expr) -> Expr:
    """Return 2**r for |r| ≤ ½."""
    return fma(r, polynomial(r, _EXP2_F32, _EXP2_F64), constant(r, 1.0))


def scaled_expm1(x: Expr, shift: int) -> Expr:
    """Return ``expm1(x) / 2**shift``, where e**x is below ``2**shift`` infinities."""
    whole, tail = reduce_exp(x)
    scale = power_of_two(whole - integer(x, shift), x.dtype)
    return fma(tail, scale, scale - 2.0**-shift)


def _expand_expm1(x: Expr) -> Expr:
    inside = at_least(x, by_dtype(x, -18.0, -40.0))
    inside = at_most(inside, by_dtype(x, 89.0, 710.0))
    tiny = less(abs(x), by_dtype(x, 2.0**-25, 2.0**-54))
    return where(tiny, x, scaled_expm1(inside, 1) * 2.0)


exp = unary(
    "exp",
    precisely(np.exp),
    lambda y, x: y,
    floats=True,
    kinds="f",
    cost=16,
    lower=expansion(expand_exp),
    doc="e**x of each element; integers become the default float first.",
)
exp2 = unary(
    "exp2",
    precisely(np.exp2),
    lambda y, x: y * math.log(2),
    floats=True,
    kinds="f",
    cost=14,
    lower=expansion(expand_exp2),
    doc="2**x of each element; exact where x is an integer.",
)
expm1 = unary(
    "expm1",
    precisely(np.expm1),
    lambda y, x: exp(x),
    floats=True,
    kinds="f",
    cost=18,
    lower=expansion(_expand_expm1),
    doc="e**x - 1 of each element, accurate near 0.",
)
