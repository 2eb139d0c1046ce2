"""Hyperbolic functions and their inverses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from defnpy.ops.elementwise import copysign, equal, greater_equal, less, sqrt, where
from defnpy.ops.family import unary
from defnpy.ops.math.expansion import (
    at_most,
    by_dtype,
    constant,
    expansion,
    integer,
    power_of_two,
    precisely,
)
from defnpy.ops.math.exponential import reduce_exp, scaled_expm1
from defnpy.ops.math.logarithm import add_one, log1p_finite, log_of_sum

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr


def _expand_tanh(x: Expr) -> Expr:
    a = at_most(abs(x), by_dtype(x, 10.0, 22.0))
    half = scaled_expm1(a + a, 1)
    return copysign(half / (half + 1.0), x)


def _magnitude(x: Expr) -> Expr:
    """Return |x|, at most where sinh and cosh have just become infinite."""
    return at_most(abs(x), by_dtype(x, 89.6, 710.6))


def _expand_sinh(x: Expr) -> Expr:
    quarter = scaled_expm1(_magnitude(x), 2)
    y = (quarter + quarter / (quarter * 4.0 + 1.0)) * 2.0
    tiny = less(abs(x), by_dtype(x, 2.0**-12, 2.0**-26))
    return where(tiny, x, copysign(y, x))


def _expand_cosh(x: Expr) -> Expr:
    whole, tail = reduce_exp(_magnitude(x))
    quarter = (tail + 1.0) * power_of_two(whole - integer(x, 2), x.dtype)
    return quarter * 2.0 + 0.125 / quarter


def _expand_asinh(x: Expr) -> Expr:
    a = abs(x)
    square = a * a
    u, rest = add_one(a + square / (sqrt(square + 1.0) + 1.0))
    y = _log_of_sum_or_double(a, u, rest)
    return copysign(where(less(a, math.inf), y, a), x)


def _expand_acosh(x: Expr) -> Expr:
    t = x - 1.0  # exact where it matters
    u, rest = add_one(t + sqrt(t * (t + 2.0)))
    y = _log_of_sum_or_double(x, u, rest)
    y = where(greater_equal(x, 1.0), y, constant(x, math.nan))
    return where(less(x, math.inf), y, x)


def _log_of_sum_or_double(a: Expr, u: Expr, rest: Expr) -> Expr:
    """Return log(u + rest), or log(2a) where `a` is so large that they agree."""
    large = greater_equal(a, by_dtype(a, 2.0**13, 2.0**28))
    zero, one = constant(a, 0.0), constant(a, 1.0)
    return log_of_sum(
        where(large, a, u), where(large, zero, rest), where(large, one, zero)
    )


def _expand_atanh(x: Expr) -> Expr:
    a = abs(x)
    double = a + a
    y = log1p_finite(double + double * a / (1.0 - a)) * 0.5
    edge = where(equal(a, 1.0), constant(x, math.inf), constant(x, math.nan))
    return copysign(where(less(a, 1.0), y, edge), x)


tanh = unary(
    "tanh",
    precisely(np.tanh),
    lambda y, x: 1.0 - y * y,
    floats=True,
    kinds="f",
    cost=24,
    lower=expansion(_expand_tanh),
    doc="Hyperbolic tangent of each element.",
)
sinh = unary(
    "sinh",
    precisely(np.sinh),
    lambda y, x: cosh(x),
    floats=True,
    kinds="f",
    cost=28,
    lower=expansion(_expand_sinh),
    doc="Hyperbolic sine of each element.",
)
cosh = unary(
    "cosh",
    precisely(np.cosh),
    lambda y, x: sinh(x),
    floats=True,
    kinds="f",
    cost=24,
    lower=expansion(_expand_cosh),
    doc="Hyperbolic cosine of each element.",
)
asinh = unary(
    "asinh",
    precisely(np.arcsinh),
    lambda y, x: 1.0 / sqrt(x * x + 1.0),
    floats=True,
    kinds="f",
    cost=50,
    lower=expansion(_expand_asinh),
    doc="Inverse hyperbolic sine of each element.",
)
acosh = unary(
    "acosh",
    precisely(np.arccosh),
    lambda y, x: 1.0 / sqrt((x - 1.0) * (x + 1.0)),
    floats=True,
    kinds="f",
    domain=(1.2, 4.0),
    cost=48,
    lower=expansion(_expand_acosh),
    doc="Inverse hyperbolic cosine of each element, at least 0; NaN below 1.",
)
atanh = unary(
    "atanh",
    precisely(np.arctanh),
    lambda y, x: 1.0 / ((1.0 - x) * (1.0 + x)),
    floats=True,
    kinds="f",
    domain=(-0.8, 0.8),
    cost=42,
    lower=expansion(_expand_atanh),
    doc="Inverse hyperbolic tangent of each element: infinite at -1 and 1, NaN beyond.",
)
