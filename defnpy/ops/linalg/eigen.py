"""Eigenvalues and eigenvectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from defnpy.base.dtypes import real_of
from defnpy.base.errors import DefnValueError
from defnpy.ir.expr import Expr, make
from defnpy.ops import axes, reduce
from defnpy.ops.complex import conj, real, to_complex
from defnpy.ops.control import check, items
from defnpy.ops.dot import matmul
from defnpy.ops.elementwise import isfinite
from defnpy.ops.family import convert, scale
from defnpy.ops.grids import tril
from defnpy.ops.linalg.cholesky import symmetrized
from defnpy.ops.linalg.decomposition import decomposition
from defnpy.ops.linalg.lu import solved
from defnpy.ops.linalg.matrices import (
    adjoint,
    diagonal,
    identity_like,
    right,
    row,
    square,
    swapped,
)
from defnpy.ops.linalg.routines import GEEV, SYEVD, call, transposed
from defnpy.ops.linalg.svd import gaps

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from defnpy.ir.op import Attrs, Op


_FAILED = "Eigenvalues did not converge"


def _expand_eigh(attrs: Attrs, a: Expr) -> tuple[Expr, ...]:
    w, *rest = call(SYEVD, swapped(tril(a)), **attrs)
    return (w, *map(swapped, rest[:-1]), rest[-1])


def _eval_by(routine: Op) -> Any:
    """Return the evaluation by a routine of transposed matrices."""

    def evaluate(attrs: Attrs, a: np.ndarray) -> tuple[np.ndarray, ...]:
        w, *rest = routine.eval(attrs, transposed(a))  # pyright: ignore
        return (w, *map(transposed, rest[:-1]), rest[-1])

    return evaluate


def _vectors(y: Expr, a: Expr) -> tuple[Expr, Expr]:
    """Return eigenvalues and eigenvectors, also where only values were asked for."""
    if not y.attrs["vectors"]:
        y = make(EIGH, (a,), vectors=True)
    w, v, _ = items(y)
    return w, v


def _vjp_eigh(cts: Sequence[Expr], y: Expr, a: Expr) -> tuple[Expr]:
    w, v = _vectors(y, a)
    core = identity_like(a) * row(convert(cts[0], a.dtype))
    if y.attrs["vectors"] and not axes.is_zero(cts[1]):
        inside = matmul(adjoint(v), conj(cts[1]))
        core = core + scale(inside, convert(gaps(w), a.dtype))
    return (conj(symmetrized(matmul(matmul(v, core), adjoint(v)))),)


def _jvp_eigh(tangents: Any, y: Expr, a: Expr) -> list[Expr | None]:
    w, v = _vectors(y, a)
    core = matmul(matmul(adjoint(v), symmetrized(tangents[0])), v)
    values = real(diagonal(core))
    if not y.attrs["vectors"]:
        return [values, None]
    return [values, matmul(v, scale(core, convert(gaps(w), a.dtype))), None]


EIGH = decomposition(
    "eigh",
    infer=SYEVD.infer,  # pyright: ignore
    eval=_eval_by(SYEVD),
    expand=_expand_eigh,
    vjp=_vjp_eigh,
    jvp=_jvp_eigh,
    doc="Eigenvalues, ascending, and eigenvectors of Hermitian matrices, whose lower"
    " triangle is read, and whether each failed.",
)


class EigResult(NamedTuple):
    """What `eig` returns."""

    eigenvalues: Any
    eigenvectors: Any


class EighResult(NamedTuple):
    """What `eigh` returns."""

    eigenvalues: Any
    eigenvectors: Any


def _triangle(a: Any, UPLO: str, name: str) -> Expr:
    """Return matrices whose lower triangle is the one asked for."""
    a = square(a, name)
    if UPLO not in ("L", "U", "l", "u"):
        raise DefnValueError(f"UPLO is 'L' or 'U', not {UPLO!r}")
    return a if UPLO in "Ll" else adjoint(a)


def _no_values(a: Expr) -> Expr:
    kind = a.tensor.with_dtype(real_of(a.dtype))
    return axes.full(kind.with_shape(a.shape[:-1]), 0)


def eigh(a: Any, UPLO: str = "L") -> EighResult:
    """Return the eigenvalues and eigenvectors of symmetric or Hermitian matrices.

    Args:
        a: matrices (…, n, n); their gradient is symmetric.
        UPLO: the triangle that is read, "L" or "U".

    Returns eigenvalues (…, n), ascending, and the eigenvectors as columns of
    (…, n, n).  Vectors of equal eigenvalues are not determined: their derivative is
    infinite or NaN.

    Raises:
        numpy.linalg.LinAlgError: where the computation does not converge.

    >>> w, v = dn.linalg.eigh(np.array([[2.0, 1.0], [1.0, 2.0]]))
    >>> print(w.round(12))
    [1. 3.]
    """
    a = _triangle(a, UPLO, "eigh")
    if 0 in a.shape:
        return EighResult(_no_values(a), a)
    w, v, info = items(make(EIGH, (a,), vectors=True))
    return EighResult(right(w, info, _FAILED), right(v, info, _FAILED))


def eigvalsh(a: Any, UPLO: str = "L") -> Expr:
    """Return the eigenvalues of symmetric or Hermitian matrices, ascending.

    Args:
        a: matrices (…, n, n); their gradient is symmetric.
        UPLO: the triangle that is read, "L" or "U".

    >>> dn.linalg.eigvalsh(np.array([[2.0, 1.0], [1.0, 2.0]])).round(12)
    array([1., 3.])
    """
    a = _triangle(a, UPLO, "eigvalsh")
    if 0 in a.shape:
        return _no_values(a)
    w, info = items(make(EIGH, (a,), vectors=False))
    return right(w, info, _FAILED)


def _expand_eig(attrs: Attrs, a: Expr) -> tuple[Expr, ...]:
    w, *rest = call(GEEV, swapped(a), **attrs)
    return (w, *map(swapped, rest[:-1]), rest[-1])


def _all_vectors(y: Expr, a: Expr) -> tuple[Expr, Expr]:
    if not y.attrs["vectors"]:
        y = make(EIG, (a,), vectors=True)
    w, v, _ = items(y)
    return w, v


def _vjp_eig(cts: Sequence[Expr], y: Expr, a: Expr) -> tuple[Expr]:
    """Return the cotangent of A, whose eigenvectors have length 1."""
    w, v = _all_vectors(y, a)
    core = identity_like(a) * row(conj(cts[0]))
    if y.attrs["vectors"] and not axes.is_zero(cts[1]):
        ct = conj(cts[1])
        along = convert(real(diagonal(matmul(adjoint(v), ct))), a.dtype)
        inside = matmul(adjoint(v), ct) - matmul(adjoint(v), v) * row(along)
        core = core + scale(inside, conj(gaps(w)))
    made = matmul(core, adjoint(v))
    return (conj(solved(adjoint(v), made)),)


def _jvp_eig(tangents: Any, y: Expr, a: Expr) -> list[Expr | None]:
    w, v = _all_vectors(y, a)
    core = solved(v, matmul(tangents[0], v))
    if not y.attrs["vectors"]:
        return [diagonal(core), None]
    moved = matmul(v, scale(core, gaps(w)))
    along = convert(real(diagonal(matmul(adjoint(v), moved))), a.dtype)
    return [diagonal(core), moved - v * row(along), None]


EIG = decomposition(
    "eig",
    infer=GEEV.infer,  # pyright: ignore
    eval=_eval_by(GEEV),
    expand=_expand_eig,
    vjp=_vjp_eig,
    jvp=_jvp_eig,
    doc="Eigenvalues and eigenvectors of complex matrices, and whether each failed.",
)


def _finite(a: Any, name: str) -> Expr:
    """Return complex square matrices, checked: LAPACK may not survive infinities."""
    a = to_complex(square(a, name))
    fine = reduce.all(isfinite(a))
    return check(a, fine, "DefnLinAlgError", "a matrix holds infinities or NaN")


def eig(a: Any) -> EigResult:
    """Return the eigenvalues and eigenvectors of square matrices, complex numbers.

    Args:
        a: matrices (…, n, n).

    Returns eigenvalues (…, n), in no order, and eigenvectors of length 1 as columns
    of (…, n, n).  Both are complex whatever `a` is.

    Raises:
        numpy.linalg.LinAlgError: where the computation does not converge, or a matrix
            is not finite.

    >>> w, v = dn.linalg.eig(np.array([[0.0, -1.0], [1.0, 0.0]]))
    >>> print(np.sort(w.imag).round(12))
    [-1.  1.]
    """
    a = _finite(a, "eig")
    if 0 in a.shape:
        return EigResult(axes.full(a.tensor.with_shape(a.shape[:-1]), 0), a)
    w, v, info = items(make(EIG, (a,), vectors=True))
    return EigResult(right(w, info, _FAILED), right(v, info, _FAILED))


def eigvals(a: Any) -> Expr:
    """Return the eigenvalues of square matrices (…, n, n), complex, in no order.

    >>> w = dn.linalg.eigvals(np.array([[0.0, -1.0], [1.0, 0.0]]))
    >>> print(np.sort(w.imag).round(12))
    [-1.  1.]
    """
    a = _finite(a, "eigvals")
    if 0 in a.shape:
        return axes.full(a.tensor.with_shape(a.shape[:-1]), 0)
    w, info = items(make(EIG, (a,), vectors=False))
    return right(w, info, _FAILED)
