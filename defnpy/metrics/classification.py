"""Metrics of classifiers: how many predictions are right, and in which way."""

from __future__ import annotations

from typing import Any

import defnpy as dn
from defnpy import defn
from defnpy.losses.reduction import check_shapes, paired, ratio, reduce, spread


@defn
def accuracy(
    y_true: Any,
    y_pred: Any,
    weights: Any = None,
    *,
    reduction: str = "mean",
    threshold: float = 0.5,
    from_logits: bool = False,
) -> Any:
    """Return the part of predictions that are right; what is compared says the shape.

    - `y_pred` (n,) or (…, 1) holds probabilities of label 1, compared with labels of
      its shape: right where (p > threshold) == y; or labels, if they are integers;
    - `y_pred` (…, classes) holds scores: its largest is compared with the largest of
      one-hot labels of the same shape, or with integer labels (…) or (…, 1).

    Args:
        y_true: labels.
        y_pred: predictions.
        weights: one per example; the mean divides by their sum.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        threshold: of a probability.
        from_logits: whether `y_pred` is z with p = sigmoid(z); of no matter to the
            largest of several.

    >>> accuracy(np.array([0, 1, 1]), np.array([0.2, 0.7, 0.4])).round(4)
    np.float64(0.6667)
    >>> accuracy(np.array([2, 0]), np.array([[0.1, 0.2, 0.7], [0.1, 0.8, 0.1]]))
    np.float64(0.5)
    """
    hits = _hits(y_true, y_pred, threshold, from_logits)
    return reduce(hits, weights, reduction)


@defn
def binary_accuracy(
    y_true: Any,
    y_pred: Any,
    weights: Any = None,
    *,
    reduction: str = "mean",
    threshold: float = 0.5,
    from_logits: bool = False,
) -> Any:
    """Return the part of elements where (p > threshold) == y, whatever the shape.

    >>> binary_accuracy(np.array([[0, 1]]), np.array([[0.2, 0.3]]))
    np.float64(0.5)
    """
    y, p = paired(y_true, y_pred)
    hits = dn.astype(_positive(p, threshold, from_logits) == (y == 1), p.dtype)
    return reduce(hits, weights, reduction)


@defn
def top_k_categorical_accuracy(
    y_true: Any,
    y_pred: Any,
    weights: Any = None,
    *,
    reduction: str = "mean",
    k: int = 5,
) -> Any:
    """Return the part of examples whose class is among the `k` largest scores.

    The class counts as the first of equal scores.

    Args:
        y_true: one-hot labels (…, classes), or integer labels (…) or (…, 1).
        y_pred: scores (…, classes).
        weights: one per example; the mean divides by their sum.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        k: how many scores count.

    >>> scores = np.array([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]])
    >>> top_k_categorical_accuracy(np.array([1, 2]), scores, k=2)
    np.float64(0.5)
    """
    scores = dn.multiply(y_pred, 1.0)
    label = dn.expand_dims(_labels(y_true, scores), -1)
    above = scores > dn.take_along_axis(scores, label, axis=-1)
    hits = dn.astype(dn.sum(above, axis=-1) < k, scores.dtype)
    return reduce(hits, weights, reduction)


@defn
def true_positives(
    y_true: Any, y_pred: Any, weights: Any = None, *, threshold: float = 0.5
) -> Any:
    """Return how many elements of label 1 have a probability above the threshold.

    Args:
        y_true: labels 0 or 1.
        y_pred: probabilities of label 1, of the same shape.
        weights: one per example; they are summed in place of ones.
        threshold: of a probability.

    >>> true_positives(np.array([0, 1, 1]), np.array([0.9, 0.9, 0.1]))
    np.int64(1)
    """
    return _count(y_true, y_pred, weights, threshold, actual=True, predicted=True)


@defn
def true_negatives(
    y_true: Any, y_pred: Any, weights: Any = None, *, threshold: float = 0.5
) -> Any:
    """Return how many elements of label 0 are not above the threshold."""
    return _count(y_true, y_pred, weights, threshold, actual=False, predicted=False)


@defn
def false_positives(
    y_true: Any, y_pred: Any, weights: Any = None, *, threshold: float = 0.5
) -> Any:
    """Return how many elements of label 0 are above the threshold."""
    return _count(y_true, y_pred, weights, threshold, actual=False, predicted=True)


@defn
def false_negatives(
    y_true: Any, y_pred: Any, weights: Any = None, *, threshold: float = 0.5
) -> Any:
    """Return how many elements of label 1 are not above the threshold."""
    return _count(y_true, y_pred, weights, threshold, actual=True, predicted=False)


@defn
def precision(
    y_true: Any, y_pred: Any, weights: Any = None, *, threshold: float = 0.5
) -> Any:
    """Return TP / (TP + FP); 0 where nothing is predicted.

    >>> precision(np.array([0, 1, 1]), np.array([0.9, 0.9, 0.1]))
    np.float32(0.5)
    """
    return ratio(*precision_sums(y_true, y_pred, weights, threshold=threshold))


