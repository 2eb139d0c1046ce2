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


@pytest.mark.parametrize("dtype", ["f8", "c16"])
@pytest.mark.parametrize("rank", [1, 2])
def test_the_determinant_of_a_singular_matrix_has_a_gradient(
    rank: int, dtype: str
) -> None:
    a = drawn(3, rank, dtype=dtype) @ drawn(rank, 3, seed=1, dtype=dtype)
    a[:, 2] = a[:, 1]
    a[:, 1:] *= 1.0 if rank == 2 else 0.0

    def loss(a):
        return dn.real(dn.linalg.det(a))

    cofactors = np.array(
        [
            [
                (-1) ** (i + j)
                * np.linalg.det(np.delete(np.delete(a, i, axis=0), j, axis=1))
                for j in range(3)
            ]
            for i in range(3)
        ]
    )
    got = dn.grad(loss)(a)
    np.testing.assert_allclose(got, cofactors, 1e-10, 1e-12)
    both = np.stack([a, np.eye(3).astype(a.dtype)])
    got = dn.grad(lambda a: dn.sum(dn.real(dn.linalg.det(a))))(both)
    np.testing.assert_allclose(got, [cofactors, np.eye(3)], 1e-10, 1e-12)


def test_equal_eigenvalues_have_a_gradient_but_their_vectors_none() -> None:
    eye = np.eye(3)
    got = dn.grad(lambda a: dn.sum(dn.linalg.eigh(a).eigenvalues ** 2))(eye)
    np.testing.assert_allclose(got, 2 * eye)
    got = dn.grad(lambda a: dn.sum(dn.linalg.svd(a).S ** 2))(eye)
    np.testing.assert_allclose(got, 2 * eye, 1e-12, 1e-12)
    with np.errstate(all="ignore"):
        got = dn.grad(lambda a: dn.sum(dn.sin(dn.linalg.eigh(a).eigenvectors)))(eye)
    assert not np.isfinite(got).all()
    got = dn.grad(lambda a: dn.linalg.norm(a) + dn.sum(dn.linalg.norm(a, axis=0)))
    np.testing.assert_array_equal(got(np.zeros((2, 2))), np.zeros((2, 2)))


def test_what_has_no_derivative_says_so() -> None:
    a = drawn(3, 2)
    for loss, text in (
        (lambda a: dn.sum(dn.linalg.svd(a).U), "beyond min"),
        (lambda a: dn.sum(dn.linalg.qr(a, "complete").Q), "columns of Q beyond"),
    ):
        with pytest.raises(dn.DefnTypeError, match=text):
            dn.grad(loss)(a)
