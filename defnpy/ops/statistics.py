"""Composite reductions: means, spreads, softmax and running sums."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from defnpy.base.dtypes import BF16, BOOL, F16, F32, I64, U64, DType, as_dtype
from defnpy.base.errors import DefnShapeError
from defnpy.ir.expr import Expr
from defnpy.ops import axes, control, movement, reduce
from defnpy.ops.axes import normalize_axes
from defnpy.ops.complex import imag, real
from defnpy.ops.creation import strong
from defnpy.ops.elementwise import (
    as_bool,
    divide,
    maximum,
    minimum,
    not_equal,
    sqrt,
    subtract,
)
from defnpy.ops.family import convert
from defnpy.ops.indexing import dynamic_slice, dynamic_update
from defnpy.ops.leaf import as_expr, const
from defnpy.ops.manipulation import one_axis


def widened(x: Expr) -> tuple[Expr, DType | None]:
    """Return halves as f32 and the dtype to return to."""
    return (convert(x, F32), x.dtype) if x.dtype in (F16, BF16) else (x, None)


def narrowed(x: Expr, dtype: DType | None) -> Expr:
    """Return `x` as `dtype`, where `widened` asked for it."""
    return x if dtype is None else convert(x, dtype)


def _typed(x: Any, dtype: Any) -> Expr:
    x = as_expr(x)
    return x if dtype is None else convert(x, as_dtype(dtype))


def sum(x: Any, axis: Any = None, *, dtype: Any = None, keepdims: bool = False) -> Expr:
    """Return the sum over `axis`, over all axes by default.

    Small integers add up as i64 or u64; halves accumulate in f32.

    >>> dn.sum(np.array([[1, 2], [3, 4]]), axis=0)
    array([4, 6])
    """
    return reduce.sum(_typed(x, dtype), axis, keepdims=keepdims)


def prod(
    x: Any, axis: Any = None, *, dtype: Any = None, keepdims: bool = False
) -> Expr:
    """Return the product over `axis`, over all axes by default.

    >>> dn.prod(np.array([2, 3, 4]))
    np.int64(24)
    """
    return reduce.prod(_typed(x, dtype), axis, keepdims=keepdims)


def mean(
    x: Any, axis: Any = None, *, dtype: Any = None, keepdims: bool = False
) -> Expr:
    """Return the mean over `axis`, over all axes by default; of no elements, NaN.

    Integers give the default float.

    >>> dn.mean(np.array([[1.0, 2.0], [3.0, 6.0]]), axis=1)
    array([1.5, 4.5])
    """
    x, narrow = widened(_typed(x, dtype))
    total = reduce.sum(x, axis, keepdims=keepdims)
    return narrowed(divide(total, _count(x, axis)), narrow)


def _count(x: Expr, axis: Any) -> int:
    return math.prod(x.shape[a] for a in normalize_axes(axis, x.tensor.rank))


def var(
    x: Any,
    axis: Any = None,
    *,
    correction: float = 0,
    ddof: float = 0,
    keepdims: bool = False,
) -> Expr:
    """Return the variance over `axis`: squared distances from the mean, averaged.

    Of complex numbers it is real.

    Args:
        x: tensor; integers become the default float.
        axis: an axis, a tuple of axes, or None for all.
        correction: what is taken off the number of elements before dividing.
        ddof: NumPy's name for `correction`.
        keepdims: whether the axes stay, with size 1.

    >>> dn.var(np.array([1.0, 2.0, 3.0])), dn.var(np.array([1.0, 3.0]), correction=1)
    (np.float64(0.6666666666666666), np.float64(2.0))
    """
    x, narrow = widened(as_expr(x))
    centered = subtract(x, mean(x, axis, keepdims=True))
    total = reduce.sum(squared_size(centered), axis, keepdims=keepdims)
    left = max(_count(x, axis) - (correction or ddof), 0)
    return narrowed(divide(total, left), narrow)


def squared_size(x: Expr) -> Expr:
    """Return the square of each element, of a complex one that of its length."""
    if x.dtype.kind != "c":
        return x * x
    return real(x) * real(x) + imag(x) * imag(x)


def std(
    x: Any,
    axis: Any = None,
    *,
    correction: float = 0,
    ddof: float = 0,
    keepdims: bool = False,
) -> Expr:
    """Return the standard deviation over `axis`: the square root of `var`.

    >>> dn.std(np.array([[1.0, 3.0], [2.0, 6.0]]), axis=1)
    array([1., 2.])
    """
    x, narrow = widened(as_expr(x))
    spread = var(x, axis, correction=correction, ddof=ddof, keepdims=keepdims)
    return narrowed(sqrt(spread), narrow)


def count_nonzero(x: Any, axis: Any = None, *, keepdims: bool = False) -> Expr:
    """Return how many elements over `axis` are not zero, as i64.

    >>> dn.count_nonzero(np.array([0.0, 2.0, -1.0]))
    np.int64(2)
    """
    return reduce.sum(as_bool(as_expr(x)), axis, keepdims=keepdims)


def diff(
    x: Any, n: int = 1, axis: int = -1, *, prepend: Any = None, append: Any = None
) -> Expr:
    """Return the differences of neighbours along `axis`, taken `n` times.

    >>> dn.diff(np.array([1, 4, 9]))
    array([3, 5])
    """
    x = as_expr(x)
    place = one_axis(axis, x.tensor.rank)
    parts = [as_expr(each) for each in (prepend, x, append) if each is not None]
    x = movement.concatenate([_as_slice(p, x, place) for p in parts], place)
    for _ in range(n):
        size = x.shape[place]
        later, earlier = along(x, place, 1, size), along(x, place, 0, max(size - 1, 0))
        work = not_equal if x.dtype == BOOL else subtract
        x = work(later, earlier)
    return x


def _as_slice(part: Expr, x: Expr, axis: int) -> Expr:
    if part.tensor.rank:
        return part
    shape = list(x.shape)
    shape[axis] = 1
    return axes.broadcast_to(part, tuple(shape))


def along(x: Expr, axis: int, start: int, stop: int) -> Expr:
    """Return the slices from `start` to `stop` along an axis."""
    low, high = [0] * x.tensor.rank, list(x.shape)
    low[axis], high[axis] = min(start, x.shape[axis]), stop
    return movement.strided_slice(x, low, high, [1] * x.tensor.rank)


Step = Callable[[Expr, Expr], Expr]


def _cumulative(
    x: Expr, axis: int | None, step: Step, first: Any, reverse: bool
) -> Expr:
    """Return every prefix of a fold along one axis, in one counted loop.

    `first` is put before the results unless it is None; `reverse` goes from the end.
    """
    if axis is None and x.tensor.rank != 1:
        raise DefnShapeError(f"an axis is needed to accumulate over {x.type}")
    place = one_axis(0 if axis is None else axis, x.tensor.rank)
    shape = tuple(1 if a == place else s for a, s in enumerate(x.shape))
    x = movement.flip(x, place) if reverse else x
    if x.shape[place] > 0:
        x = _run(x, place, shape, step)
    if first is not None:
        initial = axes.broadcast_to(const(first, x.dtype), shape)
        x = movement.concatenate([initial, x], place)
    return movement.flip(x, place) if reverse else x


def _run(x: Expr, axis: int, shape: tuple[int, ...], step: Step) -> Expr:
    zero = const(0, I64)

    def at(k: Expr) -> list[Expr]:
        return [k if a == axis else zero for a in range(x.tensor.rank)]

    def body(k: Expr, total: Expr, made: Expr) -> tuple[Expr, Expr]:
        total = step(total, dynamic_slice(x, at(k), shape))
        return total, dynamic_update(made, total, at(k))

    first = dynamic_slice(x, at(zero), shape)
    one, stop = const(1, I64), const(x.shape[axis], I64)
    return control.counted_loop(one, stop, one, (first, x), body)[1]


def _accumulated(x: Any, dtype: Any) -> tuple[Expr, DType | None]:
    """Return `x` in the dtype that sums and products of it have."""
    x = _typed(strong(as_expr(x)), dtype)
    if dtype is None and x.dtype.kind in "bi":
        x = convert(x, I64)
    if dtype is None and x.dtype.kind == "u":
        x = convert(x, U64)
    return widened(x)


def cumulative_sum(
    x: Any,
    *,
    axis: int | None = None,
    dtype: Any = None,
    include_initial: bool = False,
    reverse: bool = False,
) -> Expr:
    """Return the sums of all prefixes along `axis`.

    The axis may be left out where there is only one.  Small integers add up as i64;
    `include_initial` puts a zero first; `reverse` adds up from the end.

    >>> dn.cumulative_sum(np.array([1, 2, 3]))
    array([1, 3, 6])
    """
    x, narrow = _accumulated(x, dtype)
    first = 0 if include_initial else None
    return narrowed(_cumulative(x, axis, operator.add, first, reverse), narrow)


def cumulative_prod(
    x: Any,
    *,
    axis: int | None = None,
    dtype: Any = None,
    include_initial: bool = False,
    reverse: bool = False,
) -> Expr:
    """Return the products of all prefixes along `axis`.

    >>> dn.cumulative_prod(np.array([1, 2, 3]), include_initial=True)
    array([1, 1, 2, 6])
    """
    x, narrow = _accumulated(x, dtype)
    first = 1 if include_initial else None
    return narrowed(_cumulative(x, axis, operator.mul, first, reverse), narrow)


def cumulative_max(x: Any, *, axis: int | None = None, reverse: bool = False) -> Expr:
    """Return the largest element of each prefix along `axis`.

    >>> dn.cumulative_max(np.array([1, 3, 2]))
    array([1, 3, 3])
    """
    return _cumulative(strong(as_expr(x)), axis, maximum, None, reverse)


def cumulative_min(x: Any, *, axis: int | None = None, reverse: bool = False) -> Expr:
    """Return the smallest element of each prefix along `axis`.

    >>> dn.cumulative_min(np.array([2, 3, 1]))
    array([2, 2, 1])
    """
    return _cumulative(strong(as_expr(x)), axis, minimum, None, reverse)


def cumsum(x: Any, axis: int | None = None, *, dtype: Any = None) -> Expr:
    """Return `cumulative_sum`, of the flattened tensor if the axis is None.

    >>> dn.cumsum(np.array([[1, 2], [3, 4]]))
    array([ 1,  3,  6, 10])
    """
    x, axis = _flattened(x, axis)
    return cumulative_sum(x, axis=axis, dtype=dtype)


def cumprod(x: Any, axis: int | None = None, *, dtype: Any = None) -> Expr:
    """Return `cumulative_prod`, of the flattened tensor if the axis is None.

    >>> dn.cumprod(np.array([[1, 2], [3, 4]]), axis=1)
    array([[ 1,  2],
           [ 3, 12]])
    """
    x, axis = _flattened(x, axis)
    return cumulative_prod(x, axis=axis, dtype=dtype)


def _flattened(x: Any, axis: int | None) -> tuple[Expr, int]:
    x = as_expr(x)
    return (movement.ravel(x), 0) if axis is None else (x, axis)
