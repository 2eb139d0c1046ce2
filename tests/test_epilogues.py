"""What follows a product in the loop over its blocks, beside the evaluator."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import defnpy as dn
from defnpy import config, defn

pytestmark = pytest.mark.cpu


def drawn(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype)


def dense(x: Any, w: Any, b: Any) -> Any:
    return np.maximum(x @ w + b, 0)


def residual(x: Any, w: Any, b: Any) -> Any:
    return (np.tanh(x @ w) * 0.5 + b) * x.sum() + w.sum(0)


def several(x: Any, w: Any, b: Any) -> Any:
    y = x @ w
    return y, y > 0, np.exp(-y * y).astype(np.float64), y + b


def row_by_row(x: Any, w: Any, b: Any) -> Any:
    y = x @ w + b
    return np.exp(y - y.max(-1, keepdims=True))


def turned(x: Any, w: Any, b: Any) -> Any:
    y = x @ w
    return y.T + 1.0, y + b


PROGRAMS = (dense, residual, several, row_by_row, turned)


def agree(function: Any, *args: np.ndarray, joins: bool = True) -> None:
    """Check values on several threads, bit by bit the same, and what is joined."""
    expected = dn.tree.leaves(function.evaluate(*args))
    before, found = config.threads, []
    try:
        for threads in (1, 2, 8):
            config.threads = threads
            found.append(dn.tree.leaves(function(*args)))
    finally:
        config.threads = before
    for first, *others in zip(*found, strict=True):
        assert all(np.array_equal(first, other, equal_nan=True) for other in others)
    for made, wanted in zip(found[0], expected, strict=True):
        close = 2e-3 if made.dtype != np.float64 else 1e-3
        np.testing.assert_allclose(made, wanted, close, close)
    assert ("block by block" in str(function.explain(*args))) is joins


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
@pytest.mark.parametrize("shape", [(128, 200, 300), (530, 40, 70), (33, 700, 65)])
def test_programs(program: Callable[..., Any], shape: tuple[int, int, int]) -> None:
    m, k, n = shape
    args = drawn(m, k) / np.float32(k**0.5), drawn(k, n), drawn(n)
    agree(defn(program), *args, joins=program is not row_by_row)


def test_rows_of_several_axes_and_batches() -> None:
    x, w, b = drawn(7, 50, 60) / np.float32(8), drawn(60, 90), drawn(90)
    agree(defn(dense), x, w, b)
    agree(defn(dense), x, drawn(7, 60, 90), drawn(50, 90))


def test_doubles_and_nothing_finite() -> None:
    x, w, b = (drawn(*s, dtype=np.float64) for s in ((150, 160), (160, 170), (170,)))
    x[3, 5], w[7, 9], b[11] = np.nan, np.inf, -np.inf
    agree(defn(dense), x, w, b)


def test_sizes_that_vary() -> None:
    function, w, b = defn(dense), drawn(60, 500), drawn(500)
    for m in (40, 130, 700, 2):
        x = drawn(m, 60)
        np.testing.assert_allclose(function(x, w, b), dense(x, w, b), 1e-3, 1e-3)
    assert len(function.variants()) == 2


def test_empty_products() -> None:
    function = defn(dense)
    assert function(drawn(0, 40), drawn(40, 900), drawn(900)).shape == (0, 900)
    made = function(drawn(90, 0), drawn(0, 900), drawn(900))
    np.testing.assert_array_equal(made, np.maximum(drawn(900), 0) + np.zeros((90, 1)))


def test_what_the_product_reads_is_not_overwritten_by_blocks() -> None:
    @defn
    def repeated(x: Any, w: Any) -> Any:
        for _ in range(4):
            x = np.tanh(x @ w + 0.5 * x)
        return x

    agree(repeated, drawn(300, 300), drawn(300, 300) / np.float32(17), joins=False)


def test_what_is_changed_in_place_may_be_joined() -> None:
    @defn
    def descended(p: Any, x: Any, y: Any) -> Any:
        for _ in range(5):
            p = p - 1e-3 * (x.T @ (np.tanh(y) * y))
        return p

    agree(descended, drawn(200, 310), drawn(90, 200), drawn(90, 310))


def test_a_step_of_an_optimizer_joins_its_gradient() -> None:
    @defn
    def step(w: Any, m: Any, x: Any, y: Any) -> Any:
        grad = dn.grad(lambda w: np.mean((x @ w - y) ** 2))(w)
        m = 0.9 * m + 0.1 * grad
        return w - 0.1 * m / (np.sqrt(m * m) + 1e-3), m

    agree(step, *(drawn(*s) for s in ((100, 80), (100, 80), (64, 100), (64, 80))))
