"""The singular value decomposition, and what is made with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from defnpy.base.dtypes import real_of
from defnpy.base.errors import DefnTypeError
from defnpy.ir.expr import Expr, make
from defnpy.ir.types import TensorType, TupleType
from defnpy.ops import axes
from defnpy.ops.complex import conj, imag, make_complex, real
from defnpy.ops.control import items
from defnpy.ops.dot import matmul
from defnpy.ops.elementwise import where
from defnpy.ops.family import convert, scale
from defnpy.ops.linalg.decomposition import decomposition
from defnpy.ops.linalg.matrices import (
    adjoint,
    column,
    diagonal,
    identity_like,
    matrices,
    right,
    row,
    swapped,
    zeros,
)
from defnpy.ops.linalg.routines import GESDD, call, info_of, transposed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from defnpy.ir.op import Attrs

FAILED = "SVD did not converge"


def gaps(values: Expr) -> Expr:
    """Return, for each pair of values, ``1 / (second - first)``; 0 for one with itself.

    Two equal values have an infinite one: vectors of them have no derivative.
    """
    differences = row(values) - column(values)
    same = identity_like(differences)
    return where(same, 0.0, 1.0 / where(same, 1.0, differences))


def _infer(attrs: Attrs, a: TensorType) -> TupleType:
    *batch, m, n = a.shape
    k = min(m, n)
    values = TensorType(real_of(a.dtype), (*batch, k))
    if attrs["vectors"] == "none":
        return TupleType((values, info_of(a)))
    rows, columns = (m, n) if attrs["vectors"] == "all" else (k, k)
    u, vh = a.with_shape((*batch, m, rows)), a.with_shape((*batch, columns, n))
    return TupleType((u, values, vh, info_of(a)))


def _eval(attrs: Attrs, a: np.ndarray) -> tuple[np.ndarray, ...]:
    return _turned(GESDD.eval(attrs, transposed(a)), transposed)  # pyright: ignore


def _expand(attrs: Attrs, a: Expr) -> tuple[Expr, ...]:
    return _turned(call(GESDD, swapped(a), **attrs), swapped)


def _turned(results: tuple[Any, ...], turn: Any) -> tuple[Any, ...]:
    if len(results) == 2:
        return results
    u, s, vh, info = results
    return turn(u), s, turn(vh), info


def _as(x: Expr, like: Expr) -> Expr:
    return convert(x, like.dtype)


def _skew(x: Expr) -> Expr:
    return x - adjoint(x)


def _turn(x: Expr, values: Expr) -> Expr:
    """Return i times the imaginary diagonal of `x`, divided by `values`, a diagonal.

    That is how a complex pair of vectors turns together, which values do not tell.
    """
    angles = imag(diagonal(x))
    turning = make_complex(axes.zeros_like(angles), scale(angles, 1.0 / values))
    return identity_like(x) * row(turning)


def _outside(x: Expr, vectors: Expr, values: Expr) -> Expr:
    """Return the part of `x` orthogonal to `vectors`, divided by the values."""
    rest = x - matmul(vectors, matmul(adjoint(vectors), x))
    return scale(rest, axes.broadcast_to(row(1.0 / values), x.shape))


def _check_thin(y: Expr) -> None:
    a = y.operands[0]
    if y.attrs["vectors"] == "all" and a.shape[-1] != a.shape[-2]:
        raise DefnTypeError(
            "the vectors of svd beyond min(m, n) have no derivative",
            hint="use `full_matrices=False`",
        )


def from_values(ct: Expr, a: Expr) -> Expr:
    """Return the cotangent of matrices from that of their singular values."""
    u, _, vh, _ = items(make(SVD, (a,), vectors="some"))
    return conj(matmul(u * row(_as(ct, a)), vh))


def along_values(da: Expr, a: Expr) -> Expr:
    """Return the tangent of the singular values of matrices."""
    u, _, vh, _ = items(make(SVD, (a,), vectors="some"))
    return real(diagonal(matmul(matmul(adjoint(u), da), adjoint(vh))))


def _vjp(cts: Sequence[Expr], y: Expr, a: Expr) -> tuple[Expr]:
    if y.attrs["vectors"] == "none":
        return (from_values(cts[0], a),)
    if axes.is_zero(cts[0]) and axes.is_zero(cts[2]):
        return (from_values(cts[1], a),)
    _check_thin(y)
    u, s, vh, _ = items(y)
    ct_u, ct_s, ct_v = conj(cts[0]), cts[1], adjoint(conj(cts[2]))
    *_, m, k = u.shape
    n, v = vh.shape[-1], adjoint(vh)
    inside_u, inside_v = matmul(adjoint(u), ct_u), matmul(vh, ct_v)
    far = _as(gaps(s * s), a)
    values = _as(s, a)
    core = scale(_skew(inside_u), far) * row(values)
    core = core + column(values) * scale(_skew(inside_v), far)
    core = core + identity_like(core) * row(_as(ct_s, a))
    if a.dtype.kind == "c":
        core = core + _turn(inside_u, s)
    made = matmul(matmul(u, core), vh)
    if m > k:
        made = made + matmul(_outside(ct_u, u, values), vh)
    if n > k:
        made = made + matmul(u, adjoint(_outside(ct_v, v, values)))
    return (conj(made),)


def _jvp(tangents: Any, y: Expr, a: Expr) -> list[Expr | None]:
    (da,) = tangents
    if y.attrs["vectors"] == "none":
        return [along_values(da, a), None]
    _check_thin(y)
    u, s, vh, _ = items(y)
    *_, m, k = u.shape
    n, v = vh.shape[-1], adjoint(vh)
    core = matmul(matmul(adjoint(u), da), v)
    ds = real(diagonal(core))
    values, far = _as(s, a), _as(gaps(s * s), a)
    left, both = core * row(values), column(values) * core
    turn_u = scale(left + adjoint(left), far)
    turn_v = scale(both + adjoint(both), far)
    if a.dtype.kind == "c":
        turn_u = turn_u + _turn(core, s)
    du, dv = matmul(u, turn_u), matmul(v, turn_v)
    if m > k:
        du = du + _outside(matmul(da, v), u, values)
    if n > k:
        dv = dv + _outside(matmul(adjoint(da), u), v, values)
    return [du, ds, adjoint(dv), None]


SVD = decomposition(
    "svd",
    infer=_infer,
    eval=_eval,
    expand=_expand,
    vjp=_vjp,
    jvp=_jvp,
    doc="The left singular vectors of matrices, the singular values, the right vectors"
    " as rows, and whether each failed.",
)


class SVDResult(NamedTuple):
    """What `svd` returns."""

    U: Any
    S: Any
    Vh: Any


def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True
) -> SVDResult | Expr:
    """Return the singular value decomposition ``a = U @ diag(S) @ Vh``.

    Args:
        a: matrices (…, m, n); k = min(m, n).
        full_matrices: whether U is (…, m, m) and Vh (…, n, n), or U (…, m, k) and
            Vh (…, k, n), which have a derivative.
        compute_uv: whether to return U and Vh, not S alone.

    Returns ``(U, S, Vh)``, S (…, k) descending.  Vectors of equal singular values
    are not determined: their derivative is infinite or NaN.

    Raises:
        numpy.linalg.LinAlgError: where the computation does not converge.

    >>> u, s, vh = dn.linalg.svd(np.array([[3.0, 0.0], [0.0, 4.0]]))
    >>> print(s)
    [4. 3.]
    """
    if not compute_uv:
        return svdvals(a)
    a = matrices(a, "svd")
    *_, m, n = a.shape
    k = min(m, n)
    rows, columns = (m, n) if full_matrices else (k, k)
    if 0 in a.shape:
        u, vh = zeros(a, m, rows), zeros(a, columns, n)
        if k == 0 and full_matrices:
            u, vh = identity_like(u), identity_like(vh)
        return SVDResult(u, _no_values(a), vh)
    return _decomposed(a, "all" if full_matrices else "some")


def _no_values(a: Expr) -> Expr:
    shape = (*a.shape[:-2], min(a.shape[-2:]))
    return axes.full(a.tensor.with_dtype(real_of(a.dtype)).with_shape(shape), 0)


def _decomposed(a: Expr, vectors: str) -> SVDResult:
    u, s, vh, info = items(make(SVD, (a,), vectors=vectors))
    return SVDResult(*(right(each, info, FAILED) for each in (u, s, vh)))


def thin(a: Expr) -> SVDResult:
    """Return the decomposition with min(m, n) vectors of matrices that have any."""
    return _decomposed(a, "some")


def svdvals(a: Any) -> Expr:
    """Return the singular values of matrices (…, m, n), descending.

    Raises:
        numpy.linalg.LinAlgError: where the computation does not converge.

    >>> dn.linalg.svdvals(np.array([[3.0, 0.0], [0.0, 4.0]]))
    array([4., 3.])
    """
    a = matrices(a, "svdvals")
    if 0 in a.shape:
        return _no_values(a)
    s, info = items(make(SVD, (a,), vectors="none"))
    return right(s, info, FAILED)
