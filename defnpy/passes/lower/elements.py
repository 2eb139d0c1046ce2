"""The element of an expression at an index, as a scalar expression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from defnpy.base.dtypes import I64
from defnpy.base.errors import InternalError
from defnpy.ir.expr import PARAM, Expr, make
from defnpy.ir.kernel import Buffer, load
from defnpy.ops.axes import RESHAPE
from defnpy.ops.control import CHECK, ITEM
from defnpy.ops.family import CONVERT, convert
from defnpy.ops.indexing import DYNAMIC_SLICE, GATHER
from defnpy.ops.leaf import CONST, SIZE, const
from defnpy.ops.movement import IOTA, index_add, index_mul
from defnpy.passes.lower.storage import key_of
from defnpy.passes.lower.views import split
from defnpy.passes.lower.windows import is_trivial_reshape

if TYPE_CHECKING:
    from defnpy.passes.lower.program import Region

Index = tuple[Expr, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """Memory for one row of a value that is needed within one turn of loops only.

    Attributes:
        buffer: the memory.
        depth: how many loops those are: indices less these are those of a row.
    """

    buffer: Buffer
    depth: int


def element(region: Region, node: Expr, index: Index) -> Expr:
    """Return the element of `node` at `index`; scalars have the index ()."""
    known = region.values.get(key_of(node))
    if isinstance(known, Expr):
        return known
    if isinstance(known, Buffer):
        return load(known, index)
    if isinstance(known, Row):
        return load(known.buffer, index[known.depth :])
    if node.op is PARAM or node.op is ITEM:
        raise InternalError(f"{node!r} has no value here")
    return compute(region, node, index)


def compute(region: Region, node: Expr, index: Index) -> Expr:
    """Return the element of `node` at `index` from those of its operands."""
    if node.op is CHECK:
        return element(region, node.operands[0], index)
    if node.op is CONST:
        return const(node.attrs["value"].reshape(()), node.dtype)
    if node.op is SIZE:
        return const(node.attrs["dim"], I64)
    if node.op is IOTA:
        return convert(index[node.attrs["axis"]], node.dtype)
    if node.op is GATHER:
        return _gathered(region, node, index)
    if node.op is DYNAMIC_SLICE:
        starts = [element(region, start, ()) for start in node.operands[1:]]
        pairs = zip(index, starts, strict=True)
        return element(region, node.operands[0], tuple(index_add(*p) for p in pairs))
    if node.op is RESHAPE:
        return element(region, node.operands[0], _reshaped(node, index))
    if node.op.family == "movement":
        (moved,) = node.op.lower(node, index)  # pyright: ignore
        return element(region, node.operands[0], moved)
    if node.op.family != "elementwise":
        raise InternalError(f"{node!r} has no elements")
    operands = tuple(element(region, operand, index) for operand in node.operands)
    if node.op is CONVERT:
        return convert(operands[0], node.dtype)
    return make(node.op, operands, **node.attrs)


def _gathered(region: Region, node: Expr, index: Index) -> Expr:
    x, places = node.operands
    axis, count = node.attrs["axis"], places.tensor.rank
    place = _even(places, index[axis : axis + count])
    if place is None:
        place = element(region, places, index[axis : axis + count])
    return element(region, x, (*index[:axis], place, *index[axis + count :]))


def _even(places: Expr, index: Index) -> Expr | None:
    """Return the place that evenly spread ones have at an index: nothing is read."""
    if places.op is not CONST or not index:
        return None
    parts = split(places.attrs["value"])
    if parts is None:
        return None
    steps = [int(part[1] - part[0]) if len(part) > 1 else 0 for part in parts]
    total = int(parts[0][0])
    for part, step in zip(parts, steps, strict=True):
        if (np.diff(part) != step).any():
            return None
    made = const(total, I64)
    for step, each in zip(steps, index, strict=True):
        made = index_add(made, index_mul(each, step)) if step else made
    return made


def _reshaped(node: Expr, index: Index) -> Index:
    if not is_trivial_reshape(node):
        raise InternalError(f"{node!r} must be in memory")
    kept = iter([i for i, s in zip(index, node.shape, strict=True) if s != 1])
    zero = const(0, I64)
    return tuple(zero if s == 1 else next(kept) for s in node.operands[0].shape)
