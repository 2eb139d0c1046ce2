"""Exponentials that are summed, without overflow."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from defnpy.ops import axes, reduce
from defnpy.ops.elementwise import divide, isfinite, multiply, subtract, where
from defnpy.ops.family import common
from defnpy.ops.gradient import stop_gradient
from defnpy.ops.leaf import as_expr, const
from defnpy.ops.math.exponential import exp
from defnpy.ops.math.logarithm import log
from defnpy.ops.statistics import narrowed, widened

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr


def _shifted(x: Expr, axis: Any) -> tuple[Expr, Expr]:
    """Return `x` less its maximum along `axis`, and that maximum, its axes kept.

    The maximum is a constant for gradients: results do not depend on what is taken
    off.  Where it is not finite nothing is, or infinities would become NaN.
    """
    most = stop_gradient(reduce.max(x, axis, keepdims=True))
    most = where(isfinite(most), most, const(0, x.dtype))
    return subtract(x, most), most


def _as_float(x: Any) -> tuple[Expr, Any]:
    return widened(common(as_expr(x), floats=True)[0])


def logsumexp(
    x: Any, axis: Any = None, *, b: Any = None, keepdims: bool = False
) -> Expr:
    """Return the logarithm of the sum of exponentials over `axis`.

    Of no elements, and of elements that are all -inf, it is -inf.

    Args:
        x: tensor; integers become the default float.
        axis: an axis, a tuple of axes, or None for all.
        b: factors of the exponentials.
        keepdims: whether the axes stay, with size 1.

    >>> dn.logsumexp(np.array([1000.0, 1000.0]))
    np.float64(1000.6931471805599)
    """
    x, narrow = _as_float(x)
    places = axes.normalize_axes(axis, x.tensor.rank)
    if any(x.shape[a] == 0 for a in places):
        nothing = reduce.sum(x, places, keepdims=keepdims)
        return narrowed(nothing - math.inf, narrow)
    shifted, most = _shifted(x, places)
    powers = exp(shifted) if b is None else multiply(exp(shifted), b)
    total = log(reduce.sum(powers, places, keepdims=True)) + most
    return narrowed(total if keepdims else _without(total, places), narrow)


def _without(x: Expr, places: tuple[int, ...]) -> Expr:
    kept = tuple(s for a, s in enumerate(x.shape) if a not in places)
    return axes.reshape(x, kept)


def softmax(x: Any, *, axis: Any = -1) -> Expr:
    """Return exponentials divided by their sum over `axis`, in the dtype of `x`.

    >>> dn.softmax(np.array([0.0, 0.0, -np.inf]))
    array([0.5, 0.5, 0. ])
    """
    x, narrow = _as_float(x)
    if x.tensor.size == 0:
        return narrowed(x, narrow)
    powers = exp(_shifted(x, axis)[0])
    return narrowed(divide(powers, reduce.sum(powers, axis, keepdims=True)), narrow)


def log_softmax(x: Any, *, axis: Any = -1) -> Expr:
    """Return the logarithm of `softmax`, exact where that is nearly 0 or 1.

    >>> dn.log_softmax(np.array([0.0, 1000.0]))
    array([-1000.,     0.])
    """
    x, narrow = _as_float(x)
    if x.tensor.size == 0:
        return narrowed(x, narrow)
    shifted = _shifted(x, axis)[0]
    total = reduce.sum(exp(shifted), axis, keepdims=True)
    return narrowed(subtract(shifted, log(total)), narrow)
