"""Losses against float64 oracles, in every form they can be called in."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import defnpy as dn
from defnpy import losses

pytestmark = pytest.mark.cpu

RNG = np.random.default_rng(0)
Loss = Callable[..., Any]


def oracle_bce(y: np.ndarray, z: np.ndarray) -> np.ndarray:
    terms = y * -np.logaddexp(0, -z) + (1 - y) * -np.logaddexp(0, z)
    return -terms.mean(-1)


def oracle_cce(y: np.ndarray, z: np.ndarray) -> np.ndarray:
    log_p = z - special.logsumexp(z, axis=-1, keepdims=True)
    return -np.where(y == 0, 0, y * log_p).sum(-1)


def close(actual: Any, expected: Any, dtype: str = "f8", rtol: float = 1e-12) -> None:
    assert np.asarray(actual).dtype == np.dtype(dtype)
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=1e-14)


def reduced(values: np.ndarray, weights: np.ndarray | None, how: str) -> Any:
    w = np.ones_like(values) if weights is None else weights
    if how == "none":
        return w * values
    return (w * values).sum() / (w.sum() if how == "mean" else 1)


FORMS = list(itertools.product(("mean", "sum", "none"), (True, False), (True, False)))


@pytest.mark.parametrize(("how", "logits", "weighted"), FORMS)
def test_binary_cross_entropy(how: str, logits: bool, weighted: bool) -> None:
    z = RNG.standard_normal((5, 3)) * 3
    y = RNG.integers(0, 2, (5, 3))
    w = RNG.random(5) if weighted else None
    actual = losses.binary_cross_entropy(
        y, z if logits else special.expit(z), w, reduction=how, from_logits=logits
    )
    close(actual, reduced(oracle_bce(y, z), w, how), rtol=1e-10)


@pytest.mark.parametrize(("how", "logits", "weighted"), FORMS)
@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("classes", [True, False])
def test_categorical_cross_entropy(
    how: str, logits: bool, weighted: bool, sparse: bool, classes: bool
) -> None:
    z = RNG.standard_normal((6, 4)) * 3
    labels = RNG.integers(0, 4, 6)
    onehot = np.eye(4)[labels]
    w = RNG.random(6) if weighted else None
    of_class = RNG.random(4) if classes else None
    actual = losses.categorical_cross_entropy(
        labels if sparse else onehot,
        z if logits else special.softmax(z, -1),
        w,
        of_class,
        reduction=how,
        from_logits=logits,
        sparse=sparse,
    )
    total = np.ones(6) if w is None else w
    total = total * (1 if of_class is None else of_class[labels])
    close(actual, reduced(oracle_cce(onehot, z), total, how), rtol=1e-10)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_logits_of_any_size(dtype: str) -> None:
    z = np.array([-1e4, -120, -40, -1, 0, 1, 40, 120, 1e4], dtype)
    for y in (np.zeros_like(z), np.ones_like(z), np.full_like(z, 0.25)):
        actual = losses.binary_cross_entropy(y, z, from_logits=True, reduction="none")
        expected = oracle_bce(y[:, None].astype("f8"), z[:, None].astype("f8"))
        close(actual, expected, dtype, rtol=5e-7)
    table = np.stack([z, z[::-1], np.zeros_like(z)], -1)
    labels = np.arange(9) % 3
    actual = losses.sparse_categorical_cross_entropy(
        labels, table, from_logits=True, reduction="none"
    )
    close(actual, oracle_cce(np.eye(3)[labels], table.astype("f8")), dtype, rtol=5e-7)


def test_masked_logits() -> None:
    z = np.array([[1.0, -np.inf, 2.0], [-np.inf, 0.0, -np.inf]])
    y = np.array([[1.0, 0, 0], [0, 1, 0]])
    actual = losses.categorical_cross_entropy(y, z, from_logits=True, reduction="none")
    close(actual, [np.logaddexp(1, 2) - 1, 0.0])
    actual = losses.kl_divergence(y, z, from_logits=True, reduction="none")
    close(actual, [np.logaddexp(1, 2) - 1, 0.0])


def test_saturated_probabilities() -> None:
    p = np.array([0.0, 1.0, 0.0, 1.0])
    y = np.array([0.0, 1.0, 1.0, 0.0])
    actual = losses.binary_cross_entropy(y, p, reduction="none")
    close(actual, [0.0, 0.0, 100.0, 100.0])
    one_hot = np.array([[1.0, 0.0], [1.0, 0.0]])
    p = np.array([[1.0, 0.0], [0.0, 1.0]])
    close(losses.categorical_cross_entropy(one_hot, p, reduction="none"), [0.0, 100.0])


def test_weights_of_labels() -> None:
    z = RNG.standard_normal((5, 3))
    y = RNG.integers(0, 2, (5, 3)).astype(float)
    actual = losses.binary_cross_entropy(
        y, z, positive_weight=3.0, negative_weight=0.5, from_logits=True
    )
    w = np.where(y == 1, 3.0, 0.5)
    terms = np.where(y == 1, np.logaddexp(0, -z), np.logaddexp(0, z))
    close(actual, (w * terms).sum() / w.sum())
    each = losses.binary_cross_entropy(
        y, z, positive_weight=3.0, reduction="none", from_logits=True
    )
    close(each, (np.where(y == 1, 3.0, 1.0) * terms).mean(-1))


def test_label_smoothing() -> None:
    z = RNG.standard_normal((5, 3))
    labels = np.array([0, 1, 2, 1, 0])
    onehot = np.eye(3)[labels]
    smooth = onehot * 0.9 + 0.1 / 3
    expected = oracle_cce(smooth, z).mean()
    for y, sparse in ((onehot, False), (labels, True)):
        actual = losses.categorical_cross_entropy(
            y, z, from_logits=True, label_smoothing=0.1, sparse=sparse
        )
        close(actual, expected)
    binary = losses.binary_cross_entropy(
        onehot, z, from_logits=True, label_smoothing=0.2
    )
    close(binary, oracle_bce(onehot * 0.8 + 0.1, z).mean())


Y, P = RNG.random((4, 3)) + 0.1, RNG.random((4, 3)) + 0.1
SIGNS = np.where(RNG.random((4, 3)) < 0.5, -1.0, 1.0)
ONEHOT = np.eye(3)[[0, 2, 1, 1]]
PLAIN: list[tuple[Loss, np.ndarray, np.ndarray]] = [
    (losses.mean_squared_error, Y, ((Y - P) ** 2).mean(-1)),
    (losses.mean_absolute_error, Y, abs(Y - P).mean(-1)),
    (losses.log_cosh, Y, np.log(np.cosh(Y - P)).mean(-1)),
    (losses.poisson, Y, (P - Y * np.log(P)).mean(-1)),
    (losses.kl_divergence, Y, (Y * np.log(Y / P)).sum(-1)),
    (losses.hinge, SIGNS, np.maximum(1 - SIGNS * P, 0).mean(-1)),
    (losses.soft_margin, SIGNS, np.log1p(np.exp(-SIGNS * P)).mean(-1)),
    (
        losses.categorical_hinge,
        ONEHOT,
        np.maximum(((1 - ONEHOT) * P).max(-1) - (ONEHOT * P).sum(-1) + 1, 0),
    ),
    (
        losses.cosine_distance,
        Y,
        1 - (Y * P).sum(-1) / np.linalg.norm(Y, axis=-1) / np.linalg.norm(P, axis=-1),
    ),
]


@pytest.mark.parametrize(
    ("loss", "y", "expected"), PLAIN, ids=[loss.__name__ for loss, *_ in PLAIN]
)
@pytest.mark.parametrize("how", ["mean", "sum", "none"])
def test_other_losses(
    loss: Loss, y: np.ndarray, expected: np.ndarray, how: str
) -> None:
    w = np.array([0.5, 2.0, 0.0, 1.0])
    close(loss(y, P, reduction=how), reduced(expected, None, how))
    close(loss(y, P, w, reduction=how), reduced(expected, w, how))
    single = loss(y.astype("f4"), P.astype("f4"), reduction=how)
    close(single, reduced(expected, None, how), "f4", rtol=1e-5)


def test_huber_keeps_every_element() -> None:
    y, p = np.array([[1.0], [1.5], [2.0]]), np.array([[0.8], [1.8], [4.1]])
    actual = losses.huber(y, p, reduction="none")
    close(actual, [[0.02], [0.045], [1.6]])
    close(losses.huber(y, p, delta=0.1), (0.015 + 0.025 + 0.205) / 3)
    weights = np.array([1.0, 0.0, 3.0])
    close(losses.huber(y, p, weights), (0.02 + 3 * 1.6) / 4)


def test_log_cosh_of_small_and_large_errors() -> None:
    errors = np.array([1e-8, 1e-4, 0.5, 1.0, 30.0, 1e4, -1e4], "f4")
    exact = np.abs(errors.astype("f8"))
    exact = exact + np.log1p(np.exp(-2 * exact)) - np.log(2)
    exact[:2] = errors[:2].astype("f8") ** 2 / 2
    actual = losses.log_cosh(np.zeros_like(errors), errors, reduction="none")
    close(actual, exact, "f4", rtol=1e-6)


def test_margin_ranking() -> None:
    above, below = np.array([0.7, -0.7, 1.2]), np.array([-0.5, 0.3, -1.7])
    actual = losses.margin_ranking(np.ones(3), (above, below), reduction="sum")
    close(actual, 1.0)
    actual = losses.margin_ranking(-np.ones(3), (above, below), margin=0.5)
    close(actual, np.mean([1.7, 0.0, 3.4]))


def test_cosine_distance_of_zeros_and_axes() -> None:
    y = np.array([[0.0, 1.0], [1.0, 1.0]])
    p = np.array([[1.0, 0.0], [1.0, 1.0]])
    close(losses.cosine_distance(y, p, axis=0, reduction="none"), [1 - 0.5**0.5] * 2)
    close(losses.cosine_distance(np.zeros(3), np.ones(3)), 1.0)


def test_dtypes() -> None:
    labels = np.array([0, 1], "i1")
    p = np.float32([0.2, 0.6])
    assert losses.binary_cross_entropy(labels, p).dtype == np.float32
    assert losses.mean_squared_error(labels, labels).dtype == np.float32
    doubles = labels.astype("f8")
    assert losses.mean_squared_error(doubles, p).dtype == np.float32
    assert losses.binary_cross_entropy(labels, p.astype("f2")).dtype == np.float16


def test_examples_of_weight_zero_do_not_count() -> None:
    y, p = np.array([1.0, np.nan]), np.array([2.0, np.inf])
    weights = np.array([1.0, 0.0])
    close(losses.mean_squared_error(y, p, weights), 1.0)
    close(losses.mean_squared_error(y, p, np.zeros(2)), 0.0)
    close(losses.mean_squared_error(y[:1], p[:1], weights[:1, None]), 1.0)


def test_wrong_shapes_raise() -> None:
    column, row = np.zeros((3, 1)), np.zeros(3)
    for loss in (losses.binary_cross_entropy, losses.mean_squared_error):
        with pytest.raises(dn.DefnShapeError, match=r"\(3,\).*\(3, 1\).*equal"):
            loss(row, column)
    with pytest.raises(dn.DefnTypeError, match=r"y_pred is a list.*dn\.tensor"):
        losses.mean_squared_error(row, [0.0, 0.0, 0.0])
    with pytest.raises(dn.DefnShapeError, match="one weight per example"):
        losses.mean_squared_error(row, row, np.ones(2))
    with pytest.raises(dn.DefnShapeError, match="sparse labels"):
        losses.categorical_cross_entropy(
            np.zeros(2, int), np.zeros((3, 4)), sparse=True
        )
    with pytest.raises(dn.DefnShapeError, match="3 classes"):
        losses.categorical_cross_entropy(np.eye(3), np.eye(3), None, np.ones(2))
    labels = np.array([[0], [1], [0]])
    losses.categorical_cross_entropy(labels, np.eye(3), sparse=True)


def test_wrong_labels_raise() -> None:
    for labels in ([0, 3], [-1, 0]):
        with pytest.raises(AssertionError, match="not one of 0"):
            losses.sparse_categorical_cross_entropy(np.array(labels), np.zeros((2, 3)))
    with pytest.raises(dn.DefnTypeError, match="integers"):
        losses.sparse_categorical_cross_entropy(np.zeros(2), np.zeros((2, 3)))
    with pytest.raises(AssertionError, match="-1 and 1"):
        losses.hinge(np.array([0, 1]), np.zeros(2))
    with pytest.raises(dn.DefnValueError, match="reduction"):
        losses.mean_squared_error(np.zeros(2), np.zeros(2), reduction="avg")


def test_get() -> None:
    assert losses.get("huber") is losses.huber
    assert losses.get(oracle_bce) is oracle_bce
    with pytest.raises(dn.DefnKeyError, match="no loss 'hubber'"):
        losses.get("hubber")
    assert set(losses.LOSSES) < set(losses.__all__)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_compiled_evaluated_and_in_cpython(dtype: str) -> None:
    weights = np.array([0.5, 2.0, 0.0, 1.0])
    labels = np.array([2, 0, 1, 1])
    p = P.astype(dtype)
    calls = [(loss, (y.astype(dtype), p, weights)) for loss, y, _ in PLAIN]
    calls += [
        (losses.binary_cross_entropy, (ONEHOT, p / 2, weights)),
        (losses.sparse_categorical_cross_entropy, (labels, p, weights)),
    ]
    for loss, arguments in calls:
        actual = loss(*arguments)
        for other in (loss.evaluate(*arguments), loss.python(*arguments)):
            close(actual, other, dtype, rtol=1e-6 if dtype == "f4" else 1e-13)
