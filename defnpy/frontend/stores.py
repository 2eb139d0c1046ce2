"""Storing into part of a tensor, which makes a new tensor."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from defnpy.base.dtypes import can_store
from defnpy.base.errors import DefnShapeError, DefnTypeError
from defnpy.frontend import operators, ragged, subscripts
from defnpy.frontend.selection import (
    Places,
    Point,
    Selection,
    Window,
    index_of,
    mask_of,
    select,
)
from defnpy.frontend.values import Picked, Ragged, known
from defnpy.ir.expr import Expr
from defnpy.ops.axes import broadcast_to, reshape
from defnpy.ops.elementwise import where
from defnpy.ops.family import convert
from defnpy.ops.indexing import dynamic_add, dynamic_update, scatter
from defnpy.ops.leaf import as_expr
from defnpy.ops.movement import iota

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.frontend.frame import Frame


def storable(value: Any, x: Expr) -> Expr:
    """Return `value` in the dtype of `x`, if a store may convert it."""
    value = as_expr(value)
    if not can_store(value.dtype, x.dtype):
        raise DefnTypeError(
            f"{value.type} cannot be stored in {x.type}",
            hint=f"convert the value with `.astype`, or make the array {value.dtype}",
        )
    return convert(value, x.dtype)


def put(frame: Frame, x: Expr, index: Any, value: Any) -> Expr:
    """Return `x` with the part that `index` selects replaced by `value`."""
    cut = subscripts.ragged_axis(x, index)
    if cut is not None:
        return _put_ragged(frame, x, cut, lambda part: value)
    mask = mask_of(x, index)
    if mask is not None:
        return _put_masked(x, mask, value)
    return _write(frame, select(frame, x, index), x, storable(value, x))


def update(
    frame: Frame, x: Expr, index: Any, kind: type[ast.operator], value: Any
) -> Expr:
    """Return `x` after ``x[index] op= value``."""
    cut = subscripts.ragged_axis(x, index)
    if cut is not None:
        return _put_ragged(
            frame, x, cut, lambda part: operators.binary(frame, kind, part, value)
        )
    mask = mask_of(x, index)
    if mask is not None:
        made = operators.binary(frame, kind, ragged.pick(x, mask), value)
        return _put_masked(x, mask, made)
    selection = select(frame, x, index)
    value = as_expr(value)
    if kind in (ast.Add, ast.Sub) and _is_block(selection) and value.dtype == x.dtype:
        ready = _fitted(value if kind is ast.Add else -value, selection)
        return reshape(dynamic_add(selection.x, ready, _starts(selection)), x.shape)
    made = operators.binary(frame, kind, subscripts.read(selection), value)
    return _write(frame, selection, x, storable(made, x))


def _put_ragged(
    frame: Frame,
    x: Expr,
    found: tuple[list[Any], int],
    make: Callable[[Any], Any],
) -> Expr:
    """Return `x` with a slice of run-time length replaced by what `make` makes."""
    items, place = found
    bounds = items[place]
    whole = tuple([*items[:place], slice(None), *items[place + 1 :]])
    part = subscripts.part(frame, x, whole)
    axis = subscripts.kept_before(items, place)
    start, stop = known(bounds.start), known(bounds.stop)
    value = make(ragged.cut(part, axis, start, stop))
    if isinstance(value, Ragged):
        value = Ragged(storable(value.x, x), value.axis, value.length)
    else:
        value = storable(value, x)
    return put(frame, x, whole, ragged.store(part, axis, (start, stop), value))


def _put_masked(x: Expr, mask: Expr, value: Any) -> Expr:
    rest = x.tensor.rank - mask.tensor.rank
    if isinstance(value, Picked) and value.mask is mask:
        ready = value.full
    elif isinstance(value, Ragged) or as_expr(value).tensor.rank > rest:
        ready = ragged.dealt(value, mask)
    else:
        ready = as_expr(value)
    return where(ragged.over(mask, x), _spread(storable(ready, x), x.shape), x)


def _is_block(selection: Selection) -> bool:
    """Whether a contiguous block is selected."""
    return all(
        isinstance(entry, Point) or (isinstance(entry, Window) and entry.step == 1)
        for entry in selection.entries
    )


def _starts(selection: Selection) -> list[Expr]:
    return [
        index_of(entry.start)
        for entry in selection.entries
        if not isinstance(entry, Places)
    ]


def _fitted(value: Expr, selection: Selection) -> Expr:
    """Return `value` in the shape of the block."""
    kept = subscripts.kept_shape(selection)
    entries = selection.entries
    block = tuple(e.size if isinstance(e, Window) else 1 for e in entries)
    return reshape(_spread(value, kept), block)


def _spread(value: Expr, shape: tuple[int, ...]) -> Expr:
    """Return `value` broadcast to what is stored into; leading ones may go."""
    while value.tensor.rank > len(shape) and value.shape[0] == 1:
        value = reshape(value, value.shape[1:])
    try:
        return broadcast_to(value, shape)
    except DefnShapeError:
        part = value.tensor.with_shape(shape)
        raise DefnShapeError(
            f"{value.type} cannot be stored in a part that is {part}"
        ) from None


def _write(frame: Frame, selection: Selection, x: Expr, value: Expr) -> Expr:
    if _is_block(selection):
        if not selection.entries:
            return broadcast_to(value, ())
        ready = _fitted(value, selection)
        made = dynamic_update(selection.x, ready, _starts(selection))
        return reshape(made, x.shape)
    axis = _only_axis(selection)
    if axis is not None:
        wide = selection.x
        index = _axis_index(selection.entries[axis])
        shape = (*wide.shape[:axis], *index.shape, *wide.shape[axis + 1 :])
        return reshape(scatter(wide, index, _spread(value, shape), axis), x.shape)
    numbers = reshape(iota(x.tensor.size), selection.x.shape)
    places = subscripts.read(Selection(numbers, selection.entries))
    ready = reshape(_spread(value, places.shape), (-1,))
    flat = scatter(reshape(x, (-1,)), reshape(places, (-1,)), ready)
    return reshape(flat, x.shape)


def _only_axis(selection: Selection) -> int | None:
    """Return the one axis that is not taken whole, if there is only one."""
    x = selection.x
    partial = [
        axis
        for axis, (entry, size) in enumerate(
            zip(selection.entries, x.shape, strict=True)
        )
        if not (
            isinstance(entry, Window)
            and not isinstance(entry.start, Expr)
            and (entry.start, entry.size, entry.step) == (0, size, 1)
        )
    ]
    if len(partial) != 1 or isinstance(selection.entries[partial[0]], Point):
        return None
    return partial[0]


def _axis_index(entry: Any) -> Expr:
    if isinstance(entry, Places):
        return entry.index
    return iota(entry.size) * index_of(entry.step) + index_of(entry.start)
