"""Products and powers of matrices, and what is read of them."""

from __future__ import annotations

import functools
import math
import operator
from typing import TYPE_CHECKING, Any

from defnpy.base.dtypes import F32, I64
from defnpy.base.errors import DefnShapeError, DefnTypeError
from defnpy.ops import axes, diagonals, dot, reduce
from defnpy.ops.control import counted_loop, index_const
from defnpy.ops.creation import static_int
from defnpy.ops.elementwise import ceil, less, maximum, minimum, where
from defnpy.ops.family import common, convert
from defnpy.ops.gradient import stop_gradient
from defnpy.ops.leaf import as_expr
from defnpy.ops.linalg.lu import inv, solve, solved
from defnpy.ops.linalg.matrices import identity_like, square
from defnpy.ops.linalg.norms import matrix_norm
from defnpy.ops.manipulation import one_axis, stack, unstack
from defnpy.ops.math.exponential import exp2
from defnpy.ops.math.logarithm import log2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defnpy.ir.expr import Expr


def diagonal(x: Any, *, offset: int = 0) -> Expr:
    """Return a diagonal of matrices (…, m, n), along a last axis.

    >>> dn.linalg.diagonal(np.array([[1, 2], [3, 4]]), offset=1)
    array([2])
    """
    return diagonals.diagonal(x, offset, -2, -1)


def trace(x: Any, *, offset: int = 0) -> Expr:
    """Return the sums of a diagonal of matrices (…, m, n).

    >>> dn.linalg.trace(np.array([[1, 2], [3, 4]]))
    np.int64(5)
    """
    return diagonals.trace(x, offset, -2, -1)


def outer(a: Any, b: Any) -> Expr:
    """Return the product of each element of one vector with each of another.

    >>> dn.linalg.outer(np.array([1, 2]), np.array([3, 4]))
    array([[3, 4],
           [6, 8]])
    """
    a, b = as_expr(a), as_expr(b)
    if a.tensor.rank != 1 or b.tensor.rank != 1:
        raise DefnShapeError(f"outer takes two vectors, not {a.type} and {b.type}")
    return dot.outer(a, b)


