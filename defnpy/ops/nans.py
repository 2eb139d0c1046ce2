"""Reductions that leave NaN out, and what puts numbers in its place."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import ml_dtypes

from defnpy.ops import control, quantiles, reduce, statistics
from defnpy.ops.complex import imag, make_complex, real
from defnpy.ops.elementwise import (
    divide,
    equal,
    greater,
    isnan,
    logical_not,
    maximum,
    minimum,
    sqrt,
    subtract,
    where,
)
from defnpy.ops.family import common, convert
from defnpy.ops.leaf import as_expr, const
from defnpy.ops.statistics import narrowed, widened

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.ir.expr import Expr


def nan_to_num(x: Any, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Expr:
    """Return `x` with numbers in place of NaN and the infinities.

    Args:
        x: tensor; integers are returned as they are.
        nan: what replaces NaN.
        posinf: what replaces infinity, by default the largest finite number.
        neginf: what replaces minus infinity, by default the least finite number.

    >>> dn.nan_to_num(np.array([1.5, np.nan, -np.inf]), neginf=-9)
    array([ 1.5,  0. , -9. ])
    """
    x = as_expr(x)
    if x.dtype.kind == "c":
        parts = (nan_to_num(part(x), nan, posinf, neginf) for part in (real, imag))
        return make_complex(*parts)
    if not x.dtype.is_float:
        return x
    largest = float(ml_dtypes.finfo(x.dtype.numpy).max)
    high = largest if posinf is None else posinf
    low = -largest if neginf is None else neginf
    made = where(equal(x, math.inf), high, where(equal(x, -math.inf), low, x))
    return convert(where(isnan(x), nan, made), x.dtype, weak=x.tensor.weak)


def fmax(a: Any, b: Any) -> Expr:
    """Return the larger of two elements, of NaN and a number the number.

    >>> dn.fmax(np.array([1.0, np.nan]), np.array([2.0, 0.5]))
    array([2. , 0.5])
    """
    return _numbers(maximum, a, b)


def fmin(a: Any, b: Any) -> Expr:
    """Return the smaller of two elements, of NaN and a number the number.

    >>> dn.fmin(np.array([1.0, np.nan]), np.array([2.0, 0.5]))
    array([1. , 0.5])
    """
    return _numbers(minimum, a, b)


def _numbers(function: Callable[..., Expr], a: Any, b: Any) -> Expr:
    a, b = common(as_expr(a), as_expr(b))
    return where(isnan(a), b, where(isnan(b), a, function(a, b)))


def _without(x: Any, neutral: Any) -> Expr:
    """Return `x` with `neutral` in place of NaN."""
    x = as_expr(x)
    return where(isnan(x), const(neutral, x.dtype), x) if x.dtype.is_inexact else x


def _present(x: Expr, axis: Any, *, keepdims: bool) -> Expr:
    """Return how many elements over `axis` are not NaN."""
    return reduce.sum(logical_not(isnan(x)), axis, keepdims=keepdims)


def nansum(
    x: Any, axis: Any = None, *, dtype: Any = None, keepdims: bool = False
) -> Expr:
    """Return the sum over `axis` of what is not NaN; of nothing, 0.

    >>> dn.nansum(np.array([[1.0, np.nan], [3.0, 4.0]]), axis=0)
    array([4., 4.])
    """
    return statistics.sum(_without(x, 0), axis, dtype=dtype, keepdims=keepdims)


def nanprod(
    x: Any, axis: Any = None, *, dtype: Any = None, keepdims: bool = False
) -> Expr:
    """Return the product over `axis` of what is not NaN; of nothing, 1.

    >>> dn.nanprod(np.array([2.0, np.nan, 4.0]))
    np.float64(8.0)
    """
    return statistics.prod(_without(x, 1), axis, dtype=dtype, keepdims=keepdims)


def nancumsum(x: Any, axis: int | None = None, *, dtype: Any = None) -> Expr:
    """Return the sums of all prefixes, NaN counted as 0; flattened without an axis.

    >>> dn.nancumsum(np.array([1.0, np.nan, 2.0]))
    array([1., 1., 3.])
    """
    return statistics.cumsum(_without(x, 0), axis, dtype=dtype)


def nancumprod(x: Any, axis: int | None = None, *, dtype: Any = None) -> Expr:
    """Return the products of all prefixes, NaN counted as 1; flattened without an axis.

    >>> dn.nancumprod(np.array([3.0, np.nan, 2.0]))
    array([3., 3., 6.])
    """
    return statistics.cumprod(_without(x, 1), axis, dtype=dtype)


def nanmean(
    x: Any, axis: Any = None, *, dtype: Any = None, keepdims: bool = False
) -> Expr:
    """Return the mean over `axis` of what is not NaN; of nothing, NaN.

    >>> dn.nanmean(np.array([[1.0, np.nan], [3.0, 4.0]]), axis=1)
    array([1. , 3.5])
    """
    x = as_expr(x) if dtype is None else convert(as_expr(x), dtype)
    x, narrow = widened(x)
    total = common(nansum(x, axis, keepdims=keepdims), floats=True)[0]
    count = convert(_present(x, axis, keepdims=keepdims), total.dtype)
    return narrowed(divide(total, count), narrow)


def nanvar(
    x: Any,
    axis: Any = None,
    *,
    correction: float = 0,
    ddof: float = 0,
    keepdims: bool = False,
) -> Expr:
    """Return the variance over `axis` of what is not NaN; the arguments are `var`'s.

    Of no more elements than are taken off their number it is NaN.

    >>> dn.nanvar(np.array([1.0, np.nan, 3.0]), correction=1)
    np.float64(2.0)
    """
    x, narrow = widened(common(as_expr(x), floats=True)[0])
    centered = subtract(x, nanmean(x, axis, keepdims=True))
    squares = where(isnan(x), 0, statistics.squared_size(centered))
    total = reduce.sum(squares, axis, keepdims=keepdims)
    count = _present(x, axis, keepdims=keepdims)
    left = subtract(convert(count, total.dtype), correction or ddof)
    none = const(math.nan, total.dtype)
    return narrowed(where(greater(left, 0), divide(total, left), none), narrow)


def nanstd(
    x: Any,
    axis: Any = None,
    *,
    correction: float = 0,
    ddof: float = 0,
    keepdims: bool = False,
) -> Expr:
    """Return the standard deviation over `axis` of what is not NaN.

    >>> dn.nanstd(np.array([1.0, np.nan, 3.0]))
    np.float64(1.0)
    """
    x, narrow = widened(as_expr(x))
    spread = nanvar(x, axis, correction=correction, ddof=ddof, keepdims=keepdims)
    return narrowed(sqrt(spread), narrow)


def nanmax(x: Any, axis: Any = None, *, keepdims: bool = False) -> Expr:
    """Return the largest element over `axis` that is not NaN; of nothing, NaN.

    >>> dn.nanmax(np.array([1.0, np.nan, 3.0]))
    np.float64(3.0)
    """
    return _extreme(reduce.max, -math.inf, x, axis, keepdims)


def nanmin(x: Any, axis: Any = None, *, keepdims: bool = False) -> Expr:
    """Return the smallest element over `axis` that is not NaN; of nothing, NaN.

    >>> dn.nanmin(np.array([1.0, np.nan, 3.0]))
    np.float64(1.0)
    """
    return _extreme(reduce.min, math.inf, x, axis, keepdims)


def _extreme(
    function: Callable[..., Expr], least: float, x: Any, axis: Any, keepdims: bool
) -> Expr:
    x = as_expr(x)
    made = function(_without(x, least), axis, keepdims=keepdims)
    if not x.dtype.is_float:
        return made
    present = _present(x, axis, keepdims=keepdims)
    return where(equal(present, 0), const(math.nan, x.dtype), made)


def nanargmax(x: Any, axis: int | None = None, *, keepdims: bool = False) -> Expr:
    """Return the index (i64) of the first largest element that is not NaN.

    Where all are NaN a `ValueError` is raised, as NumPy does.

    >>> dn.nanargmax(np.array([1.0, np.nan, 3.0]))
    np.int64(2)
    """
    return _place(reduce.argmax, -math.inf, x, axis, keepdims)


def nanargmin(x: Any, axis: int | None = None, *, keepdims: bool = False) -> Expr:
    """Return the index (i64) of the first smallest element that is not NaN.

    Where all are NaN a `ValueError` is raised, as NumPy does.

    >>> dn.nanargmin(np.array([5.0, np.nan, 3.0]))
    np.int64(2)
    """
    return _place(reduce.argmin, math.inf, x, axis, keepdims)


def _place(
    function: Callable[..., Expr],
    least: float,
    x: Any,
    axis: int | None,
    keepdims: bool,
) -> Expr:
    x = as_expr(x)
    made = function(_without(x, least), axis, keepdims=keepdims)
    if not x.dtype.is_float:
        return made
    some = reduce.all(reduce.any(logical_not(isnan(x)), axis))
    return control.check(made, some, "DefnValueError", "all elements are NaN")


def nanquantile(
    x: Any,
    q: Any,
    axis: Any = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
) -> Expr:
    """Return `quantile` of what is not NaN; of nothing, NaN.

    >>> dn.nanquantile(np.array([1.0, np.nan, 3.0]), 0.25)
    np.float64(1.5)
    """
    return quantiles.quantile_of(x, q, axis, method, keepdims, skip=True)


def nanpercentile(
    x: Any,
    q: Any,
    axis: Any = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
) -> Expr:
    """Return `percentile` of what is not NaN; of nothing, NaN.

    >>> dn.nanpercentile(np.array([1.0, np.nan, 3.0]), 25)
    np.float64(1.5)
    """
    return nanquantile(x, divide(q, 100), axis, method=method, keepdims=keepdims)


def nanmedian(x: Any, axis: Any = None, *, keepdims: bool = False) -> Expr:
    """Return the median of what is not NaN; of nothing, NaN.

    >>> dn.nanmedian(np.array([1.0, np.nan, 3.0]))
    np.float64(2.0)
    """
    return nanquantile(x, 0.5, axis, keepdims=keepdims)
