"""Functions that leave NaN out, at once and in programs, as NumPy's."""

import warnings

import ml_dtypes
import numpy as np
import pytest

import defnpy as dn
from defnpy import defn

pytestmark = pytest.mark.cpu

RNG = np.random.default_rng(2)
X = RNG.standard_normal((3, 4, 5))
X[X > 0.8] = np.nan
X[1, 2] = np.nan  # a row of nothing else
ODD = np.array([np.nan, np.inf, -np.inf, 1.5, -0.0, 5e-324])
TOLERANCE = {np.float64: 1e-12, np.float32: 2e-5, np.float16: 4e-3}
REDUCTIONS = (
    *("nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin"),
    "nanmedian",
)


def numpys(name: str, *args: object, **options: object) -> np.ndarray:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of rows of NaN
        return getattr(np, name)(*args, **options)


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("axis", [None, 1, (0, 2), -1])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_reductions(name: str, axis: object, dtype: type) -> None:
    x = X.astype(dtype)
    wanted = numpys(name, x, axis, keepdims=True)
    got = getattr(dn, name)(x, axis, keepdims=True)
    assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
    np.testing.assert_allclose(got, wanted, TOLERANCE[dtype])
    compiled = defn(lambda x: getattr(dn, name)(x, axis))(x)
    np.testing.assert_allclose(
        np.reshape(compiled, got.shape), got, TOLERANCE[dtype], equal_nan=True
    )


@pytest.mark.parametrize("name", ["nansum", "nanprod", "nanmean", "nanvar", "nanstd"])
def test_complex_numbers(name: str) -> None:
    z = X + 1j * np.roll(X, 1, 0)
    np.testing.assert_allclose(getattr(dn, name)(z, 1), numpys(name, z, 1), 1e-12)


def test_integers_are_never_nan() -> None:
    x = np.arange(6).reshape(2, 3)
    for name in (*REDUCTIONS, "nanargmax", "nanargmin", "nancumsum", "nancumprod"):
        np.testing.assert_allclose(getattr(dn, name)(x, 1), numpys(name, x, 1), 1e-6)
    assert dn.nansum(x).dtype == np.int64
    assert dn.nanmean(x).dtype == np.float32


def test_places() -> None:
    for name in ("nanargmax", "nanargmin"):
        for axis in (None, 0):
            wanted = numpys(name, X[0], axis)
            np.testing.assert_array_equal(getattr(dn, name)(X[0], axis), wanted)
        compiled = defn(lambda x: getattr(dn, name)(x, 1))  # noqa: B023
        np.testing.assert_array_equal(compiled(X[0]), numpys(name, X[0], 1))
        for call in (compiled, lambda x: getattr(dn, name)(x, 1)):  # noqa: B023
            with pytest.raises(ValueError, match="all elements are NaN"):
                call(X[1])


@pytest.mark.parametrize("q", [0.0, 0.3, np.array([0.25, 1.0])])
@pytest.mark.parametrize("method", ["linear", "lower", "higher", "nearest", "midpoint"])
def test_quantiles(q: object, method: str) -> None:
    for name, x in (("nanquantile", X), ("quantile", X[1]), ("quantile", X[0])):
        for axis in (None, 0, 1):
            wanted = numpys(name, x, q, axis, method=method)
            got = getattr(dn, name)(x, q, axis, method=method)
            np.testing.assert_allclose(got, wanted, 1e-12)
    got = defn(lambda x, q: dn.nanpercentile(x, q, 2, method=method))(X, q * 100.0)
    np.testing.assert_allclose(got, numpys("nanquantile", X, q, 2, method=method))
    with pytest.raises(dn.DefnValueError, match="'midpoint', not 'median'"):
        dn.quantile(X, 0.5, method="median")


def test_quantiles_of_many_halves_find_their_place() -> None:
    x = np.repeat(np.arange(4), 2_000).astype(np.float16)
    assert dn.quantile(x, 0.74) == 2
    assert dn.quantile(x, 0.76) == 3


@pytest.mark.parametrize("name", ["nancumsum", "nancumprod"])
def test_prefixes(name: str) -> None:
    for axis in (None, 0, -1):
        wanted = numpys(name, X, axis)
        np.testing.assert_allclose(getattr(dn, name)(X, axis), wanted, 1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_nan_to_num(dtype: type) -> None:
    x = ODD.astype(dtype)
    for options in ({}, {"nan": 2, "posinf": 7, "neginf": -7.5}):
        got, wanted = dn.nan_to_num(x, **options), np.nan_to_num(x, **options)
        assert got.dtype == wanted.dtype
        np.testing.assert_array_equal(got, wanted)
        assert np.signbit(got[4])
    z = dn.nan_to_num(ODD + 0j)
    np.testing.assert_array_equal(z, np.nan_to_num(ODD + 0j))
    assert dn.nan_to_num(np.array([3])).dtype == np.int64
    brain = dn.nan_to_num(ODD.astype(ml_dtypes.bfloat16))
    assert np.isfinite(brain.astype(np.float32)).all()


def test_larger_and_smaller() -> None:
    some, others = np.meshgrid(ODD, ODD)
    for name in ("fmax", "fmin"):
        got = defn(lambda a, b: getattr(dn, name)(a, b))(some, others)  # noqa: B023
        np.testing.assert_array_equal(got, getattr(np, name)(some, others))
    assert dn.fmax(np.array([1, 2]), 1.5).dtype == np.float32


def test_gradients_leave_nan_out() -> None:
    x = np.array([1.0, np.nan, 3.0])
    for name, slope in {"nansum": [1, 0, 1], "nanmean": [0.5, 0, 0.5]}.items():
        got = dn.grad(defn(lambda x: getattr(dn, name)(x)))(x)  # noqa: B023
        np.testing.assert_array_equal(got, slope)
    for name, slope in {"nanmax": [0, 0, 1], "nanvar": [-1, 0, 1]}.items():
        got = dn.grad(defn(lambda x: getattr(dn, name)(x)))(x)  # noqa: B023
        np.testing.assert_array_equal(got, slope)
