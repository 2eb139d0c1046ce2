"""Reductions by functions of one's own, beside those that have a name."""

import functools

import numpy as np
import pytest

import defnpy as dn
from defnpy import defn

pytestmark = pytest.mark.cpu

X = np.random.default_rng(4).uniform(0.5, 1.5, (3, 4, 2))


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (2, 0)])
def test_reduce_as_sum(axis: object, keepdims: bool) -> None:
    got = dn.reduce(lambda total, x: total + x, X, 0.0, axis=axis, keepdims=keepdims)
    wanted = np.sum(X, axis, keepdims=keepdims)
    assert np.shape(got) == wanted.shape
    np.testing.assert_allclose(got, wanted, rtol=1e-12)


def test_elements_come_in_order_of_rows() -> None:
    digits = np.arange(1, 7).reshape(2, 3)
    folded = dn.reduce(lambda total, x: total * 10 + x, digits, 0)
    assert folded == functools.reduce(lambda total, x: total * 10 + x, range(1, 7))


def test_the_total_widens_and_starts_anywhere() -> None:
    ints = np.array([1, 2, 3], np.int32)
    assert dn.reduce(lambda total, x: total + 0.5 * x, ints, 1) == 4.0
    assert dn.reduce(lambda total, x: total + x, np.float32(3), 2) == 5
    got = dn.reduce(dn.maximum, np.zeros((0, 2)), -1.0, axis=0)
    np.testing.assert_array_equal(got, [-1, -1])


def test_what_is_no_axis() -> None:
    with pytest.raises(dn.DefnShapeError, match="axis 3 does not exist"):
        dn.reduce(lambda total, x: total + x, X, 0, axis=3)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"strides": (2, 1), "padding": "same"},
        {"padding": [(1, 0), (2, 3)], "dilation": (1, 2)},
    ],
)
def test_window_reduce_as_window_sum(options: dict) -> None:
    x = X[..., 0]
    got = dn.window_reduce(lambda total, e: total + e, x, 0.0, (2, 2), **options)
    np.testing.assert_allclose(got, dn.window_sum(x, (2, 2), **options), rtol=1e-12)


def test_gradients_flow_through_the_function() -> None:
    @defn
    def loss(x):
        rows = dn.reduce(lambda total, row: total * row, x, 1.0, axis=0)
        windows = dn.window_reduce(lambda total, e: total * e, x, 1.0, (2, 1))
        return dn.sum(rows) + dn.sum(windows)

    @defn
    def named(x):
        return dn.sum(dn.prod(x, 0)) + dn.sum(dn.window_prod(x, (2, 1)))

    x = X[..., 0]
    np.testing.assert_allclose(loss(x), named(x), rtol=1e-12)
    np.testing.assert_allclose(dn.grad(loss)(x), dn.grad(named)(x), rtol=1e-12)


def test_lanes_of_a_fold() -> None:
    @defn
    def largest(x):
        return dn.reduce(dn.maximum, x, -dn.inf)

    np.testing.assert_array_equal(dn.vmap(largest)(X), X.max((1, 2)))


def test_a_window_for_each_axis() -> None:
    with pytest.raises(dn.DefnShapeError, match="one for each of 3 axes"):
        dn.window_reduce(lambda total, x: total + x, X, 0, (2, 2))
