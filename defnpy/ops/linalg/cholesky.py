"""The Cholesky decomposition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defnpy.ir.expr import Expr, make
from defnpy.ops.complex import conj, real
from defnpy.ops.control import items
from defnpy.ops.dot import matmul
from defnpy.ops.family import convert
from defnpy.ops.grids import tril
from defnpy.ops.linalg.decomposition import decomposition
from defnpy.ops.linalg.matrices import (
    adjoint,
    diagonal,
    identity_like,
    right,
    row,
    square,
    swapped,
    zeros,
)
from defnpy.ops.linalg.routines import POTRF, call
from defnpy.ops.linalg.triangular import solve_with

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defnpy.ir.op import Attrs


def symmetrized(x: Expr) -> Expr:
    """Return the mean of matrices and their conjugate transposes."""
    return (x + adjoint(x)) * 0.5


def halved(x: Expr) -> Expr:
    """Return lower triangles of matrices, their diagonals halved and made real."""
    lower = tril(x, -1)
    on_diagonal = convert(real(diagonal(x)), x.dtype) * 0.5
    return lower + identity_like(x) * row(on_diagonal)


def _expand(attrs: Attrs, a: Expr) -> tuple[Expr, ...]:
    return call(POTRF, tril(a))


def _vjp(cts: Sequence[Expr], y: Expr, a: Expr) -> tuple[Expr]:
    """Return L⁻ᴴ Φ(Lᴴ L̄) L⁻¹, symmetrized; Φ keeps the lower half."""
    factor, _ = items(y)
    middle = halved(matmul(adjoint(factor), conj(cts[0])))
    # Solve from both sides with Lᴴ.
    inner = solve_with(conj(factor), middle, lower=True, transpose=True)
    outer = solve_with(conj(factor), adjoint(inner), lower=True, transpose=True)
    return (conj(symmetrized(adjoint(outer))),)


def _jvp(tangents: Any, y: Expr, a: Expr) -> list[Expr | None]:
    """Return L Φ(L⁻¹ dA L⁻ᴴ)."""
    factor, _ = items(y)
    left = solve_with(factor, symmetrized(tangents[0]), lower=True)
    middle = solve_with(factor, adjoint(left), lower=True)
    return [matmul(factor, halved(middle)), None]


CHOLESKY = decomposition(
    "cholesky",
    infer=POTRF.infer,  # pyright: ignore
    eval=POTRF.eval,  # pyright: ignore
    expand=_expand,
    vjp=_vjp,
    jvp=_jvp,
    doc="The lower Cholesky factor of Hermitian matrices, whose lower triangle is"
    " read, and whether each failed.",
)


def cholesky(a: Any, *, upper: bool = False) -> Expr:
    """Return the lower triangular L with ``a = L @ L.T``, or its transpose.

    Args:
        a: symmetric or Hermitian positive definite matrices (…, n, n), of which
            the lower triangle is read; their gradient is symmetric.
        upper: whether to return the upper triangular factor.

    Raises:
        numpy.linalg.LinAlgError: where a matrix is not positive definite.

    >>> dn.linalg.cholesky(np.array([[4.0, 2.0], [2.0, 2.0]]))
    array([[2., 0.],
           [1., 1.]])
    """
    a = square(a, "cholesky")
    if 0 in a.shape:
        return zeros(a, *a.shape[-2:])
    if upper:
        a = swapped(a)
    factor, info = items(make(CHOLESKY, (a,)))
    factor = right(factor, info, "Matrix is not positive definite")
    return swapped(factor) if upper else factor
