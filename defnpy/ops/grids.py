"""Tensors made of the numbers of their rows and columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defnpy.base.dtypes import I64, default_float
from defnpy.base.errors import DefnShapeError, DefnTypeError, DefnValueError
from defnpy.ops import axes
from defnpy.ops.creation import dtype_or, static_int, static_shape
from defnpy.ops.elementwise import equal, greater_equal, where
from defnpy.ops.family import convert
from defnpy.ops.leaf import as_expr, const
from defnpy.ops.movement import expand_dims, iota

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr


def eye(n: int, m: int | None = None, k: int = 0, dtype: Any = None) -> Expr:
    """Return ones on the diagonal `k` of a matrix (n, m), zeros elsewhere.

    >>> dn.eye(2)
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    rows, columns = _rows_and_columns(n, n if m is None else m)
    return convert(equal(columns - rows, k), dtype_or(dtype, default_float()))


def _rows_and_columns(n: Any, m: Any) -> tuple[Expr, Expr]:
    shape = static_shape((n, m))
    return iota(shape, axis=0), iota(shape, axis=1)


def tri(n: int, m: int | None = None, k: int = 0, dtype: Any = None) -> Expr:
    """Return ones on and below the diagonal `k` of a matrix (n, m), zeros above.

    >>> dn.tri(2, 3)
    array([[1., 0., 0.],
           [1., 1., 0.]], dtype=float32)
    """
    rows, columns = _rows_and_columns(n, n if m is None else m)
    return convert(greater_equal(rows + k, columns), dtype_or(dtype, default_float()))


def tril(x: Any, k: int = 0) -> Expr:
    """Return `x` (…, n, m) with zeros above its diagonal `k`.

    >>> dn.tril(np.ones((2, 2)))
    array([[1., 0.],
           [1., 1.]])
    """
    rows, columns, x = _last_axes(x)
    return where(
        greater_equal(rows + k, columns), x, const(0, x.dtype, weak=x.tensor.weak)
    )


def triu(x: Any, k: int = 0) -> Expr:
    """Return `x` (…, n, m) with zeros below its diagonal `k`.

    >>> dn.triu(np.ones((2, 2)), k=1)
    array([[0., 1.],
           [0., 0.]])
    """
    rows, columns, x = _last_axes(x)
    return where(
        greater_equal(columns, rows + k), x, const(0, x.dtype, weak=x.tensor.weak)
    )


def _last_axes(x: Any) -> tuple[Expr, Expr, Expr]:
    x = as_expr(x)
    if x.tensor.rank < 2:
        raise DefnShapeError(f"a triangle needs at least two axes, not {x.type}")
    return *_rows_and_columns(*x.shape[-2:]), x


def meshgrid(*arrays: Any, indexing: str = "xy") -> tuple[Expr, ...]:
    """Return the coordinates of a grid over vectors, one tensor for each.

    >>> dn.meshgrid(np.array([1, 2]), np.array([3, 4, 5]), indexing="ij")[1]
    array([[3, 4, 5],
           [3, 4, 5]])
    """
    if indexing not in ("xy", "ij"):
        raise DefnValueError(f"indexing must be 'xy' or 'ij', not {indexing!r}")
    vectors = [axes.reshape(as_expr(x), (-1,)) for x in arrays]
    places = list(range(len(vectors)))
    if indexing == "xy":
        places[:2] = places[:2][::-1]
    shape = [0] * len(vectors)
    for place, vector in zip(places, vectors, strict=True):
        shape[place] = vector.shape[0]
    made: list[Expr] = []
    for place, vector in zip(places, vectors, strict=True):
        sizes = [1] * len(vectors)
        sizes[place] = -1
        made.append(axes.broadcast_to(axes.reshape(vector, sizes), tuple(shape)))
    return tuple(made)


def one_hot(x: Any, num_classes: int, *, axis: int = -1, dtype: Any = None) -> Expr:
    """Return 1 at the place each integer of `x` names along a new axis, 0 elsewhere.

    A number outside ``range(num_classes)`` gives zeros alone.

    >>> dn.one_hot(np.array([0, 2]), 3)
    array([[1., 0., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    x = as_expr(x)
    if not x.dtype.is_integer:
        raise DefnTypeError(f"one_hot needs integers, not {x.dtype}")
    (place,) = axes.normalize_axes(axis, x.tensor.rank + 1)
    sizes = [1] * (x.tensor.rank + 1)
    sizes[place] = -1
    classes = axes.reshape(iota(static_int(num_classes, "num_classes")), sizes)
    hit = equal(expand_dims(convert(x, I64), place), classes)
    return convert(hit, dtype_or(dtype, default_float()))