def cross(a: Any, b: Any, *, axis: int = -1) -> Expr:
    """Return the cross products of vectors of three elements.

    Args:
        a: tensor with three elements along `axis`.
        b: the same; they broadcast.
        axis: the axis of the vectors.

    >>> dn.linalg.cross(np.array([1, 0, 0]), np.array([0, 1, 0]))
    array([0, 0, 1])
    """
    a, b = common(as_expr(a), as_expr(b))
    place = one_axis(axis, a.tensor.rank)
    if a.shape[place] != 3:
        raise DefnShapeError(f"cross takes vectors of 3 elements: {a.type}, {b.type}")
    x, y = unstack(a, axis=place), unstack(b, axis=place)
    made = [x[i] * y[j] - x[j] * y[i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return stack(made, place)


def matrix_power(a: Any, n: int) -> Expr:
    """Return matrices (…, m, m) multiplied `n` times, their inverses for n < 0.

    >>> dn.linalg.matrix_power(np.array([[1, 1], [1, 0]]), 10)
    array([[89, 55],
           [55, 34]])
    """
    count = static_int(n, "the power")
    x = as_expr(a)
    if x.tensor.rank < 2 or x.shape[-1] != x.shape[-2]:
        raise DefnShapeError(f"matrix_power needs square matrices, not {x.type}")
    if count < 0:
        x, count = inv(x), -count
    made: Expr | None = None
    while count:
        if count % 2:
            made = x if made is None else dot.matmul(made, x)
        count //= 2
        x = dot.matmul(x, x) if count else x
    return identity_like(x) if made is None else made


def multi_dot(arrays: Sequence[Any]) -> Expr:
    """Return the product of several matrices, in the order that is least work.

    The first and the last may be vectors.

    >>> dn.linalg.multi_dot([np.ones((2, 9)), np.ones((9, 9)), np.ones(9)])
    array([81., 81.])
    """
    factors = [as_expr(each) for each in arrays]
    if len(factors) < 2:
        raise DefnTypeError("multi_dot takes at least two arrays")
    first, last = factors[0].tensor.rank == 1, factors[-1].tensor.rank == 1
    if first:
        factors[0] = axes.reshape(factors[0], (1, -1))
    if last:
        factors[-1] = axes.reshape(factors[-1], (-1, 1))
    for each in factors:
        if each.tensor.rank != 2:
            raise DefnShapeError(f"multi_dot takes matrices, not {each.type}")
    made = _in_best_order(factors)
    rows, columns = made.shape
    kept = (() if first else (rows,)) + (() if last else (columns,))
    return axes.reshape(made, kept)


def _in_best_order(factors: Sequence[Expr]) -> Expr:
    """Return the product by the split of least cost, for every part of the chain."""
    sizes = [factors[0].shape[0], *(each.shape[1] for each in factors)]
    count = len(factors)
    cost = {(i, i): 0 for i in range(count)}
    cut: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            costs = {
                k: cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
                for k in range(i, j)
            }
            cut[i, j] = min(costs, key=lambda k: costs[k])
            cost[i, j] = costs[cut[i, j]]

    def product(i: int, j: int) -> Expr:
        if i == j:
            return factors[i]
        return dot.matmul(product(i, cut[i, j]), product(cut[i, j] + 1, j))

    return product(0, count - 1)


def tensorsolve(a: Any, b: Any) -> Expr:
    """Return the x with ``tensordot(a, x, x.ndim) = b``.

    >>> dn.linalg.tensorsolve(np.eye(6).reshape(2, 3, 6), np.ones((2, 3))).shape
    (6,)
    """
    a, b = as_expr(a), as_expr(b)
    shape = a.shape[b.tensor.rank :]
    size = math.prod(shape)
    if a.tensor.size != size * size:
        raise DefnShapeError(f"tensorsolve: {a.type} is not square beside {b.type}")
    made = solve(axes.reshape(a, (size, size)), axes.reshape(b, (-1,)))
    return axes.reshape(made, shape)


def tensorinv(a: Any, ind: int = 2) -> Expr:
    """Return the inverse of `a` for `tensordot` over its first `ind` axes.

    >>> dn.linalg.tensorinv(np.eye(6).reshape(2, 3, 6)).shape
    (6, 2, 3)
    """
    a, count = as_expr(a), static_int(ind, "ind")
    if count < 1:
        raise DefnShapeError(f"ind is at least 1, not {count}")
    rows, columns = a.shape[:count], a.shape[count:]
    if math.prod(rows) != math.prod(columns):
        raise DefnShapeError(f"tensorinv: {a.type} is not square by its axis {count}")
    made = inv(axes.reshape(a, (math.prod(rows), math.prod(columns))))
    return axes.reshape(made, (*columns, *rows))


# Coefficients of the numerators of Padé's approximants of the exponential, and the
# 1-norms up to which they are right to the last digit (Higham, 2005).
_PADE = {
    F32: (3.9257248464332842, (17297280, 8648640, 1995840, 277200, 25200, 1512, 56, 1)),
    None: (
        5.371920351148152,
        (
            *(64764752532480000, 32382376266240000, 7771770303897600),
            *(1187353796428800, 129060195264000, 10559470521600, 670442572800),
            *(33522128640, 1323241920, 40840800, 960960, 16380, 182, 1),
        ),
    ),
}
_MOST = 1100  # squarings after which any number has overflown


def expm(a: Any) -> Expr:
    """Return the exponentials of square matrices (…, n, n).

    They are made by Padé's approximant of matrices halved until they are small, then
    squared as often.

    >>> dn.linalg.expm(np.array([[0.0, 1.0], [0.0, 0.0]]))
    array([[1., 1.],
           [0., 1.]])
    """
    a = square(a, "expm")
    if 0 in a.shape:
        return a
    single = a.dtype.name in ("f32", "c64")
    limit, coefficients = _PADE[F32 if single else None]
    norm = stop_gradient(matrix_norm(a, ord=1, keepdims=True))
    halvings = ceil(log2(maximum(norm, limit) / limit))
    halvings = minimum(halvings, float(_MOST))
    small = a * convert(exp2(-halvings), a.dtype)
    made = _approximant(small, coefficients)
    times = convert(halvings, I64)

    def step(k: Expr, x: Expr) -> list[Expr]:
        return [where(less(k, times), dot.matmul(x, x), x)]

    bounds = index_const(0), reduce.max(times), index_const(1)
    return counted_loop(*bounds, (made,), step)[0]


def _approximant(a: Expr, whole: tuple[int, ...]) -> Expr:
    """Return q(a)⁻¹ p(a), where p has the coefficients and q(a) = p(-a)."""
    coefficients = [each / whole[0] for each in whole]
    square_of = dot.matmul(a, a)
    powers = [identity_like(a), square_of]
    while 2 * len(powers) < len(coefficients):
        powers.append(dot.matmul(powers[-1], square_of))
    even = _combined(coefficients[::2], powers)
    odd = dot.matmul(a, _combined(coefficients[1::2], powers))
    return solved(even - odd, even + odd)


def _combined(coefficients: Sequence[float], powers: Sequence[Expr]) -> Expr:
    terms = [c * p for c, p in zip(coefficients, powers, strict=True)]
    return functools.reduce(operator.add, terms)
