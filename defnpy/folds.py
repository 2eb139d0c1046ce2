"""Reductions and running results by a function of one's own.

They are written in the language itself: the function is inlined, so that gradients
flow through it and loops fuse around it.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import defnpy as dn

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["associative_scan", "reduce", "scan", "window_reduce"]


@dn.defn
def reduce(
    function: Callable[[Any, Any], Any],
    x: Any,
    initial: Any,
    *,
    axis: Any = None,
    keepdims: bool = False,
) -> Any:
    """Return ``function(total, element)`` over elements along `axis`, from `initial`.

    Args:
        function: of the total so far and the next elements, arrays without the axes
            that are reduced.
        x: tensor.
        initial: the first total, a scalar.
        axis: an axis, a tuple of axes, or None for all; the last one is passed
            through the quickest.
        keepdims: whether the axes stay, with size 1.

    >>> digits = np.array([[1, 2], [3, 4]])
    >>> dn.reduce(lambda total, x: total * 10 + x, digits, 0, axis=1)
    array([12, 34])
    """
    places = _places(axis, x.ndim)
    rest = [a for a in range(x.ndim) if a not in places]
    kept = [x.shape[a] for a in rest]
    count = math.prod([x.shape[a] for a in places])
    rows = dn.reshape(dn.permute_dims(x, (*places, *rest)), (count, *kept))
    total = dn.broadcast_to(initial, tuple(kept))
    for row in rows:
        total = function(total, row)
    return dn.expand_dims(total, places) if keepdims else total


@dn.defn(static=("window_shape",))
def window_reduce(
    function: Callable[[Any, Any], Any],
    x: Any,
    initial: Any,
    window_shape: Any,
    *,
    strides: Any = 1,
    padding: Any = "valid",
    dilation: Any = 1,
) -> Any:
    """Return ``function(total, element)`` over each window of `x`, from `initial`.

    Args:
        function: of the totals so far and the next element of every window.
        x: tensor.
        initial: the first total, and what windows meet in the padding; a scalar.
        window_shape: the size of a window along each axis.
        strides: steps between windows, one or one for each axis.
        padding: ``"valid"``, ``"same"`` or ``[(low, high), …]``.
        dilation: steps between the elements of a window.

    >>> dn.window_reduce(lambda total, x: total * 10 + x, np.arange(1, 5), 0, (2,))
    array([12, 23, 34])
    """
    shape = _each(window_shape, x.ndim)
    steps, apart = _each(strides, x.ndim), _each(dilation, x.ndim)
    extents = [(s - 1) * d + 1 for s, d in zip(shape, apart, strict=True)]
    widths = _widths(padding, x.shape, extents, steps)
    wide = dn.pad(x, widths, constant_values=initial)
    spans = [s - extent + 1 for s, extent in zip(wide.shape, extents, strict=True)]
    counts = [max(-(-span // step), 0) for span, step in zip(spans, steps, strict=True)]
    total = dn.broadcast_to(initial, tuple(counts))
    for place in itertools.product(*[list(range(size)) for size in shape]):
        total = function(total, wide[_slices(place, apart, spans, steps)])
    return total


@dn.defn
def scan(
    function: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    *,
    length: int | None = None,
    reverse: bool = False,
) -> Any:
    """Return the last carry of ``carry, y = function(carry, x)``, and all y.

    It is what a loop with a store does, which may be written as well; the name and the
    form are JAX's.

    Args:
        function: of the carry and a slice of `xs`; it returns both next ones.
        init: the first carry, any tree.
        xs: tensors, or a tree of them, whose first axis is gone through; None for
            nothing.
        length: how many turns there are, needed where `xs` is None.
        reverse: whether the last slice comes first; the order of y is that of `xs`.

    >>> dn.scan(lambda total, x: (total + x, total * 10), 0, np.array([1, 2, 3]))
    (np.int64(6), array([ 0, 10, 30]))
    """
    count = _turns(xs, length)
    first = count - 1 if reverse else 0
    carry, y = function(init, _slice_of(xs, first))
    # The second turn is for the dtypes alone: a number may have become an array's.
    second = max(count - 2, 0) if reverse else min(1, count - 1)
    typed = function(carry, _slice_of(xs, second))[1]
    made = dn.tree.map(lambda leaf, other: _rows(leaf, other, count), y, typed)
    for k in range(1, count):
        place = count - 1 - k if reverse else k
        carry, y = function(carry, _slice_of(xs, place))
        made = dn.tree.map(lambda rows, leaf: _with(rows, place, leaf), made, y)  # noqa: B023
    return carry, made


@dn.defn
def associative_scan(
    function: Callable[[Any, Any], Any],
    elements: Any,
    *,
    reverse: bool = False,
    axis: int = 0,
) -> Any:
    """Return the running results of an associative function along `axis`.

    Args:
        function: of the result so far and the next slice, both with the axis, of
            size 1.
        elements: a tensor, or a tree of them.
        reverse: whether it runs from the end.
        axis: an axis.

    >>> dn.associative_scan(lambda a, b: a * b, np.array([1, 2, 3, 4]))
    array([ 1,  2,  6, 24])
    """
    rows = dn.tree.map(lambda x: dn.moveaxis(x, axis, 0), elements)
    count = _turns(rows, None)
    first = count - 1 if reverse else 0
    total = dn.tree.map(lambda x: _slab(x, first, axis), rows)
    made = dn.tree.map(lambda x: x.copy(), rows)
    for k in range(1, count):
        place = count - 1 - k if reverse else k
        next_ = dn.tree.map(lambda x: _slab(x, place, axis), rows)  # noqa: B023
        total = function(total, next_)
        made = dn.tree.map(lambda m, t: _with(m, place, _flat(t, axis)), made, total)  # noqa: B023
    return dn.tree.map(lambda x: dn.moveaxis(x, 0, axis), made)


def _turns(xs: Any, length: int | None) -> Any:
    """Return how many turns a scan has."""
    leaves = [leaf for leaf in dn.tree.leaves(xs) if leaf is not None]
    if not leaves and length is None:
        raise dn.DefnTypeError(
            "scan needs `length` where there is nothing to go through"
        )
    count = leaves[0].shape[0] if leaves else length
    if count == 0:
        raise dn.DefnShapeError("scan needs one turn at least")
    return count


def _slice_of(xs: Any, place: Any) -> Any:
    return None if xs is None else dn.tree.map(lambda x: x[place], xs)


def _rows(leaf: Any, other: Any, count: int) -> Any:
    """Return as many rows as there are turns, in the dtype of both."""
    row = dn.where(True, leaf, other)
    return dn.broadcast_to(row, (count, *row.shape))


def _with(rows: Any, place: Any, row: Any) -> Any:
    rows[place] = row
    return rows


def _slab(x: Any, place: Any, axis: int) -> Any:
    """Return a slice of rows with the axis back in its place, of size 1."""
    return dn.expand_dims(x[place], axis)


def _flat(x: Any, axis: int) -> Any:
    return dn.squeeze(x, axis)


def _places(axis: Any, rank: int) -> tuple[int, ...]:
    """Return sorted axes, counted from the front."""
    if axis is None:
        return tuple(range(rank))
    given = axis if isinstance(axis, tuple | list) else (axis,)
    for each in given:
        if not -rank <= each < rank:
            raise dn.DefnShapeError(f"axis {each} does not exist: there are {rank}")
    return tuple(sorted({each % rank for each in given}))


def _each(value: Any, rank: int) -> list[int]:
    """Return a number for each axis."""
    made = list(value) if isinstance(value, tuple | list) else [value] * rank
    if len(made) != rank:
        raise dn.DefnShapeError(f"{value} is not one for each of {rank} axes")
    return made


def _widths(
    padding: Any, sizes: Any, extents: list[int], steps: list[int]
) -> list[tuple[int, int]]:
    """Return what is added before and after each axis."""
    if padding == "valid":
        return [(0, 0) for _ in sizes]
    if padding != "same":
        return [(low, high) for low, high in padding]
    made = []
    for size, extent, step in zip(sizes, extents, steps, strict=True):
        total = max((math.ceil(size / step) - 1) * step + extent - size, 0)
        made.append((total // 2, total - total // 2))
    return made


def _slices(
    place: tuple[int, ...], apart: list[int], spans: list[int], steps: list[int]
) -> tuple[slice, ...]:
    """Return where all windows have the element at `place`."""
    return tuple(
        slice(p * d, p * d + span, step)
        for p, d, span, step in zip(place, apart, spans, steps, strict=True)
    )
