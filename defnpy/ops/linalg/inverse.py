"""Inverses of what has none, by singular values: least squares and ranks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from defnpy.base.dtypes import real_of
from defnpy.base.errors import DefnShapeError
from defnpy.ir.expr import Expr, make
from defnpy.ir.types import TensorType, TupleType
from defnpy.ops import axes, elementwise, reduce, statistics
from defnpy.ops.complex import conj
from defnpy.ops.control import items
from defnpy.ops.dot import matmul
from defnpy.ops.elementwise import greater, isnan, where
from defnpy.ops.family import convert
from defnpy.ops.leaf import as_expr, const
from defnpy.ops.linalg.decomposition import decomposition
from defnpy.ops.linalg.lu import LU_SOLVE, factored
from defnpy.ops.linalg.matrices import (
    adjoint,
    column,
    identity_like,
    inexact,
    matrices,
    right,
    square,
    together,
    zeros,
)
from defnpy.ops.linalg.norms import matrix_norm
from defnpy.ops.linalg.routines import attempt, info_of, types_of
from defnpy.ops.linalg.svd import FAILED, SVD, along_values, from_values, svdvals
from defnpy.ops.linalg.triangular import unsystem
from defnpy.ops.polar import absolute

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defnpy.ir.op import Attrs


def _infer(attrs: Attrs, a: TensorType, rtol: TensorType) -> TupleType:
    *batch, m, n = a.shape
    values = TensorType(real_of(a.dtype), (*batch, min(m, n)))
    return TupleType((a.with_shape((*batch, n, m)), values, info_of(a)))


def _eval(attrs: Attrs, a: np.ndarray, rtol: np.ndarray) -> tuple[np.ndarray, ...]:
    def function(a: np.ndarray, rtol: np.ndarray) -> tuple[np.ndarray, ...]:
        u, s, vh = np.linalg.svd(a, full_matrices=False)
        large = s > rtol[..., None] * s.max(-1, keepdims=True)
        inverse = np.divide(1, s, out=np.zeros_like(s), where=large)
        uh, v = (np.swapaxes(x, -1, -2).conj() for x in (u, vh))
        return v @ (inverse[..., None] * uh), s

    return attempt(function, types_of(_infer, attrs, a, rtol), a, rtol)


def _expand(attrs: Attrs, a: Expr, rtol: Expr) -> tuple[Expr, ...]:
    u, s, vh, info = SVD.lower({"vectors": "some"}, a)  # pyright: ignore
    largest = reduce.max(s, -1, keepdims=True)
    large = greater(s, axes.reshape(rtol, (*rtol.shape, 1)) * largest)
    inverse = where(large, 1.0 / where(large, s, 1.0), 0.0)
    scaled = column(convert(inverse, a.dtype)) * adjoint(u)
    return matmul(adjoint(vh), scaled), s, info


def _vjp(cts: Sequence[Expr], y: Expr, a: Expr, rtol: Expr) -> tuple[Expr, None]:
    """Return Golub and Pereyra's, for matrices of one rank."""
    p, _, _ = items(y)
    ct, ph = conj(cts[0]), adjoint(p)
    made = -matmul(matmul(ph, ct), ph)
    moved = matmul(matmul(adjoint(ct), p), ph)
    made = made + moved - matmul(a, matmul(p, moved))
    moved = matmul(ph, matmul(p, adjoint(ct)))
    made = conj(made + moved - matmul(matmul(moved, p), a))
    if not axes.is_zero(cts[1]):
        made = made + from_values(cts[1], a)
    return made, None


def _jvp(tangents: Any, y: Expr, a: Expr, rtol: Expr) -> list[Expr | None]:
    p, _, _ = items(y)
    da, ph = tangents[0], adjoint(p)
    made = -matmul(matmul(p, da), p)
    moved = matmul(p, matmul(ph, adjoint(da)))
    made = made + moved - matmul(matmul(moved, a), p)
    moved = matmul(matmul(adjoint(da), ph), p)
    made = made + moved - matmul(p, matmul(a, moved))
    return [made, along_values(da, a), None]


PINV = decomposition(
    "pinv",
    infer=_infer,
    eval=_eval,
    expand=_expand,
    vjp=_vjp,
    jvp=_jvp,
    doc="The pseudo-inverses of matrices, of singular values larger than a share of"
    " the largest, all singular values, and whether each failed.",
)


def _share(rtol: Any, a: Expr) -> Expr:
    """Return, for each matrix, the share of its largest singular value to go by."""
    real = real_of(a.dtype)
    if rtol is None:
        rtol = float(max(a.shape[-2:]) * np.finfo(real.numpy).eps)
    return axes.broadcast_to(convert(as_expr(rtol), real), a.shape[:-2])


def pinv(
    a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = None
) -> Expr:
    """Return the Moore-Penrose pseudo-inverses of matrices.

    Args:
        a: matrices (…, m, n).
        rcond: the same as `rtol`, by NumPy's older name.
        hermitian: whether the matrices are, which makes no difference here.
        rtol: singular values up to this share of the largest count as zero; one
            number, or one for each matrix.  By default max(m, n) times the distance
            from 1 to the next float.

    The gradient is that of matrices of the same rank.

    >>> dn.linalg.pinv(np.array([[2.0, 0.0], [0.0, 0.0], [0.0, 4.0]])).round(12)
    array([[0.5 , 0.  , 0.  ],
           [0.  , 0.  , 0.25]])
    """
    a = matrices(a, "pinv")
    *_, m, n = a.shape
    if 0 in a.shape:
        return zeros(a, n, m)
    return _decomposed(a, rtol if rcond is None else rcond)[0]


