"""Reading and replacing parts of a tensor at places known when it runs.

Every index is in bounds when these run: the frontend checks it, or knows it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base.dims import same
from defnpy.base.dtypes import I64
from defnpy.base.errors import InternalError
from defnpy.ir.expr import Expr, make
from defnpy.ir.op import Attrs, Missing, Op, Sample
from defnpy.ir.types import TensorType
from defnpy.ops.axes import (
    Batched,
    broadcast_to,
    in_every_lane,
    lane_count,
    zeros_like,
)
from defnpy.ops.elementwise import add, equal, multiply, where
from defnpy.ops.family import convert
from defnpy.ops.leaf import const
from defnpy.ops.movement import iota, moveaxis, reshape, transpose

if TYPE_CHECKING:
    from collections.abc import Sequence

_STORED = Missing("it stores into its operand, or into a copy of it")


def _rng(*shape: int) -> np.ndarray:
    return np.random.default_rng(5).standard_normal(shape)


def _start(*values: int) -> tuple[np.ndarray, ...]:
    return tuple(np.asarray(v, np.int64) for v in values)


def _window(sizes: Sequence[int], starts: Sequence[Any]) -> tuple[slice, ...]:
    return tuple(
        slice(int(start), int(start) + size)
        for start, size in zip(starts, sizes, strict=True)
    )


def _infer_slice(attrs: Attrs, x: TensorType, *starts: TensorType) -> TensorType:
    if len(starts) != x.rank or any(s != TensorType(I64) for s in starts):
        raise InternalError(f"dynamic_slice of {x} at {starts}")
    return x.with_shape(attrs["sizes"])


DYNAMIC_SLICE = Op(
    name="dynamic_slice",
    infer=_infer_slice,
    eval=lambda attrs, x, *starts: x[_window(attrs["sizes"], starts)],
    vjp=lambda ct, y, x, *starts: (
        dynamic_add(zeros_like(x), ct, starts),
        *(None for _ in starts),
    ),
    jvp=lambda tangents, y, x, *starts: make(
        DYNAMIC_SLICE, (tangents[0], *starts), **y.attrs
    ),
    batch=lambda y, batched, x, *starts: _batch_slice(y, batched, x, starts),
    lower=Missing("its index is its operand's plus the start, which is an operand"),
    doc="The window of given sizes whose first element is at the given index.",
    family="movement",
    samples=lambda: [Sample((_rng(4, 5), *_start(1, 2)), (("sizes", (2, 3)),))],
)


def dynamic_slice(x: Expr, starts: Sequence[Expr], sizes: Sequence[int]) -> Expr:
    """Return the window of `x` of shape `sizes` that begins at `starts` (i64)."""
    if same(tuple(sizes), x.shape):
        return x
    return make(DYNAMIC_SLICE, (x, *starts), sizes=tuple(sizes))


def _infer_update(
    attrs: Attrs, x: TensorType, v: TensorType, *starts: TensorType
) -> TensorType:
    if x.dtype != v.dtype or x.rank != v.rank or len(starts) != x.rank:
        raise InternalError(f"update of {x} by {v} at {starts}")
    if any(a > b for a, b in zip(v.shape, x.shape, strict=True)):
        raise InternalError(f"update of {x} by {v}")
    return x


def _eval_update(attrs: Attrs, x: np.ndarray, v: np.ndarray, *starts: Any) -> Any:
    made = x.copy()
    made[_window(v.shape, starts)] = v
    return made


def _eval_add(attrs: Attrs, x: np.ndarray, v: np.ndarray, *starts: Any) -> Any:
    made = x.copy()
    made[_window(v.shape, starts)] += v
    return made


def _tangent(tangent: Expr | None, x: Expr) -> Expr:
    return zeros_like(x) if tangent is None else tangent


DYNAMIC_UPDATE = Op(
    name="dynamic_update",
    infer=_infer_update,
    eval=_eval_update,
    vjp=lambda ct, y, x, v, *starts: (
        dynamic_update(ct, zeros_like(v), starts),
        dynamic_slice(ct, starts, v.shape),
        *(None for _ in starts),
    ),
    jvp=lambda tangents, y, x, v, *starts: dynamic_update(
        _tangent(tangents[0], x), _tangent(tangents[1], v), starts
    ),
    batch=lambda y, batched, *operands: _batch_update(
        y, batched, operands, dynamic_update, scatter
    ),
    lower=_STORED,
    doc="x with the window that begins at the given index replaced by v.",
    family="store",
    samples=lambda: [Sample((_rng(4, 5), _rng(2, 3), *_start(1, 2)))],
)
DYNAMIC_ADD = Op(
    name="dynamic_add",
    infer=_infer_update,
    eval=_eval_add,
    vjp=lambda ct, y, x, v, *starts: (
        ct,
        dynamic_slice(ct, starts, v.shape),
        *(None for _ in starts),
    ),
    jvp=lambda tangents, y, x, v, *starts: dynamic_add(
        _tangent(tangents[0], x), _tangent(tangents[1], v), starts
    ),
    batch=lambda y, batched, *operands: _batch_update(
        y, batched, operands, dynamic_add, scatter_add
    ),
    lower=_STORED,
    doc="x with v added to the window that begins at the given index.",
    family="store",
    samples=lambda: [Sample((_rng(4, 5), _rng(2, 3), *_start(1, 2)))],
)


def dynamic_update(x: Expr, v: Expr, starts: Sequence[Expr]) -> Expr:
    """Return `x` with the window at `starts` replaced by `v`."""
    return v if same(v.shape, x.shape) else make(DYNAMIC_UPDATE, (x, v, *starts))


def dynamic_add(x: Expr, v: Expr, starts: Sequence[Expr]) -> Expr:
    """Return `x` with `v` added to the window at `starts`."""
    return make(DYNAMIC_ADD, (x, v, *starts))


def _infer_gather(attrs: Attrs, x: TensorType, index: TensorType) -> TensorType:
    axis = attrs["axis"]
    if index.dtype != I64 or not 0 <= axis < x.rank:
        raise InternalError(f"gather of {x} at {index} along {axis}")
    return x.with_shape((*x.shape[:axis], *index.shape, *x.shape[axis + 1 :]))


GATHER = Op(
    name="gather",
    infer=_infer_gather,
    eval=lambda attrs, x, index: np.take(x, index, axis=attrs["axis"]),
    vjp=lambda ct, y, x, index: (
        scatter_add(zeros_like(x), index, ct, y.attrs["axis"]),
        None,
    ),
    jvp=lambda tangents, y, x, index: gather(tangents[0], index, y.attrs["axis"]),
    batch=lambda y, batched, x, index: _batch_gather(y, batched, x, index),
    lower=Missing("its element is its operand's at the index read"),
    doc="Slices of x along an axis, one for each element of an i64 index tensor.",
    family="gather",
    samples=lambda: [Sample((_rng(4, 3), np.array([[3, 0], [0, 1]])), (("axis", 0),))],
)


def gather(x: Expr, index: Expr, axis: int = 0) -> Expr:
    """Return slices of `x` along `axis` at the places in `index` (i64)."""
    return make(GATHER, (x, index), axis=axis)


def _infer_scatter(
    attrs: Attrs, x: TensorType, index: TensorType, v: TensorType
) -> TensorType:
    if v.shape != _infer_gather(attrs, x, index).shape or v.dtype != x.dtype:
        raise InternalError(f"scatter of {v} into {x} at {index}")
    return x


def _eval_scatter_add(attrs: Attrs, x: Any, index: Any, v: Any) -> Any:
    made = x.copy()
    np.add.at(made, (*([slice(None)] * attrs["axis"]), index), v)
    return made


def _eval_scatter(attrs: Attrs, x: Any, index: Any, v: Any) -> Any:
    axis = attrs["axis"]
    made = x.copy()
    flat = np.reshape(v, (*x.shape[:axis], -1, *x.shape[axis + 1 :]))
    for k, place in enumerate(index.ravel()):  # in order: the last one wins
        made[(*([slice(None)] * axis), place)] = flat[(*([slice(None)] * axis), k)]
    return made


SCATTER_ADD = Op(
    name="scatter_add",
    infer=_infer_scatter,
    eval=_eval_scatter_add,
    vjp=lambda ct, y, x, index, v: (ct, None, gather(ct, index, y.attrs["axis"])),
    jvp=lambda tangents, y, x, index, v: scatter_add(
        _tangent(tangents[0], x), index, _tangent(tangents[2], v), y.attrs["axis"]
    ),
    batch=lambda y, batched, *operands: _batch_scatter(y, batched, *operands),
    lower=_STORED,
    doc="x with slices added along an axis at the places in an i64 index tensor.",
    family="store",
    samples=lambda: [
        Sample((_rng(4, 3), np.array([3, 0, 3]), _rng(3, 3)), (("axis", 0),)),
        Sample((_rng(2, 4), np.array([3, 0, 3]), _rng(2, 3)), (("axis", 1),)),
    ],
)


def _winners(y: Expr, x: Expr, index: Expr, v: Expr) -> Expr:
    """Return which elements of `v` were not overwritten by a later one."""
    axis = y.attrs["axis"]
    number = reshape(iota(v.tensor.size), v.shape)
    placed = scatter(convert(zeros_like(x), I64), index, number, axis)
    return equal(gather(placed, index, axis), number)


def _vjp_scatter(ct: Expr, y: Expr, x: Expr, index: Expr, v: Expr) -> Any:
    axis = y.attrs["axis"]
    won = _winners(y, x, index, v)
    return (
        scatter(ct, index, zeros_like(v), axis),
        None,
        where(won, gather(ct, index, axis), 0.0),
    )


SCATTER = Op(
    name="scatter",
    infer=_infer_scatter,
    eval=_eval_scatter,
    vjp=_vjp_scatter,
    jvp=lambda tangents, y, x, index, v: scatter(
        _tangent(tangents[0], x), index, _tangent(tangents[2], v), y.attrs["axis"]
    ),
    batch=lambda y, batched, *operands: _batch_scatter(y, batched, *operands),
    lower=_STORED,
    doc="x with slices replaced along an axis at the places in an i64 index tensor;"
    " of equal places the last one wins.",
    family="store",
    samples=lambda: [
        Sample((_rng(4, 3), np.array([3, 0, 3]), _rng(3, 3)), (("axis", 0),))
    ],
)


def scatter_add(x: Expr, index: Expr, v: Expr, axis: int = 0) -> Expr:
    """Return `x` with `v` added along `axis` at the places in `index`."""
    return make(SCATTER_ADD, (x, index, v), axis=axis)


def scatter(x: Expr, index: Expr, v: Expr, axis: int = 0) -> Expr:
    """Return `x` with `v` stored along `axis` at the places in `index`."""
    return make(SCATTER, (x, index, v), axis=axis)


# Lanes that each have a window of their own read rows at a table of places.


def _batch_slice(y: Expr, batched: Batched, x: Expr, starts: Sequence[Expr]) -> Expr:
    count, sizes = lane_count(batched, (x, *starts)), y.attrs["sizes"]
    if not any(batched[1:]):
        return dynamic_slice(x, (const(0, I64), *starts), (count, *sizes))
    shape = y.operands[0].shape
    lane = iota(count) if batched[0] else const(0, I64)
    places = _window_places(shape, sizes, (lane, *starts), count)
    return gather(_rows(x, shape, places), places)


def _batch_update(
    y: Expr, batched: Batched, operands: Sequence[Expr], one: Any, many: Any
) -> Expr:
    """Replace the window of each lane, by `one` update or at `many` places."""
    count, (x, v, *starts) = lane_count(batched, operands), operands
    has_lanes = (*batched[:2], True)
    x, v, _ = in_every_lane(has_lanes, (x, v, iota(count)))
    if not any(batched[2:]):
        return one(x, v, (const(0, I64), *starts))
    shape, window = (each.shape for each in y.operands[:2])
    places = _window_places(shape, window, (iota(count), *starts), count)
    return reshape(many(_rows(x, shape, places), places, v), x.shape)


def _window_places(
    shape: Sequence[int], sizes: Sequence[int], starts: Sequence[Expr], count: int
) -> Expr:
    """Return, for each lane, which rows of tensors of `shape` are in its window.

    Axes that the window takes whole, at the end, are in the rows.  The first of
    `starts` says which tensor; each start is one number, or one for each lane.
    """
    cut = (a + 1 for a, size in enumerate(shape) if sizes[a] != size)
    head = max(cut, default=0)
    table = (count, *sizes[:head])

    def everywhere(start: Expr) -> Expr:
        return reshape(start, (-1, *(1,) * head)) if start.tensor.rank else start

    places = broadcast_to(everywhere(starts[0]), table)
    for axis in range(head):
        along = add(iota(table, axis=axis + 1), everywhere(starts[axis + 1]))
        places = add(multiply(places, const(shape[axis], I64)), along)
    return places


def _rows(x: Expr, shape: Sequence[int], places: Expr) -> Expr:
    """Return `x`, of tensors of `shape`, as the rows that `places` count."""
    rest = tuple(shape[places.tensor.rank - 1 :])
    size = math.prod(rest)
    return reshape(x, (x.tensor.size // size if size else 0, *rest))


def _batch_gather(y: Expr, batched: Batched, x: Expr, index: Expr) -> Expr:
    axis = y.attrs["axis"]
    if not batched[1]:
        return gather(x, index, axis + 1)
    if not batched[0]:
        return moveaxis(gather(x, index, axis), axis, 0)
    rows = moveaxis(x, axis + 1, 1)
    made = gather(_flat(rows), _flat_places(rows, index))
    return _between(made, index.tensor.rank - 1, axis)


def _batch_scatter(y: Expr, batched: Batched, x: Expr, index: Expr, v: Expr) -> Expr:
    axis = y.attrs["axis"]
    count = lane_count(batched, (x, index, v))
    has_lanes = (batched[0], batched[2], True)
    x, v, _ = in_every_lane(has_lanes, (x, v, iota(count)))
    if not batched[1]:
        return make(y.op, (x, index, v), axis=axis + 1)
    rows = moveaxis(x, axis + 1, 1)
    width = index.tensor.rank - 1
    order = (0, *range(axis + 1, axis + 1 + width), *range(1, axis + 1))
    values = transpose(v, (*order, *range(len(order), v.tensor.rank)))
    made = make(y.op, (_flat(rows), _flat_places(rows, index), values), axis=0)
    return moveaxis(reshape(made, rows.shape), 1, axis + 1)


def _flat(rows: Expr) -> Expr:
    count, size, *rest = rows.shape
    return reshape(rows, (count * size, *rest))


def _flat_places(rows: Expr, index: Expr) -> Expr:
    """Return the places in ``_flat(rows)`` that `index` means in each lane."""
    count, size = rows.shape[:2]
    first = multiply(iota(count), const(size, I64))
    return add(index, reshape(first, (count, *(1,) * (index.tensor.rank - 1))))


def _between(x: Expr, width: int, axis: int) -> Expr:
    """Return `x` with the `width` axes after its first moved behind `axis` others."""
    order = (0, *range(width + 1, width + 1 + axis), *range(1, width + 1))
    return transpose(x, (*order, *range(len(order), x.tensor.rank)))
