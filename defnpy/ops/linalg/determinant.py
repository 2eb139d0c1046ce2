"""Determinants and their logarithms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from defnpy.base.dtypes import real_of
from defnpy.ir.expr import make
from defnpy.ops import axes, math, reduce
from defnpy.ops.complex import conj, make_complex, real
from defnpy.ops.control import cond
from defnpy.ops.dot import matmul
from defnpy.ops.elementwise import equal, not_equal, where
from defnpy.ops.family import convert
from defnpy.ops.gradient import custom_grad
from defnpy.ops.leaf import const
from defnpy.ops.linalg.lu import LU_SOLVE, factored
from defnpy.ops.linalg.matrices import diagonal, identity_like, row, square
from defnpy.ops.linalg.svd import thin
from defnpy.ops.movement import iota
from defnpy.ops.polar import absolute, sign

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr


def _parity(pivots: Expr, like: Expr) -> Expr:
    """Return 1 or -1 by the number of rows that were exchanged."""
    moved = not_equal(pivots, iota(pivots.shape, axis=len(pivots.shape) - 1))
    return reduce.prod(where(moved, const(-1, like.dtype), const(1, like.dtype)), -1)


def _multiplied(packed: Expr, pivots: Expr) -> Expr:
    """Return determinants from LU factors."""
    return reduce.prod(diagonal(packed), -1) * _parity(pivots, packed)


def _spread(ct: Expr, x: Expr) -> Expr:
    """Return a scalar for each matrix, to be multiplied with matrices."""
    return convert(axes.reshape(ct, (*ct.shape, 1, 1)), x.dtype)


def det(a: Any) -> Expr:
    """Return the determinants of matrices (…, n, n).

    Singular matrices have a gradient, too.

    >>> dn.linalg.det(np.array([[1.0, 2.0], [3.0, 4.0]])).round(12)
    np.float64(-2.0)
    """
    a = square(a, "det")
    if 0 in a.shape:
        return axes.full(a.tensor.with_shape(a.shape[:-2]), 1)
    packed, pivots, order, _ = factored(a)
    made = _multiplied(packed, pivots)

    def regular() -> list[Expr]:
        return [_spread(made, a) * _inverse_transposed(a, packed, order)]

    def pullback(ct: Expr) -> list[Expr]:
        singular = reduce.any(equal(made, 0))
        (cofactors,) = cond(singular, lambda: [_cofactors(a)], regular)
        return [_spread(ct, a) * cofactors]

    return custom_grad((made,), (a,), pullback)[0]


def _cofactors(a: Expr) -> Expr:
    """Return the derivatives of determinants, which singular matrices have too."""
    u, s, vh = thin(a)
    phase = _multiplied(*factored(u)[:2]) * _multiplied(*factored(vh)[:2])
    others = where(identity_like(a), 1.0, convert(row(s), a.dtype))
    sizes = reduce.prod(others, -1)
    made = matmul(conj(u) * row(sizes), conj(vh))
    return _spread(phase, a) * made


def _inverse_transposed(a: Expr, packed: Expr, order: Expr) -> Expr:
    operands = (a, packed, order, identity_like(a))
    return make(LU_SOLVE, operands, transpose=True)


class SlogdetResult(NamedTuple):
    """The sign of determinants, and the logarithms of their absolute values."""

    sign: Any
    logabsdet: Any


def slogdet(a: Any) -> SlogdetResult:
    """Return the sign and the logarithm of the size of determinants.

    Args:
        a: matrices (…, n, n).

    Returns ``(sign, logabsdet)``, with ``det = sign * exp(logabsdet)``; they are 0
    and -inf for a singular matrix.

    >>> sign, logabsdet = dn.linalg.slogdet(np.diag([2.0, -3.0]))
    >>> print(sign, np.exp(logabsdet).round(12))
    -1.0 6.0
    """
    a = square(a, "slogdet")
    whole = a.tensor.with_shape(a.shape[:-2])
    if 0 in a.shape:
        return SlogdetResult(
            axes.full(whole, 1), axes.full(whole.with_dtype(real_of(a.dtype)), 0)
        )
    packed, pivots, order, _ = factored(a)
    entries = diagonal(packed)
    turned = reduce.prod(sign(entries), -1) * _parity(pivots, a)
    size = reduce.sum(math.log(absolute(entries)), -1)

    def pullback(ct_sign: Expr, ct_size: Expr) -> list[Expr]:
        along = convert(ct_size, a.dtype)
        if a.dtype.kind == "c":  # the sign turns by the imaginary part
            turning = real(ct_sign * turned * 1j)
            along = along + make_complex(axes.zeros_like(turning), -turning)
        return [_spread(along, a) * _inverse_transposed(a, packed, order)]

    return SlogdetResult(*custom_grad((turned, size), (a,), pullback))
