"""Transcendental functions of complex numbers, beside NumPy's and their own slopes."""

import itertools

import numpy as np
import pytest

import defnpy as dn
from defnpy import defn

pytestmark = pytest.mark.cpu

RNG = np.random.default_rng(8)
SAME = ("exp", "exp2", "expm1", "log", "log2", "log10", "sqrt")
SAME += ("sin", "cos", "tan", "sinh", "cosh", "tanh")
INVERSE = {f"a{name}": f"arc{name}" for name in ("sin", "cos", "tan")}
INVERSE |= {f"{name}h": f"{numpy}h" for name, numpy in INVERSE.items()}
NUMPY = {name: getattr(np, name) for name in SAME}
NUMPY |= {name: getattr(np, numpy) for name, numpy in INVERSE.items()}
NUMPY |= {
    "cbrt": lambda z: z ** (1 / 3),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "rsqrt": lambda z: 1 / np.sqrt(z),
    # NumPy's own is right to eight digits only near 0.
    "log1p": lambda z: 2 * np.arctanh(z / (2 + z)),
}
_SIZES = np.exp(RNG.uniform(-7, 2.5, 300))
Z = (RNG.standard_normal(300) + 1j * RNG.standard_normal(300)) * _SIZES
_CORNERS = (0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5)
CORNERS = np.array([complex(*pair) for pair in itertools.product(_CORNERS, repeat=2)])


@pytest.mark.parametrize("dtype", ["c8", "c16"])
@pytest.mark.parametrize("name", NUMPY)
def test_values_are_numpys(name: str, dtype: str) -> None:
    z = Z[np.abs(Z) < 0.9] if name == "log1p" else Z
    z = z.astype(dtype)
    got, wanted = getattr(dn, name)(z), NUMPY[name](z.astype("c16"))
    assert got.dtype == z.dtype
    error = np.abs(got - wanted) / np.abs(wanted)
    assert error.max() < 16 * np.finfo(dtype).eps


@pytest.mark.parametrize("name", sorted({*NUMPY} - {"cbrt", "sigmoid", "rsqrt"}))
def test_cuts_and_signs_of_zeros_are_numpys(name: str) -> None:
    with np.errstate(all="ignore"):
        wanted = getattr(np, INVERSE.get(name, name))(CORNERS)
    got = getattr(dn, name)(CORNERS)
    for part in (np.real, np.imag):
        np.testing.assert_allclose(part(got), part(wanted), rtol=1e-14)
        np.testing.assert_array_equal(np.signbit(part(got)), np.signbit(part(wanted)))


def test_infinities_that_turn_nowhere() -> None:
    z = np.array([np.inf, -np.inf, complex(-np.inf, 1.0), complex(np.inf, 1.0)])
    got = dn.exp(z)
    np.testing.assert_array_equal(got[:2], [np.inf, 0])
    np.testing.assert_array_equal([got[2].real, got[2].imag], [0, 0])
    assert got[3] == complex(np.inf, np.inf)
    assert dn.tanh(np.array([complex(np.inf, 3.0)]))[0].real == 1


@pytest.mark.parametrize("name", NUMPY)
def test_compiled_as_evaluated_with_the_slope_of_differences(name: str) -> None:
    function = getattr(dn, name)

    @defn
    def slope(z):
        value, back = dn.vjp(function, z)
        return value, back(dn.ones_like(value))[0]

    z = np.array([0.3 + 0.4j, -1.2 + 0.7j, 0.6 - 0.2j, -0.2 - 0.9j, 1.5 + 1e-3j, 1e-2j])
    value, derivative = slope(z)
    for got, wanted in zip(slope.evaluate(z), (value, derivative), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12)
    step = 1e-6
    differences = (function(z + step) - function(z - step)) / (2 * step)
    np.testing.assert_allclose(derivative, differences, rtol=1e-6)


@pytest.mark.parametrize("exponent", [0, 1, 2, 5, -1, -3, 0.5, 2.5 - 1j, 100])
def test_powers(exponent: complex) -> None:
    z = Z[:50]
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(dn.power(z, exponent), z**exponent, rtol=1e-11)
    raised = defn(lambda z: z**exponent)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(raised(z), z**exponent, rtol=1e-11)


def test_powers_by_arrays_and_of_zero() -> None:
    z, w = Z[:50], Z[50:100] / np.abs(Z[50:100])
    np.testing.assert_allclose(dn.power(z, w), z**w, rtol=1e-11)
    np.testing.assert_allclose(dn.power(2.0, w), 2.0**w, rtol=1e-12)
    got = dn.power(np.zeros(3, complex), np.array([0, 1.5, 2 + 1j]))
    np.testing.assert_array_equal(got, [1, 0, 0])
    assert np.isnan(dn.power(np.zeros(1, complex), np.array([-1 + 1j]))[0])


def test_a_zero_that_is_added_in_a_program() -> None:
    z = np.array([1j, -0.0])
    got = defn(lambda z: (z - 0, z + 0j, dn.allclose(z, 0)))(z)
    np.testing.assert_array_equal(got[0], z)
    np.testing.assert_array_equal(got[1], z + 0j)
    assert not got[2]
