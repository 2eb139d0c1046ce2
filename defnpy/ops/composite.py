"""Elementwise functions made of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defnpy.base.dtypes import as_dtype
from defnpy.base.errors import DefnTypeError
from defnpy.ops import axes, complex_math, dot, elementwise, reduce
from defnpy.ops.complex import conj, imag, make_complex, real
from defnpy.ops.creation import static_int
from defnpy.ops.elementwise import (
    divide,
    equal,
    greater,
    isfinite,
    isnan,
    less,
    less_equal,
    logical_and,
    logical_or,
    multiply,
    rint,
    where,
)
from defnpy.ops.family import common, convert
from defnpy.ops.leaf import as_expr, const, scalar_of
from defnpy.ops.polar import absolute

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr


def clip(x: Any, min: Any = None, max: Any = None) -> Expr:
    """Return `x` with what is below `min` or above `max` moved there.

    At a bound the gradient passes; where min > max the result is max.

    >>> dn.clip(np.array([-1.0, 0.5, 2.0]), 0, 1)
    array([0. , 0.5, 1. ])
    """
    x = as_expr(x)
    if min is not None:
        low = as_expr(min)
        x = where(_beyond(less(x, low), low), low, x)
    if max is not None:
        high = as_expr(max)
        x = where(_beyond(greater(x, high), high), high, x)
    return x


def _beyond(outside: Expr, bound: Expr) -> Expr:
    """Return where the bound is taken: beyond it, and where it is NaN."""
    known = scalar_of(bound) is not None or not bound.dtype.is_float
    return outside if known else logical_or(outside, isnan(bound))


def square(x: Any) -> Expr:
    """Return ``x * x``.

    >>> dn.square(np.array([2.0, -3.0]))
    array([4., 9.])
    """
    return multiply(x, x)


def reciprocal(x: Any) -> Expr:
    """Return ``1 / x``; integers become the default float.

    >>> dn.reciprocal(np.array([2.0, 4.0]))
    array([0.5 , 0.25])
    """
    return divide(1, x)


def rsqrt(x: Any) -> Expr:
    """Return ``1 / sqrt(x)``.

    >>> dn.rsqrt(np.array([4.0]))
    array([0.5])
    """
    return divide(1, complex_math.sqrt(x))


def positive(x: Any) -> Expr:
    """Return `x`.

    >>> dn.positive(np.array([-1]))
    array([-1])
    """
    return as_expr(x)


def _whole(function: Any, x: Any) -> Expr:
    """Return a rounding of floats; integers are whole already."""
    x = as_expr(x)
    return x if x.dtype.is_integer else function(x)


def floor(x: Any) -> Expr:
    """Return the largest whole number not above each element.

    >>> dn.floor(np.array([1.5, -1.5]))
    array([ 1., -2.])
    """
    return _whole(elementwise.floor, x)


def ceil(x: Any) -> Expr:
    """Return the smallest whole number not below each element.

    >>> dn.ceil(np.array([1.5, -1.5]))
    array([ 2., -1.])
    """
    return _whole(elementwise.ceil, x)


def trunc(x: Any) -> Expr:
    """Return each element without its fraction.

    >>> dn.trunc(np.array([1.5, -1.5]))
    array([ 1., -1.])
    """
    return _whole(elementwise.trunc, x)


def round(x: Any, decimals: int = 0) -> Expr:
    """Return the nearest number of `decimals` decimals, halves to even.

    Of a complex number both parts are rounded.

    >>> dn.round(np.array([0.5, 1.5, -2.25])), dn.round(np.array([2.25]), 1)
    (array([ 0.,  2., -2.]), array([2.2]))
    """
    places = static_int(decimals, "decimals")
    x = as_expr(x)
    if x.dtype.kind == "c":
        return make_complex(round(real(x), places), round(imag(x), places))
    if x.dtype.is_integer and places >= 0:
        return x
    if places == 0:
        return rint(x)
    if x.dtype.is_integer:
        tens = const(10**-places, x.dtype)
        return convert(rint(divide(x, tens)), x.dtype) * tens
    power = 10.0 ** abs(places)
    if places > 0:
        return divide(rint(multiply(x, power)), power)
    return multiply(rint(divide(x, power)), power)


def signbit(x: Any) -> Expr:
    """Whether each element is negative; -0.0 is.

    >>> dn.signbit(np.array([-0.0, 1.0]))
    array([ True, False])
    """
    x = as_expr(x)
    if x.dtype.is_float:
        return less(elementwise.copysign(const(1, x.dtype), x), 0)
    return less(x, 0)


def isclose(
    a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, *, equal_nan: bool = False
) -> Expr:
    """Whether ``|a - b| <= atol + rtol * |b|``, element by element.

    >>> dn.isclose(np.array([1.0, 2.0]), np.array([1.0, 2.1]))
    array([ True, False])
    """
    a, b = common(as_expr(a), as_expr(b), floats=True)
    near = less_equal(absolute(a - b), atol + rtol * absolute(b))
    close = logical_or(equal(a, b), logical_and(near, isfinite(b)))
    if equal_nan:
        close = logical_or(close, logical_and(isnan(a), isnan(b)))
    return close


def allclose(
    a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, *, equal_nan: bool = False
) -> Expr:
    """Whether all elements are close, as `isclose` says.

    >>> dn.allclose(np.array([1.0]), np.array([1.0 + 1e-9]))
    np.True_
    """
    return reduce.all(isclose(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan))


def bitcast(x: Any, dtype: Any) -> Expr:
    """Return the bits of `x` read as `dtype`, of the same size.

    >>> dn.bitcast(np.array([1.0], np.float32), "u32")
    array([1065353216], dtype=uint32)
    """
    x = as_expr(x)
    return elementwise.bitcast(convert(x, x.dtype), as_dtype(dtype))


def outer(a: Any, b: Any) -> Expr:
    """Return the product of each element of `a` with each of `b`.

    >>> dn.outer(np.array([1, 2]), np.array([3, 4]))
    array([[3, 4],
           [6, 8]])
    """
    return dot.outer(a, b)


def kron(a: Any, b: Any) -> Expr:
    """Return `b` multiplied by each element of `a`, in the places of those.

    >>> dn.kron(np.array([[1, 2]]), np.array([[1], [10]]))
    array([[ 1,  2],
           [10, 20]])
    """
    a, b = as_expr(a), as_expr(b)
    rank = max(a.tensor.rank, b.tensor.rank)
    sizes, others = ((1,) * (rank - e.tensor.rank) + e.shape for e in (a, b))
    a = axes.reshape(a, [size for each in sizes for size in (each, 1)])
    b = axes.reshape(b, [size for each in others for size in (1, each)])
    return axes.reshape(
        multiply(a, b), [m * n for m, n in zip(sizes, others, strict=True)]
    )


def tensordot(a: Any, b: Any, axes: Any = 2) -> Expr:
    """Return the sum of products over axes of `a` paired with axes of `b`.

    Args:
        a: tensor.
        b: tensor.
        axes: how many last axes of `a` meet the first of `b`, or
            ``(axes of a, axes of b)``.

    >>> dn.tensordot(np.ones((2, 3)), np.ones((3, 4)), axes=1).shape
    (2, 4)
    """
    a, b = as_expr(a), as_expr(b)
    if isinstance(axes, int):
        first = a.tensor.rank - axes
        if first < 0 or axes > b.tensor.rank:
            raise DefnTypeError(f"{axes} axes cannot be contracted: {a.type}, {b.type}")
        axes = (tuple(range(first, a.tensor.rank)), tuple(range(axes)))
    return dot.dot(a, b, axes=axes)


def vecdot(a: Any, b: Any, *, axis: int = -1) -> Expr:
    """Return the sum of products over one axis of broadcast tensors.

    Of complex numbers the first is conjugated.

    >>> dn.vecdot(np.array([[1, 2], [3, 4]]), np.array([1, 1]))
    array([3, 7])
    """
    a, b = common(conj(a), as_expr(b))
    (place,) = axes.normalize_axes(axis, a.tensor.rank)
    rest = tuple(k for k in range(a.tensor.rank) if k != place)
    return dot.dot_general(a, b, ((place,), (place,)), (rest, rest))


def isin(x: Any, elements: Any, *, invert: bool = False) -> Expr:
    """Whether each element of `x` is one of `elements`.

    Args:
        x: tensor.
        elements: tensor of any shape; each is compared with each of `x`.
        invert: whether to tell what is not in it.

    >>> dn.isin(np.array([1, 2, 3]), np.array([3, 1]))
    array([ True, False,  True])
    """
    x, elements = as_expr(x), as_expr(elements)
    each = axes.reshape(x, (*x.shape, 1))
    found = reduce.any(equal(each, axes.reshape(elements, (-1,))), -1)
    return elementwise.logical_not(found) if invert else found
