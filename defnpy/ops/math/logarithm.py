"""Logarithms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from defnpy.base.dtypes import F32
from defnpy.ops.elementwise import copysign, equal, fma, greater, less, where
from defnpy.ops.family import unary
from defnpy.ops.math.expansion import (
    by_dtype,
    constant,
    expansion,
    integer,
    polynomial,
    power_of_two,
    precisely,
    split_exponent,
)
from defnpy.ops.math.exponential import ln2

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr

# (log1p(f) - f + f²/2) / f³ on √½ - 1 ≤ f ≤ √2 - 1
_LOG_F32 = (
    *(0.33333334, -0.2499999, 0.2000001, -0.16668001, 0.14286524, -0.124507435),
    *(0.11037783, -0.10646192, 0.105308644, -0.062015),
)
# (2 atanh(s) - 2s) / s³ as a function of s² on |s| ≤ (√2 - 1) / (√2 + 1)
_ATANH_F64 = (
    *(0.6666666666666666, 0.40000000000000885, 0.28571428570799784),
    *(0.22222222392581045, 0.18181795547521137, 0.15386244737621665),
    *(0.13268638369266825, 0.13088034850927555),
)
# log2(e), log10(e) and log10(2), with what their rounding leaves.
_LOG2_E = ((1.442695, 1.925963e-08), (1.4426950408889634, 2.0355273740931033e-17))
_LOG10_E = ((0.4342945, -1.010305e-08), (0.4342944819032518, 1.098319650216765e-17))
_LOG10_2 = ((0.30103, -1.4320989e-08), (0.3010299956639812, -2.8037281277851704e-18))


def _log1p_small(f: Expr) -> Expr:
    """Return ``log1p(f) - f`` for f in [√½ - 1, √2 - 1)."""
    half = f * f * 0.5
    if f.dtype == F32:
        return fma(f * f, f * polynomial(f, _LOG_F32, ()), -half)
    s = f / (f + 2.0)
    z = s * s
    return fma(s, fma(z, polynomial(z, (), _ATANH_F64), half), -half)


def log_scaled(f: Expr, e: Expr) -> Expr:
    """Return ``log((1 + f) * 2**e)`` for f in [√½ - 1, √2 - 1)."""
    high, low = ln2(f)
    rest = fma(e, constant(f, low), _log1p_small(f))
    return fma(e, constant(f, high), f + rest)


def _times(f: Expr, factor: tuple[tuple[float, float], tuple[float, float]]) -> Expr:
    """Return log1p(f) times a constant given in two parts."""
    high, low = (by_dtype(f, *pair) for pair in zip(*factor, strict=True))
    return fma(f, high, fma(f, low, _log1p_small(f) * high))


def _outside(x: Expr, y: Expr, zero: float) -> Expr:
    """Return the logarithm `y`, put right where it is not finite.

    It is -∞ at `zero`, NaN below, and ∞ at ∞.
    """
    y = where(less(x, math.inf), y, x)
    y = where(greater(x, zero), y, constant(x, math.nan))
    return where(equal(x, zero), constant(x, -math.inf), y)


def _expand_log(x: Expr) -> Expr:
    m, _, e = split_exponent(x)
    return _outside(x, log_scaled(m - 1.0, e), 0.0)


def _expand_log2(x: Expr) -> Expr:
    m, _, e = split_exponent(x)
    return _outside(x, e + _times(m - 1.0, _LOG2_E), 0.0)


def _expand_log10(x: Expr) -> Expr:
    m, _, e = split_exponent(x)
    high, low = (by_dtype(x, *pair) for pair in zip(*_LOG10_2, strict=True))
    y = fma(e, high, fma(e, low, _times(m - 1.0, _LOG10_E)))
    return _outside(x, y, 0.0)


def add_one(x: Expr) -> tuple[Expr, Expr]:
    """Return x + 1, exactly: rounded, and what the rounding leaves."""
    u = x + 1.0
    v = u - x
    return u, x - (u - v) + (1.0 - v)


def log_of_sum(u: Expr, rest: Expr, shift: Expr | None = None) -> Expr:
    """Return ``log((u + rest) * 2**shift)``, positive and finite.

    `rest` is what rounding to `u` left, and 0 where `u` is large.
    """
    m, whole, e = split_exponent(u)
    # Where 2**-e may be no number, there is no rest.
    limit = integer(u, 64)
    inverse = power_of_two(-where(greater(whole, limit), limit, whole), u.dtype)
    f = fma(rest, inverse, m - 1.0)
    return log_scaled(f, e if shift is None else e + shift)


def log1p_finite(x: Expr) -> Expr:
    """Return log1p(x) for x > -1, not infinite."""
    return copysign(log_of_sum(*add_one(x)), x)


def _expand_log1p(x: Expr) -> Expr:
    return _outside(x, log1p_finite(x), -1.0)


log = unary(
    "log",
    precisely(np.log),
    lambda y, x: 1.0 / x,
    floats=True,
    kinds="f",
    domain=(0.2, 3.0),
    cost=20,
    lower=expansion(_expand_log),
    doc="Natural logarithm of each element: -inf at 0, NaN below.",
)
log2 = unary(
    "log2",
    precisely(np.log2),
    lambda y, x: (1 / math.log(2)) / x,
    floats=True,
    kinds="f",
    domain=(0.2, 3.0),
    cost=22,
    lower=expansion(_expand_log2),
    doc="Logarithm to base 2 of each element, exact at powers of 2.",
)
log10 = unary(
    "log10",
    precisely(np.log10),
    lambda y, x: (1 / math.log(10)) / x,
    floats=True,
    kinds="f",
    domain=(0.2, 3.0),
    cost=22,
    lower=expansion(_expand_log10),
    doc="Logarithm to base 10 of each element.",
)
log1p = unary(
    "log1p",
    precisely(np.log1p),
    lambda y, x: 1.0 / (1.0 + x),
    floats=True,
    kinds="f",
    domain=(-0.8, 3.0),
    cost=26,
    lower=expansion(_expand_log1p),
    doc="log(1 + x) of each element, accurate near 0: -inf at -1, NaN below.",
)
