"""The CTC loss against a sum over every alignment."""

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import special

import defnpy as dn
from defnpy import losses

pytestmark = pytest.mark.cpu

RNG = np.random.default_rng(5)


def collapse(path: tuple[int, ...], blank: int) -> tuple[int, ...]:
    kept = [key for key, _ in itertools.groupby(path)]
    return tuple(label for label in kept if label != blank)


def oracle(labels: list[int], p: np.ndarray, blank: int) -> float:
    times, classes = p.shape
    total = sum(
        np.prod(p[np.arange(times), path])
        for path in itertools.product(range(classes), repeat=times)
        if collapse(path, blank) == tuple(labels)
    )
    return -np.log(total) if total else np.inf


ROWS = [[1, 2], [1, 1], [2, 0], [0, 0]]  # the last two are padded
LENGTHS = [2, 2, 1, 0]


@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize("logits", [True, False])
def test_every_alignment_counts(blank: int, logits: bool) -> None:
    z = RNG.standard_normal((4, 5, 3))
    p = special.softmax(z, -1)
    labels = (np.array(ROWS) + blank) % 3
    expected = [
        oracle(list(row[:n]), q, blank)
        for row, n, q in zip(labels, LENGTHS, p, strict=True)
    ]
    actual = losses.ctc(
        labels,
        z if logits else p,
        np.array(LENGTHS),
        reduction="none",
        from_logits=logits,
        blank=blank,
    )
    np.testing.assert_allclose(actual, expected, rtol=1e-12)
    weights = np.arange(4.0)
    mean = losses.ctc(labels, p, np.array(LENGTHS), weights=weights, blank=blank)
    np.testing.assert_allclose(mean, (weights * expected).sum() / 6, rtol=1e-12)


def test_input_lengths() -> None:
    p = special.softmax(RNG.standard_normal((3, 5, 3)), -1)
    labels, lengths = np.array([[1, 2], [2, 2], [1, 2]]), np.array([5, 3, 1])
    expected = [
        oracle(list(row), q[:n], 0)
        for row, n, q in zip(labels, lengths, p, strict=True)
    ]
    assert expected[2] == np.inf
    actual = losses.ctc(labels, p, None, lengths, reduction="none")
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


def test_gradients() -> None:
    z = RNG.standard_normal((2, 4, 3))
    labels, lengths = np.array([[1, 2], [2, 0]]), np.array([2, 1])

    @dn.defn
    def loss(z: Any) -> Any:
        return losses.ctc(labels, z, lengths, from_logits=True)

    direction = RNG.standard_normal(z.shape)
    step = 1e-6
    expected = (loss(z + step * direction) - loss(z - step * direction)) / (2 * step)
    actual = (dn.grad(loss)(z) * direction).sum()
    np.testing.assert_allclose(actual, expected, rtol=1e-7)


def test_long_inputs_neither_overflow_nor_vanish() -> None:
    z = np.zeros((1, 400, 5), "f4")
    labels = np.arange(20)[None] % 4 + 1
    value = losses.ctc(labels, z, from_logits=True)
    ways = special.gammaln(400 + 20 + 1) - special.gammaln(2 * 20 + 1)
    ways -= special.gammaln(400 - 20 + 1)
    np.testing.assert_allclose(value, 400 * np.log(5) - ways, rtol=1e-5)


def test_wrong_arguments_raise() -> None:
    p = np.full((1, 3, 3), 1 / 3)
    with pytest.raises(AssertionError, match="blank or not one"):
        losses.ctc(np.array([[0, 1]]), p)
    with pytest.raises(dn.DefnShapeError, match="ctc takes labels"):
        losses.ctc(np.array([1, 2]), p)
    with pytest.raises(dn.DefnTypeError, match="integers"):
        losses.ctc(np.array([[1.0]]), p)
