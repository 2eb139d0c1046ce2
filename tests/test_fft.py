"""Fourier transforms beside NumPy's: compiled, evaluated and differentiated."""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import defnpy as dn
from defnpy import defn, fft
from defnpy.ops.fft.expansion import roots

pytestmark = pytest.mark.cpu

RNG = np.random.default_rng(8)
LENGTHS = [*range(1, 10), 12, 13, 15, 16, 17, 30, 34, 49, 64, 97, 143, 360]
NAMES = ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"]
REAL = ("rfft", "ihfft", "rfftn", "rfft2")


def drawn(*shape: int, dtype: str = "c16") -> np.ndarray:
    made = RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape)
    return (made if np.dtype(dtype).kind == "c" else np.real(made)).astype(dtype)


def near(got: np.ndarray, wanted: np.ndarray) -> None:
    assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
    step = np.finfo(wanted.dtype).eps
    size = np.sqrt(np.mean(np.abs(wanted) ** 2)) if wanted.size else 0
    np.testing.assert_allclose(got, wanted, 0, max(20 * step * size, 1e-300))


def pairs(x, z):
    return (
        *(fft.fft(z), fft.ifft(z), fft.rfft(x), fft.irfft(z, x.shape[-1])),
        *(fft.fft(x), fft.hfft(z, x.shape[-1]), fft.ihfft(x)),
    )


@pytest.mark.parametrize("n", LENGTHS)
def test_every_length(n: int) -> None:
    x, z = drawn(2, n, dtype="f8"), drawn(2, n)
    wanted = (
        *(np.fft.fft(z), np.fft.ifft(z), np.fft.rfft(x), np.fft.irfft(z, n)),
        *(np.fft.fft(x), np.fft.hfft(z, n), np.fft.ihfft(x)),
    )
    program = defn(pairs)
    for got, other in zip(program(x, z), wanted, strict=True):
        near(got, other)
    for got, other in zip(program.evaluate(x, z), wanted, strict=True):
        near(got, other)


@pytest.mark.parametrize("dtype", ["f4", "c8"])
@pytest.mark.parametrize("n", [8, 15, 60, 37])
def test_single_precision_stays(n: int, dtype: str) -> None:
    x, z = drawn(3, n, dtype="f4"), drawn(3, n, dtype="c8")
    program = defn(pairs)
    for got, other in zip(program(x, z), program.evaluate(x, z), strict=True):
        near(got, other)


@pytest.mark.parametrize("norm", [None, "backward", "ortho", "forward"])
@pytest.mark.parametrize("name", NAMES)
def test_lengths_axes_and_norms(name: str, norm: str | None) -> None:
    ours, numpys = getattr(fft, name), getattr(np.fft, name)
    x = drawn(4, 5, 6, dtype="f8" if name in REAL else "c16")

    def program(x, *, n, axis, norm):
        return ours(x, n, axis, norm)

    compiled = defn(program)
    for n, axis in [(None, -1), (None, 0), (3, 1), (9, 1), (4, -1), (1, 0)]:
        options: Any = {"n": n, "axis": axis, "norm": norm}
        wanted = numpys(x, **options)
        near(ours(x, **options), wanted)
        if norm == "ortho":
            near(compiled(x, **options), wanted)


@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn"])
def test_several_axes(name: str) -> None:
    ours, numpys = getattr(fft, name), getattr(np.fft, name)
    x = drawn(3, 4, 6, dtype="f8" if name in REAL else "c16")
    for options in (
        *({}, {"axes": (0, 2)}, {"axes": (-1, 0, 1), "norm": "ortho"}),
        *({"s": (4, 5), "axes": (1, 2)}, {"s": (2, 8, 5), "axes": (2, 0, 1)}),
    ):
        near(ours(x, **options), numpys(x, **options))
    two = name[:-1] + "2"
    near(getattr(fft, two)(x), getattr(np.fft, two)(x))
    near(defn(lambda x: getattr(fft, two)(x))(x), getattr(np.fft, two)(x))


def test_kinds_of_numbers() -> None:
    ints = np.arange(6)
    assert fft.fft(ints).dtype == np.complex64
    assert defn(lambda x: np.fft.fft(x))(ints).dtype == np.complex128
    assert fft.fft(ints.astype(np.float16)).dtype == np.complex64
    near(defn(lambda x: np.fft.irfft(np.fft.rfft(x)))(ints), ints.astype(float))


