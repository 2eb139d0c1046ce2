"""Events that place parts into a tensor: updates, scatters, pads, concatenation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.base.errors import InternalError
from defnpy.ir.kernel import Buffer, Copy, Store, load
from defnpy.ops.elementwise import add
from defnpy.ops.leaf import const
from defnpy.ops.movement import index_add, index_mul
from defnpy.passes.lower.elements import Index, element
from defnpy.passes.lower.loops import nest

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr
    from defnpy.passes.lower.program import Region


def emit(region: Region, event: Expr) -> None:
    """Append what computes a store or a copy."""
    name = event.op.name
    if name in ("dynamic_update", "dynamic_add"):
        _update(region, event)
    elif name in ("scatter", "scatter_add"):
        _scatter(region, event)
    elif name == "pad":
        _pad(region, event)
    elif name == "concatenate":
        _concatenate(region, event)
    else:
        raise InternalError(f"{event!r} cannot be lowered")


def _begin(region: Region, event: Expr) -> Buffer:
    """Return memory that holds the operand to be changed: its own, or a copy."""
    old = region.memory(event.operands[0])
    made = region.allocate((event, 0))
    if (made.base or made) is not (old.base or old):
        region.block.append(Copy(made, old))
    region.values[event, 0] = made
    return made


def _update(region: Region, event: Expr) -> None:
    _x, v, *starts = event.operands
    places = [element(region, start, ()) for start in starts]
    made = _begin(region, event)

    def body(index: Index) -> None:
        place = tuple(index_add(i, s) for i, s in zip(index, places, strict=True))
        value = element(region, v, index)
        if event.op.name == "dynamic_add":
            value = add(load(made, place), value)
        region.block.append(Store(made, place, value))

    nest(region, v.shape, body)


def _scatter(region: Region, event: Expr) -> None:
    _x, places, v = event.operands
    axis, count = event.attrs["axis"], places.tensor.rank
    made = _begin(region, event)

    def body(index: Index) -> None:
        place = element(region, places, index[axis : axis + count])
        full = (*index[:axis], place, *index[axis + count :])
        value = element(region, v, index)
        if event.op.name == "scatter_add":
            value = add(load(made, full), value)
        region.block.append(Store(made, full, value))

    nest(region, v.shape, body)


def _pad(region: Region, event: Expr) -> None:
    (x,) = event.operands
    made = region.allocate((event, 0))
    zero = const(0, event.dtype)
    low, interior = event.attrs["low"], event.attrs["interior"]

    def clear(index: Index) -> None:
        region.block.append(Store(made, index, zero))

    def body(index: Index) -> None:
        place = tuple(
            index_add(index_mul(i, inner + 1), first)
            for i, first, inner in zip(index, low, interior, strict=True)
        )
        region.block.append(Store(made, place, element(region, x, index)))

    nest(region, event.shape, clear)
    nest(region, x.shape, body)
    region.values[event, 0] = made


def _concatenate(region: Region, event: Expr) -> None:
    made = region.allocate((event, 0))
    axis, offset = event.attrs["axis"], 0
    for part in event.operands:

        def body(index: Index, part: Expr = part, offset: int = offset) -> None:
            moved = index_add(index[axis], offset)
            place = (*index[:axis], moved, *index[axis + 1 :])
            region.block.append(Store(made, place, element(region, part, index)))

        nest(region, part.shape, body)
        offset += part.shape[axis]
    region.values[event, 0] = made
