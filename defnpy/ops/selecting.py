"""Elements taken from, and put at, places that are known when the program runs.

An index that is not provably in bounds is checked; ``mode="clip"`` and ``"wrap"``
move it inside instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base.dtypes import I64, can_store
from defnpy.base.errors import (
    DefnIndexError,
    DefnShapeError,
    DefnTypeError,
    DefnValueError,
)
from defnpy.ops import axes, control, indexing, reduce
from defnpy.ops.creation import static_shape
from defnpy.ops.elementwise import (
    equal,
    greater_equal,
    isnan,
    less,
    logical_and,
    logical_or,
    maximum,
    minimum,
    remainder,
    where,
)
from defnpy.ops.family import broadcast_shape, convert
from defnpy.ops.leaf import as_expr, const, is_const
from defnpy.ops.manipulation import one_axis
from defnpy.ops.movement import iota, ravel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defnpy.base.dtypes import DType
    from defnpy.ir.expr import Expr


def inside(index: Any, size: int, mode: str, what: str) -> Expr:
    """Return an integer index as i64 in ``range(size)``, by the rule `mode` names.

    Args:
        index: integers; negative ones count from the end, except for ``"clip"``.
        size: how many places there are.
        mode: ``"raise"``, ``"clip"`` or ``"wrap"``.
        what: the indexed axis, for the error.
    """
    index = as_expr(index)
    if not index.dtype.is_integer:
        raise DefnTypeError(f"an index must hold integers, not {index.dtype}")
    index = convert(index, I64)
    if index.tensor.size == 0:
        return index
    if mode == "raise":
        return _checked(index, size, what)
    if mode not in ("clip", "wrap"):
        raise DefnValueError(f"mode must be 'raise', 'clip' or 'wrap', not {mode!r}")
    if size == 0:
        raise DefnIndexError(f"nothing can be taken from {what}: its size is 0")
    if mode == "wrap":
        return remainder(index, const(size, I64))
    return minimum(maximum(index, const(0, I64)), const(size - 1, I64))


def _checked(index: Expr, size: int, what: str) -> Expr:
    if is_const(index):
        return const(_known_inside(index.attrs["value"], size, what))
    low, high = reduce.min(index), reduce.max(index)
    limit = const(size, I64)
    fits = logical_and(greater_equal(low, const(-size, I64)), less(high, limit))
    worst = where(less(high, limit), low, high)
    message = f"index {{0}} is out of bounds for {what} with size {size}"
    index = control.check(index, fits, "DefnIndexError", message, (worst,))
    return where(less(index, const(0, I64)), index + limit, index)


def _known_inside(index: np.ndarray, size: int, what: str) -> np.ndarray:
    outside = index[(index < -size) | (index >= size)]
    if outside.size:
        raise DefnIndexError(
            f"index {outside.flat[0]} is out of bounds for {what} with size {size}"
        )
    return np.where(index < 0, index + size, index)


def take(x: Any, indices: Any, axis: int | None = None, *, mode: str = "raise") -> Expr:
    """Return the slices of `x` along `axis` that integers name.

    Args:
        x: tensor; flattened if the axis is None.
        indices: integers of any shape, which replaces the axis.
        axis: an axis.
        mode: what is done with an index out of bounds: ``"raise"`` an
            `IndexError`, ``"clip"`` it, or ``"wrap"`` it around.

    >>> dn.take(np.array([[1, 2, 3], [4, 5, 6]]), np.array([2, 0]), axis=1)
    array([[3, 1],
           [6, 4]])
    >>> dn.take(np.array([1, 2, 3]), np.array([5]), mode="clip")
    array([3])
    """
    x = as_expr(x)
    if axis is None:
        x, axis = ravel(x), 0
    place = one_axis(axis, x.tensor.rank)
    return indexing.gather(
        x, inside(indices, x.shape[place], mode, f"axis {place}"), place
    )


def take_along_axis(
    x: Any, indices: Any, axis: int = -1, *, mode: str = "raise"
) -> Expr:
    """Return the element of `x` along `axis` at each index; the other axes pair up.

    >>> dn.take_along_axis(np.array([[1, 2], [3, 4]]), np.array([[1], [0]]), axis=1)
    array([[2],
           [3]])
    """
    x, indices = as_expr(x), as_expr(indices)
    place = one_axis(axis, x.tensor.rank)
    index = inside(indices, x.shape[place], mode, f"axis {place}")
    shape, index = _pair_up(x, index, place)
    return indexing.gather(ravel(x), _flat_place(x, shape, index, place))


def _pair_up(x: Expr, index: Expr, axis: int) -> tuple[tuple[int, ...], Expr]:
    """Return the result's shape and the index repeated to it."""
    if index.tensor.rank != x.tensor.rank:
        raise DefnShapeError(f"{x.type} and its indices {index.type} differ in rank")
    shape = list(x.shape)
    shape[axis] = index.shape[axis]
    return tuple(shape), axes.broadcast_to(index, tuple(shape))


