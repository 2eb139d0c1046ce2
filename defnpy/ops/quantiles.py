"""Statistics of sorted or weighted elements."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from defnpy.base.dtypes import I64
from defnpy.base.errors import DefnShapeError
from defnpy.ops import axes, control, dot, indexing, movement, reduce
from defnpy.ops.axes import normalize_axes
from defnpy.ops.diagonals import diagonal
from defnpy.ops.elementwise import (
    add,
    ceil,
    divide,
    equal,
    floor,
    greater_equal,
    isnan,
    less_equal,
    logical_and,
    logical_or,
    multiply,
    not_equal,
    sqrt,
    subtract,
    where,
)
from defnpy.ops.family import common, convert
from defnpy.ops.leaf import as_expr, const
from defnpy.ops.manipulation import roll
from defnpy.ops.selecting import inside, take_along_axis
from defnpy.ops.sorting import sort
from defnpy.ops.statistics import cumulative_max, mean

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr


def _gathered(x: Any, axis: Any) -> tuple[Expr, tuple[int, ...]]:
    """Return `x` with the axes of a statistic made its last one, and those axes."""
    x = as_expr(x)
    places = normalize_axes(axis, x.tensor.rank)
    rest = tuple(a for a in range(x.tensor.rank) if a not in places)
    moved = movement.transpose(x, (*rest, *places))
    count = math.prod(x.shape[a] for a in places)
    if count == 0:
        raise DefnShapeError(f"a quantile of no elements is not defined: {x.type}")
    return axes.reshape(moved, (*(x.shape[a] for a in rest), count)), places


def quantile(x: Any, q: Any, axis: Any = None, *, keepdims: bool = False) -> Expr:
    """Return the element below which a share `q` of the others are.

    Between two elements it is interpolated; if any is NaN, so is the result.

    Args:
        x: tensor; integers become the default float.
        q: shares from 0 to 1; their axes come first in the result.
        axis: an axis, a tuple of axes, or None for all.
        keepdims: whether the axes stay, with size 1.

    >>> dn.quantile(np.array([1.0, 2.0, 4.0]), np.array([0.5, 0.75]))
    array([2., 3.])
    """
    x, places = _gathered(x, axis)
    x = common(x, floats=True)[0]
    q = _checked_share(convert(as_expr(q), x.dtype))
    ordered = sort(x)
    place = axes.reshape(multiply(q, float(x.shape[-1] - 1)), (-1,))
    low, high = (_at(ordered, function(place)) for function in (floor, ceil))
    share = subtract(place, floor(place))
    step = multiply(subtract(high, low), share)
    between = where(equal(share, 0), low, add(low, step))
    missing = axes.reshape(reduce.any(isnan(x), -1), (*x.shape[:-1], 1))
    made = movement.moveaxis(
        where(missing, math.nan, between), between.tensor.rank - 1, 0
    )
    return axes.reshape(made, (*q.shape, *_kept(x.shape[:-1], places, keepdims)))


def _checked_share(q: Expr) -> Expr:
    fits = logical_and(greater_equal(q, 0), less_equal(q, 1))
    return control.check(
        q, reduce.all(fits), "DefnValueError", "a quantile's share must be in [0, 1]"
    )


def _at(ordered: Expr, place: Expr) -> Expr:
    """Return elements along the last axis at whole numbers, kept inside."""
    index = inside(convert(place, I64), ordered.shape[-1], "clip", "the last axis")
    return indexing.gather(ordered, index, ordered.tensor.rank - 1)


def _kept(
    rest: tuple[int, ...], places: tuple[int, ...], keepdims: bool
) -> tuple[int, ...]:
    kept = list(rest)
    for place in places if keepdims else ():
        kept.insert(place, 1)
    return tuple(kept)


def percentile(x: Any, q: Any, axis: Any = None, *, keepdims: bool = False) -> Expr:
    """Return `quantile` for shares in per cent.

    >>> dn.percentile(np.array([1.0, 2.0, 4.0]), 75)
    np.float64(3.0)
    """
    return quantile(x, divide(q, 100), axis, keepdims=keepdims)


def median(x: Any, axis: Any = None, *, keepdims: bool = False) -> Expr:
    """Return the middle of the ordered elements over `axis`, or the middle two's mean.

    >>> dn.median(np.array([[1.0, 5.0, 2.0], [4.0, 3.0, 9.0]]), axis=1)
    array([2., 4.])
    """
    return quantile(x, 0.5, axis, keepdims=keepdims)


def mode(x: Any, axis: Any = None, *, keepdims: bool = False) -> Expr:
    """Return the most frequent element over `axis`, the smallest of several.

    >>> dn.mode(np.array([3, 1, 3, 1, 2]))
    np.int64(1)
    """
    x, places = _gathered(x, axis)
    ordered, count = sort(x), x.shape[-1]
    number = axes.broadcast_to(movement.iota(count), x.shape)
    before = roll(ordered, 1, -1)
    begins = logical_or(equal(number, 0), not_equal(ordered, before))
    start = cumulative_max(where(begins, number, const(0, I64)), axis=-1)
    longest = reduce.argmax(subtract(number, start), -1, keepdims=True)
    made = take_along_axis(ordered, longest, mode="clip")
    return axes.reshape(made, _kept(x.shape[:-1], places, keepdims))


def average(
    x: Any, axis: Any = None, weights: Any = None, *, keepdims: bool = False
) -> Expr:
    """Return the mean over `axis`, each element counted by its weight.

    Args:
        x: tensor.
        axis: an axis, a tuple of axes, or None for all.
        weights: of the shape of `x`, or a vector along the one axis.
        keepdims: whether the axes stay, with size 1.

    >>> dn.average(np.array([1.0, 2.0]), weights=np.array([3.0, 1.0]))
    np.float64(1.25)
    """
    x = as_expr(x)
    if weights is None:
        return mean(x, axis, keepdims=keepdims)
    weights = as_expr(weights)
    if weights.shape != x.shape:
        weights = _along(weights, x, axis)
    total = reduce.sum(multiply(x, weights), axis, keepdims=keepdims)
    return divide(total, reduce.sum(weights, axis, keepdims=keepdims))


def _along(weights: Expr, x: Expr, axis: Any) -> Expr:
    places = normalize_axes(axis, x.tensor.rank)
    sizes = tuple(s if a in places else 1 for a, s in enumerate(x.shape))
    if weights.shape != tuple(x.shape[a] for a in places):
        raise DefnShapeError(f"weights {weights.type} do not fit {x.type}")
    return axes.broadcast_to(axes.reshape(weights, sizes), x.shape)


def cov(x: Any, *, rowvar: bool = True, bias: bool = False, ddof: Any = None) -> Expr:
    """Return how variables vary together: a matrix (variables, variables).

    Args:
        x: a variable, or a matrix of one a row.
        rowvar: whether variables are rows rather than columns.
        bias: whether the sums are divided by their number, not by one less.
        ddof: what is taken off the number before dividing, instead of that.

    >>> dn.cov(np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]))
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    x = common(as_expr(x), floats=True)[0]
    if x.tensor.rank > 2:
        raise DefnShapeError(f"cov takes a vector or a matrix, not {x.type}")
    rows = x if x.tensor.rank == 2 else axes.reshape(x, (1, -1))
    if x.tensor.rank == 2 and not rowvar:
        rows = movement.transpose(rows)
    less = (0 if bias else 1) if ddof is None else ddof
    centered = subtract(rows, mean(rows, 1, keepdims=True))
    product = dot.dot_general(centered, centered, ((1,), (1,)))
    made = divide(product, max(rows.shape[1] - less, 0))
    return axes.reshape(made, ()) if made.shape == (1, 1) else made


def corrcoef(x: Any, *, rowvar: bool = True) -> Expr:
    """Return the correlation of variables: `cov` divided by standard deviations.

    >>> dn.corrcoef(np.array([[1.0, 2.0, 3.0], [6.0, 4.0, 2.0]]))
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    made = cov(x, rowvar=rowvar)
    if made.shape == ():
        return divide(made, made)
    spread = sqrt(diagonal(made))
    return divide(made, dot.outer(spread, spread))