def test_empty_batches() -> None:
    x = np.zeros((0, 4))
    for name in NAMES:
        got, wanted = getattr(fft, name)(x), getattr(np.fft, name)(x)
        assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: fft.fft(np.zeros(0)), "at least 1 point, not 0"),
        (lambda: fft.irfft(np.zeros(1)), "at least 1 point, not 0"),
        (lambda: fft.fft(np.zeros(3), n=-2), "at least 1 point, not -2"),
        (lambda: fft.rfft(np.zeros(3, complex)), "rfft takes real numbers, not c128"),
        (lambda: fft.fft(1.0), "needs at least one axis"),
        (lambda: fft.fft(np.zeros(3), norm="none"), "norm is one of"),
        (lambda: fft.fft(np.zeros(3), axis=1), "axis 1 is out of range"),
        (lambda: fft.fftn(np.zeros((3, 3)), s=(1,), axes=(0, 1)), "1 lengths"),
        (lambda: fft.fftfreq(0), "at least 1 point"),
    ],
)
def test_wrong_arguments(call: Callable, text: str) -> None:
    with pytest.raises(dn.DefnError, match=text):
        call()


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_frequencies(n: int) -> None:
    for d in (1.0, 0.3):
        for name in ("fftfreq", "rfftfreq"):
            got = getattr(fft, name)(n, d, dtype="f8")
            np.testing.assert_allclose(got, getattr(np.fft, name)(n, d), 1e-15)
            assert getattr(fft, name)(n).dtype == np.float32
    x = drawn(n, 3)
    for name in ("fftshift", "ifftshift"):
        for axes in (None, 0, (0, 1), -1):
            got = getattr(fft, name)(x, axes)
            np.testing.assert_array_equal(got, getattr(np.fft, name)(x, axes))
    got = defn(lambda d: fft.fftfreq(5, d))(np.float32(0.5))
    np.testing.assert_allclose(got, np.fft.fftfreq(5, 0.5), 1e-6)


@pytest.mark.parametrize("n", [1, 2, 7, 8, 12, 30, 101])
def test_roots_are_right_to_the_last_digit(n: int) -> None:
    with mpmath.workdps(30):
        exact = [complex(mpmath.expjpi(mpmath.mpf(-2 * t) / n)) for t in range(n)]
    assert np.abs(roots(n) - exact).max() < 2e-16


def total(x, seed=0.0):
    angles = 0.37 * dn.reshape(dn.arange(1.0, x.size + 1, dtype="f8"), x.shape) + seed
    return dn.sum(dn.real(x) * dn.cos(angles) + dn.imag(x) * dn.sin(3 * angles))


LOSSES = {
    "fft": lambda z: total(fft.fft(z) ** 2),
    "ifft": lambda z: total(fft.ifft(z, axis=0, norm="ortho") ** 2),
    "rfft": lambda z: total(fft.rfft(dn.real(z) + dn.imag(z)) ** 2),
    "odd_rfft": lambda z: total(fft.rfft(dn.real(z), n=7) ** 2),
    "irfft": lambda z: total(fft.irfft(z, 6) ** 2),
    "odd_irfft": lambda z: total(fft.irfft(z, 5) ** 2),
    "hfft": lambda z: total(fft.hfft(z, 6)) + total(fft.ihfft(dn.imag(z)) ** 2),
    "fft2": lambda z: total(fft.ifft2(fft.fft2(z, s=(3, 5)) ** 2)),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", ["f8", "c16"])
def test_derivatives(name: str, dtype: str) -> None:
    loss = LOSSES[name]
    z, along = drawn(3, 4, dtype=dtype), drawn(3, 4, dtype=dtype)
    program = defn(loss)
    ahead, behind = (program.evaluate(z + s * 1e-5 * along) for s in (1, -1))
    wanted = (ahead - behind) / 2e-5
    gradient = dn.grad(program)
    for way in (gradient, gradient.evaluate):
        got = float(np.sum(way(z) * along).real)
        np.testing.assert_allclose(got, wanted, 1e-7, 1e-8)
    np.testing.assert_allclose(dn.jvp(program, (z,), (along,))[1], wanted, 1e-7, 1e-8)
    lanes = drawn(2, 3, 4, dtype=dtype)
    got = dn.vmap(gradient)(lanes)
    np.testing.assert_allclose(got, [gradient(each) for each in lanes], 1e-10, 1e-12)
