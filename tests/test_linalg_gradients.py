"""Derivatives of linear algebra: reverse, forward, second order and in lanes."""

from collections.abc import Callable

import numpy as np
import pytest
from linalg_losses import LOSSES

import defnpy as dn
from defnpy import defn

pytestmark = pytest.mark.cpu

STEP = 1e-6


def drawn(*shape: int, seed: int = 0, dtype: str = "f8") -> np.ndarray:
    rng = np.random.default_rng(seed)
    made = rng.standard_normal(shape)
    return made + 1j * rng.standard_normal(shape) if dtype == "c16" else made


def slope(function: Callable, at: np.ndarray, along: np.ndarray) -> float:
    ahead, behind = (function(at + sign * STEP * along) for sign in (1, -1))
    return float((ahead - behind) / (2 * STEP))


def inner(gradient: np.ndarray, along: np.ndarray) -> float:
    return float(np.sum(gradient * along).real)


@pytest.mark.parametrize("dtype", ["f8", "c16"])
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_derivatives_of_first_order(loss: Callable, dtype: str) -> None:
    a, along = drawn(3, 3, dtype=dtype), drawn(3, 3, seed=1, dtype=dtype)
    program = defn(loss)
    wanted = slope(program.evaluate, a, along)
    gradient = dn.grad(program)
    for way in (gradient, gradient.evaluate):
        np.testing.assert_allclose(inner(way(a), along), wanted, 1e-6, 1e-7)
    _, tangent = dn.jvp(program, (a,), (along,))
    np.testing.assert_allclose(tangent, wanted, 1e-6, 1e-7)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_derivatives_of_second_order(loss: Callable) -> None:
    a, along = drawn(3, 3), drawn(3, 3, seed=1)
    gradient = dn.grad(loss)
    wanted = slope(lambda at: inner(gradient(at), along), a, along)
    twice = dn.grad(lambda at, along: dn.sum(gradient(at) * along))
    np.testing.assert_allclose(inner(twice(a, along), along), wanted, 1e-5, 1e-6)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_batches_and_lanes_are_loops(loss: Callable) -> None:
    a = drawn(4, 3, 3)
    values = [defn(loss)(each) for each in a]
    np.testing.assert_allclose(dn.vmap(loss)(a), values, 1e-9)
    gradients = [dn.grad(loss)(each) for each in a]
    got = dn.vmap(dn.grad(loss))(a)
    np.testing.assert_allclose(got, gradients, 1e-7, 1e-8)