def _flat_place(x: Expr, shape: tuple[int, ...], index: Expr, axis: int) -> Expr:
    """Return the row-major places of elements of `x`, given those along one axis."""
    flat: Expr | None = None
    for a, size in enumerate(x.shape):
        along = index if a == axis else iota(shape, axis=a)
        flat = along if flat is None else flat * const(size, I64) + along
    assert flat is not None
    return flat


Indices = Any


def _places(x: Expr, indices: Indices, mode: str) -> tuple[Expr, Expr]:
    """Return `x` with its indexed axes made one, and the places along that axis."""
    given = indices if isinstance(indices, tuple) else (indices,)
    if not 1 <= len(given) <= x.tensor.rank:
        raise DefnShapeError(f"{len(given)} indices do not fit {x.type}")
    parts = [
        inside(index, size, mode, f"axis {axis}")
        for axis, (index, size) in enumerate(zip(given, x.shape, strict=False))
    ]
    shape = broadcast_shape(*parts)
    flat = axes.broadcast_to(parts[0], shape)
    for part, size in zip(parts[1:], x.shape[1 : len(parts)], strict=True):
        flat = flat * const(size, I64) + axes.broadcast_to(part, shape)
    return axes.reshape(x, (-1, *x.shape[len(parts) :])), flat


def indexed_add(x: Any, indices: Indices, updates: Any, *, mode: str = "raise") -> Expr:
    """Return `x` with updates added at indices; a repeated index adds each time.

    Args:
        x: tensor.
        indices: integers for the first axis, or a tuple of them for the first axes.
        updates: what is added; broadcast to the shape of ``x[indices]``.
        mode: as in `take`.

    >>> dn.indexed_add(np.zeros(3), np.array([0, 2, 0]), np.array([1.0, 2.0, 3.0]))
    array([4., 0., 2.])
    """
    x, flat, places, ready = _prepared(x, indices, updates, mode)
    return axes.reshape(indexing.scatter_add(flat, places, ready), x.shape)


def indexed_put(x: Any, indices: Indices, updates: Any, *, mode: str = "raise") -> Expr:
    """Return `x` with updates put at indices; of a repeated index the last one wins.

    The arguments are those of `indexed_add`.

    >>> dn.indexed_put(np.zeros((2, 2)), (np.array([0, 1]), np.array([1, 1])), 5.0)
    array([[0., 5.],
           [0., 5.]])
    """
    x, flat, places, ready = _prepared(x, indices, updates, mode)
    return axes.reshape(indexing.scatter(flat, places, ready), x.shape)


def _prepared(
    x: Any, indices: Indices, updates: Any, mode: str
) -> tuple[Expr, Expr, Expr, Expr]:
    x, updates = as_expr(x), as_expr(updates)
    flat, places = _places(x, indices, mode)
    shape = (*places.shape, *flat.shape[1:])
    return x, flat, places, axes.broadcast_to(storable(updates, x.dtype), shape)


