"""Curves given by points, at once and in programs, as NumPy's."""

import numpy as np
import pytest

import defnpy as dn
from defnpy import defn

pytestmark = pytest.mark.cpu

RNG = np.random.default_rng(1)
XP = np.sort(RNG.standard_normal(7))
FP = RNG.standard_normal(7)
X = np.array([[np.nan, -9, 9, np.inf, -np.inf], XP[:5], RNG.standard_normal(5)])


@pytest.mark.parametrize("values", [FP, FP + 1j * XP, np.arange(7), [1.0, np.inf] * 3])
@pytest.mark.parametrize("options", [{}, {"left": -1.0, "right": 5.0}, {"period": 1.3}])
def test_interp(values: object, options: dict) -> None:
    values = np.array([*values, 2.0])[:7] if isinstance(values, list) else values
    places = X[1:] if "period" in options else X
    with np.errstate(invalid="ignore"):
        wanted = np.interp(places, XP, values, **options)
    tolerance = 1e-6 if values.dtype.kind == "i" else 1e-11
    got = dn.interp(places, XP, values, **options)
    np.testing.assert_allclose(got, wanted, tolerance)
    compiled = defn(lambda *a: dn.interp(*a, **options))(places, XP, values)
    np.testing.assert_allclose(compiled, wanted, tolerance)


def test_interp_of_scalars_one_point_and_steps() -> None:
    assert dn.interp(2.5, np.array([1, 2, 3]), np.array([3.0, 2.0, 0.0])) == 1.0
    one = dn.interp(np.array([0.0, 1.0, 2.0]), np.array([1.0]), np.array([5.0]))
    np.testing.assert_array_equal(one, 5.0)
    steps = np.array([1.0, 1.0, 2.0]), np.array([1.0, 5.0, 7.0])
    at = np.array([0.0, 1.0, 1.5, 2.0])
    np.testing.assert_array_equal(dn.interp(at, *steps), np.interp(at, *steps))
    assert dn.interp(np.float32([0.5]), np.arange(2), np.arange(2)).dtype == np.float32


def test_interp_has_gradients() -> None:
    points = np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0, 8.0])
    line = defn(lambda x, fp: dn.sum(dn.interp(x, points[0], fp)))
    slope, shares = dn.grad(line, argnums=(0, 1))(np.array([0.5, 2.0, 9.0]), points[1])
    np.testing.assert_allclose(slope, [2.0, 3.0, 0.0])
    np.testing.assert_allclose(shares, [0.5, 1.0, 1.5])


def test_interp_refuses() -> None:
    with pytest.raises(dn.DefnShapeError, match="not points of a curve"):
        dn.interp(X, XP, FP[1:])
    with pytest.raises(dn.DefnTypeError, match="no places, that are complex"):
        dn.interp(XP * 1j, XP, FP)


@pytest.mark.parametrize("options", [{}, {"axis": 0}, {"dx": 0.5, "axis": 1}])
def test_trapezoid(options: dict) -> None:
    y = RNG.standard_normal((4, 3, 5))
    wanted = np.trapezoid(y, **options)
    np.testing.assert_allclose(dn.trapezoid(y, **options), wanted, 1e-12)


def test_trapezoid_over_places() -> None:
    y, x = RNG.standard_normal((4, 3)), np.array([0.0, 0.5, 2.0])
    np.testing.assert_allclose(dn.trapezoid(y, x), np.trapezoid(y, x), 1e-12)
    wide = np.sort(RNG.standard_normal((4, 3)), 0)
    got = defn(lambda y, x: dn.trapezoid(y, x, axis=0))(y, wide)
    np.testing.assert_allclose(got, np.trapezoid(y, wide, axis=0), 1e-12)
    assert dn.trapezoid(np.zeros((2, 1))).tolist() == [0.0, 0.0]


def test_numpys_name_takes_lists_in_a_program() -> None:
    line = defn(lambda x: np.interp(x, [0, 1, 3], [0, 2, 8]))
    got = line(np.array([0.5, 2.0]))
    assert got.dtype == np.float64
    np.testing.assert_array_equal(got, [1.0, 5.0])
    shares = defn(lambda x: np.percentile(x, [25, 50]))(np.arange(5.0))
    np.testing.assert_array_equal(shares, [1.0, 2.0])
