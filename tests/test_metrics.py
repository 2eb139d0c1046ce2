"""Metrics against counts made by hand."""

import numpy as np
import pytest

import defnpy as dn
from defnpy import metrics

pytestmark = pytest.mark.cpu

Y = np.array([1, 0, 1, 1, 0, 0, 1, 0])
P = np.array([0.9, 0.6, 0.4, 0.8, 0.1, 0.5, 0.51, 0.2])
TP, FP, FN, TN = 3, 1, 1, 3


def test_counts() -> None:
    assert metrics.true_positives(Y, P) == TP
    assert metrics.false_positives(Y, P) == FP
    assert metrics.false_negatives(Y, P) == FN
    assert metrics.true_negatives(Y, P) == TN
    assert metrics.true_positives(Y[:, None], P[:, None], threshold=0.3) == 4
    weights = np.arange(8.0)
    assert metrics.true_positives(Y, P, weights) == 0 + 3 + 6


def test_ratios() -> None:
    np.testing.assert_allclose(metrics.precision(Y, P), TP / (TP + FP))
    np.testing.assert_allclose(metrics.recall(Y, P), TP / (TP + FN))
    np.testing.assert_allclose(metrics.specificity(Y, P), TN / (TN + FP))
    f1 = 2 * TP / (2 * TP + FP + FN)
    np.testing.assert_allclose(metrics.f1(Y, P), f1)
    for metric in (metrics.precision, metrics.recall, metrics.f1):
        assert metric(np.zeros(3), np.zeros(3)) == 0


def test_binary_accuracy() -> None:
    expected = (TP + TN) / 8
    for y, p in ((Y, P), (Y[:, None], P[:, None]), (Y.astype("f4"), P.astype("f4"))):
        np.testing.assert_allclose(metrics.accuracy(y, p), expected)
    logits = np.log(P / (1 - P))
    np.testing.assert_allclose(metrics.accuracy(Y, logits, from_logits=True), expected)
    each = metrics.accuracy(Y[:, None], P[:, None], reduction="none")
    np.testing.assert_array_equal(each, (P > 0.5) == Y)
    weights = np.array([1.0, 1, 1, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(metrics.accuracy(Y, P, weights), 1 / 3)
    table = metrics.binary_accuracy(Y.reshape(4, 2), P.reshape(4, 2))
    np.testing.assert_allclose(table, expected)


def test_categorical_accuracy() -> None:
    scores = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3], [0.2, 0.2, 0.6]], "f4")
    labels = np.array([1, 1, 2])
    for y in (labels, labels[:, None], np.eye(3)[labels], labels.astype("f4")):
        np.testing.assert_allclose(metrics.accuracy(y, scores), 2 / 3, rtol=1e-6)
    assert metrics.accuracy(labels, np.array([1, 2, 2])) == np.float32(2 / 3)
    one_hot = np.eye(3, dtype=int)
    assert metrics.accuracy(one_hot, one_hot[[0, 1, 1]]) == np.float32(2 / 3)
    assert metrics.accuracy(np.array([True]), np.array([True])) == 1


def test_top_k() -> None:
    scores = np.array([[0.1, 0.7, 0.2, 0.0], [0.4, 0.1, 0.3, 0.2]])
    labels = np.array([2, 1])
    expected = {1: 0.0, 2: 0.5, 3: 0.5, 4: 1.0}
    for k, value in expected.items():
        assert metrics.top_k_categorical_accuracy(labels, scores, k=k) == value
        one_hot = np.eye(4)[labels]
        assert metrics.top_k_categorical_accuracy(one_hot, scores, k=k) == value


def test_regressions() -> None:
    y, p = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.0])
    assert metrics.mean_absolute_error(y, p) == 0.5
    np.testing.assert_allclose(metrics.mean_squared_error(y, p), 1.25 / 3)
    total = ((y - y.mean()) ** 2).sum()
    np.testing.assert_allclose(metrics.r2(y, p), 1 - 1.25 / total)
    pair = np.stack([y, np.ones(3)], -1), np.stack([p, np.ones(3)], -1)
    np.testing.assert_allclose(metrics.r2(*pair), (1 - 1.25 / total + 1) / 2)
    assert metrics.r2(np.ones(2), np.array([1.0, 2.0])) == 0
    weights = np.array([1.0, 1.0, 0.0])
    np.testing.assert_allclose(metrics.r2(y, p, weights), 1 - 0.25 / 0.5)
    cosine = metrics.cosine_similarity(np.eye(2), np.array([[1.0, 1.0], [0.0, -2.0]]))
    np.testing.assert_allclose(cosine, (0.5**0.5 - 1) / 2)


