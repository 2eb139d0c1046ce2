"""Complex numbers by length and angle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defnpy.ops import elementwise
from defnpy.ops.complex import imag, real
from defnpy.ops.family import convert
from defnpy.ops.leaf import as_expr
from defnpy.ops.math.angle import atan2
from defnpy.ops.math.root import hypot

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr


def absolute(x: Any) -> Expr:
    """Return the absolute value of each element, of a complex one its length.

    The gradient at 0 is 0.

    >>> dn.abs(np.array([-2, 3])), dn.abs(np.array([3 + 4j]))
    (array([2, 3]), array([5.]))
    """
    x = as_expr(x)
    if x.dtype.kind == "c":
        return hypot(real(x), imag(x))
    return x if x.dtype.kind == "b" else elementwise.absolute(x)


def angle(x: Any) -> Expr:
    """Return the angle of each element with the positive real axis, in radians.

    >>> dn.angle(np.array([1j, -1.0]))
    array([1.57079633, 3.14159265])
    """
    x = as_expr(x)
    return atan2(imag(x), real(x))


def sign(x: Any) -> Expr:
    """Return -1, 0 or 1 by the sign of each element; a complex one by its length.

    NaN stays NaN.

    >>> dn.sign(np.array([-2.0, 0.0, 3.0])), dn.sign(np.array([3 + 4j, 0]))
    (array([-1.,  0.,  1.]), array([0.6+0.8j, 0. +0.j ]))
    """
    x = as_expr(x)
    if x.dtype.kind != "c":
        return elementwise.sign(x)
    size = absolute(x)
    whole = elementwise.where(elementwise.equal(size, 0), 1.0, size)
    return x / convert(whole, x.dtype, weak=x.tensor.weak)
