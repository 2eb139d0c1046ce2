"""Systems of equations with triangular matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from defnpy.base.errors import DefnShapeError, DefnValueError
from defnpy.ir.expr import Expr, make
from defnpy.ir.op import Attrs, Missing, Op, Sample
from defnpy.ops import axes, reduce
from defnpy.ops.complex import conj
from defnpy.ops.control import check
from defnpy.ops.dot import matmul
from defnpy.ops.elementwise import not_equal
from defnpy.ops.grids import tril, triu
from defnpy.ops.linalg.matrices import (
    column,
    diagonal,
    inexact,
    matrices,
    square,
    swapped,
    together,
)
from defnpy.ops.linalg.routines import ROUTINE, batch_matrices


def substitute(
    a: np.ndarray, b: np.ndarray, *, lower: bool, unit: bool = False
) -> np.ndarray:
    """Return the solution of a triangular system, row after row."""
    x = np.zeros(b.shape, b.dtype)
    order = range(a.shape[-1])
    for i in order if lower else reversed(order):
        known = slice(0, i) if lower else slice(i + 1, None)
        left = b[..., i, :] - (a[..., i, None, known] @ x[..., known, :])[..., 0, :]
        x[..., i, :] = left if unit else left / a[..., i, i, None]
    return x


def _eval(attrs: Attrs, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    lower = attrs["lower"]
    if attrs["transpose"]:
        a, lower = np.swapaxes(a, -1, -2), not lower
    with np.errstate(all="ignore"):
        return substitute(a, b, lower=lower, unit=attrs["unit"])


def solve_with(
    a: Expr, b: Expr, *, lower: bool, transpose: bool = False, unit: bool = False
) -> Expr:
    """Return the solution of a triangular system of one batch and dtype.

    Nothing is checked: where the diagonal holds a zero it is infinite or NaN.
    """
    return make(TRSM, (a, b), lower=lower, transpose=transpose, unit=unit)


def _again(y: Expr, b: Expr, transpose: bool) -> Expr:
    attrs = dict(y.attrs, transpose=transpose)
    return make(TRSM, (y.operands[0], b), **attrs)


def kept(x: Expr, attrs: Attrs) -> Expr:
    """Return what a triangular system reads of `x`, zeros elsewhere."""
    inside = 1 if attrs["unit"] else 0
    return tril(x, -inside) if attrs["lower"] else triu(x, inside)


def _vjp(ct: Expr, y: Expr, a: Expr, b: Expr) -> tuple[Expr, Expr]:
    back = _again(y, ct, not y.attrs["transpose"])
    factors = (back, y) if not y.attrs["transpose"] else (y, back)
    outer = matmul(factors[0], swapped(factors[1]))
    return -kept(outer, y.attrs), back


def _jvp(tangents: Any, y: Expr, a: Expr, b: Expr) -> Expr:
    da, db = tangents
    if da is not None:
        da = kept(da, y.attrs)
        moved = matmul(swapped(da) if y.attrs["transpose"] else da, y)
        db = -moved if db is None else db - moved
    return _again(y, db, y.attrs["transpose"])


def _samples() -> list[Sample]:
    rng = np.random.default_rng(5)
    a, b = (
        rng.standard_normal((2, 3, 3)) + 3 * np.eye(3),
        rng.standard_normal((2, 3, 2)),
    )
    names = ("lower", "transpose", "unit")
    cases = [(True, False, False), (False, False, True), (True, True, True)]
    cases.append((False, True, False))
    return [Sample((a, b), tuple(zip(names, case, strict=True))) for case in cases]


TRSM = Op(
    name="trsm",
    infer=lambda attrs, a, b: b,
    eval=_eval,
    vjp=_vjp,
    jvp=_jvp,
    batch=batch_matrices,
    lower=Missing("it is called"),
    doc="The solution of triangular systems, which read one triangle of a matrix.",
    family=ROUTINE,
    samples=_samples,
)


def solve_triangular(
    a: Any, b: Any, *, lower: bool = False, trans: int = 0, unit_diagonal: bool = False
) -> Expr:
    """Return the solution x of ``a @ x = b``, where `a` is triangular.

    Args:
        a: matrices (…, n, n), of which one triangle is read.
        b: a vector (n,), or matrices (…, n, k).
        lower: whether the lower triangle is read.
        trans: 0 for `a`, 1 for its transpose, 2 for its conjugate transpose.
        unit_diagonal: whether the diagonal is taken to be ones and not read.

    Raises:
        numpy.linalg.LinAlgError: where the diagonal holds a zero.

    >>> a = np.array([[2.0, 0.0], [1.0, 4.0]])
    >>> dn.linalg.solve_triangular(a, np.array([2.0, 5.0]), lower=True)
    array([1., 1.])
    """
    if trans not in (0, 1, 2):
        raise DefnValueError(f"trans is 0, 1 or 2, not {trans!r}")
    a, b, vector = system(a, b, "solve_triangular")
    if 0 in b.shape:
        return unsystem(b, vector)
    if not unit_diagonal:
        regular = reduce.all(not_equal(diagonal(a), 0))
        b = check(b, regular, "DefnLinAlgError", "Singular matrix")
    made = solve_with(
        conj(a) if trans == 2 else a,
        b,
        lower=bool(lower),
        transpose=trans != 0,
        unit=bool(unit_diagonal),
    )
    return unsystem(made, vector)


def system(a: Any, b: Any, name: str) -> tuple[Expr, Expr, bool]:
    """Return both sides of equations as matrices, and whether `b` is a vector."""
    a, b = square(a, name), inexact(b)
    vector = b.tensor.rank == 1
    b = matrices(column(b) if vector else b, name)
    if a.shape[-1] != b.shape[-2]:
        raise DefnShapeError(f"{name}: {a.type} and {b.type} differ in rows")
    a, b = together(a, b)
    return a, b, vector


def unsystem(x: Expr, vector: bool) -> Expr:
    """Return a solution in the form of the right side."""
    return axes.reshape(x, x.shape[:-1]) if vector else x
