"""The frequencies of Fourier transforms, and the order they stand in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base.dtypes import default_float
from defnpy.base.errors import DefnValueError
from defnpy.ops.axes import normalize_axes
from defnpy.ops.creation import dtype_or, static_int
from defnpy.ops.elementwise import divide, multiply
from defnpy.ops.leaf import as_expr, const
from defnpy.ops.manipulation import roll

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr


def _frequencies(steps: np.ndarray, n: int, d: Any, dtype: Any) -> Expr:
    numbers = const(steps, dtype_or(dtype, default_float()))
    if isinstance(d, int | float):
        return multiply(numbers, 1 / (n * d))
    return divide(numbers, multiply(as_expr(d), n))


def _count(n: Any) -> int:
    size = static_int(n, "n")
    if size < 1:
        raise DefnValueError(f"a Fourier transform has at least 1 point, not {size}")
    return size


def fftfreq(n: int, d: Any = 1.0, *, dtype: Any = None) -> Expr:
    """Return the frequencies of the results of `fft`, in cycles per unit.

    Args:
        n: length of the transform.
        d: distance between points.
        dtype: of the result, the default float if not given.

    >>> dn.fft.fftfreq(4, 0.5)
    array([ 0. ,  0.5, -1. , -0.5], dtype=float32)
    """
    size = _count(n)
    steps = np.arange(size)
    return _frequencies(np.where(2 * steps < size, steps, steps - size), size, d, dtype)


def rfftfreq(n: int, d: Any = 1.0, *, dtype: Any = None) -> Expr:
    """Return the frequencies of the results of `rfft`, in cycles per unit.

    The arguments are those of `fftfreq`.

    >>> dn.fft.rfftfreq(4, 0.5)
    array([0. , 0.5, 1. ], dtype=float32)
    """
    size = _count(n)
    return _frequencies(np.arange(size // 2 + 1), size, d, dtype)


def _moved(x: Any, axes: Any, sign: int) -> Expr:
    x = as_expr(x)
    places = normalize_axes(axes, x.tensor.rank)
    halves = (x.shape[place] for place in places)
    shifts = tuple(sign * (size // 2) for size in halves)
    return roll(x, shifts, places) if places else x


def fftshift(x: Any, axes: Any = None) -> Expr:
    """Return `x` with the frequency 0 moved to the middle of axes.

    Args:
        x: tensor.
        axes: an axis or several; all by default.

    >>> dn.fft.fftshift(np.array([0, 1, 2, -2, -1]))
    array([-2, -1,  0,  1,  2])
    """
    return _moved(x, axes, 1)


def ifftshift(x: Any, axes: Any = None) -> Expr:
    """Return the inverse of `fftshift`; the arguments are those of it.

    >>> dn.fft.ifftshift(np.array([-2, -1, 0, 1, 2]))
    array([ 0,  1,  2, -2, -1])
    """
    return _moved(x, axes, -1)