STREAMED = ["accuracy", "precision", "recall", "specificity", "f1", "r2"]
STREAMED += ["mean_squared_error", "true_positives", "binary_accuracy"]


@pytest.mark.parametrize("name", STREAMED)
@pytest.mark.parametrize("weighted", [True, False])
def test_streams_give_the_metric_of_the_whole(name: str, weighted: bool) -> None:
    w = np.linspace(0.5, 2, 8) if weighted else None
    expected = metrics.get(name)(Y, P, w)
    sums, finish = metrics.stream(name)
    parts = [slice(0, 5), slice(5, 6), slice(6, 8)]
    batches = [sums(Y[s], P[s], None if w is None else w[s]) for s in parts]
    total = [sum(each) for each in zip(*batches, strict=True)]
    np.testing.assert_allclose(finish(*total), expected, rtol=1e-6)


def test_wrong_shapes_and_names_raise() -> None:
    with pytest.raises(dn.DefnShapeError, match="equal"):
        metrics.accuracy(Y, P[:, None])
    with pytest.raises(dn.DefnShapeError, match="do not fit"):
        metrics.accuracy(np.zeros(3), np.zeros((2, 4)))
    with pytest.raises(dn.DefnKeyError, match="no metric 'auc'"):
        metrics.get("auc")
    assert metrics.get("sensitivity") is metrics.recall


def test_confusion_matrix() -> None:
    labels, guesses = np.array([0, 2, 1, 2, 2]), np.array([0, 2, 2, 1, 2])
    expected = [[1, 0, 0], [0, 0, 1], [0, 1, 2]]
    got = metrics.confusion_matrix(labels, guesses, num_classes=3)
    assert got.dtype == np.int64
    np.testing.assert_array_equal(got, expected)
    scores = np.eye(3)[guesses]
    for y in (labels, labels[:, None], np.eye(3)[labels]):
        np.testing.assert_array_equal(metrics.confusion_matrix(y, scores), expected)
    weights = np.array([0.5, 1.0, 1.0, 1.0, 2.0])
    weighted = metrics.confusion_matrix(labels, guesses, weights, num_classes=3)
    np.testing.assert_array_equal(weighted, [[0.5, 0, 0], [0, 0, 1], [0, 1, 3]])
    sums, finish = metrics.stream("confusion_matrix")
    batches = [sums(labels[k], scores[k])[0] for k in (slice(2), slice(2, 5))]
    np.testing.assert_array_equal(finish(sum(batches)), expected)


def test_confusion_matrix_refuses() -> None:
    with pytest.raises(dn.DefnTypeError, match="needs num_classes"):
        metrics.confusion_matrix(np.array([0]), np.array([0]))
    with pytest.raises(dn.DefnShapeError, match="do not fit scores"):
        metrics.confusion_matrix(np.array([0, 1]), np.ones((3, 2)))
    with pytest.raises(IndexError):
        metrics.confusion_matrix(np.array([2]), np.array([0]), num_classes=2)
    with pytest.raises(AssertionError, match="negative"):
        metrics.confusion_matrix(np.array([-1]), np.array([0]), num_classes=2)


def test_roc_auc() -> None:
    rng = np.random.default_rng(0)
    y, scores = rng.integers(0, 2, 60), rng.integers(0, 9, 60) / 8
    weights = rng.uniform(0.5, 2.0, 60)
    for w in (None, weights):
        mass = np.ones(60) if w is None else w
        pairs = [
            (mass[i] * mass[j], (scores[i] > scores[j]) + (scores[i] == scores[j]) / 2)
            for i in np.flatnonzero(y == 1)
            for j in np.flatnonzero(y == 0)
        ]
        expected = sum(m * won for m, won in pairs) / sum(m for m, _ in pairs)
        np.testing.assert_allclose(metrics.roc_auc(y, scores, w), expected)
    table = metrics.roc_auc(y.reshape(6, 10), scores.reshape(6, 10).astype("f4"))
    np.testing.assert_allclose(table, metrics.roc_auc(y, scores), rtol=1e-6)
    assert np.isnan(metrics.roc_auc(np.ones(3), np.arange(3.0)))
    assert np.isnan(metrics.roc_auc(np.array([0, 1]), np.array([0.5, np.nan])))
    with pytest.raises(dn.DefnValueError, match="not a ratio of sums"):
        metrics.stream("roc_auc")
