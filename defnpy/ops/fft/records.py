"""Fourier transforms along the last axis, without scaling: one record for each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base.dtypes import real_of
from defnpy.ir.expr import Expr, make
from defnpy.ir.op import Attrs, Op, Sample
from defnpy.ops.complex import complex_of, conj
from defnpy.ops.fft.expansion import expand_complex, expand_inverse, expand_real
from defnpy.ops.leaf import const
from defnpy.ops.linalg.decomposition import DECOMPOSITION

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.ir.types import TensorType


def _record(
    name: str,
    *,
    infer: Callable[..., TensorType],
    eval: Callable[..., np.ndarray],
    expand: Callable[..., Expr],
    vjp: Callable[..., Any],
    doc: str,
    samples: Callable[[], list[Sample]],
) -> Op:
    """Return a record that is linear in its operand."""
    return Op(
        name=name,
        infer=infer,
        eval=eval,
        vjp=lambda ct, y, x: (vjp(ct, y, x),),
        jvp=lambda tangents, y, x: make(y.op, (tangents[0],), **y.attrs),
        batch=lambda y, batched, x: make(y.op, (x,), **y.attrs),
        lower=expand,
        doc=doc,
        family=DECOMPOSITION,
        samples=samples,
    )


def _eval_complex(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    if attrs["inverse"]:
        return np.fft.ifft(x, norm="forward")
    return np.fft.fft(x)


def _drawn(*shape: int) -> np.ndarray:
    rng = np.random.default_rng(6)
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


FFT = _record(
    "fft",
    infer=lambda attrs, x: x,
    eval=_eval_complex,
    expand=expand_complex,
    vjp=lambda ct, y, x: make(FFT, (ct,), **y.attrs),
    doc="The discrete Fourier transform of complex numbers, or with `inverse` the"
    " inverse one times its size.",
    samples=lambda: [
        Sample((_drawn(2, n),), (("inverse", inverse),), False)
        for n, inverse in ((6, False), (7, True), (17, False))
    ],
)


def half(n: int) -> int:
    """Return how many frequencies of real numbers say all."""
    return n // 2 + 1


def twice(n: int, dtype: Any, weight: float = 2.0) -> Expr:
    """Return weights of the frequencies: `weight` where one stands for two."""
    weights = np.full(half(n), weight)
    weights[0] = 1.0
    if n % 2 == 0:
        weights[-1] = 1.0
    return const(weights, dtype)


def _infer_real(attrs: Attrs, x: TensorType) -> TensorType:
    shape = (*x.shape[:-1], half(x.shape[-1]))
    return x.with_dtype(complex_of(x.dtype), x.weak).with_shape(shape)


def _vjp_real(ct: Expr, y: Expr, x: Expr) -> Expr:
    weighted = conj(ct) * twice(x.shape[-1], x.dtype, 0.5)
    return make(IRFFT, (weighted,), n=x.shape[-1])


RFFT = _record(
    "rfft",
    infer=_infer_real,
    eval=lambda attrs, x: np.fft.rfft(x),
    expand=expand_real,
    vjp=_vjp_real,
    doc="The discrete Fourier transform of real numbers: the frequencies from 0 to the"
    " half.",
    samples=lambda: [Sample((np.real(_drawn(2, n)),), (), False) for n in (6, 7)],
)


def _infer_inverse(attrs: Attrs, x: TensorType) -> TensorType:
    shape = (*x.shape[:-1], attrs["n"])
    return x.with_dtype(real_of(x.dtype), x.weak).with_shape(shape)


def _vjp_inverse(ct: Expr, y: Expr, x: Expr) -> Expr:
    return conj(make(RFFT, (ct,))) * twice(y.attrs["n"], ct.dtype)


IRFFT = _record(
    "irfft",
    infer=_infer_inverse,
    eval=lambda attrs, x: np.fft.irfft(x, attrs["n"], norm="forward"),
    expand=expand_inverse,
    vjp=_vjp_inverse,
    doc="The inverse of `rfft` to `n` real numbers, times n; imaginary parts of the"
    " frequency 0, and of the half of an even n, are not read.",
    samples=lambda: [Sample((_drawn(2, half(n)),), (("n", n),), False) for n in (6, 7)],
)
