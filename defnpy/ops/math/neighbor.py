"""The next number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defnpy.base import dtypes
from defnpy.ops.elementwise import (
    bitcast,
    bitwise_or,
    equal,
    greater,
    isnan,
    less,
    logical_or,
    where,
)
from defnpy.ops.family import common
from defnpy.ops.leaf import as_expr, const

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr


def nextafter(a: Any, b: Any) -> Expr:
    """Return the number next to `a` towards `b`, in their dtype.

    It counts as a constant in gradients, as in JAX.
    """
    a, b = common(as_expr(a), as_expr(b), floats=True)
    number = dtypes.as_dtype(f"i{a.dtype.bits}")
    bits, one = bitcast(a, number), const(1, number)
    away = equal(less(a, b), greater(a, 0.0))
    step = bitcast(where(away, bits + one, bits - one), a.dtype)
    sign = const(-(2 ** (a.dtype.bits - 1)), number)
    smallest = bitwise_or(bitcast(b, number) & sign, one)
    step = where(equal(a, 0.0), bitcast(smallest, a.dtype), step)
    made = where(equal(a, b), b, step)
    return where(logical_or(isnan(a), isnan(b)), a + b, made)
