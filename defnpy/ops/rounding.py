"""Sums and products of f64 arrays that are rounded once, as one instruction is."""

from __future__ import annotations

import numpy as np

_SPLITTER = 2.0**27 + 1.0
_FAR = 120  # exponents apart: beyond, the smaller term decides ties at most


def multiply_add(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Return ``a * b + c`` rounded once to the dtype of the operands.

    >>> multiply_add(np.float64(0.1), np.float64(10.0), np.float64(-1.0)) > 0
    np.True_
    """
    x, y, z = (np.asarray(each, np.float64) for each in (a, b, c))
    product = x * y
    if a.dtype != np.float64:  # the product is exact
        return _sum_to_odd(product, z).astype(a.dtype)
    plain = (x == 0) | (y == 0) | (z == 0) | ~np.isfinite(x + y + z)
    return np.where(plain, product + z, _exact_multiply_add(x, y, z))


def _exact_multiply_add(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return the same for finite operands that are not zero.

    Mantissas are multiplied and added; the exponent of the product is put back at
    the end.  After Boldo and Melquiond, the smaller terms are summed to odd.
    """
    (x, x_exponent), (y, y_exponent) = np.frexp(x), np.frexp(y)
    exponent = x_exponent + y_exponent
    mantissa, z_exponent = np.frexp(z)
    apart = z_exponent - exponent
    high, low = _two_product(x, y)
    small, smaller = _two_sum(np.ldexp(mantissa, np.clip(apart, -_FAR, _FAR)), low)
    large, rest = _two_sum(high, small)
    tail = _sum_to_odd(rest, smaller)
    total = large + tail
    subnormal = np.frexp(total)[1] + exponent < -1021
    total = np.where(subnormal, _sum_to_odd(large, tail), total)
    return np.where(apart > _FAR, z, np.ldexp(total, exponent))


def _two_sum(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rounded sum and what the rounding leaves."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _two_product(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rounded product of numbers near 1 and what the rounding leaves."""
    a_high, b_high = (_SPLITTER * each for each in (a, b))
    a_high, b_high = a_high - (a_high - a), b_high - (b_high - b)
    a_low, b_low = a - a_high, b - b_high
    product = a * b
    error = a_high * b_high - product + a_high * b_low + a_low * b_high
    return product, error + a_low * b_low


def _sum_to_odd(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the sum; where it is inexact, the neighbor with an odd last bit.

    Rounding that once more gives the rounding of the exact sum.
    """
    total, rest = _two_sum(a, b)
    even = np.asarray(total).view(np.int64) % 2 == 0
    moved = np.nextafter(total, np.where(rest > 0, np.inf, -np.inf))
    return np.where(even & np.isfinite(total) & (rest != 0), moved, total)
