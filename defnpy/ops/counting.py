"""Counts of elements, and reductions of elements that belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defnpy.base.dtypes import I64
from defnpy.base.errors import DefnShapeError, DefnTypeError, DefnValueError
from defnpy.ops import axes, control, elementwise, indexing, movement, reduce
from defnpy.ops.creation import linspace, static_int, strong
from defnpy.ops.elementwise import (
    divide,
    greater_equal,
    less,
    less_equal,
    logical_and,
    maximum,
    minimum,
    multiply,
    where,
)
from defnpy.ops.family import common, convert
from defnpy.ops.leaf import as_expr, const
from defnpy.ops.selecting import searchsorted
from defnpy.ops.statistics import diff
from defnpy.ops.statistics import sum as total_of
from defnpy.ops.windows import extremes

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.ir.expr import Expr


def _numbers(ids: Any, count: int, what: str) -> Expr:
    """Return integers as i64, checked to be in ``range(count)``."""
    ids = as_expr(ids)
    if not ids.dtype.is_integer:
        raise DefnTypeError(f"{what} must be integers, not {ids.dtype}")
    ids = convert(ids, I64)
    if ids.tensor.size == 0:
        return ids
    low, high = reduce.min(ids), reduce.max(ids)
    fits = logical_and(greater_equal(low, const(0, I64)), less(high, const(count, I64)))
    worst = where(less(low, const(0, I64)), low, high)
    message = f"{what} {{0}} is not in range({count})"
    return control.check(ids, fits, "DefnIndexError", message, (worst,))


def bincount(x: Any, weights: Any = None, minlength: Any = 0, *, length: Any) -> Expr:
    """Return how often each integer below `length` occurs, or its weights' sum."""
    x, count = as_expr(x), static_int(length, "length")
    if x.tensor.rank != 1:
        raise DefnShapeError(f"bincount takes a vector, not {x.type}")
    size = max(count, static_int(minlength, "minlength"))
    places = _numbers(x, size, "the number")
    if weights is None:
        counted = axes.broadcast_to(const(1, I64), x.shape)
    else:
        counted = axes.broadcast_to(strong(as_expr(weights)), x.shape)
    zeros = axes.full(counted.tensor.with_shape((size,)), 0)
    return indexing.scatter_add(zeros, places, counted)


def histogram(
    x: Any,
    bins: Any = 10,
    range: Any = None,
    weights: Any = None,
    *,
    density: bool = False,
) -> tuple[Expr, Expr]:
    """Return how many elements are in each bin, and the edges of the bins.

    A bin holds its left edge; the last one its right edge too.

    Args:
        x: tensor; all its elements are counted.
        bins: the number of bins, of one width, or a sorted vector of their edges.
        range: the first and the last edge, where `bins` is a number; by default the
            least and the greatest element.
        weights: what each element adds to its bin, instead of 1.
        density: whether counts are divided by their sum and by the widths of bins.

    >>> dn.histogram(np.array([1.0, 2.0, 2.5, 4.0]), bins=3)
    (array([1, 2, 1]), array([1., 2., 3., 4.]))
    """
    flat = movement.ravel(common(as_expr(x), floats=True)[0])
    edges = _edges(flat, bins, range)
    count = edges.shape[0] - 1
    last = axes.reshape(movement.strided_slice(edges, (count,), (count + 1,), (1,)), ())
    place = searchsorted(edges, flat, "right") - const(1, I64)
    place = where(elementwise.equal(flat, last), const(count - 1, I64), place)
    inside = logical_and(greater_equal(place, const(0, I64)), less_equal(flat, last))
    place = where(inside, place, const(count, I64))  # a bin of its own, left out
    if weights is None:
        added = axes.broadcast_to(const(1, I64), flat.shape)
    else:
        added = movement.ravel(strong(as_expr(weights)))
        if added.shape != flat.shape:
            raise DefnShapeError(f"weights {added.type} do not fit {flat.type}")
    zeros = axes.full(added.tensor.with_shape((count + 1,)), 0)
    made = indexing.scatter_add(zeros, place, added)
    made = movement.strided_slice(made, (0,), (count,), (1,))
    if density:
        shares = common(made, const(0, edges.dtype))[0]
        made = divide(divide(shares, total_of(shares)), diff(edges))
    return made, edges


