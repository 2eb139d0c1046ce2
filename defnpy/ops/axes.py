"""Reshaping, broadcasting and summing: each the transpose of another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base import dims, shapes
from defnpy.base.dims import Dim
from defnpy.base.dtypes import I64
from defnpy.base.errors import DefnShapeError, DefnStaticError, DefnTypeError
from defnpy.ir.expr import Expr, make
from defnpy.ir.op import Attrs, Missing, Op, Sample
from defnpy.ops.leaf import const, is_const

if TYPE_CHECKING:
    from defnpy.ir.types import TensorType

Index = tuple[Expr, ...]


Batched = Sequence[bool]  # for each operand, whether it has lanes


def lane_count(batched: Batched, operands: Sequence[Expr]) -> int:
    """Return how many lanes the batched operands have."""
    return operands[list(batched).index(True)].shape[0]


def in_every_lane(batched: Batched, operands: Sequence[Expr]) -> tuple[Expr, ...]:
    """Return the operands with lanes, those that have none repeated."""
    count = lane_count(batched, operands)
    return tuple(
        x if has_lanes else broadcast_to(x, (count, *x.shape))
        for x, has_lanes in zip(operands, batched, strict=True)
    )


def _matrix(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(shape)


RESHAPE = Op(
    name="reshape",
    infer=lambda attrs, x: x.with_shape(attrs["shape"]),
    eval=lambda attrs, x: x.reshape(attrs["shape"]),
    vjp=lambda ct, y, x: (reshape(ct, x.shape),),
    jvp=lambda tangents, y, x: reshape(tangents[0], y.shape),
    batch=lambda y, batched, x: reshape(x, (x.shape[0], *y.shape)),
    lower=Missing("its index arithmetic is the lowering's own"),
    doc="The same elements, in row-major order, with another shape.",
    family="movement",
    samples=lambda: [Sample((_matrix(2, 6),), (("shape", (3, 4)),))],
)


def reshape(x: Expr, shape: Any) -> Expr:
    """Return `x` with another shape; one size may be -1."""
    sizes = (shape,) if isinstance(shape, int | Dim) else tuple(shape)
    if -1 in sizes:
        known = math.prod(size for size in sizes if size != -1)
        missing = x.tensor.size // known if known else 0
        sizes = tuple(missing if size == -1 else size for size in sizes)
    if math.prod(sizes) != x.tensor.size or any(size < 0 for size in sizes):
        raise DefnShapeError(
            f"cannot reshape {x.type} of {x.tensor.size} elements to {tuple(shape)}"
            if not isinstance(shape, int | Dim)
            else f"cannot reshape {x.type} to {shape}"
        )
    if dims.same(sizes, x.shape):
        return x
    if x.op is RESHAPE:
        return reshape(x.operands[0], sizes)
    return make(RESHAPE, (x,), shape=sizes)


def _lower_broadcast(y: Expr, index: Index) -> tuple[Index]:
    (x,) = y.operands
    added = y.tensor.rank - x.tensor.rank
    zero = const(0, I64)
    return (
        tuple(
            i if size == out else zero
            for i, size, out in zip(
                index[added:], x.shape, y.shape[added:], strict=True
            )
        ),
    )


BROADCAST = Op(
    name="broadcast",
    infer=lambda attrs, x: x.with_shape(attrs["shape"]),
    eval=lambda attrs, x: np.broadcast_to(x, attrs["shape"]),
    vjp=lambda ct, y, x: (sum_to(ct, x.shape),),
    jvp=lambda tangents, y, x: broadcast_to(tangents[0], y.shape),
    batch=lambda y, batched, x: broadcast_to(
        reshape(
            x, (x.shape[0], *(1,) * (y.tensor.rank - x.tensor.rank + 1), *x.shape[1:])
        ),
        (x.shape[0], *y.shape),
    ),
    lower=_lower_broadcast,
    doc="Repeat along new leading axes and along axes of size 1.",
    family="movement",
    samples=lambda: [Sample((_matrix(3, 1),), (("shape", (2, 3, 4)),))],
)


def broadcast_to(x: Expr, shape: tuple[int, ...]) -> Expr:
    """Return `x` repeated to `shape` by NumPy's rule."""
    shape = tuple(shape)
    if dims.same(x.shape, shape):
        return x
    try:
        fits = shapes.broadcast_shapes(x.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise DefnShapeError(f"cannot broadcast {x.type} to {shape}")
    return make(BROADCAST, (x,), shape=shape)


def full(type: TensorType, value: Any) -> Expr:
    """Return a tensor of `type` whose every element is `value`."""
    return broadcast_to(const(value, type.dtype, weak=type.weak), type.shape)


def is_zero(x: Expr) -> bool:
    """Whether every element of `x` is known to be zero."""
    while x.op is BROADCAST:
        (x,) = x.operands
    return is_const(x) and not x.attrs["value"].any()


def zeros_like(x: Expr) -> Expr:
    """Return zeros of the type of `x`."""
    return full(x.tensor, 0)


def infer_reduction(attrs: Attrs, x: TensorType) -> TensorType:
    """Drop the axes in ``attrs["axes"]``."""
    axes = attrs["axes"]
    return x.with_shape(tuple(s for a, s in enumerate(x.shape) if a not in axes))


def batch_reduction(y: Expr, batched: Batched, x: Expr) -> Expr:
    """Return the reduction `y` of each lane of `x`."""
    return make(y.op, (x,), axes=tuple(axis + 1 for axis in y.attrs["axes"]))


def _eval_sum(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    return np.asarray(np.sum(x, axis=attrs["axes"], dtype=x.dtype))


SUM = Op(
    name="sum",
    infer=infer_reduction,
    eval=_eval_sum,
    vjp=lambda ct, y, x: (spread(ct, x, y),),
    jvp=lambda tangents, y, x: make(SUM, (tangents[0],), **y.attrs),
    batch=batch_reduction,
    lower=Missing("reductions become loops with an accumulator"),
    doc="Sum over axes.",
    family="reduction",
    samples=lambda: [
        Sample((_matrix(3, 4),), (("axes", (0,)),)),
        Sample((_matrix(3, 4),), (("axes", (0, 1)),)),
        Sample((np.arange(6).reshape(2, 3),), (("axes", (1,)),), False),
        Sample((_matrix(0, 4),), (("axes", (0,)),)),
    ],
)


def spread(reduced: Expr, x: Expr, y: Expr) -> Expr:
    """Return `reduced`, shaped as the reduction `y` of `x`, repeated over `x`."""
    axes = y.attrs["axes"]
    kept = tuple(1 if a in axes else size for a, size in enumerate(x.shape))
    return broadcast_to(reshape(reduced, kept), x.shape)


def normalize_axes(axis: Any, rank: int) -> tuple[int, ...]:
    """Return sorted non-negative axes of None, an int or a tuple of ints."""
    if axis is None:
        return tuple(range(rank))
    given = axis if isinstance(axis, tuple | list) else (axis,)
    found: list[int] = []
    for each in given:
        if not isinstance(each, int | np.integer):
            if isinstance(each, Expr) and each.dtype.is_integer:
                raise DefnStaticError("an axis must be known when compiling")
            raise DefnTypeError(f"an axis must be an int, not {each!r}")
        if not -rank <= each < rank:
            raise DefnShapeError(f"axis {each} does not exist: {_axes(rank)}")
        found.append(int(each) % rank)
    if len(set(found)) != len(found):
        raise DefnShapeError(f"axes {axis} name one axis twice")
    return tuple(sorted(found))


def _axes(rank: int) -> str:
    if rank == 0:
        return "a scalar has no axes"
    return f"there are {rank} axes, 0 to {rank - 1}" if rank > 1 else "there is only 0"


def reduce_sum(x: Expr, axes: tuple[int, ...]) -> Expr:
    """Return the sum of `x` over `axes`, in the dtype of `x`."""
    return make(SUM, (x,), axes=tuple(axes)) if axes else x


def sum_to(x: Expr, shape: tuple[int, ...]) -> Expr:
    """Return `x` summed over the axes along which `shape` was broadcast."""
    if dims.same(x.shape, shape):
        return x
    added = x.tensor.rank - len(shape)
    axes = tuple(
        axis
        for axis, size in enumerate(x.shape)
        if axis < added or (shape[axis - added] == 1 and size != 1)
    )
    return reshape(reduce_sum(x, axes), shape)
