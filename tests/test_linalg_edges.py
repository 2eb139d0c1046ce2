"""Norms of every order, empty and singular matrices, and wrong arguments."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from linalg_checks import TOLERANCE, definite, drawn

import defnpy as dn
from defnpy import defn, linalg

pytestmark = pytest.mark.cpu

ORDERS = [None, 0, 1, -1, 2, -2, 3, 0.5, np.inf, -np.inf]
KINDS = [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf]


@pytest.mark.parametrize("ord", ORDERS)
@pytest.mark.parametrize("dtype", ["f8", "c8"])
def test_vector_norms(ord: Any, dtype: str) -> None:
    x = drawn(3, 4, dtype=dtype)
    x[1, 2] = 0
    got = linalg.norm(x, ord, axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        wanted = np.linalg.norm(x, ord, axis=1, keepdims=True)
    assert got.dtype == wanted.dtype
    np.testing.assert_allclose(got, wanted, TOLERANCE[dtype])
    np.testing.assert_allclose(linalg.norm(x[0], ord), np.linalg.norm(x[0], ord), 1e-6)
    if ord is not None:
        got = linalg.vector_norm(x[0], ord=ord)
        np.testing.assert_allclose(got, np.linalg.vector_norm(x[0], ord=ord), 1e-6)
        got = linalg.vector_norm(x + 3, axis=(0, 1), ord=ord)
        np.testing.assert_allclose(got, np.linalg.vector_norm(x + 3, ord=ord), 1e-6)


@pytest.mark.parametrize("ord", KINDS)
@pytest.mark.parametrize("dtype", ["f8", "c8"])
def test_matrix_norms(ord: Any, dtype: str) -> None:
    x = drawn(3, 2, 4, dtype=dtype)
    for axis in [(0, 1), (2, 0), (-1, -2)]:
        for keepdims in (False, True):
            got = linalg.norm(x, ord, axis, keepdims)
            wanted = np.linalg.norm(x, ord, axis, keepdims)
            assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
            np.testing.assert_allclose(got, wanted, TOLERANCE[dtype])
    if ord is not None:
        got = linalg.matrix_norm(x, ord=ord)
        np.testing.assert_allclose(got, np.linalg.matrix_norm(x, ord=ord), 1e-5)


def test_norms_of_everything() -> None:
    x = drawn(2, 3, 4)
    np.testing.assert_allclose(linalg.norm(x), np.linalg.norm(x))
    with pytest.raises(dn.DefnShapeError, match="needs an axis"):
        linalg.norm(x, 2)
    with pytest.raises(dn.DefnValueError, match="order of a matrix norm"):
        linalg.matrix_norm(x, ord=3)
    with pytest.raises(dn.DefnValueError, match="order of a vector norm"):
        linalg.vector_norm(x, ord="fro")


INTEGERS = np.array([[4, 1, 0], [1, 3, 1], [0, 1, 2]])


def test_integers_become_the_default_float() -> None:
    for name in ("inv", "det", "cholesky", "eigvalsh", "svdvals", "norm"):
        got = getattr(linalg, name)(INTEGERS)
        assert got.dtype == np.float32, name
        wanted = getattr(np.linalg, name)(INTEGERS)
        np.testing.assert_allclose(got, wanted, 1e-5, 1e-6)
    assert linalg.solve(INTEGERS, np.ones(3)).dtype == np.float64
    with pytest.raises(AttributeError, match=r"did you mean `solve`\?"):
        linalg.solv  # noqa: B018
    half = linalg.inv(INTEGERS.astype(np.float16))
    assert half.dtype == np.float32


@pytest.mark.parametrize("shape", [(0, 0), (0, 3, 3), (2, 0, 0)])
def test_empty_square_matrices(shape: tuple) -> None:
    a = np.zeros(shape)
    for name in ("inv", "det", "cholesky", "eigvalsh", "svdvals"):
        got, wanted = getattr(linalg, name)(a), getattr(np.linalg, name)(a)
        assert got.shape == wanted.shape, name
        np.testing.assert_array_equal(got, wanted)
    for got, wanted in zip(linalg.slogdet(a), np.linalg.slogdet(a), strict=True):
        np.testing.assert_array_equal(got, wanted)
    for got, wanted in zip(linalg.eigh(a), np.linalg.eigh(a), strict=True):
        assert got.shape == wanted.shape
    assert linalg.eig(a).eigenvalues.shape == shape[:-1]
    b = np.zeros((*shape[:-1], 2))
    assert linalg.solve(a, b).shape == np.linalg.solve(a, b).shape


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (2, 0, 3)])
def test_empty_rectangles(shape: tuple) -> None:
    a = np.zeros(shape)
    for mode in ("reduced", "complete"):
        for got, wanted in zip(linalg.qr(a, mode), np.linalg.qr(a, mode), strict=True):
            np.testing.assert_array_equal(got, wanted)
    for full in (False, True):
        made, wanted = linalg.svd(a, full), np.linalg.svd(a, full)
        for got, other in zip(made, wanted, strict=True):
            np.testing.assert_array_equal(got, other)
    assert [x.shape for x in linalg.lu(np.zeros((0, 3)))] == [(0, 0), (0, 0), (0, 3)]


FAILING: dict[str, tuple[Callable, np.ndarray, str]] = {
    "solve": (lambda a: linalg.solve(a, a), np.ones((2, 2)), "Singular matrix"),
    "inv": (lambda a: linalg.inv(a), np.zeros((3, 3)), "Singular matrix"),
    "triangular": (
        lambda a: linalg.solve_triangular(a, a),
        np.diag([1.0, 0.0]),
        "Singular matrix",
    ),
    "cholesky": (
        lambda a: linalg.cholesky(a),
        np.array([np.eye(2), -np.eye(2)]),
        "Matrix is not positive definite",
    ),
    "svd": (
        lambda a: linalg.svd(a).S,
        np.full((2, 2), np.nan),
        "SVD did not converge",
    ),
}


@pytest.mark.parametrize("name", FAILING)
def test_what_fails_raises_numpys_error(name: str) -> None:
    function, a, message = FAILING[name]
    program = defn(function)
    for way in (program, program.evaluate, function):
        with pytest.raises(np.linalg.LinAlgError, match=message) as found:
            way(a)
        assert isinstance(found.value, dn.DefnLinAlgError)


def test_determinants_of_singular_matrices() -> None:
    a = np.array([[[1.0, 2.0], [2.0, 4.0]], [[0.0, 1.0], [1.0, 0.0]]])
    for way in (defn(lambda a: (linalg.det(a), *linalg.slogdet(a))),):
        det, sign, size = way(a)
        np.testing.assert_array_equal(det, [0, -1])
        np.testing.assert_array_equal(sign, [0, -1])
        np.testing.assert_array_equal(size, [-np.inf, 0])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: linalg.inv(np.ones(3)), "inv needs a matrix or a batch of them"),
        (lambda: linalg.inv(np.ones((2, 3))), "inv needs square matrices, not f64"),
        (lambda: linalg.solve(np.eye(2), np.ones(3)), "differ in rows"),
        (lambda: linalg.solve(np.ones((2, 2, 2)), np.ones((3, 2, 1))), "differ in"),
        (lambda: linalg.qr(np.eye(2), "raw"), "mode is"),
        (lambda: linalg.eigh(np.eye(2), "X"), "UPLO is"),
        (lambda: linalg.solve_triangular(np.eye(2), np.eye(2), trans=3), "trans is"),
    ],
)
def test_wrong_arguments(call: Callable, text: str) -> None:
    with pytest.raises(dn.DefnError, match=text):
        call()


def test_results_are_named_as_numpys() -> None:
    a = definite(3, 3)
    assert linalg.eigh(a)._fields == np.linalg.eigh(a)._fields
    assert linalg.svd(a)._fields == np.linalg.svd(a)._fields
    assert linalg.qr(a)._fields == np.linalg.qr(a)._fields
    assert linalg.slogdet(a)._fields == np.linalg.slogdet(a)._fields
    assert linalg.eig(a)._fields == np.linalg.eig(a)._fields
    assert defn(lambda a: linalg.qr(a))(a)._fields == ("Q", "R")
