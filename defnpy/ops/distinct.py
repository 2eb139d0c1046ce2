"""Where elements are not zero, and which are distinct, in results of a given size.

A result has the first `size` of what there is; where there is less, `fill_value`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from defnpy.base.dtypes import I64
from defnpy.base.errors import DefnShapeError, DefnValueError
from defnpy.ops import axes, elementwise, indexing, movement
from defnpy.ops.creation import static_int, strong
from defnpy.ops.elementwise import as_bool, logical_or, minimum, not_equal, where
from defnpy.ops.family import convert
from defnpy.ops.leaf import as_expr, const
from defnpy.ops.movement import strided_slice
from defnpy.ops.sorting import argsort
from defnpy.ops.statistics import cumulative_sum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defnpy.ir.expr import Expr


class UniqueAllResult(NamedTuple):
    """Distinct values, first places, which each element is, and counts."""

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


class UniqueCountsResult(NamedTuple):
    """Distinct values and counts."""

    values: Any
    counts: Any


class UniqueInverseResult(NamedTuple):
    """Distinct values and which of them each element is."""

    values: Any
    inverse_indices: Any


def _static_size(size: Any) -> int:
    made = static_int(size, "size")
    if made < 0:
        raise DefnValueError(f"a size may not be negative: {made}")
    return made


def _ordinal(chosen: Expr) -> Expr:
    """Return for each element how many chosen ones are before it."""
    return cumulative_sum(convert(chosen, I64)) - convert(chosen, I64)


def _placed(values: Expr, places: Expr, size: int, fill: Expr) -> Expr:
    """Return `size` elements: values at their places, the fill where there is none.

    A place of `size` or more is beyond the result.
    """
    made = axes.broadcast_to(convert(fill, values.dtype), (size + 1,))
    beyond = const(size, I64)
    made = indexing.scatter(made, minimum(places, beyond), values)
    return strided_slice(made, (0,), (size,), (1,))


def nonzero(x: Any, *, size: Any, fill_value: Any = 0) -> tuple[Expr, ...]:
    """Return the first `size` places of elements that are not zero, for each axis."""
    x, count = as_expr(x), _static_size(size)
    if x.tensor.rank == 0:
        raise DefnShapeError("a scalar has no places")
    fills: Sequence[Any] = (
        fill_value if isinstance(fill_value, tuple) else (fill_value,) * x.tensor.rank
    )
    chosen = movement.ravel(as_bool(x))
    places = where(chosen, _ordinal(chosen), const(count, I64))
    flat = _placed(movement.iota(x.tensor.size), places, count, const(-1, I64))
    missing = elementwise.less(flat, const(0, I64))
    made: list[Expr] = []
    step = x.tensor.size
    for length, fill in zip(x.shape, fills, strict=True):
        step //= max(length, 1)
        along = flat // const(max(step, 1), I64) % const(max(length, 1), I64)
        made.append(where(missing, convert(as_expr(fill), I64), along))
    return tuple(made)


def flatnonzero(x: Any, *, size: Any, fill_value: Any = 0) -> Expr:
    """Return the first `size` places in the flattened tensor that are not zero."""
    return nonzero(movement.ravel(as_expr(x)), size=size, fill_value=fill_value)[0]


def argwhere(x: Any, *, size: Any, fill_value: Any = 0) -> Expr:
    """Return the first `size` places that are not zero, one a row."""
    return movement.stack(nonzero(x, size=size, fill_value=fill_value), -1)


def extract(condition: Any, x: Any, *, size: Any, fill_value: Any = 0) -> Expr:
    """Return the first `size` elements where the condition holds."""
    condition, x, count = as_bool(condition), strong(as_expr(x)), _static_size(size)
    if condition.shape != x.shape:
        raise DefnShapeError(f"a mask {condition.type} does not fit {x.type}")
    chosen = movement.ravel(condition)
    places = where(chosen, _ordinal(chosen), const(count, I64))
    return _placed(movement.ravel(x), places, count, as_expr(fill_value))


class _Runs(NamedTuple):
    """Sorted elements and the runs of equal ones."""

    ordered: Expr
    order: Expr
    begins: Expr
    places: Expr  # for each sorted element the number of its run


def _runs(x: Expr) -> _Runs:
    flat = movement.ravel(x)
    if flat.shape[0] == 0:
        raise DefnShapeError(f"{x.type} has no elements to tell apart")
    order = argsort(flat)
    ordered = indexing.gather(flat, order)
    first = elementwise.equal(movement.iota(flat.shape[0]), const(0, I64))
    before = indexing.gather(
        ordered, elementwise.maximum(movement.iota(flat.shape[0]) - 1, const(0, I64))
    )
    begins = logical_or(first, not_equal(ordered, before))
    places = cumulative_sum(convert(begins, I64)) - const(1, I64)
    return _Runs(ordered, order, begins, places)


def unique_values(x: Any, *, size: Any, fill_value: Any = None) -> Expr:
    """Return the first `size` distinct values in order."""
    return unique_all(x, size=size, fill_value=fill_value).values


def unique_counts(x: Any, *, size: Any, fill_value: Any = None) -> UniqueCountsResult:
    """Return the first `size` distinct values, and how often each occurs."""
    made = unique_all(x, size=size, fill_value=fill_value)
    return UniqueCountsResult(made.values, made.counts)


def unique_inverse(x: Any, *, size: Any, fill_value: Any = None) -> UniqueInverseResult:
    """Return the first `size` distinct values, and which of them each element is."""
    made = unique_all(x, size=size, fill_value=fill_value)
    return UniqueInverseResult(made.values, made.inverse_indices)


def unique_all(x: Any, *, size: Any, fill_value: Any = None) -> UniqueAllResult:
    """Return all of that, and where each value is first."""
    x, count = strong(as_expr(x)), _static_size(size)
    runs = _runs(x)
    least = axes.reshape(strided_slice(runs.ordered, (0,), (1,), (1,)), ())
    fill = least if fill_value is None else as_expr(fill_value)
    zero = const(0, I64)
    firsts = where(runs.begins, runs.places, const(count, I64))
    ones = axes.broadcast_to(const(1, I64), runs.places.shape)
    counts = indexing.scatter_add(
        axes.broadcast_to(zero, (count + 1,)),
        minimum(runs.places, const(count, I64)),
        ones,
    )
    inverse = indexing.scatter(
        axes.broadcast_to(zero, (math.prod(x.shape),)), runs.order, runs.places
    )
    return UniqueAllResult(
        _placed(runs.ordered, firsts, count, fill),
        _placed(runs.order, firsts, count, zero),
        axes.reshape(inverse, x.shape),
        strided_slice(counts, (0,), (count,), (1,)),
    )
