"""Ops that move elements: each one is index arithmetic and no arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base.dims import Dim, same
from defnpy.base.dtypes import I64
from defnpy.base.errors import DefnShapeError, DefnTypeError
from defnpy.base.shapes import count
from defnpy.ir.expr import Expr, make
from defnpy.ir.op import Attrs, Missing, Op, Sample
from defnpy.ir.types import TensorType
from defnpy.ops.axes import (
    Index,
    broadcast_to,
    in_every_lane,
    normalize_axes,
    reshape,
    zeros_like,
)
from defnpy.ops.elementwise import add, multiply, subtract
from defnpy.ops.family import common, convert, fold
from defnpy.ops.leaf import as_expr, const, scalar_of

if TYPE_CHECKING:
    from collections.abc import Sequence


def _rng(*shape: int) -> np.ndarray:
    return np.random.default_rng(2).standard_normal(shape)


TRANSPOSE = Op(
    name="transpose",
    infer=lambda attrs, x: x.with_shape(tuple(x.shape[a] for a in attrs["axes"])),
    eval=lambda attrs, x: np.transpose(x, attrs["axes"]),
    vjp=lambda ct, y, x: (transpose(ct, tuple(np.argsort(y.attrs["axes"]).tolist())),),
    jvp=lambda tangents, y, x: transpose(tangents[0], y.attrs["axes"]),
    batch=lambda y, batched, x: transpose(x, (0, *(a + 1 for a in y.attrs["axes"]))),
    lower=lambda y, index: (
        tuple(index[y.attrs["axes"].index(a)] for a in range(len(index))),
    ),
    doc="The axes in another order.",
    family="movement",
    samples=lambda: [Sample((_rng(2, 3, 4),), (("axes", (2, 0, 1)),))],
)


def transpose(x: Any, axes: Sequence[int] | None = None) -> Expr:
    """Return `x` with its axes reordered, reversed by default."""
    x = as_expr(x)
    order = tuple(reversed(range(x.tensor.rank))) if axes is None else tuple(axes)
    order = tuple(axis for a in order for axis in normalize_axes(a, x.tensor.rank))
    if sorted(order) != list(range(x.tensor.rank)):
        raise DefnShapeError(f"{axes} does not order the axes of {x.type}")
    return (
        x if order == tuple(range(x.tensor.rank)) else make(TRANSPOSE, (x,), axes=order)
    )


def _slice_shape(attrs: Attrs) -> tuple[int, ...]:
    return tuple(
        count(start, stop, step)
        for start, stop, step in zip(
            attrs["start"], attrs["stop"], attrs["step"], strict=True
        )
    )


def _vjp_slice(ct: Expr, y: Expr, x: Expr) -> tuple[Expr]:
    starts, steps = y.attrs["start"], y.attrs["step"]
    flipped = tuple(a for a, step in enumerate(steps) if step < 0)
    low: list[int] = []
    high: list[int] = []
    for first, step, size, whole in zip(starts, steps, y.shape, x.shape, strict=True):
        last = first + step * (size - 1)
        lowest, highest = min(first, last), max(first, last)
        low.append(lowest if size else 0)
        high.append(whole - 1 - highest if size else whole)
    interior = tuple(abs(step) - 1 for step in steps)
    return (pad(flip(ct, flipped), tuple(low), tuple(high), interior),)


SLICE = Op(
    name="slice",
    infer=lambda attrs, x: x.with_shape(_slice_shape(attrs)),
    eval=lambda attrs, x: x[
        tuple(
            slice(start, None if stop < 0 else stop, step)
            for start, stop, step in zip(
                attrs["start"], attrs["stop"], attrs["step"], strict=True
            )
        )
    ],
    vjp=_vjp_slice,
    jvp=lambda tangents, y, x: make(SLICE, (tangents[0],), **y.attrs),
    batch=lambda y, batched, x: strided_slice(
        x,
        (0, *y.attrs["start"]),
        (x.shape[0], *y.attrs["stop"]),
        (1, *y.attrs["step"]),
    ),
    lower=lambda y, index: (
        tuple(
            index_add(index_mul(i, step), start)
            for i, start, step in zip(
                index, y.attrs["start"], y.attrs["step"], strict=True
            )
        ),
    ),
    doc="Elements start, start + step, … before stop, along each axis.",
    family="movement",
    samples=lambda: [
        Sample(
            (_rng(5, 6),),
            (("start", (1, 5)), ("stop", (5, -1)), ("step", (2, -2))),
        ),
        Sample((_rng(5),), (("start", (3,)), ("stop", (3,)), ("step", (1,)))),
    ],
)


def index_add(a: Expr, b: int | Expr) -> Expr:
    """Return ``a + b`` for indices, leaving out a zero."""
    b = _index(b)
    if scalar_of(a) == 0:
        return b
    return a if scalar_of(b) == 0 else fold(add(a, b))


def index_mul(a: Expr, b: int) -> Expr:
    """Return ``a * b`` for indices, leaving out a one."""
    return a if b == 1 else fold(multiply(a, _index(b)))


def index_sub(a: Expr, b: int | Expr) -> Expr:
    """Return ``a - b`` for indices, leaving out a zero."""
    b = _index(b)
    return a if scalar_of(b) == 0 else fold(subtract(a, b))


def _index(value: int | Expr) -> Expr:
    return value if isinstance(value, Expr) else const(value, I64)


def strided_slice(
    x: Expr, start: Sequence[int], stop: Sequence[int], step: Sequence[int]
) -> Expr:
    """Return the slice with explicit bounds on every axis (stop -1: to the start)."""
    rank = x.tensor.rank
    if same(tuple(start), (0,) * rank) and tuple(step) == (1,) * rank:
        if same(tuple(stop), x.shape):
            return x
    return make(SLICE, (x,), start=tuple(start), stop=tuple(stop), step=tuple(step))


def flip(x: Any, axis: Any = None) -> Expr:
    """Return `x` reversed along axes, all by default."""
    x = as_expr(x)
    axes = normalize_axes(axis, x.tensor.rank)
    bounds = [
        (size - 1, -1, -1) if a in axes else (0, size, 1)
        for a, size in enumerate(x.shape)
    ]
    return strided_slice(x, *zip(*bounds, strict=True)) if bounds else x


def _pad_shape(attrs: Attrs, x: TensorType) -> tuple[int, ...]:
    return tuple(
        low + high + size + max(size - 1, 0) * inner
        for size, low, high, inner in zip(
            x.shape, attrs["low"], attrs["high"], attrs["interior"], strict=True
        )
    )


def _eval_pad(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    shape = _pad_shape(attrs, TensorType(None, x.shape))  # pyright: ignore
    made = np.zeros(shape, x.dtype)
    made[
        tuple(
            slice(low, low + (size - 1) * (inner + 1) + 1 if size else low, inner + 1)
            for low, inner, size in zip(
                attrs["low"], attrs["interior"], x.shape, strict=True
            )
        )
    ] = x
    return made


def _vjp_pad(ct: Expr, y: Expr, x: Expr) -> tuple[Expr]:
    steps = tuple(inner + 1 for inner in y.attrs["interior"])
    start = y.attrs["low"]
    stop = tuple(
        low + (size - 1) * step + 1 if size else low
        for low, size, step in zip(start, x.shape, steps, strict=True)
    )
    return (strided_slice(ct, start, stop, steps),)


PAD = Op(
    name="pad",
    infer=lambda attrs, x: x.with_shape(_pad_shape(attrs, x)),
    eval=_eval_pad,
    vjp=_vjp_pad,
    jvp=lambda tangents, y, x: make(PAD, (tangents[0],), **y.attrs),
    batch=lambda y, batched, x: pad(
        x, (0, *y.attrs["low"]), (0, *y.attrs["high"]), (0, *y.attrs["interior"])
    ),
    lower=Missing("it is stored as zeros and then a copy of its operand"),
    doc="Zeros around, and between, the elements; amounts are not negative.",
    family="copy",
    samples=lambda: [
        Sample((_rng(2, 3),), (("low", (1, 0)), ("high", (0, 2)), ("interior", (0, 1))))
    ],
)


def pad(
    x: Expr,
    low: Sequence[int],
    high: Sequence[int],
    interior: Sequence[int] | None = None,
) -> Expr:
    """Return `x` with zeros around and between its elements."""
    inner = tuple(interior) if interior is not None else (0,) * x.tensor.rank
    if not any((*low, *high, *inner)):
        return x
    return make(PAD, (x,), low=tuple(low), high=tuple(high), interior=inner)


def _infer_concatenate(attrs: Attrs, *types: TensorType) -> TensorType:
    axis, first = attrs["axis"], types[0]
    for other in types[1:]:
        rest = [s for a, s in enumerate(other.shape) if a != axis]
        if rest != [s for a, s in enumerate(first.shape) if a != axis]:
            raise DefnShapeError(
                f"cannot concatenate {first} and {other} along axis {axis}: other"
                " sizes differ"
            )
    shape = list(first.shape)
    shape[axis] = sum(t.shape[axis] for t in types)
    return first.with_shape(tuple(shape))


def _vjp_concatenate(ct: Expr, y: Expr, *operands: Expr) -> list[Expr]:
    axis, offset, cts = y.attrs["axis"], 0, []
    for operand in operands:
        start, stop = [0] * y.tensor.rank, list(y.shape)
        start[axis], stop[axis] = offset, offset + operand.shape[axis]
        cts.append(strided_slice(ct, start, stop, [1] * y.tensor.rank))
        offset += operand.shape[axis]
    return cts


CONCATENATE = Op(
    name="concatenate",
    infer=_infer_concatenate,
    eval=lambda attrs, *xs: np.concatenate(xs, axis=attrs["axis"]),
    vjp=_vjp_concatenate,
    jvp=lambda tangents, y, *xs: make(
        CONCATENATE,
        tuple(
            zeros_like(x) if t is None else t for t, x in zip(tangents, xs, strict=True)
        ),
        **y.attrs,
    ),
    batch=lambda y, batched, *xs: make(
        CONCATENATE, in_every_lane(batched, xs), axis=y.attrs["axis"] + 1
    ),
    lower=Missing("each part is copied to its place"),
    doc="Tensors one after another along an axis.",
    family="copy",
    samples=lambda: [Sample((_rng(2, 3), _rng(2, 1), _rng(2, 2)), (("axis", 1),))],
)


def concatenate(tensors: Sequence[Any], axis: int = 0) -> Expr:
    """Return tensors one after another along `axis`, in their common dtype."""
    parts = [as_expr(t) for t in tensors]
    if not parts:
        raise DefnTypeError("concatenate needs at least one tensor")
    ranks = {p.tensor.rank for p in parts}
    if len(ranks) > 1 or 0 in ranks:
        shown = ", ".join(str(p.type) for p in parts)
        raise DefnShapeError(
            f"cannot concatenate {shown}: they have different numbers of axes"
            if len(ranks) > 1
            else f"cannot concatenate scalars: {shown}"
        )
    dtype = common(*(reshape_scalar(p) for p in parts))[0].dtype
    (axis,) = normalize_axes(axis, parts[0].tensor.rank)
    ready = tuple(convert(p, dtype) for p in parts)
    return ready[0] if len(ready) == 1 else make(CONCATENATE, ready, axis=axis)


def reshape_scalar(x: Expr) -> Expr:
    """Return a scalar constant of the dtype and weakness of `x`."""
    return const(0, x.dtype, weak=x.tensor.weak)


def expand_dims(x: Any, axis: Any) -> Expr:
    """Return `x` with new axes of size 1 at the positions `axis`."""
    x = as_expr(x)
    added = 1 if isinstance(axis, int) else len(axis)
    axes = normalize_axes(axis, x.tensor.rank + added)
    sizes = iter(x.shape)
    rank = x.tensor.rank + added
    return reshape(x, tuple(1 if a in axes else next(sizes) for a in range(rank)))


def squeeze(x: Any, axis: Any = None) -> Expr:
    """Return `x` without axes of size 1, all of them or those named."""
    x = as_expr(x)
    if axis is None:
        axes = tuple(a for a, size in enumerate(x.shape) if size == 1)
    else:
        axes = normalize_axes(axis, x.tensor.rank)
    for a in axes:
        if x.shape[a] != 1:
            raise DefnShapeError(
                f"cannot squeeze axis {a} of {x.type}: its size is {x.shape[a]}"
            )
    return reshape(x, tuple(s for a, s in enumerate(x.shape) if a not in axes))


def stack(tensors: Sequence[Any], axis: int = 0) -> Expr:
    """Return tensors of one shape along a new axis."""
    parts = [as_expr(t) for t in tensors]
    if not parts:
        raise DefnTypeError("stack needs at least one tensor")
    for other in parts:
        if other.shape != parts[0].shape:
            raise DefnShapeError(
                f"cannot stack {parts[0].type} and {other.type}: their shapes differ"
            )
    return concatenate([expand_dims(p, axis) for p in parts], axis)


def swapaxes(x: Any, a: int, b: int) -> Expr:
    """Return `x` with two axes exchanged."""
    x = as_expr(x)
    order = list(range(x.tensor.rank))
    order[a], order[b] = order[b], order[a]
    return transpose(x, order)


def moveaxis(x: Any, source: int, destination: int) -> Expr:
    """Return `x` with the axis `source` moved to `destination`."""
    x = as_expr(x)
    order = list(range(x.tensor.rank))
    order.insert(destination % x.tensor.rank, order.pop(source % x.tensor.rank))
    return transpose(x, order)


def _infer_iota(attrs: Attrs) -> TensorType:
    return TensorType(attrs["dtype"], attrs["shape"], attrs["weak"])


def _eval_iota(attrs: Attrs) -> np.ndarray:
    shape, axis = attrs["shape"], attrs["axis"]
    along = np.arange(shape[axis]).astype(attrs["dtype"].numpy)
    kept = [1] * len(shape)
    kept[axis] = shape[axis]
    return np.broadcast_to(along.reshape(kept), shape)


IOTA = Op(
    name="iota",
    infer=_infer_iota,
    eval=_eval_iota,
    vjp=Missing("it has no operands"),
    jvp=Missing("it has no operands"),
    batch=Missing("it has no operands"),
    lower=Missing("its element is its index"),
    doc="0, 1, 2, … along an axis.",
    family="leaf",
    samples=lambda: [
        Sample(
            (), (("shape", (2, 3)), ("axis", 1), ("dtype", I64), ("weak", False)), False
        )
    ],
)


def iota(size: int | tuple[int, ...], dtype: Any = I64, axis: int = 0) -> Expr:
    """Return 0, 1, 2, … along `axis` of a tensor of the given shape."""
    shape = (size,) if isinstance(size, int | Dim) else size
    return make(IOTA, shape=shape, axis=axis, dtype=dtype, weak=False)


def ravel(x: Any) -> Expr:
    """Return the elements of `x` along one axis, in row-major order."""
    return reshape(as_expr(x), (-1,))


__all__ = ["Index", "broadcast_to", "reshape"]
