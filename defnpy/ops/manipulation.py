"""Tensors taken apart, joined and rearranged, in NumPy's forms."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base import shapes as sizes
from defnpy.base.dtypes import BOOL
from defnpy.base.errors import DefnShapeError, DefnTypeError, DefnValueError
from defnpy.ir.expr import Expr
from defnpy.ir.types import TensorType
from defnpy.ops import axes, movement
from defnpy.ops.axes import normalize_axes
from defnpy.ops.creation import static_int, static_shape
from defnpy.ops.elementwise import where
from defnpy.ops.family import broadcast_shape, convert
from defnpy.ops.indexing import gather
from defnpy.ops.leaf import as_expr, const, is_const
from defnpy.ops.movement import strided_slice, transpose

if TYPE_CHECKING:
    from collections.abc import Sequence


def one_axis(axis: Any, rank: int) -> int:
    """Return a single axis as a number from 0."""
    return normalize_axes(static_int(axis, "an axis"), rank)[0]


def reshape(x: Any, shape: Any) -> Expr:
    """Return the elements of `x`, in row-major order, with another shape.

    One size may be -1: it is what is left.

    >>> dn.reshape(np.arange(4), (2, -1))
    array([[0, 1],
           [2, 3]])
    """
    x = as_expr(x)
    given = shape if isinstance(shape, tuple | list) else (shape,)
    sizes = tuple(static_int(size, "a size") for size in given)
    if sizes.count(-1) > 1:
        raise DefnShapeError(f"only one size of {sizes} may be -1")
    return axes.reshape(x, sizes)


def broadcast_to(x: Any, shape: Any) -> Expr:
    """Return `x` repeated to `shape` along new axes and axes of size 1.

    >>> dn.broadcast_to(np.array([1, 2]), (2, 2))
    array([[1, 2],
           [1, 2]])
    """
    return axes.broadcast_to(as_expr(x), static_shape(shape))


def broadcast_arrays(*arrays: Any) -> tuple[Expr, ...]:
    """Return tensors repeated to one shape.

    >>> dn.broadcast_arrays(np.zeros((2, 1)), np.arange(2))[1]
    array([[0, 1],
           [0, 1]])
    """
    given = [as_expr(x) for x in arrays]
    shape = broadcast_shape(*given)
    return tuple(axes.broadcast_to(x, shape) for x in given)


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """Return the shape to which NumPy's rule broadcasts all of `shapes`.

    >>> dn.broadcast_shapes((2, 1), (3,))
    (2, 3)
    """
    try:
        return sizes.broadcast_shapes(*map(static_shape, shapes))
    except ValueError:
        shown = ", ".join(map(str, shapes))
        raise DefnShapeError(f"the shapes {shown} do not broadcast") from None


def concatenate(tensors: Sequence[Any], axis: int | None = 0) -> Expr:
    """Return tensors one after another along `axis`, in their common dtype.

    With the axis None all are flattened first.

    >>> dn.concatenate([np.array([1, 2]), np.array([3])])
    array([1, 2, 3])
    """
    parts = [as_expr(x) for x in _sequence(tensors)]
    if axis is None:
        return movement.concatenate([movement.ravel(x) for x in parts])
    return movement.concatenate(parts, static_int(axis, "an axis"))


def stack(tensors: Sequence[Any], axis: int = 0) -> Expr:
    """Return tensors of one shape along a new axis, in their common dtype.

    >>> dn.stack([np.array([1, 2]), np.array([3, 4])], axis=-1)
    array([[1, 3],
           [2, 4]])
    """
    return movement.stack(_sequence(tensors), static_int(axis, "an axis"))


def _sequence(tensors: Any) -> list[Any]:
    if isinstance(tensors, list | tuple):
        return list(tensors)
    return list(unstack(tensors))


def unstack(x: Any, *, axis: int = 0) -> tuple[Expr, ...]:
    """Return the slices of `x` along `axis`, without that axis.

    >>> dn.unstack(np.array([[1, 2], [3, 4]]))
    (array([1, 2]), array([3, 4]))
    """
    x = as_expr(x)
    place = one_axis(axis, x.tensor.rank)
    each = (_part(x, place, k, k + 1) for k in range(x.shape[place]))
    return tuple(movement.squeeze(part, place) for part in each)


def _part(x: Expr, axis: int, start: int, stop: int) -> Expr:
    low, high = [0] * x.tensor.rank, list(x.shape)
    low[axis], high[axis] = start, max(start, stop)
    return strided_slice(x, low, high, [1] * x.tensor.rank)


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> tuple[Expr, ...]:
    """Return equal parts of `x` along `axis`, or the parts between indices.

    >>> dn.split(np.arange(4), 2)
    (array([0, 1]), array([2, 3]))
    >>> dn.split(np.arange(4), [1, 3])
    (array([0]), array([1, 2]), array([3]))
    """
    x = as_expr(x)
    place = one_axis(axis, x.tensor.rank)
    size = x.shape[place]
    if isinstance(indices_or_sections, list | tuple):
        given = [static_int(each, "an index") for each in indices_or_sections]
        inner = [slice(0, each).indices(size)[1] for each in given]
    else:
        count = static_int(indices_or_sections, "the number of parts")
        if count < 1 or size % count:
            raise DefnShapeError(f"{size} elements do not split into {count} parts")
        inner = list(range(size // count, size, size // count)) if size else []
        inner += [size] * (count - 1 - len(inner))
    bounds = [0, *inner, size]
    pairs = itertools.pairwise(bounds)
    return tuple(_part(x, place, start, stop) for start, stop in pairs)


def squeeze(x: Any, axis: Any = None) -> Expr:
    """Return `x` without its axes of size 1, or without those named.

    >>> dn.squeeze(np.ones((1, 2, 1)), axis=0).shape
    (2, 1)
    """
    return movement.squeeze(x, axis)


def expand_dims(x: Any, axis: Any = 0) -> Expr:
    """Return `x` with new axes of size 1 at the positions `axis`.

    >>> dn.expand_dims(np.ones(2), axis=-1).shape
    (2, 1)
    """
    return movement.expand_dims(x, axis)


def permute_dims(x: Any, axes: Sequence[int] | None = None) -> Expr:
    """Return `x` with its axes in another order, reversed by default.

    >>> dn.permute_dims(np.ones((2, 3, 4)), (2, 0, 1)).shape
    (4, 2, 3)
    """
    return transpose(x, axes)


def matrix_transpose(x: Any) -> Expr:
    """Return `x` with its last two axes exchanged.

    >>> dn.matrix_transpose(np.ones((5, 2, 3))).shape
    (5, 3, 2)
    """
    x = as_expr(x)
    if x.tensor.rank < 2:
        raise DefnShapeError(f"a matrix has at least two axes: {x.type}")
    return movement.swapaxes(x, -2, -1)


def swapaxes(x: Any, axis1: int, axis2: int) -> Expr:
    """Return `x` with two axes exchanged.

    >>> dn.swapaxes(np.ones((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    x = as_expr(x)
    rank = x.tensor.rank
    return movement.swapaxes(x, one_axis(axis1, rank), one_axis(axis2, rank))


def moveaxis(x: Any, source: Any, destination: Any) -> Expr:
    """Return `x` with axes moved to other places; the rest keep their order.

    >>> dn.moveaxis(np.ones((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    x = as_expr(x)
    rank = x.tensor.rank
    pair = [
        [
            one_axis(a, rank)
            for a in (each if isinstance(each, tuple | list) else [each])
        ]
        for each in (source, destination)
    ]
    if any(len(set(each)) != len(pair[0]) for each in pair):
        raise DefnShapeError(
            f"moveaxis needs distinct axes, as many of each: {source}, {destination}"
        )
    order = [a for a in range(rank) if a not in pair[0]]
    for place, moved in sorted(zip(pair[1], pair[0], strict=True)):
        order.insert(place, moved)
    return transpose(x, order)


def flip(x: Any, axis: Any = None) -> Expr:
    """Return `x` reversed along axes, all by default.

    >>> dn.flip(np.arange(3))
    array([2, 1, 0])
    """
    return movement.flip(x, axis)


def roll(x: Any, shift: Any, axis: Any = None) -> Expr:
    """Return `x` with elements moved by `shift`; what leaves one end enters the other.

    >>> dn.roll(np.arange(4), 1)
    array([3, 0, 1, 2])
    """
    x = as_expr(x)
    if axis is None:
        flat = axes.reshape(x, (-1,))
        return axes.reshape(_roll_one(flat, static_int(shift, "shift"), 0), x.shape)
    places = axis if isinstance(axis, tuple | list) else (axis,)
    shifts = shift if isinstance(shift, tuple | list) else (shift,) * len(places)
    if len(shifts) != len(places):
        raise DefnShapeError(f"roll needs a shift for each axis: {shift}, {axis}")
    for place, each in zip(places, shifts, strict=True):
        amount = static_int(each, "shift")
        x = _roll_one(x, amount, one_axis(place, x.tensor.rank))
    return x


def _roll_one(x: Expr, shift: int, axis: int) -> Expr:
    size = x.shape[axis]
    amount = shift % size if size else 0
    if amount == 0:
        return x
    cut = size - amount
    return movement.concatenate(
        [_part(x, axis, cut, size), _part(x, axis, 0, cut)], axis
    )


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Expr:
    """Return `x` with each slice along `axis` repeated; flattened if the axis is None.

    `repeats` is static: one number, or one for each slice.

    >>> dn.repeat(np.array([1, 2]), 2), dn.repeat(np.array([1, 2]), [1, 2])
    (array([1, 1, 2, 2]), array([1, 2, 2]))
    """
    x = as_expr(x)
    if axis is None:
        x, axis = axes.reshape(x, (-1,)), 0
    place = one_axis(axis, x.tensor.rank)
    size = x.shape[place]
    counts = _static_counts(repeats)
    if len(counts) not in (1, size) or min(counts, default=0) < 0:
        raise DefnValueError(f"cannot repeat {size} slices {repeats} times")
    if len(counts) == size and size != 1:
        index = np.repeat(np.arange(size), counts)
        return gather(x, const(index), place)
    spread = (*x.shape[: place + 1], counts[0], *x.shape[place + 1 :])
    made = axes.broadcast_to(movement.expand_dims(x, place + 1), spread)
    total = size * counts[0]
    return axes.reshape(made, (*x.shape[:place], total, *x.shape[place + 1 :]))


def _static_counts(repeats: Any) -> list[int]:
    if isinstance(repeats, Expr) and is_const(repeats):
        repeats = repeats.attrs["value"].ravel().tolist()
    if isinstance(repeats, np.ndarray):
        repeats = repeats.ravel().tolist()
    given = repeats if isinstance(repeats, list | tuple) else [repeats]
    return [static_int(each, "repeats") for each in given]


def tile(x: Any, repetitions: Any) -> Expr:
    """Return `x` laid out `repetitions` times along each axis.

    >>> dn.tile(np.array([1, 2]), (2, 2))
    array([[1, 2, 1, 2],
           [1, 2, 1, 2]])
    """
    x = as_expr(x)
    counts = static_shape(repetitions)
    rank = max(len(counts), x.tensor.rank)
    counts = (1,) * (rank - len(counts)) + counts
    shape = (1,) * (rank - x.tensor.rank) + x.shape
    pairs = list(zip(counts, shape, strict=True))
    apart = axes.reshape(x, tuple(s for size in shape for s in (1, size)))
    spread = axes.broadcast_to(apart, tuple(s for pair in pairs for s in pair))
    return axes.reshape(spread, tuple(math.prod(pair) for pair in pairs))


def pad(
    x: Any,
    pad_width: Any,
    mode: str = "constant",
    *,
    constant_values: Any = 0,
    interior: Any = 0,
) -> Expr:
    """Return `x` with elements added around it, or taken away.

    Args:
        x: tensor.
        pad_width: a number, ``(before, after)``, or that for each axis; negative
            numbers take elements away (of the ``"constant"`` mode only).
        mode: ``"constant"``, or NumPy's ``"edge"``, ``"reflect"``, ``"symmetric"``
            or ``"wrap"``.
        constant_values: what is added, a scalar.
        interior: how many are added between elements, a number or one for each axis.

    >>> dn.pad(np.array([1, 2]), (1, 2))
    array([0, 1, 2, 0, 0])
    >>> dn.pad(np.array([1, 2, 3]), 2, mode="reflect")
    array([3, 2, 1, 2, 3, 2, 1])
    """
    x = as_expr(x)
    widths = _pad_widths(pad_width, x.tensor.rank)
    if mode == "constant":
        between = list(interior) if isinstance(interior, tuple | list) else [interior]
        inner = between * (x.tensor.rank if len(between) == 1 else 1)
        return pad_constant(x, widths, as_expr(constant_values), inner)
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        raise DefnValueError(f"pad has no mode {mode!r}")
    if any(low < 0 or high < 0 for low, high in widths):
        raise DefnValueError(f"pad_width may not be negative in {mode!r}: {pad_width}")
    for axis, width in enumerate(widths):
        if width != (0, 0):
            index = np.pad(np.arange(x.shape[axis]), width, mode=mode)  # pyright: ignore
            x = gather(x, const(index), axis)
    return x


def _pad_widths(given: Any, rank: int) -> list[tuple[int, int]]:
    try:
        array = np.array(np.broadcast_to(np.asarray(given), (rank, 2)))
    except ValueError:
        raise DefnShapeError(f"pad_width {given} does not fit {rank} axes") from None
    if array.dtype.kind not in "iu" and array.size:
        raise DefnTypeError(f"pad_width must hold static ints, not {given!r}")
    return [(int(low), int(high)) for low, high in array]


def pad_constant(
    x: Expr, widths: Sequence[tuple[int, int]], value: Expr, interior: Sequence[int]
) -> Expr:
    """Return `x` with a scalar around and between its elements.

    A negative width takes elements away, after those between have been added.
    """
    low = [max(before, 0) for before, _ in widths]
    high = [max(after, 0) for _, after in widths]
    made = movement.pad(x, low, high, interior)
    fill = convert(value, x.dtype)
    if made is not x and not (is_const(fill) and not fill.attrs["value"].any()):
        own = axes.full(TensorType(BOOL, x.shape), True)
        made = where(movement.pad(own, low, high, interior), made, fill)
    return _cropped(made, widths)


def _cropped(x: Expr, widths: Sequence[tuple[int, int]]) -> Expr:
    """Return `x` without as many elements at its ends as `widths` are negative."""
    if all(low >= 0 and high >= 0 for low, high in widths):
        return x
    start = [max(-low, 0) for low, _ in widths]
    stop = [
        max(size + min(high, 0), begin)
        for size, begin, (_, high) in zip(x.shape, start, widths, strict=True)
    ]
    return strided_slice(x, start, stop, [1] * x.tensor.rank)
