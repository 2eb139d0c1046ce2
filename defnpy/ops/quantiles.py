"""Statistics of sorted or weighted elements."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from defnpy.base.dtypes import F64, I64
from defnpy.base.errors import DefnShapeError, DefnValueError
from defnpy.ops import axes, control, dot, movement, reduce
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
    logical_not,
    logical_or,
    maximum,
    multiply,
    not_equal,
    rint,
    sqrt,
    subtract,
    where,
)
from defnpy.ops.family import common, convert
from defnpy.ops.leaf import as_expr, const
from defnpy.ops.manipulation import roll
from defnpy.ops.selecting import take_along_axis
from defnpy.ops.sorting import sort
from defnpy.ops.statistics import cumulative_max, mean, narrowed, widened

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


def quantile(
    x: Any,
    q: Any,
    axis: Any = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
) -> Expr:
    """Return the element below which a share `q` of the others are.

    Between two elements it is interpolated; if any is NaN, so is the result.

    Args:
        x: tensor; integers become the default float.
        q: shares from 0 to 1; their axes come first in the result.
        axis: an axis, a tuple of axes, or None for all.
        method: what is taken of two elements: ``"linear"`` interpolation, the
            ``"lower"``, ``"higher"`` or ``"nearest"``, or the ``"midpoint"``.
        keepdims: whether the axes stay, with size 1.

    >>> dn.quantile(np.array([1.0, 2.0, 4.0]), np.array([0.5, 0.75]))
    array([2., 3.])
    """
    return quantile_of(x, q, axis, method, keepdims, skip=False)


def quantile_of(
    x: Any, q: Any, axis: Any, method: str, keepdims: bool, *, skip: bool
) -> Expr:
    """Return quantiles; where there is a NaN it is the result, or it is skipped."""
    x, places = _gathered(x, axis)
    x, narrow = widened(common(x, floats=True)[0])
    # Places are counted in f64: f32 does not tell those of long arrays apart.
    q = _checked_share(convert(as_expr(q), F64))
    rest, size = x.shape[:-1], x.shape[-1]
    missing = isnan(x)
    shares, last = axes.reshape(q, (-1,)), const(float(size - 1), F64)
    if skip:  # NaN is sorted to the end, behind the elements of each row that count
        count = reduce.sum(logical_not(missing), -1, keepdims=True)
        last = maximum(convert(count, F64) - 1.0, 0.0)
        none = equal(count, 0)
    else:
        none = reduce.any(missing, -1, keepdims=True)
    place = multiply(last, axes.broadcast_to(shares, (*rest, shares.shape[0])))
    between = _taken(sort(x), place, method)
    made = narrowed(where(none, math.nan, between), narrow)
    made = movement.moveaxis(made, len(rest), 0)
    return axes.reshape(made, (*q.shape, *_kept(rest, places, keepdims)))


def _taken(ordered: Expr, place: Expr, method: str) -> Expr:
    """Return what is at places between sorted elements, by the rule `method` names."""
    whole = {"lower": floor, "higher": ceil, "nearest": rint}
    if method in whole:
        return _at(ordered, whole[method](place))
    low, high = (_at(ordered, function(place)) for function in (floor, ceil))
    share = convert(subtract(place, floor(place)), ordered.dtype)
    if method == "midpoint":
        share = where(equal(share, 0), share, 0.5)
    elif method != "linear":
        raise DefnValueError(
            "method must be 'linear', 'lower', 'higher', 'nearest' or 'midpoint', "
            f"not {method!r}"
        )
    step = multiply(subtract(high, low), share)
    return where(equal(share, 0), low, add(low, step))


def _checked_share(q: Expr) -> Expr:
    fits = logical_and(greater_equal(q, 0), less_equal(q, 1))
    return control.check(
        q, reduce.all(fits), "DefnValueError", "a quantile's share must be in [0, 1]"
    )


def _at(ordered: Expr, place: Expr) -> Expr:
    """Return elements along the last axis at whole numbers, kept inside."""
    return take_along_axis(ordered, convert(place, I64), mode="clip")


def _kept(
    rest: tuple[int, ...], places: tuple[int, ...], keepdims: bool
) -> tuple[int, ...]:
    kept = list(rest)
    for place in places if keepdims else ():
        kept.insert(place, 1)
    return tuple(kept)


def percentile(
    x: Any,
    q: Any,
    axis: Any = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
) -> Expr:
    """Return `quantile` for shares in per cent.

    >>> dn.percentile(np.array([1.0, 2.0, 4.0]), 75)
    np.float64(3.0)
    """
    return quantile(x, divide(q, 100), axis, method=method, keepdims=keepdims)


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
