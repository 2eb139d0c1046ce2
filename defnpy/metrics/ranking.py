"""Metrics of all examples together: which class they are taken for, and their order."""

from __future__ import annotations

from typing import Any

import defnpy as dn
from defnpy import defn
from defnpy.losses.reduction import paired, spread


@defn
def confusion_matrix(
    y_true: Any, y_pred: Any, weights: Any = None, *, num_classes: int | None = None
) -> Any:
    """Return how often each class (a row) is taken for each class (a column).

    Args:
        y_true: integer labels (…) or (…, 1), or one-hot labels (…, classes).
        y_pred: scores (…, classes), of which the largest counts; or integer labels
            of the shape of integer `y_true`.
        weights: one per example; they are summed in place of ones.
        num_classes: how many classes there are, where there are no scores to count.

    A label outside of the classes raises an `IndexError`.

    >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 1, 0]), num_classes=2)
    array([[1, 0],
           [1, 1]])
    """
    labels, predicted, count = _classes(y_true, y_pred, num_classes)
    assert dn.all((labels >= 0) & (predicted >= 0)), "a label may not be negative"
    made = dn.zeros((count, count), "i64")
    if weights is None:
        return dn.indexed_add(made, (labels, predicted), 1)
    mass = spread(weights, dn.multiply(labels, 1.0))
    made = dn.astype(made, mass.dtype)
    return dn.indexed_add(made, (labels, predicted), mass)


def _classes(y_true: Any, y_pred: Any, num_classes: Any) -> tuple[Any, Any, int]:
    """Return integer labels, those that are predicted, and the number of classes."""
    if y_pred.dtype.kind in "iu" and num_classes is not None:
        if y_true.shape != y_pred.shape:
            raise dn.DefnShapeError(
                f"labels of shape {y_true.shape} are predicted in shape {y_pred.shape}"
            )
        return dn.astype(y_true, "i64"), dn.astype(y_pred, "i64"), num_classes
    if y_pred.ndim < 2:
        raise dn.DefnTypeError("confusion_matrix needs num_classes, or scores of each")
    predicted, examples = dn.argmax(y_pred, axis=-1), y_pred.shape[:-1]
    if y_true.shape == y_pred.shape:
        return dn.argmax(y_true, axis=-1), predicted, y_pred.shape[-1]
    if y_true.shape not in (examples, (*examples, 1)):
        raise dn.DefnShapeError(
            f"labels of shape {y_true.shape} do not fit scores of shape {y_pred.shape}"
        )
    labels = dn.astype(dn.reshape(y_true, examples), "i64")
    return labels, predicted, y_pred.shape[-1]


@defn
def roc_auc(y_true: Any, y_pred: Any, weights: Any = None) -> Any:
    """Return how likely a random example of label 1 scores above one of label 0.

    That is the area below the receiver operating characteristic.  Equal scores count
    a half; without examples of both labels, or of NaN, it is NaN.

    Args:
        y_true: labels 0 or 1.
        y_pred: scores, of the same shape.
        weights: one per example.

    >>> roc_auc(np.array([0, 1, 0, 1]), np.array([0.1, 0.4, 0.4, 0.8]))
    np.float64(0.875)
    """
    y, scores = paired(y_true, y_pred)
    mass = dn.ones_like(scores) if weights is None else spread(weights, scores)
    y, scores, mass = (
        dn.reshape(y, (-1,)),
        dn.reshape(scores, (-1,)),
        dn.reshape(mass, (-1,)),
    )
    order = dn.argsort(scores)
    scores = dn.take(scores, order)
    ones = dn.take(mass * (y == 1), order)
    zeros = dn.take(mass * (y != 1), order)
    before = dn.cumulative_sum(zeros, include_initial=True)
    below = dn.take(before, dn.searchsorted(scores, scores, side="left"))
    not_above = dn.take(before, dn.searchsorted(scores, scores, side="right"))
    both = dn.sum(ones) * before[-1]
    area = dn.sum(ones * (below + not_above)) * 0.5 / both
    return dn.where(dn.isnan(scores[-1]), dn.nan, area)  # NaN sorts last