@defn
def recall(
    y_true: Any, y_pred: Any, weights: Any = None, *, threshold: float = 0.5
) -> Any:
    """Return TP / (TP + FN), the sensitivity; 0 where no label is 1.

    >>> recall(np.array([0, 1, 1]), np.array([0.9, 0.9, 0.1]))
    np.float32(0.5)
    """
    return ratio(*recall_sums(y_true, y_pred, weights, threshold=threshold))


@defn
def specificity(
    y_true: Any, y_pred: Any, weights: Any = None, *, threshold: float = 0.5
) -> Any:
    """Return TN / (TN + FP); 0 where no label is 0.

    >>> specificity(np.array([0, 0, 1]), np.array([0.9, 0.1, 0.1]))
    np.float32(0.5)
    """
    return ratio(*specificity_sums(y_true, y_pred, weights, threshold=threshold))


@defn
def f1(y_true: Any, y_pred: Any, weights: Any = None, *, threshold: float = 0.5) -> Any:
    """Return 2 TP / (2 TP + FP + FN), the harmonic mean of precision and recall.

    >>> f1(np.array([0, 1, 1, 1]), np.array([0.1, 0.9, 0.9, 0.1])).round(4)
    np.float32(0.8)
    """
    return ratio(*f1_sums(y_true, y_pred, weights, threshold=threshold))


@defn
def accuracy_sums(y_true: Any, y_pred: Any, weights: Any = None) -> Any:
    """Return the sums whose ratio is `accuracy`: of hits, and of weights."""
    hits = _hits(y_true, y_pred, 0.5, False)
    w = dn.ones_like(hits) if weights is None else spread(weights, hits)
    return dn.sum(w * hits), dn.sum(w)


@defn
def precision_sums(
    y_true: Any, y_pred: Any, weights: Any = None, *, threshold: float = 0.5
) -> Any:
    """Return TP and TP + FP."""
    hits = true_positives(y_true, y_pred, weights, threshold=threshold)
    return hits, hits + false_positives(y_true, y_pred, weights, threshold=threshold)


@defn
def recall_sums(
    y_true: Any, y_pred: Any, weights: Any = None, *, threshold: float = 0.5
) -> Any:
    """Return TP and TP + FN."""
    hits = true_positives(y_true, y_pred, weights, threshold=threshold)
    return hits, hits + false_negatives(y_true, y_pred, weights, threshold=threshold)


@defn
def specificity_sums(
    y_true: Any, y_pred: Any, weights: Any = None, *, threshold: float = 0.5
) -> Any:
    """Return TN and TN + FP."""
    hits = true_negatives(y_true, y_pred, weights, threshold=threshold)
    return hits, hits + false_positives(y_true, y_pred, weights, threshold=threshold)


@defn
def f1_sums(
    y_true: Any, y_pred: Any, weights: Any = None, *, threshold: float = 0.5
) -> Any:
    """Return 2 TP and 2 TP + FP + FN."""
    hits = 2 * true_positives(y_true, y_pred, weights, threshold=threshold)
    errors = false_positives(y_true, y_pred, weights, threshold=threshold)
    errors = errors + false_negatives(y_true, y_pred, weights, threshold=threshold)
    return hits, hits + errors


def _hits(y_true: Any, y_pred: Any, threshold: float, from_logits: bool) -> Any:
    """Return 1 for right predictions and 0 for wrong ones, as floats."""
    several = y_pred.ndim > 1 and y_pred.shape[-1] > 1
    if y_pred.dtype.kind in "biu" and not several:
        check_shapes(y_true, y_pred)
        return dn.multiply(y_true == y_pred, 1.0)
    if not several:
        y, p = paired(y_true, y_pred)
        hits = dn.astype(_positive(p, threshold, from_logits) == (y == 1), p.dtype)
        return dn.mean(hits, axis=-1) if hits.ndim > 1 else hits
    label = _labels(y_true, y_pred)
    scores = dn.multiply(y_pred, 1.0)
    return dn.astype(dn.argmax(scores, axis=-1) == label, scores.dtype)


def _positive(p: Any, threshold: float, from_logits: bool) -> Any:
    return (dn.sigmoid(p) if from_logits else p) > threshold


def _labels(y_true: Any, y_pred: Any) -> Any:
    """Return labels (…) of one-hot or integer labels of scores (…, classes)."""
    if y_true.shape == y_pred.shape:
        return dn.argmax(y_true, axis=-1)
    examples = y_pred.shape[:-1]
    if y_true.shape != examples and y_true.shape != (*examples, 1):
        raise dn.DefnShapeError(
            f"labels of shape {y_true.shape} do not fit scores of shape "
            f"{y_pred.shape}; they have shape {y_pred.shape} or {examples}"
        )
    label = dn.reshape(y_true, examples)
    return label if label.dtype.kind in "iu" else dn.astype(label, "i64")


def _count(
    y_true: Any,
    y_pred: Any,
    weights: Any,
    threshold: float,
    *,
    actual: bool,
    predicted: bool,
) -> Any:
    y, p = paired(y_true, y_pred)
    counted = ((y == 1) == actual) & ((p > threshold) == predicted)
    if weights is None:
        return dn.sum(counted)
    return dn.sum(spread(weights, p) * counted)
