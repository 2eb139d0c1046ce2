"""Samples have the distributions they are named for, and are JAX's for the same key.

The literal values come from jax 0.10.2; those of 64 bits with `jax_enable_x64`.
"""

import numpy as np
import pytest
from scipy import stats

import defnpy as dn
from defnpy import random

pytestmark = pytest.mark.cpu

KEY = np.asarray(random.key(5))
CONTINUOUS = {
    "uniform": (
        lambda n: random.uniform(KEY, n, "f64", -1.0, 3.0),
        stats.uniform(-1, 4),
    ),
    "normal": (lambda n: random.normal(KEY, n, "f64"), stats.norm()),
    "truncated_normal": (
        lambda n: random.truncated_normal(KEY, -1.0, 2.5, n, "f64"),
        stats.truncnorm(-1, 2.5),
    ),
    "exponential": (lambda n: random.exponential(KEY, n, "f64"), stats.expon()),
    "gumbel": (lambda n: random.gumbel(KEY, n, "f64"), stats.gumbel_r()),
    "laplace": (lambda n: random.laplace(KEY, n, "f64"), stats.laplace()),
    "small gamma": (lambda n: random.gamma(KEY, 0.2, n, "f64"), stats.gamma(0.2)),
    "gamma": (lambda n: random.gamma(KEY, 3.7, n, "f64"), stats.gamma(3.7)),
    "loggamma": (lambda n: random.loggamma(KEY, 0.5, n, "f64"), stats.loggamma(0.5)),
    "beta": (lambda n: random.beta(KEY, 0.5, 2.0, n, "f64"), stats.beta(0.5, 2)),
    "dirichlet": (
        lambda n: random.dirichlet(KEY, np.array([0.5, 1.0, 3.0]), n, "f64")[:, 1],
        stats.beta(1.0, 3.5),
    ),
    "multivariate_normal": (
        lambda n: random.multivariate_normal(
            KEY, np.array([1.0, 0.0]), np.array([[4.0, 1.0], [1.0, 1.0]]), n, "f64"
        )[:, 0],
        stats.norm(1, 2),
    ),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_samples_have_the_distribution(name: str) -> None:
    draw, distribution = CONTINUOUS[name]
    assert stats.kstest(draw((5_000,)), distribution.cdf).pvalue > 0.01


DISCRETE = {
    "randint": (lambda n: random.randint(KEY, n, -2, 5), stats.randint(-2, 5)),
    "bernoulli": (lambda n: random.bernoulli(KEY, 0.3, n), stats.bernoulli(0.3)),
    "few events": (lambda n: random.poisson(KEY, 2.5, n), stats.poisson(2.5)),
    "many events": (lambda n: random.poisson(KEY, 40.0, n), stats.poisson(40)),
    "categorical": (
        lambda n: random.categorical(KEY, np.log([0.2, 0.5, 0.3]), shape=n),
        stats.rv_discrete(values=([0, 1, 2], [0.2, 0.5, 0.3])),
    ),
    "choice": (
        lambda n: random.choice(KEY, 3, n, p=np.array([0.2, 0.5, 0.3])),
        stats.rv_discrete(values=([0, 1, 2], [0.2, 0.5, 0.3])),
    ),
    "permutation": (
        lambda n: random.permutation(
            KEY, np.tile(np.arange(5), (*n, 1)), 1, independent=True
        )[:, 2],
        stats.randint(0, 5),
    ),
}


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_samples_have_the_distribution(name: str) -> None:
    draw, distribution = DISCRETE[name]
    drawn = np.asarray(draw((5_000,))).astype(int)
    places, counts = np.unique(drawn, return_counts=True)
    expected = distribution.pmf(places) * drawn.size
    common = expected >= 5
    rest = drawn.size - expected[common].sum()
    observed = [*counts[common], counts[~common].sum()]
    wanted = [*expected[common], rest]
    if rest < 1e-6:
        observed, wanted = observed[:-1], wanted[:-1]
    assert stats.chisquare(observed, wanted).pvalue > 0.01


def test_gamma_is_jaxs() -> None:
    a = np.float32([0.3, 1.0, 2.5, 10.0])
    expected = [1.5094593, 0.6872424, 2.9760296, 16.770853]
    np.testing.assert_allclose(random.gamma(KEY, a), expected, rtol=3e-7)
    logs = random.loggamma(KEY, a)
    np.testing.assert_allclose(logs, np.log(expected), rtol=1e-6)
    double = [7.81722942, 4.49601674, 2.0730177, 4.66508431]
    np.testing.assert_allclose(random.gamma(KEY, 2.5, (4,), "f64"), double, rtol=2e-9)
    assert random.gamma(KEY, 2, (0, 3)).shape == (0, 3)
    odd = random.gamma(KEY, np.float32([np.nan, -2.0, 0.0, np.inf]))
    np.testing.assert_array_equal(odd, [np.nan, np.nan, 0.0, np.inf])


def test_beta_and_dirichlet_are_jaxs() -> None:
    expected = [0.02254684, 0.087411, 0.30544797, 0.2703603]
    np.testing.assert_allclose(random.beta(KEY, 0.5, 2.0, (4,)), expected, rtol=1e-6)
    rows = [[0.26827052, 0.2366247, 0.4951048], [0.5390494, 0.14887603, 0.31207457]]
    drawn = random.dirichlet(KEY, np.array([0.5, 2.0, 3.0]), (2,))
    np.testing.assert_allclose(drawn, rows, rtol=1e-6)
    assert random.beta(KEY, np.ones((3, 1)), np.ones(2)).shape == (3, 2)
    assert random.dirichlet(KEY, np.ones((4, 3))).shape == (4, 3)
    with pytest.raises(dn.DefnShapeError, match="vector of parameters"):
        random.dirichlet(KEY, 1.0)


def test_poisson_is_jaxs() -> None:
    drawn = random.poisson(KEY, 3.0, (8,))
    np.testing.assert_array_equal(drawn, [1, 2, 4, 3, 3, 1, 3, 1])
    rates = np.array([0.0, 0.5, 9.9, 10.0, 50.0, 1000.0])
    rows = [
        *[[0, 0, 13, 18, 58, 996], [0, 0, 11, 7, 51, 931], [0, 1, 6, 10, 52, 990]],
        *[[0, 1, 5, 19, 54, 988], [0, 0, 11, 10, 50, 1050], [0, 0, 11, 9, 50, 975]],
    ]
    drawn = random.poisson(KEY, rates, (8, 6))
    assert drawn.dtype == np.int64
    np.testing.assert_array_equal(drawn[:6], rows)
    assert random.poisson(KEY, rates, dtype="u8").dtype == np.uint8
    none = random.poisson(KEY, np.array([np.nan, np.inf, -1.0]))
    np.testing.assert_array_equal(none, -1)
    with pytest.raises(dn.DefnTypeError, match="not an integer dtype"):
        random.poisson(KEY, 1.0, (2,), "f32")


def test_truncated_normal_is_jaxs_and_leaves_its_bounds_out() -> None:
    bounds = np.array([-2.0, 3.0]), np.array([1.0, 3.5])
    drawn = random.truncated_normal(KEY, *bounds, dtype="f64")
    np.testing.assert_allclose(drawn, [0.10551885, 3.01210756], rtol=1e-7)
    narrow = np.float32(1.0), np.nextafter(np.float32(1.0), np.float32(2.0))
    between = random.truncated_normal(KEY, np.float32(0.9), narrow[0], (200,))
    assert (between < narrow[0]).all()


def test_gradients_flow_to_parameters() -> None:
    @dn.defn
    def drawn(a):
        return random.gamma(KEY, a, dtype="f64")

    @dn.defn
    def log_drawn(a):
        return random.loggamma(KEY, a, dtype="f64")

    slopes = {0.3: 0.0343006, 1.0: 2.36332848, 2.5: 1.78866713, 200.0: 1.08338245}
    for a, slope in slopes.items():
        np.testing.assert_allclose(dn.grad(drawn)(a), slope, rtol=2e-6)
        through_logs = dn.grad(log_drawn)(a) * drawn(a)
        np.testing.assert_allclose(through_logs, slope, rtol=2e-6)
    # The expansion for large parameters meets the series.
    below, above = (dn.grad(drawn)(a) for a in (99_999.0, 100_001.0))
    np.testing.assert_allclose(below, above, rtol=1e-6)


def test_slopes_keep_the_share_below() -> None:
    """Move a sample by its slope: the distribution function stays what it was."""

    @dn.defn
    def total(a):
        return dn.sum(random.gamma(KEY, a, (50,), "f64"))

    for a in (0.4, 3.0, 60.0):
        x = random.gamma(KEY, a, (50,), "f64")
        shares = stats.gamma(a).cdf(x)
        h = a * 1e-5
        moved = stats.gamma(a + h).ppf(shares) - stats.gamma(a - h).ppf(shares)
        np.testing.assert_allclose(dn.grad(total)(a), sum(moved / (2 * h)), rtol=1e-5)


def test_compiled_evaluated_and_in_cpython() -> None:
    calls = [
        (random.gamma, (KEY, np.float32([0.4, 3.0]))),
        (random.loggamma, (KEY, np.float32([0.4, 3.0]))),
        (random.poisson, (KEY, np.float32([2.0, 30.0]))),
    ]
    for sampler, arguments in calls:
        actual = sampler(*arguments)
        for other in (sampler.evaluate(*arguments), sampler.python(*arguments)):
            assert actual.dtype == other.dtype
            np.testing.assert_allclose(actual, other, rtol=1e-6)