def _edges(flat: Expr, bins: Any, range: Any) -> Expr:
    given = as_expr(bins) if not isinstance(bins, int) else None
    if given is not None and given.tensor.rank == 1:
        if given.shape[0] < 2:
            raise DefnShapeError("a bin has two edges")
        return common(given, const(0.0, flat.dtype, weak=True), floats=True)[0]
    count = static_int(bins, "the number of bins")
    if count < 1:
        raise DefnValueError(f"there cannot be {count} bins")
    if range is not None:
        low, high = (convert(as_expr(each), flat.dtype) for each in range)
    elif flat.tensor.size == 0:
        low, high = const(0.0, flat.dtype), const(1.0, flat.dtype)
    else:
        low, high = reduce.min(flat), reduce.max(flat)
    alone = elementwise.equal(low, high)  # then a bin around it, as in NumPy
    low, high = where(alone, low - 0.5, low), where(alone, high + 0.5, high)
    return linspace(low, high, count + 1, dtype=flat.dtype)


def segment_sum(data: Any, segment_ids: Any, num_segments: Any) -> Expr:
    """Return the sum of the slices of each segment, 0 for one that has none.

    Args:
        data: tensor.
        segment_ids: the number of the segment that each slice along the first axis
            belongs to.
        num_segments: how many segments there are, a static number.

    >>> dn.segment_sum(np.array([1.0, 2.0, 3.0]), np.array([0, 2, 0]), 3)
    array([4., 0., 2.])
    """
    data, places, size = _segments(data, segment_ids, num_segments)
    zeros = axes.full(data.tensor.with_shape((size, *data.shape[1:])), 0)
    return indexing.scatter_add(zeros, places, data)


def segment_prod(data: Any, segment_ids: Any, num_segments: Any) -> Expr:
    """Return the product of the slices of each segment, 1 for one that has none.

    The arguments are those of `segment_sum`.

    >>> dn.segment_prod(np.array([2.0, 3.0, 4.0]), np.array([0, 2, 0]), 3)
    array([8., 1., 3.])
    """
    return _folded(_segments(data, segment_ids, num_segments), 1, multiply)


def segment_max(data: Any, segment_ids: Any, num_segments: Any) -> Expr:
    """Return the largest of the slices of each segment.

    For a segment that has none it is the least number of the dtype.  The arguments
    are those of `segment_sum`.

    >>> dn.segment_max(np.array([1.0, 2.0, 3.0]), np.array([0, 2, 0]), 3)
    array([  3., -inf,   2.])
    """
    found = _segments(data, segment_ids, num_segments)
    return _folded(found, extremes(found[0])[0], maximum)


def segment_min(data: Any, segment_ids: Any, num_segments: Any) -> Expr:
    """Return the smallest of the slices of each segment.

    For a segment that has none it is the greatest number of the dtype.  The arguments
    are those of `segment_sum`.

    >>> dn.segment_min(np.array([1.0, 2.0, 3.0]), np.array([0, 2, 0]), 3)
    array([ 1., inf,  2.])
    """
    found = _segments(data, segment_ids, num_segments)
    return _folded(found, extremes(found[0])[1], minimum)


def _segments(data: Any, ids: Any, num_segments: Any) -> tuple[Expr, Expr, int]:
    data, count = strong(as_expr(data)), static_int(num_segments, "num_segments")
    places = _numbers(ids, count, "the segment")
    if data.tensor.rank == 0 or places.shape != data.shape[:1]:
        raise DefnShapeError(f"{places.type} does not name a segment for {data.type}")
    return data, places, count


def _folded(
    segments: tuple[Expr, Expr, int],
    start: Any,
    function: Callable[[Expr, Expr], Expr],
) -> Expr:
    """Return the slices of each segment put together one after another."""
    data, places, size = segments
    rest = data.shape[1:]
    zero, one = const(0, I64), const(1, I64)
    origin = (zero,) * len(rest)

    def step(k: Expr, made: Expr) -> tuple[Expr]:
        place = axes.reshape(indexing.dynamic_slice(places, (k,), (1,)), ())
        new = indexing.dynamic_slice(data, (k, *origin), (1, *rest))
        old = indexing.dynamic_slice(made, (place, *origin), (1, *rest))
        return (indexing.dynamic_update(made, function(old, new), (place, *origin)),)

    init = axes.full(data.tensor.with_shape((size, *rest)), start)
    count = const(data.shape[0], I64)
    return control.counted_loop(zero, count, one, (init,), step)[0]
