"""Norms of vectors and matrices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from defnpy.base.errors import DefnShapeError, DefnValueError
from defnpy.ops import axes, reduce, statistics
from defnpy.ops.elementwise import equal, not_equal, sqrt, where
from defnpy.ops.family import convert
from defnpy.ops.linalg.matrices import inexact
from defnpy.ops.linalg.svd import svdvals
from defnpy.ops.manipulation import expand_dims
from defnpy.ops.math.power import power
from defnpy.ops.movement import moveaxis
from defnpy.ops.polar import absolute

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr

_MATRIX = "'fro', 'nuc', 1, -1, 2, -2, inf or -inf"


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Expr:
    """Return the norms of vectors or of matrices, as NumPy's function.

    Args:
        x: tensor.
        ord: for vectors a number, inf, -inf or None for 2; for matrices "fro",
            "nuc", 1, -1, 2, -2, inf, -inf or None for "fro".
        axis: an axis of vectors, or two of matrices; without it `x` is one vector
            or one matrix, and all its elements with `ord` None.
        keepdims: whether the axes stay, with size 1.

    The gradient at zero is zero.

    >>> dn.linalg.norm(np.array([3.0, 4.0]))
    np.float64(5.0)
    >>> dn.linalg.norm(np.array([[1.0, 2.0], [3.0, 4.0]]), 1)
    np.float64(6.0)
    """
    x = inexact(x)
    rank = x.tensor.rank
    if axis is None:
        if ord is None or rank == 1:
            return vector_norm(x, axis=None, keepdims=keepdims, ord=_or_two(ord))
        if rank != 2:
            raise DefnShapeError(f"norm of order {ord!r} needs an axis for {x.type}")
        return _matrix_norm(x, ord, (0, 1), keepdims)
    places = tuple(axis) if isinstance(axis, tuple | list) else (axis,)
    if len(places) == 1:
        return vector_norm(x, axis=places[0], keepdims=keepdims, ord=_or_two(ord))
    if len(places) != 2:
        raise DefnShapeError(f"norm takes one axis or two, not {axis!r}")
    return _matrix_norm(x, "fro" if ord is None else ord, places, keepdims)


def _or_two(ord: Any) -> Any:
    return 2 if ord is None else ord


def vector_norm(
    x: Any, *, axis: Any = None, keepdims: bool = False, ord: float = 2
) -> Expr:
    """Return the norms of vectors: the `ord`-th root of the sum of powers.

    Args:
        x: tensor.
        axis: the axes whose elements are one vector; all of them by default.
        keepdims: whether the axes stay, with size 1.
        ord: a number, inf for the largest size, -inf for the smallest, 0 for how
            many elements are not zero.

    The gradient at zero is zero.

    >>> dn.linalg.vector_norm(np.array([[3.0, 4.0], [0.0, 2.0]]), axis=1)
    array([5., 2.])
    """
    x = inexact(x)
    if isinstance(ord, str) or not isinstance(ord, int | float):
        raise DefnValueError(f"the order of a vector norm is a number, not {ord!r}")
    size = absolute(x)
    if ord == math.inf:
        return reduce.max(size, axis, keepdims=keepdims)
    if ord == -math.inf:
        return reduce.min(size, axis, keepdims=keepdims)
    if ord == 0:
        count = statistics.sum(not_equal(x, 0), axis, keepdims=keepdims)
        return convert(count, size.dtype)
    if ord == 1:
        return statistics.sum(size, axis, keepdims=keepdims)
    if ord == 2:
        squares = size * size
        return _root(statistics.sum(squares, axis, keepdims=keepdims), sqrt)
    total = statistics.sum(power(size, ord), axis, keepdims=keepdims)
    return _root(total, lambda t: power(t, 1 / ord))


def _root(total: Expr, root: Any) -> Expr:
    """Return a root with the gradient 0 at 0, where it is the least."""
    none = equal(total, 0)
    return where(none, root(axes.zeros_like(total)), root(where(none, 1.0, total)))


def matrix_norm(x: Any, *, keepdims: bool = False, ord: Any = "fro") -> Expr:
    """Return the norms of matrices (…, m, n).

    Args:
        x: matrices.
        keepdims: whether the two axes stay, with size 1.
        ord: "fro", "nuc", 1, -1, 2, -2, inf or -inf.

    >>> dn.linalg.matrix_norm(np.array([[3.0, 0.0], [0.0, 4.0]]))
    np.float64(5.0)
    """
    return _matrix_norm(inexact(x), "fro" if ord is None else ord, (-2, -1), keepdims)


def _matrix_norm(x: Expr, ord: Any, places: Any, keepdims: bool) -> Expr:
    rank = x.tensor.rank
    if rank < 2:
        raise DefnShapeError(f"a matrix norm needs two axes, not {x.type}")
    rows, columns = (axes.normalize_axes(place, rank)[0] for place in places)
    if rows == columns:
        raise DefnShapeError("a matrix norm needs two different axes")
    made = _norm_of(_last(x, rows, columns), ord)
    return expand_dims(made, (rows, columns)) if keepdims else made


def _last(x: Expr, rows: int, columns: int) -> Expr:
    """Return `x` with two axes moved to the end."""
    rank = x.tensor.rank
    return moveaxis(
        moveaxis(x, rows, rank - 1),
        columns - (columns > rows),
        rank - 1,
    )


def _norm_of(x: Expr, ord: Any) -> Expr:
    if ord == "fro":
        return vector_norm(x, axis=(-2, -1))
    if ord == "nuc":
        return statistics.sum(svdvals(x), -1)
    if isinstance(ord, str) or ord not in (1, -1, 2, -2, math.inf, -math.inf):
        raise DefnValueError(f"the order of a matrix norm is {_MATRIX}, not {ord!r}")
    pick = reduce.max if ord > 0 else reduce.min
    if abs(ord) == 2:
        return pick(svdvals(x), -1)
    return pick(statistics.sum(absolute(x), -2 if abs(ord) == 1 else -1), -1)
