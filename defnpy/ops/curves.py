"""Curves that are given by points: what is between them, and below."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from defnpy.base.dtypes import I64
from defnpy.base.errors import DefnShapeError, DefnTypeError
from defnpy.ops import axes, movement
from defnpy.ops.axes import normalize_axes
from defnpy.ops.complex import real
from defnpy.ops.elementwise import (
    absolute,
    add,
    divide,
    equal,
    greater,
    isnan,
    less,
    logical_or,
    multiply,
    remainder,
    subtract,
    where,
)
from defnpy.ops.family import common, convert
from defnpy.ops.leaf import as_expr, const
from defnpy.ops.movement import concatenate
from defnpy.ops.selecting import searchsorted, take
from defnpy.ops.sorting import argsort
from defnpy.ops.statistics import along, diff
from defnpy.ops.statistics import sum as total_of

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr


def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Expr:
    """Return the values at `x` of the straight lines between points (xp, fp).

    Args:
        x: where the values are asked for; a tensor of any shape.
        xp: increasing vector; in any order where there is a period.
        fp: vector of the values there; integers become the default float.
        left: the value before the first point, by default that of the first.
        right: the value after the last point, by default that of the last.
        period: after how much the curve repeats; then there are no ends.

    >>> dn.interp(
    ...     np.array([0.5, 1.5, 9.0]), np.array([0, 1, 2]), np.array([0.0, 10, 20])
    ... )
    array([ 5., 15., 20.])
    """
    x, xp, fp = as_expr(x), as_expr(xp), common(as_expr(fp), floats=True)[0]
    if "c" in (x.dtype.kind, xp.dtype.kind):
        raise DefnTypeError("interp takes values, but no places, that are complex")
    if xp.tensor.rank != 1 or fp.shape != xp.shape or xp.shape[0] == 0:
        raise DefnShapeError(f"{xp.type} and {fp.type} are not points of a curve")
    shape, flat = x.shape, axes.reshape(x, (-1,))
    flat, xp = _of_one_dtype(flat, xp, real(fp))
    if period is not None:
        flat, xp, fp = _unrolled(flat, xp, fp, absolute(as_expr(period)))
    return axes.reshape(_between(flat, xp, fp, left, right), shape)


def _of_one_dtype(x: Expr, xp: Expr, fp: Expr) -> tuple[Expr, Expr]:
    """Return places in the dtype of the values, if that is the wider one."""
    dtype = common(_first(x), _first(xp), _first(fp), floats=True)[0].dtype
    return convert(x, dtype), convert(xp, dtype)


def _unrolled(x: Expr, xp: Expr, fp: Expr, period: Expr) -> tuple[Expr, Expr, Expr]:
    """Return places in one period, and its sorted points with one more at each end."""
    period = convert(period, x.dtype)
    x, xp = remainder(x, period), remainder(xp, period)
    order = argsort(xp)
    xp, fp = take(xp, order), take(fp, order)
    xp = concatenate([subtract(_last(xp), period), xp, add(_first(xp), period)])
    return x, xp, concatenate([_last(fp), fp, _first(fp)])


def _first(x: Expr) -> Expr:
    return movement.strided_slice(x, (0,), (min(1, x.shape[0]),), (1,))


def _last(x: Expr) -> Expr:
    return movement.strided_slice(x, (x.shape[0] - 1,), x.shape, (1,))


def _between(x: Expr, xp: Expr, fp: Expr, left: Any, right: Any) -> Expr:
    """Return a value for each of a vector of places."""
    place = subtract(searchsorted(xp, x, "right"), const(1, I64))
    x0, x1, f0, f1 = (
        take(points, add(place, const(step, I64)), mode="clip")
        for points in (xp, fp)
        for step in (0, 1)
    )
    slope = divide(subtract(f1, f0), subtract(x1, x0))
    made = add(multiply(slope, subtract(x, x0)), f0)
    # Where the first point is infinite the line is measured from the second.
    made = where(isnan(made), add(multiply(slope, subtract(x, x1)), f1), made)
    made = where(logical_or(equal(x, x0), equal(f0, f1)), f0, made)
    made = where(less(x, _first(xp)), _first(fp) if left is None else left, made)
    made = where(greater(x, _last(xp)), _last(fp) if right is None else right, made)
    return where(isnan(x), math.nan, made)


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Expr:
    """Return the area below a curve of straight lines, along `axis`.

    Args:
        y: values; integers become the default float.
        x: where they are: of the shape of `y`, or a vector along the axis.
        dx: how far apart they are, without `x`.
        axis: an axis.

    >>> dn.trapezoid(np.array([1.0, 2.0, 3.0])), dn.trapezoid(np.array([1, 3]), dx=2)
    (np.float64(4.0), np.float32(4.0))
    """
    y = as_expr(y)
    (place,) = normalize_axes(axis, y.tensor.rank)
    size = y.shape[place]
    width = as_expr(dx)
    if x is not None:
        width = diff(x, axis=place if as_expr(x).tensor.rank > 1 else 0)
        if width.tensor.rank == 1:
            sizes = [-1 if a == place else 1 for a in range(y.tensor.rank)]
            width = axes.reshape(width, sizes)
    later = along(y, place, 1, size)
    earlier = along(y, place, 0, max(size - 1, 0))
    return total_of(divide(multiply(width, add(later, earlier)), 2), place)
