"""Batches of matrices: what every function of linear algebra asks of its operands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base.dtypes import BF16, F16, F32, I64, default_float
from defnpy.base.errors import DefnShapeError
from defnpy.ops import axes, reduce
from defnpy.ops.complex import conj
from defnpy.ops.control import check
from defnpy.ops.creation import strong
from defnpy.ops.elementwise import equal
from defnpy.ops.family import common, convert
from defnpy.ops.grids import eye
from defnpy.ops.indexing import gather
from defnpy.ops.leaf import as_expr, const
from defnpy.ops.movement import strided_slice, transpose

if TYPE_CHECKING:
    from defnpy.base.dtypes import DType
    from defnpy.ir.expr import Expr


def inexact(x: Any) -> Expr:
    """Return `x` as floats or complex numbers: integers become the default float."""
    x = strong(as_expr(x))
    return x if x.dtype.is_inexact else convert(x, default_float())


def matrices(x: Any, name: str) -> Expr:
    """Return `x` (…, m, n) in a dtype of LAPACK; halves become f32."""
    x = inexact(x)
    if x.tensor.rank < 2:
        raise DefnShapeError(f"{name} needs a matrix or a batch of them, not {x.type}")
    return convert(x, F32) if x.dtype in (F16, BF16) else x


def square(x: Any, name: str) -> Expr:
    """Return `x` (…, n, n) in a dtype of LAPACK."""
    x = matrices(x, name)
    if x.shape[-1] != x.shape[-2]:
        raise DefnShapeError(f"{name} needs square matrices, not {x.type}")
    return x


def together(a: Expr, b: Expr) -> list[Expr]:
    """Return two batches of matrices in one dtype and of one batch shape."""
    tokens = common(const(0, a.dtype), const(0, b.dtype))
    try:
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise DefnShapeError(
            f"the batches of {a.type} and {b.type} differ in size"
        ) from None
    return [
        axes.broadcast_to(convert(x, tokens[0].dtype), (*batch, *x.shape[-2:]))
        for x in (a, b)
    ]


def swapped(x: Expr) -> Expr:
    """Return the transposes of matrices."""
    rank = x.tensor.rank
    return transpose(x, (*range(rank - 2), rank - 1, rank - 2))


def adjoint(x: Any) -> Expr:
    """Return the conjugate transposes of matrices (…, m, n).

    >>> dn.linalg.adjoint(np.array([[1.0, 2.0j]]))
    array([[1.-0.j],
           [0.-2.j]])
    """
    return conj(swapped(as_expr(x)))


def identity_like(x: Expr) -> Expr:
    """Return identity matrices of the size, dtype and batch of square `x`."""
    return axes.broadcast_to(eye(x.shape[-1], dtype=x.dtype), x.shape)


def zeros(x: Expr, *core: int, dtype: DType | None = None) -> Expr:
    """Return zeros of the batch of matrices `x`, each of another shape."""
    made = x.tensor.with_shape((*x.shape[:-2], *core))
    return axes.full(made if dtype is None else made.with_dtype(dtype), 0)


def diagonal(x: Expr) -> Expr:
    """Return the diagonals of matrices."""
    *batch, m, n = x.shape
    flat = axes.reshape(x, (*batch, m * n))
    return gather(flat, const(np.arange(min(m, n)) * (n + 1)), len(batch))


def part(x: Expr, rows: slice = slice(None), columns: slice = slice(None)) -> Expr:
    """Return some rows and columns of matrices."""
    wanted = [slice(None)] * (x.tensor.rank - 2) + [rows, columns]
    bounds = [s.indices(size) for s, size in zip(wanted, x.shape, strict=True)]
    return strided_slice(x, *(tuple(b) for b in zip(*bounds, strict=True)))


def column(x: Expr) -> Expr:
    """Return vectors (…, n) as matrices of one column (…, n, 1)."""
    return axes.reshape(x, (*x.shape, 1))


def row(x: Expr) -> Expr:
    """Return vectors (…, n) as matrices of one row (…, 1, n)."""
    return axes.reshape(x, (*x.shape[:-1], 1, x.shape[-1]))


def right(x: Expr, info: Expr, message: str) -> Expr:
    """Return `x`; raise unless a routine was right for every matrix."""
    fine = reduce.all(equal(info, const(0, I64)))
    return check(x, fine, "DefnLinAlgError", message)