def storable(updates: Expr, dtype: DType) -> Expr:
    """Return what is stored in the array's dtype; another kind is refused."""
    counts = updates.tensor.weak and updates.dtype.kind in "bi"
    if not counts and not can_store(updates.dtype, dtype):
        raise DefnTypeError(
            f"cannot store {updates.dtype} into {dtype}",
            hint=f"convert it: dn.astype(updates, {str(dtype)!r})",
        )
    return convert(updates, dtype)


def dynamic_slice(
    x: Any, starts: Sequence[Any], sizes: Any, *, mode: str = "raise"
) -> Expr:
    """Return the window of static `sizes` whose first element is at `starts`.

    A window that leaves the tensor raises; with ``mode="clip"`` it is moved inside.

    >>> dn.dynamic_slice(np.arange(5), (2,), (2,))
    array([2, 3])
    """
    x = as_expr(x)
    window = static_shape(sizes)
    return indexing.dynamic_slice(x, _starts(x, starts, window, mode), window)


def dynamic_update_slice(
    x: Any, update: Any, starts: Sequence[Any], *, mode: str = "raise"
) -> Expr:
    """Return `x` with the window whose first element is at `starts` replaced.

    >>> dn.dynamic_update_slice(np.arange(5), np.array([7, 8]), (3,))
    array([0, 1, 2, 7, 8])
    """
    x, update = as_expr(x), as_expr(update)
    ready = storable(update, x.dtype)
    return indexing.dynamic_update(x, ready, _starts(x, starts, ready.shape, mode))


def _starts(x: Expr, starts: Any, window: tuple[int, ...], mode: str) -> list[Expr]:
    given = list(starts) if isinstance(starts, tuple | list) else [starts]
    if len(given) != x.tensor.rank or len(window) != x.tensor.rank:
        raise DefnShapeError(
            f"a window of {x.type} needs {x.tensor.rank} starts, sizes"
        )
    if any(part > size for part, size in zip(window, x.shape, strict=True)):
        raise DefnShapeError(f"a window of {window} does not fit in {x.type}")
    for start in given:
        if as_expr(start).tensor.rank:
            raise DefnShapeError(f"a start is a scalar, not {as_expr(start).type}")
    return [
        inside(start, size - part + 1, mode, f"the windows along axis {axis}")
        for axis, (start, size, part) in enumerate(
            zip(given, x.shape, window, strict=True)
        )
    ]


def searchsorted(
    x: Any, values: Any, side: str = "left", *, sorter: Any = None
) -> Expr:
    """Return where values belong in a sorted vector, as i64; NaN is sorted last.

    Args:
        x: sorted vector.
        values: tensor of any shape.
        side: whether an equal element is after (``"left"``) or before the place.
        sorter: integers that sort `x`.

    >>> dn.searchsorted(np.array([1, 3, 5]), np.array([3, 6]), side="right")
    array([2, 3])
    """
    x, values = as_expr(x), as_expr(values)
    if x.tensor.rank != 1 or side not in ("left", "right"):
        raise DefnShapeError(f"searchsorted needs a vector and a side, not {x.type}")
    if sorter is not None:
        x = take(x, sorter)
    size = x.shape[0]
    place = axes.full(values.tensor.with_dtype(I64), 0)
    step = 1 << max(size.bit_length() - 1, 0)
    last = const(max(size - 1, 0), I64)
    # The largest place whose element before it is still below, bit by bit.
    while size and step:
        reached = place + const(step, I64)
        before = indexing.gather(x, minimum(reached - const(1, I64), last))
        below = _is_below(before, values, side)
        place = where(
            logical_and(below, less(reached, const(size + 1, I64))), reached, place
        )
        step //= 2
    return place


def _is_below(a: Expr, b: Expr, side: str) -> Expr:
    """Whether an element is below a value, or equal on the right; NaN is above all."""
    below = less(a, b) if side == "left" else greater_equal(b, a)
    if not b.dtype.is_float:
        return below
    above_all = isnan(b) if side == "right" else logical_and(isnan(b), equal(a, a))
    return logical_or(below, above_all)
