"""Random numbers are those of JAX's default (partitionable Threefry) generator.

The literal values come from jax 0.10.2; those of 64 bits with `jax_enable_x64`.
"""

import numpy as np
import pytest

import defnpy as dn
from defnpy import random

pytestmark = pytest.mark.cpu


def key(seed: int) -> np.ndarray:
    return np.asarray(random.key(seed))


def same(actual: object, expected: object, dtype: str) -> None:
    assert np.asarray(actual).dtype == np.dtype(dtype)
    np.testing.assert_array_equal(actual, np.asarray(expected))


def test_keys() -> None:
    same(key(12), [0, 12], "uint32")
    same(key(2**40 + 5), [256, 5], "uint32")
    same(key(-1), [2**32 - 1, 2**32 - 1], "uint32")
    same(random.key(np.uint8(7)), [0, 7], "uint32")
    same(random.fold_in(key(0), 1), [928981903, 3453687069], "uint32")


def test_split() -> None:
    expected = [[741045208, 1847055613], [85238482, 2594297577]]
    same(random.split(key(1701)), expected, "uint32")
    expected = [
        [3415554662, 800069853],
        [2488458765, 390605710],
        [671281441, 234515160],
    ]
    same(random.split(key(33), 3), expected, "uint32")


def test_bits() -> None:
    words = [4070199207, 4202968722, 1427181096, 2012915765]
    same(random.bits(key(0), (4,)), words, "uint32")
    same(random.bits(key(0), (2, 2)), np.reshape(words, (2, 2)), "uint32")
    same(random.bits(key(0)), words[0], "uint32")
    same(random.bits(key(0), (3,), "u8"), [167, 146, 40], "uint8")
    same(random.bits(key(0), 3, np.uint16), [20391, 13970, 3624], "uint16")
    wide = [7719171245655871230, 3989946895414531357, 17807037942121513089]
    same(random.bits(key(0), (3,), "u64"), wide, "uint64")
    assert random.bits(key(0), (0, 3)).shape == (0, 3)


def test_uniform() -> None:
    expected = np.float32([0.25873792, 0.6238625, 0.226897, 0.12153208])
    same(random.uniform(key(1701), (4,)), expected, "float32")
    same(random.uniform(key(1701)), expected[0], "float32")
    half = np.float16([0.11426, 0.2295, 0.0498, 0.2969])
    same(random.uniform(key(3), (4,), "f16"), half, "float16")
    brain = random.uniform(key(3), (4,), "bf16")
    np.testing.assert_allclose(
        brain.astype("f4"), [0.492188, 0.765625, 0.867188, 0.1875], rtol=1e-5
    )
    double = random.uniform(key(3), (3,), "f64")
    hexes = ["0x1.bb14c7379efeep-1", "0x1.d014d12e10bc0p-2", "0x1.e8867194d9960p-3"]
    same(double, [float.fromhex(text) for text in hexes], "float64")


def test_uniform_between_bounds() -> None:
    between = random.uniform(key(3), (4,), minval=-2.0, maxval=3.0)
    expected = [-1.6297371, 2.6907215, 1.2447851, 2.878105]
    np.testing.assert_allclose(between, expected, rtol=1e-6)
    bounds = np.float32([0.0, 10.0])
    rows = random.uniform(key(3), (5, 2), minval=bounds, maxval=bounds + 1)
    assert ((rows >= bounds) & (rows < bounds + 1)).all()
    with pytest.raises(dn.DefnShapeError, match="do not fit"):
        random.uniform(key(3), (), minval=bounds)


def test_normal() -> None:
    np.testing.assert_allclose(
        random.normal(key(0), (2,)), [1.6226422, 2.0252647], rtol=1e-6
    )
    expected = [[-0.028304616, 0.46713185], [0.29570296, 0.15354592]]
    np.testing.assert_allclose(random.normal(key(42), (3, 2))[:2], expected, rtol=1e-5)
    np.testing.assert_allclose(
        random.normal(key(42), (4,), "f16"), [-1.43, -0.8755, 1.975, 0.697], rtol=2e-3
    )
    double = [1.104873977, -0.117569438, -0.71101432]
    np.testing.assert_allclose(random.normal(key(3), (3,), "f64"), double, rtol=1e-8)


