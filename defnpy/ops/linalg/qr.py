"""The QR decomposition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from defnpy.base.errors import DefnTypeError, DefnValueError
from defnpy.ir.expr import Expr, make
from defnpy.ir.types import TupleType
from defnpy.ops import axes
from defnpy.ops.complex import conj, imag, make_complex
from defnpy.ops.control import items
from defnpy.ops.dot import matmul
from defnpy.ops.grids import tril, triu
from defnpy.ops.linalg.cholesky import halved
from defnpy.ops.linalg.decomposition import decomposition
from defnpy.ops.linalg.matrices import (
    adjoint,
    diagonal,
    identity_like,
    matrices,
    part,
    row,
    swapped,
    zeros,
)
from defnpy.ops.linalg.routines import GEQRF, ORGQR, call
from defnpy.ops.linalg.triangular import solve_with
from defnpy.ops.manipulation import concatenate
from defnpy.ops.movement import pad

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defnpy.ir.op import Attrs
    from defnpy.ir.types import TensorType


def _infer(attrs: Attrs, a: TensorType) -> TupleType:
    *batch, m, n = a.shape
    k = m if attrs["complete"] else min(m, n)
    return TupleType((a.with_shape((*batch, m, k)), a.with_shape((*batch, k, n))))


def _eval(attrs: Attrs, a: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(np.linalg.qr(a, mode="complete" if attrs["complete"] else "reduced"))


def _expand(attrs: Attrs, a: Expr) -> tuple[Expr, ...]:
    *_, m, n = a.shape
    packed, scales = call(GEQRF, swapped(a))
    k = m if attrs["complete"] else min(m, n)
    reflectors = part(packed, rows=slice(k))
    if k > n:
        lead = (0,) * (a.tensor.rank - 2)
        reflectors = pad(packed, (*lead, 0, 0), (*lead, k - n, 0))
    q = make(ORGQR, (reflectors, scales))
    return swapped(q), triu(part(swapped(packed), rows=slice(k)))


def _with_inverse(x: Expr, r: Expr) -> Expr:
    """Return ``x @ inv(r)`` for upper triangular `r`."""
    return swapped(solve_with(r, swapped(x), lower=False, transpose=True))


def _angles(x: Expr) -> Expr:
    """Return i times the imaginary diagonal of matrices, a diagonal."""
    turning = imag(diagonal(x))
    return identity_like(x) * row(make_complex(axes.zeros_like(turning), turning))


def _check_thin(y: Expr) -> None:
    m, n = y.operands[0].shape[-2:]
    if y.attrs["complete"] and m > n:
        raise DefnTypeError(
            "the columns of Q beyond the rank have no derivative",
            hint='use `mode="reduced"`',
        )


def _vjp(cts: Sequence[Expr], y: Expr, a: Expr) -> tuple[Expr]:
    _check_thin(y)
    q, r = items(y)
    ct_q, ct_r = (conj(ct) for ct in cts)
    core = matmul(ct_r, adjoint(r)) - matmul(adjoint(q), ct_q)
    upper = adjoint(halved(adjoint(core)))
    core = upper + adjoint(upper)
    made = ct_q + matmul(q, core)
    back = solve_with(conj(r), swapped(made), lower=False)
    return (conj(swapped(back)),)


def _jvp(tangents: Any, y: Expr, a: Expr) -> list[Expr]:
    _check_thin(y)
    q, r = items(y)
    moved = _with_inverse(tangents[0], r)
    inside = matmul(adjoint(q), moved)
    below = tril(inside, -1)
    turned = below - adjoint(below)
    if a.dtype.kind == "c":
        turned = turned + _angles(inside)
    return [matmul(q, turned - inside) + moved, matmul(inside - turned, r)]


QR = decomposition(
    "qr",
    infer=_infer,
    eval=_eval,
    expand=_expand,
    vjp=_vjp,
    jvp=_jvp,
    doc="Q, whose columns are orthonormal, and upper triangular R with A = Q R.",
)


class QRResult(NamedTuple):
    """What `qr` returns."""

    Q: Any
    R: Any


def qr(a: Any, mode: str = "reduced") -> QRResult | Expr:
    """Return Q and R with ``a = Q @ R``.

    Args:
        a: matrices (…, m, n).
        mode: "reduced" for Q (…, m, k) and R (…, k, n) with k = min(m, n),
            "complete" for Q (…, m, m) and R (…, m, n), "r" for the reduced R alone.

    The columns of Q are orthonormal, R is upper triangular.

    >>> q, r = dn.linalg.qr(np.array([[3.0, 1.0], [4.0, 2.0]]))
    >>> print((q @ r).round(12))
    [[3. 1.]
     [4. 2.]]
    """
    if mode not in ("reduced", "complete", "r"):
        raise DefnValueError(f'mode is "reduced", "complete" or "r", not {mode!r}')
    a = matrices(a, "qr")
    made = _decomposed(a, mode == "complete")
    return made.R if mode == "r" else made


def _decomposed(a: Expr, complete: bool) -> QRResult:
    *_, m, n = a.shape
    if 0 in a.shape:
        k = m if complete else min(m, n)
        q = zeros(a, m, k)
        return QRResult(identity_like(q) if m == k else q, zeros(a, k, n))
    if m >= n:
        return QRResult(*items(make(QR, (a,), complete=complete)))
    # The columns from m on are those of R that Q is not made of.
    q, first = items(make(QR, (part(a, columns=slice(m)),), complete=complete))
    rest = matmul(adjoint(q), part(a, columns=slice(m, None)))
    return QRResult(q, concatenate([first, rest], -1))