def _decomposed(a: Expr, rtol: Any) -> tuple[Expr, Expr]:
    p, s, info = items(make(PINV, (a, _share(rtol, a))))
    return right(p, info, FAILED), right(s, info, FAILED)


def matrix_rank(
    a: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None
) -> Expr:
    """Return the ranks of matrices: how many singular values count.

    Args:
        a: matrices (…, m, n), or a vector, whose rank is 1 unless it is zero.
        tol: singular values up to this size count as zero.
        hermitian: whether the matrices are, which makes no difference here.
        rtol: where `tol` is not given, those up to this share of the largest.  By
            default max(m, n) times the distance from 1 to the next float.

    >>> dn.linalg.matrix_rank(np.array([[1.0, 2.0], [2.0, 4.0]]))
    np.int64(1)
    """
    x = as_expr(a)
    if x.tensor.rank < 2:
        return convert(reduce.any(elementwise.not_equal(x, 0)), const(0).dtype)
    x = matrices(x, "matrix_rank")
    if 0 in x.shape:
        return axes.full(const(0).tensor.with_shape(x.shape[:-2]), 0)
    s = svdvals(x)
    least = tol
    if least is None:
        least = _share(rtol, x) * reduce.max(s, -1)
    least = axes.broadcast_to(convert(as_expr(least), s.dtype), x.shape[:-2])
    least = axes.reshape(least, (*least.shape, 1))
    return statistics.count_nonzero(greater(s, least), -1)


class LstsqResult(NamedTuple):
    """What `lstsq` returns."""

    x: Any
    residuals: Any
    rank: Any
    s: Any


def lstsq(a: Any, b: Any, rcond: Any = None) -> LstsqResult:
    """Return the x that makes ``|b - a @ x|`` least, and the shortest such one.

    Args:
        a: a matrix (m, n).
        b: a vector (m,), or a matrix (m, k) of right sides.
        rcond: singular values up to this share of the largest count as zero.  By
            default max(m, n) times the distance from 1 to the next float.

    Returns ``(x, residuals, rank, s)``: the solution, the squared lengths of
    ``b - a @ x``, the rank of `a` and its singular values.  Where m ≤ n there are no
    residuals; unlike NumPy's they are there where the rank is less than n.

    >>> x, residuals, rank, s = dn.linalg.lstsq(
    ...     np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]]), np.array([1.0, 3.0, 5.0])
    ... )
    >>> print(x.round(12), rank)
    [1. 2.] 2
    """
    a, b = matrices(a, "lstsq"), inexact(b)
    vector = b.tensor.rank == 1
    sides = matrices(column(b) if vector else b, "lstsq")
    if a.tensor.rank != 2 or sides.tensor.rank != 2:
        raise DefnShapeError(f"lstsq takes one matrix, not {a.type} and {b.type}")
    if a.shape[0] != sides.shape[0]:
        raise DefnShapeError(f"lstsq: {a.type} and {b.type} differ in rows")
    a, sides = together(a, sides)
    m, n = a.shape
    if 0 in a.shape:
        x, s = zeros(a, n, sides.shape[1]), svdvals(a)
        rank = const(np.int64(0))
    else:
        p, s = _decomposed(a, rcond)
        x = matmul(p, sides)
        large = greater(s, _share(rcond, a) * reduce.max(s))
        rank = statistics.count_nonzero(large)
    size = absolute(sides - matmul(a, x))
    residuals = statistics.sum(size * size, 0)
    if m <= n:
        residuals = axes.full(residuals.tensor.with_shape((0,)), 0)
    return LstsqResult(unsystem(x, vector), residuals, rank, s)


def cond(x: Any, p: Any = None) -> Expr:
    """Return the condition numbers of matrices: the norm times that of the inverse.

    Of a singular matrix it is infinite.

    Args:
        x: matrices (…, m, n), square unless `p` is None, 2 or -2.
        p: the order of the norm, as `matrix_norm` has it; None is 2.

    >>> dn.linalg.cond(np.diag([1.0, 4.0]))
    np.float64(4.0)
    """
    a = matrices(x, "cond")
    if 0 in a.shape[-2:]:
        raise DefnShapeError(f"an empty matrix has no condition: {a.type}")
    if p in (None, 2, -2):
        s = svdvals(a)
        first, last = reduce.max(s, -1), reduce.min(s, -1)
        made = last / first if p == -2 else first / last
        singular = isnan(made)
    else:
        a = square(a, "cond")
        packed, _, order, info = factored(a)
        inverse = make(LU_SOLVE, (a, packed, order, identity_like(a)), transpose=False)
        made = matrix_norm(a, ord=p) * matrix_norm(inverse, ord=p)
        singular = elementwise.logical_or(isnan(made), elementwise.not_equal(info, 0))
    numbers = elementwise.logical_not(reduce.any(isnan(a), (-2, -1)))
    return where(elementwise.logical_and(singular, numbers), math.inf, made)
