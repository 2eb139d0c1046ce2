"""The LU decomposition, and what it solves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base.dtypes import I64, real_of
from defnpy.ir.expr import Expr, make
from defnpy.ir.types import TensorType, TupleType
from defnpy.ops import axes
from defnpy.ops.control import items
from defnpy.ops.dot import matmul
from defnpy.ops.elementwise import equal, greater_equal, logical_and
from defnpy.ops.family import convert
from defnpy.ops.grids import eye, tril, triu
from defnpy.ops.indexing import scatter
from defnpy.ops.leaf import const
from defnpy.ops.linalg.decomposition import decomposition
from defnpy.ops.linalg.matrices import (
    column,
    identity_like,
    matrices,
    part,
    right,
    row,
    square,
    swapped,
    zeros,
)
from defnpy.ops.linalg.routines import GETRF, call, info_of, transposed
from defnpy.ops.linalg.triangular import solve_with, substitute, system, unsystem
from defnpy.ops.movement import iota, pad
from defnpy.ops.selecting import take_along_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defnpy.ir.op import Attrs

SINGULAR = "Singular matrix"


def _infer(attrs: Attrs, a: TensorType) -> TupleType:
    *batch, m, n = a.shape
    places = (TensorType(I64, (*batch, size)) for size in (min(m, n), m))
    return TupleType((a, *places, info_of(a)))


def _eval(attrs: Attrs, a: np.ndarray) -> tuple[np.ndarray, ...]:
    lut, *rest = GETRF.eval(attrs, transposed(a))  # pyright: ignore
    return (transposed(lut), *rest)


def _expand(attrs: Attrs, a: Expr) -> tuple[Expr, ...]:
    lut, *rest = call(GETRF, swapped(a))
    return (swapped(lut), *rest)


def ordered(x: Expr, order: Expr) -> Expr:
    """Return the rows of matrices in the order given for each."""
    places = axes.broadcast_to(column(order), (*order.shape, x.shape[-1]))
    return take_along_axis(x, places, -2, mode="clip")


def inverted(order: Expr) -> Expr:
    """Return the orders that undo those given."""
    *batch, size = order.shape
    first = np.arange(math.prod(batch)).reshape(*batch, 1) * size
    flat = axes.reshape(order + const(first), (-1,))
    own = axes.reshape(iota(order.shape, axis=len(batch)), (-1,))
    return axes.reshape(scatter(axes.zeros_like(own), flat, own), order.shape)


def _factors(y: Expr) -> tuple[Expr, Expr]:
    """Return L (…, m, m) and U (…, n, n), each continued by an identity."""
    lu = items(y)[0]
    *_, m, n = lu.shape
    k = min(m, n)
    lower = tril(part(lu, columns=slice(k)), -1)
    upper = triu(part(lu, rows=slice(k)))
    lower = _wider(lower, m - k, axis=-1) + eye(m, dtype=lu.dtype)
    if n > k:
        rows, columns = iota((n, n), axis=0), iota((n, n), axis=1)
        rest = logical_and(equal(rows, columns), greater_equal(rows, k))
        upper = _wider(upper, n - k, axis=-2) + convert(rest, lu.dtype)
    return lower, upper


def _wider(x: Expr, more: int, *, axis: int) -> Expr:
    amounts = [0] * x.tensor.rank
    amounts[axis] = more
    return pad(x, (0,) * x.tensor.rank, tuple(amounts))


def _vjp(cts: Sequence[Expr], y: Expr, a: Expr) -> tuple[Expr]:
    """Return the cotangent of A, of which P A = L U, from those of L and U."""
    _, _, order, _ = items(y)
    lower, upper = _factors(y)
    ct = cts[0]
    middle = tril(matmul(swapped(lower), tril(ct, -1)), -1)
    middle = middle + triu(matmul(triu(ct), swapped(upper)))
    left = solve_with(lower, middle, lower=True, transpose=True, unit=True)
    both = swapped(solve_with(upper, swapped(left), lower=False))
    return (ordered(both, inverted(order)),)


def _jvp(tangents: Any, y: Expr, a: Expr) -> list[Expr | None]:
    _, _, order, _ = items(y)
    lower, upper = _factors(y)
    left = solve_with(lower, ordered(tangents[0], order), lower=True, unit=True)
    middle = swapped(solve_with(upper, swapped(left), lower=False, transpose=True))
    moved = matmul(lower, tril(middle, -1)) + matmul(triu(middle), upper)
    return [moved, None, None, None]


LU = decomposition(
    "lu",
    infer=_infer,
    eval=_eval,
    expand=_expand,
    vjp=_vjp,
    jvp=_jvp,
    doc="The LU factors of matrices in one, the row that each step exchanges with its"
    " own, the order of rows that makes, and whether U is singular.",
)


def lu(a: Any) -> tuple[Expr, Expr, Expr]:
    """Return P, L and U with ``a = P @ L @ U``: rows are exchanged for stability.

    Args:
        a: matrices (…, m, n).

    Returns a permutation matrix (…, m, m), L (…, m, k) with ones on its diagonal
    and U (…, k, n), where k = min(m, n).

    >>> p, l, u = dn.linalg.lu(np.array([[1.0, 2.0], [4.0, 4.0]]))
    >>> print(p @ l @ u)
    [[1. 2.]
     [4. 4.]]
    """
    a = matrices(a, "lu")
    *_, m, n = a.shape
    k = min(m, n)
    if 0 in a.shape:
        places = zeros(a, m, m, dtype=real_of(a.dtype))
        return identity_like(places), zeros(a, m, k), zeros(a, k, n)
    packed, _, order, _ = items(make(LU, (a,)))
    lower = tril(part(packed, columns=slice(k)), -1) + eye(m, k, dtype=a.dtype)
    upper = triu(part(packed, rows=slice(k)))
    exchanged = equal(row(order), column(iota(m)))
    return convert(exchanged, real_of(a.dtype)), lower, upper


def _eval_solve(
    attrs: Attrs, a: np.ndarray, lu: np.ndarray, order: np.ndarray, b: np.ndarray
) -> np.ndarray:
    with np.errstate(all="ignore"):
        if attrs["transpose"]:
            turned = transposed(lu)
            half = substitute(turned, b, lower=True)
            made = substitute(turned, half, lower=False, unit=True)
            return np.take_along_axis(made, np.argsort(order)[..., None], -2)
        moved = np.take_along_axis(b, order[..., None], -2)
        half = substitute(lu, moved, lower=True, unit=True)
        return substitute(lu, half, lower=False)


def _expand_solve(attrs: Attrs, a: Expr, lu: Expr, order: Expr, b: Expr) -> Expr:
    if attrs["transpose"]:
        half = solve_with(lu, b, lower=False, transpose=True)
        made = solve_with(lu, half, lower=True, transpose=True, unit=True)
        return ordered(made, inverted(order))
    half = solve_with(lu, ordered(b, order), lower=True, unit=True)
    return solve_with(lu, half, lower=False)


def _again(y: Expr, b: Expr, transpose: bool) -> Expr:
    a, lu, order, _ = y.operands
    return make(LU_SOLVE, (a, lu, order, b), transpose=transpose)


def _vjp_solve(ct: Expr, y: Expr, *operands: Expr) -> tuple[Expr | None, ...]:
    transpose = y.attrs["transpose"]
    back = _again(y, ct, not transpose)
    first, second = (y, back) if transpose else (back, y)
    return -matmul(first, swapped(second)), None, None, back


def _jvp_solve(tangents: Any, y: Expr, *operands: Expr) -> Expr | None:
    da, _, _, db = tangents
    if da is not None:
        moved = matmul(swapped(da) if y.attrs["transpose"] else da, y)
        db = -moved if db is None else db - moved
    return None if db is None else _again(y, db, y.attrs["transpose"])


def _infer_solve(attrs: Attrs, a: Any, lu: Any, order: Any, b: TensorType) -> Any:
    return b


LU_SOLVE = decomposition(
    "lu_solve",
    infer=_infer_solve,
    eval=_eval_solve,
    expand=_expand_solve,
    vjp=_vjp_solve,
    jvp=_jvp_solve,
    doc="The solution of systems of equations whose matrix is decomposed already.",
)


def factored(a: Expr) -> tuple[Expr, Expr, Expr, Expr]:
    """Return the LU factors, exchanges, order of rows and info of matrices."""
    packed, pivots, order, info = items(make(LU, (a,)))
    return packed, pivots, order, info


def solved(a: Expr, b: Expr) -> Expr:
    """Return the solution of equations in one dtype and batch; raise if singular."""
    packed, _, order, info = factored(a)
    packed = right(packed, info, SINGULAR)
    return make(LU_SOLVE, (a, packed, order, b), transpose=False)


def solve(a: Any, b: Any) -> Expr:
    """Return the solution x of the equations ``a @ x = b``.

    Args:
        a: matrices (…, n, n).
        b: a vector (n,), or matrices (…, n, k) of right sides.

    Raises:
        numpy.linalg.LinAlgError: where a matrix is singular.

    >>> dn.linalg.solve(np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([3.0, 4.0]))
    array([1., 1.])
    """
    a, b, vector = system(a, b, "solve")
    if 0 in b.shape:
        return unsystem(b, vector)
    return unsystem(solved(a, b), vector)


def inv(a: Any) -> Expr:
    """Return the inverses of matrices (…, n, n).

    Raises:
        numpy.linalg.LinAlgError: where a matrix is singular.

    >>> dn.linalg.inv(np.array([[2.0, 0.0], [0.0, 4.0]]))
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    a = square(a, "inv")
    return a if 0 in a.shape else solved(a, identity_like(a))
