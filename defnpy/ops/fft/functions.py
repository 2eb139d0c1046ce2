"""The functions of ``dn.fft``, in the forms of NumPy's and of the Array API."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from defnpy.base.dtypes import BF16, F16, F32, real_of
from defnpy.base.errors import DefnShapeError, DefnTypeError, DefnValueError
from defnpy.ir.expr import make
from defnpy.ops import axes as axes_of
from defnpy.ops.complex import complex_of, conj, to_complex
from defnpy.ops.creation import static_int
from defnpy.ops.elementwise import multiply
from defnpy.ops.family import convert
from defnpy.ops.fft.records import FFT, IRFFT, RFFT, half
from defnpy.ops.linalg.matrices import inexact
from defnpy.ops.manipulation import one_axis
from defnpy.ops.movement import moveaxis, pad, strided_slice

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from defnpy.ir.expr import Expr

_NORMS = ("backward", "ortho", "forward")
_SWAPPED = {"backward": "forward", "forward": "backward", "ortho": "ortho"}


def _numbers(x: Any, name: str) -> Expr:
    """Return `x` as floats or complex numbers that a transform takes."""
    x = inexact(x)
    if x.tensor.rank == 0:
        raise DefnShapeError(f"{name} needs at least one axis, not {x.type}")
    return convert(x, F32) if x.dtype in (F16, BF16) else x


def _real_numbers(x: Any, name: str) -> Expr:
    x = _numbers(x, name)
    if x.dtype.kind == "c":
        raise DefnTypeError(
            f"{name} takes real numbers, not {x.dtype}", hint="`fft` takes complex ones"
        )
    return x


def _length(n: Any, otherwise: int) -> int:
    """Return the length asked for, which is at least 1."""
    size = otherwise if n is None else static_int(n, "the length")
    if size < 1:
        raise DefnValueError(f"a Fourier transform has at least 1 point, not {size}")
    return size


def _scale(norm: str | None, n: int, *, inverse: bool) -> float:
    """Return what an unscaled transform is multiplied by."""
    norm = "backward" if norm is None else norm
    if norm not in _NORMS:
        names = ", ".join(map(repr, _NORMS))
        raise DefnValueError(f"norm is one of {names}, not {norm!r}")
    if norm == "ortho":
        return 1 / math.sqrt(n)
    return 1 / n if (norm == "forward") != inverse else 1.0


def _sized(x: Expr, n: int) -> Expr:
    """Return `x` with its last axis cut or filled with zeros to length n."""
    size, rank = x.shape[-1], x.tensor.rank
    if size > n:
        return strided_slice(x, (0,) * rank, (*x.shape[:-1], n), (1,) * rank)
    lead = (0,) * (rank - 1)
    return pad(x, (*lead, 0), (*lead, n - size))


def _along(x: Expr, axis: Any, function: Callable[[Expr], Expr]) -> Expr:
    """Return what a function of the last axis makes of another one."""
    place, last = one_axis(axis, x.tensor.rank), x.tensor.rank - 1
    return moveaxis(function(moveaxis(x, place, last)), last, place)


def _scaled(x: Expr, factor: float) -> Expr:
    return x if factor == 1.0 else multiply(x, factor)


def _complex(
    x: Any, n: Any, axis: Any, norm: str | None, *, inverse: bool, name: str
) -> Expr:
    x = to_complex(_numbers(x, name))

    def function(x: Expr) -> Expr:
        size = _length(n, x.shape[-1])
        factor = _scale(norm, size, inverse=inverse)
        x = _sized(x, size)
        if x.tensor.size == 0:
            return x
        return _scaled(make(FFT, (x,), inverse=inverse), factor)

    return _along(x, axis, function)


def fft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Expr:
    """Return the discrete Fourier transform along an axis.

    Args:
        a: tensor; halves are computed as f32.
        n: length that the axis is cut to, or filled to with zeros.
        axis: the axis.
        norm: what is divided by n: "backward" the inverse, "forward" this one,
            "ortho" both, by √n.

    >>> dn.fft.fft(np.array([1.0, 2.0, 3.0, 4.0]))
    array([10.+0.j, -2.+2.j, -2.+0.j, -2.-2.j])
    """
    return _complex(a, n, axis, norm, inverse=False, name="fft")


def ifft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Expr:
    """Return the inverse of `fft`; the arguments are those of it.

    >>> dn.fft.ifft(np.array([10.0, -2 + 2j, -2.0, -2 - 2j]))
    array([1.+0.j, 2.+0.j, 3.+0.j, 4.+0.j])
    """
    return _complex(a, n, axis, norm, inverse=True, name="ifft")


def rfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Expr:
    """Return the discrete Fourier transform of real numbers, up to half its length.

    The arguments are those of `fft`.

    >>> dn.fft.rfft(np.array([1.0, 2.0, 3.0, 4.0]))
    array([10.+0.j, -2.+2.j, -2.+0.j])
    """
    x = _real_numbers(a, "rfft")

    def function(x: Expr) -> Expr:
        size = _length(n, x.shape[-1])
        factor = _scale(norm, size, inverse=False)
        x = _sized(x, size)
        if x.tensor.size == 0:
            made = x.tensor.with_dtype(complex_of(x.dtype))
            return axes_of.full(made.with_shape((*x.shape[:-1], half(size))), 0)
        return _scaled(make(RFFT, (x,)), factor)

    return _along(x, axis, function)


def irfft(
    a: Any, n: int | None = None, axis: int = -1, norm: str | None = None
) -> Expr:
    """Return the inverse of `rfft`: n real numbers, by default twice as many less two.

    Args:
        a: tensor of frequencies from 0 on; those beyond the half of n are not read.
        n: length of the result's axis.
        axis: the axis.
        norm: as in `fft`.

    >>> dn.fft.irfft(np.array([10.0, -2 + 2j, -2.0]))
    array([1., 2., 3., 4.])
    """
    x = to_complex(_numbers(a, "irfft"))

    def function(x: Expr) -> Expr:
        size = _length(n, 2 * (x.shape[-1] - 1))
        factor = _scale(norm, size, inverse=True)
        x = _sized(x, half(size))
        if x.tensor.size == 0:
            made = x.tensor.with_dtype(real_of(x.dtype))
            return axes_of.full(made.with_shape((*x.shape[:-1], size)), 0)
        return _scaled(make(IRFFT, (x,), n=size), factor)

    return _along(x, axis, function)


def hfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Expr:
    """Return the transform of what is symmetric about 0, which is real.

    Args:
        a: tensor of its first half.
        n: length of the result's axis, by default twice as many less two.
        axis: the axis.
        norm: as in `fft`.

    >>> dn.fft.hfft(np.array([1.0, 2.0, 3.0]))
    array([ 8., -2.,  0., -2.])
    """
    return irfft(conj(a), n, axis, _swapped(norm))


def ihfft(
    a: Any, n: int | None = None, axis: int = -1, norm: str | None = None
) -> Expr:
    """Return the inverse of `hfft`; the arguments are those of `fft`.

    >>> dn.fft.ihfft(np.array([15.0, -4.0, 0.0, -4.0]))
    array([1.75-0.j, 3.75-0.j, 5.75-0.j])
    """
    return conj(rfft(a, n, axis, _swapped(norm)))


def _swapped(norm: str | None) -> str:
    norm = "backward" if norm is None else norm
    return _SWAPPED.get(norm, norm)


def _several(x: Expr, s: Any, axes: Any) -> list[tuple[int | None, int]]:
    """Return the length and the axis of each of several transforms."""
    rank = x.tensor.rank
    if axes is None:
        axes = range(rank) if s is None else range(rank - len(s), rank)
    places = [one_axis(axis, rank) for axis in axes]
    lengths = [None] * len(places) if s is None else list(s)
    if len(lengths) != len(places):
        raise DefnShapeError(f"{len(lengths)} lengths are given for {len(places)} axes")
    return [
        (None if length in (None, -1) else length, place)
        for length, place in zip(lengths, places, strict=True)
    ]


def fftn(
    a: Any,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str | None = None,
) -> Expr:
    """Return the discrete Fourier transform along several axes.

    Args:
        a: tensor.
        s: lengths that the axes are cut or filled to.
        axes: the axes; by default all, or as many last ones as there are lengths.
        norm: as in `fft`.

    >>> dn.fft.fftn(np.ones((2, 2)))
    array([[4.+0.j, 0.+0.j],
           [0.+0.j, 0.+0.j]])
    """
    x = _numbers(a, "fftn")
    for length, axis in reversed(_several(x, s, axes)):
        x = fft(x, length, axis, norm)
    return to_complex(x)


def ifftn(
    a: Any,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str | None = None,
) -> Expr:
    """Return the inverse of `fftn`; the arguments are those of it.

    >>> dn.fft.ifftn(np.array([[4.0, 0.0], [0.0, 0.0]]))
    array([[1.+0.j, 1.+0.j],
           [1.+0.j, 1.+0.j]])
    """
    x = _numbers(a, "ifftn")
    for length, axis in reversed(_several(x, s, axes)):
        x = ifft(x, length, axis, norm)
    return to_complex(x)


def rfftn(
    a: Any,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str | None = None,
) -> Expr:
    """Return the transform of real numbers along several axes, the last one by half.

    The arguments are those of `fftn`.

    >>> dn.fft.rfftn(np.ones((2, 4))).shape
    (2, 3)
    """
    x = _real_numbers(a, "rfftn")
    *others, (length, axis) = _several(x, s, axes)
    x = rfft(x, length, axis, norm)
    for length, axis in reversed(others):
        x = fft(x, length, axis, norm)
    return x


def irfftn(
    a: Any,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str | None = None,
) -> Expr:
    """Return the inverse of `rfftn`; `s` are the lengths of the result.

    >>> dn.fft.irfftn(np.array([[4.0, 0.0], [0.0, 0.0]])).real
    array([[1., 1.],
           [1., 1.]])
    """
    x = _numbers(a, "irfftn")
    *others, (length, axis) = _several(x, s, axes)
    for each, place in others:
        x = ifft(x, each, place, norm)
    return irfft(x, length, axis, norm)


def fft2(
    a: Any,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = (-2, -1),
    norm: str | None = None,
) -> Expr:
    """Return the discrete Fourier transform along two axes, as `fftn` does.

    >>> dn.fft.fft2(np.ones((2, 2)))
    array([[4.+0.j, 0.+0.j],
           [0.+0.j, 0.+0.j]])
    """
    return fftn(a, s, axes, norm)


def ifft2(
    a: Any,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = (-2, -1),
    norm: str | None = None,
) -> Expr:
    """Return the inverse of `fft2`, as `ifftn` does.

    >>> dn.fft.ifft2(np.array([[4.0, 0.0], [0.0, 0.0]])).real
    array([[1., 1.],
           [1., 1.]])
    """
    return ifftn(a, s, axes, norm)


def rfft2(
    a: Any,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = (-2, -1),
    norm: str | None = None,
) -> Expr:
    """Return the transform of real numbers along two axes, as `rfftn` does.

    >>> dn.fft.rfft2(np.ones((2, 4))).shape
    (2, 3)
    """
    return rfftn(a, s, axes, norm)


def irfft2(
    a: Any,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = (-2, -1),
    norm: str | None = None,
) -> Expr:
    """Return the inverse of `rfft2`, as `irfftn` does.

    >>> dn.fft.irfft2(dn.fft.rfft2(np.ones((2, 4)))).shape
    (2, 4)
    """
    return irfftn(a, s, axes, norm)
