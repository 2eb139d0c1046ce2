"""Counting the bits of integers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defnpy.base.dtypes import U8, U16, U32, U64
from defnpy.base.errors import DefnTypeError
from defnpy.ops.creation import strong
from defnpy.ops.elementwise import (
    bitcast,
    bitwise_and,
    bitwise_invert,
    bitwise_or,
    shift_right,
)
from defnpy.ops.leaf import as_expr, const

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr

_UNSIGNED = {8: U8, 16: U16, 32: U32, 64: U64}


def _bits(x: Any, name: str) -> tuple[Expr, Expr]:
    """Return `x` and the unsigned integers of its bits."""
    x = strong(as_expr(x))
    if not x.dtype.is_integer:
        raise DefnTypeError(f"{name} takes integers, not {x.dtype}")
    return x, bitcast(x, _UNSIGNED[x.dtype.bits])


def _ones(bits: Expr) -> Expr:
    """Add neighbouring groups of bits, in parallel, until one group is left."""
    width = bits.dtype.bits
    group = 1
    while group < width:
        mask = sum(((1 << group) - 1) << k for k in range(0, width, 2 * group))
        low = const(mask, bits.dtype)
        other = bitwise_and(shift_right(bits, const(group, bits.dtype)), low)
        bits = bitwise_and(bits, low) + other
        group *= 2
    return bits


def population_count(x: Any) -> Expr:
    """Return how many bits of each integer are set, in its dtype.

    >>> dn.population_count(np.array([7, -1], np.int8))
    array([3, 8], dtype=int8)
    """
    x, bits = _bits(x, "population_count")
    return bitcast(_ones(bits), x.dtype)


def count_leading_zeros(x: Any) -> Expr:
    """Return how many bits of each integer come before the first one set.

    >>> dn.count_leading_zeros(np.array([1, 0, -1], np.int8))
    array([7, 8, 0], dtype=int8)
    """
    x, bits = _bits(x, "count_leading_zeros")
    group = 1
    while group < bits.dtype.bits:  # set every bit after the first
        bits = bitwise_or(bits, shift_right(bits, const(group, bits.dtype)))
        group *= 2
    return bitcast(_ones(bitwise_invert(bits)), x.dtype)
