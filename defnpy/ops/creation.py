"""Tensors made from shapes, numbers and Python lists.

A shape, a count and a dtype are static.  Where no dtype is given it is the default
float, or what the values say.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from defnpy.base import dtypes, shapes
from defnpy.base.dims import Dim
from defnpy.base.dtypes import I64, DType, as_dtype, default_float
from defnpy.base.errors import (
    DefnOverflowError,
    DefnShapeError,
    DefnStaticError,
    DefnTypeError,
    DefnValueError,
)
from defnpy.ir.expr import Expr
from defnpy.ir.types import TensorType
from defnpy.ops import axes, movement
from defnpy.ops.elementwise import floor
from defnpy.ops.family import common, convert
from defnpy.ops.leaf import as_expr, const, scalar_of
from defnpy.ops.movement import stack


def static_int(value: Any, what: str) -> Any:
    """Return a static integer, or say that `what` must be one."""
    if isinstance(value, Dim):
        return value
    if isinstance(value, Expr):
        known = scalar_of(value)
        value = value if known is None else known
    try:
        return operator.index(value)
    except TypeError:
        error = DefnStaticError if isinstance(value, Expr) else DefnTypeError
        raise error(
            f"{what} must be an int known when the function is compiled"
        ) from None


def static_shape(shape: Any) -> tuple[Any, ...]:
    """Return the sizes of a shape given as an int or a sequence of ints."""
    given = shape if isinstance(shape, tuple | list) else (shape,)
    sizes = tuple(static_int(size, "a size") for size in given)
    if any(size < 0 for size in sizes):
        raise DefnShapeError(f"a size may not be negative: {sizes}")
    return sizes


def dtype_or(dtype: Any, otherwise: DType) -> DType:
    """Return the dtype asked for, or the one that holds where none is."""
    return otherwise if dtype is None else as_dtype(dtype)


def strong(x: Expr) -> Expr:
    """Return `x` with a dtype of its own: a weak float becomes the default float."""
    if not x.tensor.weak:
        return x
    if x.dtype.kind == "c":
        return convert(x, default_complex())
    return convert(x, default_float() if x.dtype.is_float else x.dtype)


def default_complex() -> DType:
    """Return the complex dtype whose parts are the default float."""
    return dtypes.C128 if default_float() == dtypes.F64 else dtypes.C64


def cast(x: Expr, dtype: Any) -> Expr:
    """Return `x` as `dtype`, or with a dtype of its own where that is None."""
    return strong(x) if dtype is None else convert(x, as_dtype(dtype))


def tensor(value: Any, dtype: Any = None) -> Expr:
    """Return a tensor of nested lists of numbers, or of another tensor.

    Floats in lists become the default float, f32; integers i64.  An array keeps its
    dtype.

    >>> dn.tensor([[200, 100]])
    array([[200, 100]])
    >>> dn.tensor([0.5, 2]).dtype, dn.tensor([1.5], dtype="f64").dtype
    (dtype('float32'), dtype('float64'))
    """
    return cast(_nested(value), dtype)


def _nested(value: Any) -> Expr:
    if not isinstance(value, list | tuple):
        return as_expr(value)
    if _is_of_numbers(value):
        return _constant(value)
    return stack([_nested(item) for item in value])


def _is_of_numbers(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_of_numbers, value))
    python = isinstance(value, bool | int | float | complex)
    return python and not isinstance(value, np.generic)


def _constant(value: Any) -> Expr:
    """Return lists of Python numbers as one weak constant."""
    try:
        array = np.array(value)
    except ValueError:
        raise DefnShapeError("the lists in one list must have one length") from None
    if array.dtype.kind == "O" or array.dtype == np.uint64:
        raise DefnOverflowError("an integer in the list does not fit in i64")
    if array.size == 0:
        array = array.astype(np.float64)
    return const(array, weak=True)


def asarray(value: Any, dtype: Any = None, *, copy: bool | None = None) -> Expr:
    """Return a tensor of anything that is one: array, number, list or data frame.

    An array keeps its dtype; `copy` changes nothing, as tensors are values.

    >>> dn.asarray(np.arange(3)), dn.asarray([1, 2], dtype="f32")
    (array([0, 1, 2]), array([1., 2.], dtype=float32))
    """
    return tensor(value, dtype)


def astype(x: Any, dtype: Any, *, copy: bool = True) -> Expr:
    """Return `x` converted to `dtype`.

    A float becomes an integer by dropping its fraction: NaN becomes 0, infinities
    the extremes of the dtype.

    >>> dn.astype(np.array([1, 2]), "f64")
    array([1., 2.])
    >>> dn.astype(np.array([1.7, np.nan, np.inf]), "i32")
    array([         1,          0, 2147483647], dtype=int32)
    """
    return convert(as_expr(x), as_dtype(dtype))


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Expr:
    """Return a tensor whose every element is `fill_value`.

    >>> dn.full((2, 2), 7)
    array([[7, 7],
           [7, 7]])
    """
    value = cast(as_expr(fill_value), dtype)
    return axes.broadcast_to(value, static_shape(shape))


def zeros(shape: Any, dtype: Any = None) -> Expr:
    """Return zeros of the default float, or of `dtype`.

    >>> dn.zeros((2, 3))
    array([[0., 0., 0.],
           [0., 0., 0.]], dtype=float32)
    """
    return _filled(shape, 0, dtype)


def ones(shape: Any, dtype: Any = None) -> Expr:
    """Return ones of the default float, or of `dtype`.

    >>> dn.ones(2, dtype="i32")
    array([1, 1], dtype=int32)
    """
    return _filled(shape, 1, dtype)


def empty(shape: Any, dtype: Any = None) -> Expr:
    """Return a tensor to be stored into; its elements are zero.

    >>> dn.empty(2).shape
    (2,)
    """
    return _filled(shape, 0, dtype)


def _filled(shape: Any, value: int, dtype: Any) -> Expr:
    made = dtype_or(dtype, default_float())
    return axes.full(TensorType(made, static_shape(shape)), value)


def _like(x: Any, dtype: Any) -> TensorType:
    type = strong(as_expr(x)).tensor
    return type if dtype is None else type.with_dtype(as_dtype(dtype))


def zeros_like(x: Any, dtype: Any = None) -> Expr:
    """Return zeros of the shape and dtype of `x`.

    >>> dn.zeros_like(np.array([1, 2]))
    array([0, 0])
    """
    return axes.full(_like(x, dtype), 0)


def ones_like(x: Any, dtype: Any = None) -> Expr:
    """Return ones of the shape and dtype of `x`.

    >>> dn.ones_like(np.array([1, 2]), dtype="f32")
    array([1., 1.], dtype=float32)
    """
    return axes.full(_like(x, dtype), 1)


def empty_like(x: Any, dtype: Any = None) -> Expr:
    """Return a tensor like `x` to be stored into; its elements are zero.

    >>> dn.empty_like(np.array([1, 2])).shape
    (2,)
    """
    return axes.full(_like(x, dtype), 0)


def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Expr:
    """Return a tensor of the shape and dtype of `x`, each element `fill_value`.

    >>> dn.full_like(np.array([1.0, 2.0]), 3)
    array([3., 3.])
    """
    type = _like(x, dtype)
    return axes.broadcast_to(convert(as_expr(fill_value), type.dtype), type.shape)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Expr:
    """Return start, start + step, … before stop; the bounds are static.

    Integer bounds give i64, others the default float.

    >>> dn.arange(3), dn.arange(1, 2, 0.25)
    (array([0, 1, 2]), array([1.  , 1.25, 1.5 , 1.75], dtype=float32))
    """
    first, last, by = map(_static_number, (start, stop, step))
    if last is None:
        first, last = 0, first
    if first is None or last is None or by is None:
        raise DefnTypeError("arange needs at least one bound")
    if by == 0:
        raise DefnValueError("the step of arange may not be 0")
    whole = all(isinstance(each, int | Dim) for each in (first, last, by))
    made = dtype_or(dtype, I64 if whole else default_float())
    if whole:
        count = shapes.count(first, last, by)
    else:
        count = max(math.ceil((last - first) / by), 0)
    work = made if made.is_float else I64 if whole else default_float()
    return convert(
        movement.iota(count, work) * const(by, work) + const(first, work), made
    )


def _static_number(value: Any) -> Any:
    if isinstance(value, Expr):
        value = scalar_of(value)
        if value is None:
            raise DefnStaticError(
                "the bounds of arange must be known when the function is compiled"
            )
    if isinstance(value, np.generic):
        value = value.item()
    if value is not None and not isinstance(value, int | float | Dim):
        raise DefnTypeError(f"{value!r} cannot be a bound of arange")
    return value


def iota(shape: Any, axis: int | None = None, dtype: Any = None) -> Expr:
    """Return 0, 1, 2, … along an axis, or over all elements in row-major order.

    >>> dn.iota((2, 3)), dn.iota((2, 3), axis=0, dtype="f32")[:, 0]
    (array([[0, 1, 2],
           [3, 4, 5]]), array([0., 1.], dtype=float32))
    """
    sizes = static_shape(shape)
    if axis is None:
        numbers = movement.iota(math.prod(sizes), dtype_or(dtype, I64))
        return axes.reshape(numbers, sizes)
    (place,) = axes.normalize_axes(static_int(axis, "an axis"), len(sizes))
    return movement.iota(sizes, dtype_or(dtype, I64), place)


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    *,
    dtype: Any = None,
    axis: int = 0,
) -> Expr:
    """Return `num` numbers at equal distances from `start` to `stop`, along `axis`.

    The bounds may be tensors; integers of a `dtype` asked for are rounded down.

    >>> dn.linspace(0, 1, 5)
    array([0.  , 0.25, 0.5 , 0.75, 1.  ], dtype=float32)
    >>> dn.linspace(0, 1, 4, endpoint=False, dtype="f64")
    array([0.  , 0.25, 0.5 , 0.75])
    """
    count = static_int(num, "num")
    if count < 0:
        raise DefnValueError(f"linspace cannot have {count} elements")
    first, last = common(as_expr(start), as_expr(stop), floats=True)
    made = dtype_or(dtype, strong(first).dtype)
    work = made if made.is_float else default_float()
    pieces = max(count - 1 if endpoint else count, 1)
    share = movement.iota(count, work) / const(pieces, work)
    share = axes.reshape(share, (count,) + (1,) * first.tensor.rank)
    first, last = convert(first, work), convert(last, work)
    # Both ends are met exactly this way; start + i * step would miss the last.
    numbers = (1 - share) * first + share * last
    if made.is_integer:
        numbers = floor(numbers)
    place = axes.normalize_axes(axis, numbers.tensor.rank)[0]
    return convert(movement.moveaxis(numbers, 0, place), made)
