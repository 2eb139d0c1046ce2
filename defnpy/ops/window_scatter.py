"""Sums at the extremes of windows: how the gradient of a max pooling is spread."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from defnpy.ops import axes, indexing, movement, reduce
from defnpy.ops.convolution import slide
from defnpy.ops.family import common
from defnpy.ops.leaf import as_expr
from defnpy.ops.selecting import take_along_axis
from defnpy.ops.windows import extremes, padded_windows

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.ir.expr import Expr


def window_scatter_max(
    x: Any,
    source: Any,
    window_shape: Any,
    *,
    initial: Any = 0,
    strides: Any = 1,
    padding: Any = "valid",
    dilation: Any = 1,
) -> Expr:
    """Return zeros like `x` with `source` added where windows of `x` are largest.

    Args:
        x: tensor.
        source: what is added, an element for each window.
        window_shape: the size of a window along each axis.
        initial: what is there before, a scalar.
        strides: steps between windows, one or one for each axis.
        padding: ``"valid"``, ``"same"`` or ``[(low, high), …]``.
        dilation: steps between the elements of a window.

    >>> x = np.array([1, 5, 2, 8, 3, 4])
    >>> dn.window_scatter_max(x, np.array([10, 20, 30]), (2,), strides=2)
    array([ 0, 10,  0, 20,  0, 30])
    """
    fill = extremes(as_expr(x))[0]
    options = window_shape, (strides, padding, dilation), fill
    return _scattered(x, (source, initial), options, reduce.argmax)


def window_scatter_min(
    x: Any,
    source: Any,
    window_shape: Any,
    *,
    initial: Any = 0,
    strides: Any = 1,
    padding: Any = "valid",
    dilation: Any = 1,
) -> Expr:
    """Return zeros like `x` with `source` added where windows of `x` are smallest.

    The arguments are those of `window_scatter_max`.

    >>> dn.window_scatter_min(np.array([3, 1, 2, 0]), np.array([5, 7]), (2,), strides=2)
    array([0, 5, 0, 7])
    """
    fill = extremes(as_expr(x))[1]
    options = window_shape, (strides, padding, dilation), fill
    return _scattered(x, (source, initial), options, reduce.argmin)


def _scattered(
    x: Any,
    added: tuple[Any, Any],
    options: tuple[Any, tuple[Any, Any, Any], Any],
    place_of: Callable[..., Expr],
) -> Expr:
    """Return what is added summed at the places that windows name.

    `added` is the source and what is there before; `options` are those of windows
    and what they find in the padding.
    """
    x = as_expr(x)
    source, initial = (as_expr(each) for each in added)
    source = common(source, initial)[0]
    window_shape, how, fill = options
    size = x.tensor.size
    numbers = axes.reshape(movement.iota(size), x.shape)
    values = _in_windows(x, window_shape, how, fill)
    # The padding is a place of its own, beyond the last.
    places = _in_windows(numbers, window_shape, how, size)
    chosen = take_along_axis(places, place_of(values, -1, keepdims=True), mode="clip")
    counts = chosen.shape[:-1]
    flat = axes.reshape(chosen, (math.prod(counts),))
    ready = axes.reshape(axes.broadcast_to(source, counts), flat.shape)
    sums = axes.full(ready.tensor.with_shape((size + 1,)), 0)
    sums = indexing.scatter_add(sums, flat, ready)
    kept = movement.strided_slice(sums, (0,), (size,), (1,))
    return axes.reshape(kept, x.shape) + initial


def _in_windows(x: Expr, shape: Any, options: tuple[Any, Any, Any], fill: Any) -> Expr:
    """Return the elements of every window along a last axis."""
    x, windows = padded_windows(x, shape, options, fill)
    for axis, window in enumerate(windows):
        x = slide(x, 2 * axis, window)
    rank = len(windows)
    x = movement.transpose(x, (*range(1, 2 * rank, 2), *range(0, 2 * rank, 2)))
    inside = math.prod(x.shape[rank:])
    return axes.reshape(x, (*x.shape[:rank], inside))