def test_other_continuous_distributions() -> None:
    expected = {
        "exponential": [0.62807107, 2.5368025, 1.3310874, 0.099910334],
        "gumbel": [0.27081865, 2.4958735, 1.1816142, -0.8557002],
        "laplace": [0.06960754, -1.8436558, -0.6379403, 1.659874],
    }
    for name, values in expected.items():
        drawn = getattr(random, name)(key(5), (4,))
        np.testing.assert_allclose(drawn, values, rtol=2e-6, err_msg=name)
    truncated = random.truncated_normal(key(5), -2.0, 2.0, (4,))
    np.testing.assert_allclose(
        truncated, [-0.08052564, 1.2914771, 0.59800214, -1.2080951], rtol=2e-6
    )


def test_moments() -> None:
    drawn = random.normal(key(11), (40_000,), "f64")
    assert abs(drawn.mean()) < 0.02
    assert abs(drawn.var() - 1) < 0.03
    assert abs((drawn**4).mean() - 3) < 0.15


def test_randint() -> None:
    table = [[62, 66], [31, 81], [65, 30]]
    same(random.randint(key(1701), (3, 2), 1, 100), table, "int32")
    same(random.randint(key(1701), (3, 2), 1, 100, "u32"), table, "uint32")
    same(random.randint(key(1701), (4,), -5, 5, "i8"), [-3, 3, 2, -1], "int8")
    large = [1733648124, 210002864, 956228320]
    same(random.randint(key(1), (3,), 0, 2**31 - 1), large, "int32")
    wide = [390117831302, 244418128906, 845668657882, 378549564984]
    same(random.randint(key(1701), (4,), -5, 10**12, "i64"), wide, "int64")


def test_randint_of_bounds_that_are_arrays() -> None:
    low = np.arange(4)
    drawn = random.randint(key(0), (50, 4), low, low + 2)
    assert ((drawn == low) | (drawn == low + 1)).all()
    with pytest.raises(AssertionError, match="minval < maxval"):
        random.randint(key(0), (2,), 3, 3)


def test_bernoulli_and_categorical() -> None:
    expected = [False] * 8 + [True] * 2
    same(random.bernoulli(key(7), 0.3, (10,)), expected, "bool")
    assert random.bernoulli(key(7), np.full(3, 0.5)).shape == (3,)
    logits = np.float32([0.0, 1.0, 2.0])
    drawn = random.categorical(key(7), logits, shape=(10,))
    same(drawn, [1, 2, 1, 2, 2, 2, 2, 2, 2, 2], "int64")
    rows = np.arange(6, dtype="f4").reshape(2, 3)
    assert random.categorical(key(7), rows, axis=0).shape == (3,)
    assert random.categorical(key(7), rows, axis=0, shape=(4, 3)).shape == (4, 3)
    with pytest.raises(dn.DefnShapeError, match="does not end in"):
        random.categorical(key(7), rows, shape=(3,))


def test_permutation() -> None:
    same(random.permutation(key(0), 5), [0, 1, 4, 3, 2], "int64")
    long = [10, 0, 3, 1, 6, 8, 4, 9, 11, 2, 5, 7]
    same(random.permutation(key(9), 12), long, "int64")
    two_rounds = random.permutation(key(9), 2000)
    same(two_rounds[:8], [1, 1464, 1320, 1550, 1987, 1159, 1390, 612], "int64")
    assert sorted(two_rounds) == list(range(2000))
    x = np.arange(12).reshape(3, 4)
    columns = [[0, 3, 1, 2], [4, 7, 5, 6], [8, 11, 9, 10]]
    same(random.permutation(key(9), x, 1), columns, "int64")
    apart = [[0, 3, 1, 2], [6, 4, 5, 7], [10, 8, 9, 11]]
    same(random.permutation(key(9), x, 1, independent=True), apart, "int64")
    same(random.shuffle(key(9), x, axis=-1), columns, "int64")
    same(random.permutation(key(9), 1), [0], "int64")


