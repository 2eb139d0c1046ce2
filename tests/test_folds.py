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


@pytest.mark.parametrize("reverse", [False, True])
def test_scan_as_a_running_sum(reverse: bool) -> None:
    x = X[..., 0]
    total, before = dn.scan(lambda c, x: (c + x, c), np.zeros(4), x, reverse=reverse)
    np.testing.assert_allclose(total, x.sum(0))
    ordered = x[::-1] if reverse else x
    wanted = np.cumsum(ordered, 0) - ordered
    np.testing.assert_allclose(before, wanted[::-1] if reverse else wanted, atol=1e-12)


def test_scan_of_trees_and_of_nothing() -> None:
    def step(carry, x):
        total, product = carry
        return (total + x["a"], product * x["b"]), {"t": total, "p": product * 1}

    xs = {"a": np.arange(3.0), "b": np.array([2, 3, 4])}
    carry, made = dn.scan(step, (0, 1), xs)
    assert carry == (3.0, 24)
    np.testing.assert_array_equal(made["t"], [0, 0, 1])
    np.testing.assert_array_equal(made["p"], [1, 2, 6])
    assert made["t"].dtype == np.float64 and made["p"].dtype == np.int64
    doubled = dn.scan(lambda c, _: (c * 2, c), 1, length=4)
    np.testing.assert_array_equal(doubled[1], [1, 2, 4, 8])
    with pytest.raises(dn.DefnTypeError, match="scan needs `length`"):
        dn.scan(lambda c, _: (c, c), 1)
    with pytest.raises(dn.DefnShapeError, match="one turn at least"):
        dn.scan(lambda c, x: (c, c), 1, np.zeros(0))


def test_scan_has_the_gradient_of_the_loop() -> None:
    @defn
    def scanned(x):
        carry, rows = dn.scan(lambda c, x: (c * x + 1, dn.sin(c)), 0.5, x)
        return carry + dn.sum(rows)

    @defn
    def looped(x):
        carry, total = 0.5, 0.0
        for each in x:
            total = total + dn.sin(carry)
            carry = carry * each + 1
        return carry + total

    x = X[:, 0, 0]
    np.testing.assert_allclose(dn.grad(scanned)(x), dn.grad(looped)(x), rtol=1e-12)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_associative_scan_as_cumprod(axis: int, reverse: bool) -> None:
    got = dn.associative_scan(lambda a, b: a * b, X, axis=axis, reverse=reverse)
    turned = np.flip(X, axis) if reverse else X
    wanted = np.cumprod(turned, axis)
    np.testing.assert_allclose(got, np.flip(wanted, axis) if reverse else wanted)


def test_associative_scan_of_matrices_and_trees() -> None:
    matrices = np.random.default_rng(0).standard_normal((5, 2, 2))
    got = dn.associative_scan(lambda a, b: a @ b, matrices)
    np.testing.assert_allclose(got[-1], functools.reduce(np.matmul, matrices))

    def linear(a, b):  # x -> m x + c, one after another
        return a[0] * b[0], a[1] * b[0] + b[1]

    slopes, shifts = X[:, 0, 0], X[:, 1, 0]
    _, values = dn.associative_scan(linear, (slopes, shifts))
    x = 0.0
    for m, c, value in zip(slopes, shifts, values, strict=True):
        x = m * x + c
        np.testing.assert_allclose(value, x)
