"""Diagonals of matrices: read, made and replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base.errors import DefnShapeError
from defnpy.ops import axes, indexing, movement, reduce
from defnpy.ops.creation import static_int
from defnpy.ops.leaf import as_expr, const
from defnpy.ops.manipulation import one_axis
from defnpy.ops.selecting import storable

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr


def _places(x: Expr, offset: int) -> np.ndarray:
    """Return the row-major places of a diagonal of the last two axes."""
    rows, columns = x.shape[-2:]
    start = -offset * columns if offset < 0 else offset
    count = max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)
    return start + np.arange(count) * (columns + 1)


def _flat_last(x: Expr) -> Expr:
    return axes.reshape(x, (*x.shape[:-2], x.shape[-2] * x.shape[-1]))


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Expr:
    """Return a diagonal of the matrices that two axes make, along a last axis.

    >>> dn.diagonal(np.array([[1, 2], [3, 4]]))
    array([1, 4])
    """
    x = as_expr(x)
    rank = x.tensor.rank
    if rank < 2:
        raise DefnShapeError(f"a diagonal needs two axes, not {x.type}")
    first, second = one_axis(axis1, rank), one_axis(axis2, rank)
    if first == second:
        raise DefnShapeError("a diagonal needs two different axes")
    rest = [a for a in range(rank) if a not in (first, second)]
    x = movement.transpose(x, (*rest, first, second))
    places = _places(x, static_int(offset, "offset"))
    return indexing.gather(_flat_last(x), const(places), rank - 2)


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Expr:
    """Return the sum of a diagonal.

    >>> dn.trace(np.array([[1, 2], [3, 4]]))
    np.int64(5)
    """
    return reduce.sum(diagonal(x, offset, axis1, axis2), -1)


def put_diagonal(x: Any, values: Any, offset: int = 0) -> Expr:
    """Return `x` (…, n, m) with a diagonal of its last two axes replaced.

    >>> dn.put_diagonal(np.zeros((2, 2)), np.array([1.0, 2.0]))
    array([[1., 0.],
           [0., 2.]])
    """
    x = as_expr(x)
    if x.tensor.rank < 2:
        raise DefnShapeError(f"a diagonal needs two axes, not {x.type}")
    places = _places(x, static_int(offset, "offset"))
    flat = _flat_last(x)
    ready = storable(as_expr(values), x.dtype)
    ready = axes.broadcast_to(ready, (*flat.shape[:-1], len(places)))
    made = indexing.scatter(flat, const(places), ready, flat.tensor.rank - 1)
    return axes.reshape(made, x.shape)


def make_diagonal(x: Any, offset: int = 0) -> Expr:
    """Return square matrices, zero but for a diagonal, of vectors along the last axis.

    >>> dn.make_diagonal(np.array([1, 2]))
    array([[1, 0],
           [0, 2]])
    """
    x = as_expr(x)
    if x.tensor.rank == 0:
        raise DefnShapeError("a diagonal is made of a vector, not a scalar")
    size = x.shape[-1] + abs(static_int(offset, "offset"))
    zeros = axes.full(x.tensor.with_shape((*x.shape[:-1], size, size)), 0)
    return put_diagonal(zeros, x, offset)


def diag(x: Any, k: int = 0) -> Expr:
    """Return the matrix of a vector on its diagonal `k`, or the diagonal of a matrix.

    >>> dn.diag(np.array([[1, 2], [3, 4]]))
    array([1, 4])
    """
    x = as_expr(x)
    return make_diagonal(x, k) if x.tensor.rank == 1 else diagonal(x, k)
