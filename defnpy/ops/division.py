"""Quotients and remainders whose sign is that of the dividend, as in C."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defnpy.base.errors import DefnTypeError
from defnpy.ops.composite import signbit
from defnpy.ops.elementwise import (
    floor_divide,
    less,
    logical_and,
    not_equal,
    remainder,
    where,
)
from defnpy.ops.family import common
from defnpy.ops.leaf import as_expr

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr


def fmod(x1: Any, x2: Any) -> Expr:
    """Return the remainder of a division rounded towards zero: x1 keeps its sign.

    `remainder` has the sign of x2 instead.

    >>> dn.fmod(np.array([7, -7]), 3), dn.remainder(np.array([7, -7]), 3)
    (array([ 1, -1]), array([1, 2]))
    """
    a, b = common(as_expr(x1), as_expr(x2))
    if a.dtype.is_float:
        negative, size = signbit(a), where(less(b, 0), -b, b)
        rest = remainder(where(negative, -a, a), size)
        return where(negative, -rest, rest)
    rest = remainder(a, b)
    if a.dtype.kind == "u":
        return rest
    opposite = logical_and(not_equal(rest, 0), not_equal(less(rest, 0), less(a, 0)))
    return where(opposite, rest - b, rest)


def quotient(x1: Any, x2: Any) -> Expr:
    """Return the quotient of integers rounded towards zero.

    `floor_divide` rounds down instead.

    >>> dn.quotient(np.array([7, -7]), 2), dn.floor_divide(np.array([7, -7]), 2)
    (array([ 3, -3]), array([ 3, -4]))
    """
    a, b = common(as_expr(x1), as_expr(x2))
    if not a.dtype.is_integer:
        raise DefnTypeError(
            f"quotient takes integers, not {a.dtype}",
            hint="of floats it is dn.trunc(x1 / x2)",
        )
    return floor_divide(a - fmod(a, b), b)


def divmod(x1: Any, x2: Any) -> tuple[Expr, Expr]:
    """Return the quotient rounded down and the remainder, as Python's `divmod`.

    >>> dn.divmod(np.array([7, -7]), 2)
    (array([ 3, -4]), array([1, 1]))
    """
    return floor_divide(x1, x2), remainder(x1, x2)