def test_choice() -> None:
    same(random.choice(key(1), 10, (4,)), [6, 7, 0, 3], "int64")
    same(random.choice(key(1), 10, (4,), replace=False), [7, 6, 3, 2], "int64")
    p = np.float32([0.1, 0.2, 0.3, 0.4])
    same(random.choice(key(1), 4, (5,), p=p), [2, 2, 2, 2, 1], "int64")
    without = random.choice(key(1), 4, (3,), replace=False, p=p)
    same(without, [3, 2, 1], "int64")
    rows = np.arange(12).reshape(4, 3)
    same(random.choice(key(1), rows, (2,)), [[0, 1, 2], [9, 10, 11]], "int64")
    with pytest.raises(dn.DefnValueError, match="without replacement"):
        random.choice(key(1), 3, (4,), replace=False)


def test_wrong_arguments() -> None:
    with pytest.raises(dn.DefnTypeError, match=r"a key is u32\[2\]"):
        random.uniform(random.split(key(0)), (2,))
    with pytest.raises(dn.DefnTypeError, match="integer"):
        random.key(0.5)
    with pytest.raises(dn.DefnTypeError, match="float dtype"):
        random.normal(key(0), (2,), "i32")
    with pytest.raises(dn.DefnTypeError, match="unsigned"):
        random.bits(key(0), (2,), "i32")
    with pytest.raises(dn.DefnTypeError, match="integers"):
        random.randint(key(0), (2,), 0, 5, "f32")


def test_compiled_evaluated_and_in_cpython() -> None:
    calls = [
        (random.bits, (key(3), (5,))),
        (random.normal, (key(3), (5,))),
        (random.randint, (key(3), (5,), 0, 10)),
        (random.bernoulli, (key(3), 0.3, (5,))),
        (random.categorical, (key(3), np.arange(4.0))),
        (random.shuffle, (key(3), np.arange(6))),
    ]
    for sampler, arguments in calls:
        actual = sampler(*arguments)
        for other in (sampler.evaluate(*arguments), sampler.python(*arguments)):
            assert actual.dtype == other.dtype
            np.testing.assert_allclose(actual, other, rtol=3e-7)


def test_in_a_loop_of_a_program() -> None:
    @dn.defn
    def walk(start: object, n: int) -> object:
        total = 0.0
        for i in range(n):
            total = total + random.normal(random.fold_in(start, i))
        return total

    apart = [random.normal(random.fold_in(key(3), i)) for i in range(20)]
    np.testing.assert_allclose(walk(key(3), 20), sum(apart), rtol=1e-5)


COV = np.array([[2.0, 0.5], [0.5, 1.0]])
SAMPLES = {
    "cholesky": [[1.6381428, 0.9868218], [0.26992714, -1.3143559]],
    "eigh": [[-1.5274396, -2.4818053], [1.017534, -0.49517977]],
    "svd": [[-0.28499663, 0.35049474], [1.7565892, -0.8224503]],
}


@pytest.mark.parametrize("method", SAMPLES)
def test_multivariate_normal(method: str) -> None:
    mean = np.array([1.0, -1.0])
    got = random.multivariate_normal(key(7), mean, COV, (2,), method=method)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, SAMPLES[method], rtol=2e-6)
    many = random.multivariate_normal(key(1), mean, COV, 20_000, "f64", method=method)
    np.testing.assert_allclose(many.mean(0), mean, atol=0.05)
    np.testing.assert_allclose(np.cov(many.T), COV, atol=0.05)


def test_multivariate_normal_of_batches_and_singular_matrices() -> None:
    one = random.multivariate_normal(key(7), np.ones((3, 2)), COV)
    assert one.shape == (3, 2)
    flat = np.ones((2, 2))
    got = random.multivariate_normal(key(7), np.zeros(2), flat, (5,), method="eigh")
    np.testing.assert_allclose(got[:, 0], got[:, 1], atol=1e-5)
    with pytest.raises(dn.DefnShapeError, match="do not fit covariances"):
        random.multivariate_normal(key(7), np.zeros(3), COV)
    with pytest.raises(dn.DefnValueError, match="'cholesky', 'eigh' or 'svd'"):
        random.multivariate_normal(key(7), np.zeros(2), COV, method="qr")


def test_gradients_flow_to_the_mean_of_samples() -> None:
    @dn.defn
    def total(mean):
        return dn.sum(random.multivariate_normal(key(7), mean, COV, (4,), "f64"))

    np.testing.assert_allclose(dn.grad(total)(np.zeros(2)), [4.0, 4.0])
