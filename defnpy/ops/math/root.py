"""Cube root and hypotenuse."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from defnpy.ops.elementwise import (
    copysign,
    equal,
    fma,
    greater,
    less,
    logical_and,
    logical_or,
    sqrt,
    where,
)
from defnpy.ops.family import binary, unary
from defnpy.ops.math.expansion import (
    by_dtype,
    constant,
    expansion,
    nearest,
    polynomial,
    power_of_two,
    precisely,
    split_exponent,
)

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr

# cbrt(m) on √½ ≤ m ≤ √2, to 13 and to 22 bits
_CBRT_F32 = (0.49515423, 0.7317902, -0.28269666, 0.055808)
_CBRT_F64 = (
    *(0.39969553392018364, 1.1890254244465508, -1.167182300878286),
    *(0.9452829785678083, -0.49619886441816097, 0.1486420623577358),
    -0.01926499118960693,
)


def _expand_cbrt(x: Expr) -> Expr:
    a = abs(x)
    m, _, e = split_exponent(a)
    n, whole = nearest(e, constant(x, 1 / 3))
    left = e - n * 3.0  # -1, 0 or 1
    below, above = less(left, 0.0), greater(left, 0.0)
    one = constant(x, 1.0)

    def chosen(low: float, high: float) -> Expr:
        return where(below, constant(x, low), where(above, constant(x, high), one))

    y = polynomial(m, _CBRT_F32, _CBRT_F64) * chosen(2 ** (-1 / 3), 2 ** (1 / 3))
    m = m * chosen(0.5, 2.0)
    square = y * y  # one step of Halley's: three times the bits
    error = fma(square, y, -m)
    y = fma(-y, error / fma(square + square, y, m), y)
    y = copysign(y * power_of_two(whole, x.dtype), x)
    return where(logical_and(less(0.0, a), less(a, math.inf)), y, x)


def _expand_hypot(x: Expr, y: Expr) -> Expr:
    a, b = abs(x), abs(y)
    larger = where(greater(a, b), a, b)
    one = constant(x, 1.0)
    up, down = by_dtype(x, 2.0**100, 2.0**600), by_dtype(x, 2.0**-100, 2.0**-600)
    large = greater(larger, by_dtype(x, 2.0**50, 2.0**500))
    small = less(larger, by_dtype(x, 2.0**-50, 2.0**-500))
    scale = where(large, down, where(small, up, one))
    back = where(large, up, where(small, down, one))
    a, b = a * scale, b * scale
    made = sqrt(fma(a, a, b * b)) * back
    infinite = logical_or(equal(a, math.inf), equal(b, math.inf))
    return where(infinite, constant(x, math.inf), made)


cbrt = unary(
    "cbrt",
    precisely(np.cbrt),
    lambda y, x: (1 / 3) / (y * y),
    floats=True,
    kinds="f",
    domain=(0.2, 3.0),
    cost=30,
    lower=expansion(_expand_cbrt),
    doc="Cube root of each element.",
)
hypot = binary(
    "hypot",
    precisely(np.hypot),
    (lambda r, x, y: _part(r, x), lambda r, x, y: _part(r, y)),
    floats=True,
    kinds="f",
    domains=((0.2, 3.0), (-3.0, -0.2)),
    cost=20,
    lower=expansion(_expand_hypot),
    doc="√(x² + y²) without overflow; infinite where either is. Its gradient at"
    " the origin is 0.",
)


def _part(r: Expr, x: Expr) -> Expr:
    return where(equal(r, 0.0), 0.0, x / r)
