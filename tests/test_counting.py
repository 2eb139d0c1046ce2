"""Counts, distinct values and segments, at once and in programs."""

import numpy as np
import pytest
from scipy import special

import defnpy as dn
from defnpy import defn

pytestmark = pytest.mark.cpu

RNG = np.random.default_rng(6)
IDS = RNG.integers(0, 6, 40)
X = RNG.standard_normal((40, 3))


def both(function, *args):
    """Return what a function gives compiled, after comparing it with the evaluator."""
    compiled = defn(function)
    got, wanted = compiled(*args), compiled.evaluate(*args)
    for one, other in zip(dn.tree.leaves(got), dn.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    return got


def test_bincount() -> None:
    weights = X[:, 0]
    for given in (None, weights):
        wanted = np.bincount(IDS, given, 9)
        np.testing.assert_allclose(dn.bincount(IDS, given, 9), wanted)
        got = both(lambda x, w: dn.bincount(x, w, length=9), IDS, given)
        np.testing.assert_allclose(got, wanted)
        np.testing.assert_allclose(dn.bincount(IDS, given, length=9), wanted)
    for wrong in (np.array([0, 5]), np.array([-1, 2])):
        with pytest.raises(IndexError, match=r"is not in range\(5\)"):
            dn.bincount(wrong, length=5)
    with pytest.raises(dn.DefnTypeError, match=r"bincount\(\.\.\., length=n\)"):
        defn(lambda x: dn.bincount(x))(IDS)
    assert dn.bincount(np.array([], int), length=2).tolist() == [0, 0]


@pytest.mark.parametrize("density", [False, True])
@pytest.mark.parametrize("bins", [1, 7, np.array([-1.0, -0.5, 0.5, 2.0])])
@pytest.mark.parametrize("range", [None, (-1.0, 1.5)])
def test_histogram(bins: object, range: object, density: bool) -> None:
    wanted = np.histogram(X, bins, range, density=density)
    got = dn.histogram(X, bins, range, density=density)
    for one, other in zip(got, wanted, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_histogram_of_weights_one_value_and_none() -> None:
    got = both(lambda x, w: dn.histogram(x, 4, weights=w), X, np.abs(X))
    wanted = np.histogram(X, 4, weights=np.abs(X))
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_allclose(one, other)
    for x in (np.array([2.0, 2.0]), np.zeros(0)):
        for one, other in zip(dn.histogram(x, 2), np.histogram(x, 2), strict=True):
            np.testing.assert_array_equal(one, other)
    counts, _ = dn.histogram(np.array([0.5, np.nan]), 2, (0, 1))
    assert counts.tolist() == [0, 1]
    with pytest.raises(dn.DefnValueError, match="there cannot be 0 bins"):
        dn.histogram(X, 0)


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min"])
def test_segments(name: str) -> None:
    function = getattr(dn, f"segment_{name}")
    got = both(lambda x, ids: function(x, ids, 8), X, IDS)
    for k in range(8):
        rows = X[k == IDS]
        if len(rows):
            wanted = getattr(np, name)(rows, 0)
        else:
            wanted = {"sum": 0, "prod": 1, "max": -np.inf, "min": np.inf}[name]
        np.testing.assert_allclose(got[k], wanted)
    whole = function(np.arange(4), np.array([0, 0, 1, 1]), 2)
    assert whole.dtype == np.int64
    with pytest.raises(IndexError, match=r"the segment 5 is not in range\(3\)"):
        function(X, np.full(40, 5), 3)
    with pytest.raises(dn.DefnShapeError, match="does not name a segment"):
        function(X, IDS[:3], 8)


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min"])
def test_gradients_of_segments(name: str) -> None:
    function, weights = getattr(dn, f"segment_{name}"), RNG.standard_normal((6, 3))

    @defn
    def loss(x):
        return dn.sum(function(x, IDS, 6) * weights)

    step = 1e-6
    slope = dn.grad(loss)(X)
    for place in [(0, 0), (7, 2), (39, 1)]:
        moved = np.zeros_like(X)
        moved[place] = step
        differences = (loss(X + moved) - loss(X - moved)) / (2 * step)
        np.testing.assert_allclose(slope[place], differences, rtol=1e-5, atol=1e-7)


VALUES = [
    np.array([3, 1, 3, 2, 1, 3]),
    np.array([[2.5, -1.0], [np.inf, 2.5]]),
    np.array([True, False, True]),
]


@pytest.mark.parametrize("x", VALUES, ids=["ints", "floats", "bools"])
def test_distinct_values_of_a_size(x: np.ndarray) -> None:
    wanted = np.unique_all(x)
    count = len(wanted.values)
    exact = both(lambda x: dn.unique_all(x, size=count), x)
    for one, other in zip(exact, wanted, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    more = dn.unique_all(x, size=count + 2)
    np.testing.assert_array_equal(more.values[count:], [wanted.values[0]] * 2)
    assert more.counts[count:].tolist() == [0, 0]
    fewer = dn.unique_values(x, size=1)
    np.testing.assert_array_equal(fewer, wanted.values[:1])
    filled = dn.unique_counts(x, size=count + 1, fill_value=1)
    assert filled.values[-1] == 1
    inverse = dn.unique_inverse(x, size=count).inverse_indices
    np.testing.assert_array_equal(inverse, wanted.inverse_indices)


def test_places_of_a_size() -> None:
    x = np.array([[0, 3, 4], [1, 0, 0]])
    rows, columns = both(lambda x: dn.nonzero(x, size=3), x)
    np.testing.assert_array_equal([rows, columns], np.nonzero(x))
    rows, columns = dn.nonzero(x, size=5, fill_value=(7, -1))
    assert rows.tolist() == [0, 0, 1, 7, 7] and columns.tolist() == [1, 2, 0, -1, -1]
    assert dn.nonzero(x, size=1)[1].tolist() == [1]
    assert dn.nonzero(x, size=0)[0].shape == (0,)
    with pytest.raises(dn.DefnTypeError, match=r"nonzero\(\.\.\., size=n\)"):
        defn(lambda x: dn.nonzero(x))(x)
    with pytest.raises(dn.DefnValueError, match="may not be negative"):
        dn.nonzero(x, size=-1)


def test_digamma() -> None:
    x = np.concatenate([np.linspace(0.01, 30, 500), -np.linspace(0.013, 9.9, 300)])
    wanted = special.digamma(x)
    scale = np.maximum(np.abs(wanted), 1)
    assert (np.abs(dn.digamma(x) - wanted) / scale).max() < 1e-12
    single = dn.digamma(x.astype("f4"))
    assert single.dtype == np.float32
    wanted = special.digamma(x.astype("f4").astype("f8"))
    assert (np.abs(single - wanted) / np.maximum(np.abs(wanted), 1)).max() < 2e-6
    odd = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -1.0, -5.0])
    np.testing.assert_array_equal(dn.digamma(odd), special.digamma(odd))
    assert dn.digamma(np.float16(2)).dtype == np.float16


def test_the_gradient_of_lgamma_is_digamma() -> None:
    x = np.array([0.3, 1.5, 7.0, -1.3, -4.6, 40.0])
    slope = dn.grad(lambda x: dn.sum(dn.lgamma(x)))(x)
    np.testing.assert_allclose(slope, special.digamma(x), rtol=1e-12)
    bend = dn.grad(lambda x: dn.sum(dn.digamma(x)))(x[:3])
    np.testing.assert_allclose(bend, special.polygamma(1, x[:3]), rtol=1e-12)


def test_values_that_are_nan_belong_at_the_end() -> None:
    x = np.array([1.0, 3.0, np.nan, np.nan])
    values = np.array([np.nan, 2.0, np.inf, 3.0])
    for side in ("left", "right"):
        got = both(lambda x, v: dn.searchsorted(x, v, side), x, values)  # noqa: B023
        np.testing.assert_array_equal(got, np.searchsorted(x, values, side))


def test_masks_and_places_of_a_size() -> None:
    x = np.array([[3.0, -1.0, 0.0], [2.0, 5.0, -4.0]])
    for size in (0, 2, 3, 5):
        got = both(lambda x: dn.extract(x > 0, x, size=size, fill_value=9), x)  # noqa: B023
        np.testing.assert_array_equal(got, [*x[x > 0], 9, 9][:size])
    np.testing.assert_array_equal(dn.extract(x > 0, x), x[x > 0])
    places = both(lambda x: dn.argwhere(x > 0, size=3), x)
    np.testing.assert_array_equal(places, np.argwhere(x > 0))
    np.testing.assert_array_equal(dn.argwhere(x > 0), np.argwhere(x > 0))
    flat = both(lambda x: dn.flatnonzero(x > 0, size=4, fill_value=-1), x)
    np.testing.assert_array_equal(flat, [0, 3, 4, -1])
    with pytest.raises(dn.DefnShapeError, match="does not fit"):
        dn.extract(x[0] > 0, x, size=2)
    chosen = dn.grad(defn(lambda x: dn.sum(dn.extract(x > 0, x, size=2) ** 2)))(x)
    np.testing.assert_array_equal(chosen, [[6.0, 0, 0], [4.0, 0, 0]])
