"""Metrics: what people read to judge a model; a loss is what it is trained by.

Each is ``metric(y_true, y_pred, weights=None, *, …)``, a `@defn` function.  `stream`
gives the sums by which an epoch's value is had exactly from its batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import defnpy as dn
from defnpy.losses import mean_absolute_error, mean_squared_error
from defnpy.metrics.classification import (
    accuracy,
    binary_accuracy,
    f1,
    false_negatives,
    false_positives,
    precision,
    recall,
    specificity,
    top_k_categorical_accuracy,
    true_negatives,
    true_positives,
)
from defnpy.metrics.ranking import confusion_matrix, roc_auc
from defnpy.metrics.regression import cosine_similarity, r2
from defnpy.metrics.streaming import Stream, known_stream, mean_stream

if TYPE_CHECKING:
    from collections.abc import Callable

METRICS: dict[str, Callable[..., Any]] = {
    "accuracy": accuracy,
    "binary_accuracy": binary_accuracy,
    "confusion_matrix": confusion_matrix,
    "cosine_similarity": cosine_similarity,
    "f1": f1,
    "false_negatives": false_negatives,
    "false_positives": false_positives,
    "mean_absolute_error": mean_absolute_error,
    "mean_squared_error": mean_squared_error,
    "precision": precision,
    "r2": r2,
    "recall": recall,
    "roc_auc": roc_auc,
    "sensitivity": recall,
    "specificity": specificity,
    "top_k_categorical_accuracy": top_k_categorical_accuracy,
    "true_negatives": true_negatives,
    "true_positives": true_positives,
}


def get(metric: str | Callable[..., Any]) -> Callable[..., Any]:
    """Return the metric of that name; a function is returned as it is.

    >>> get("accuracy")
    <defn accuracy>
    """
    if not isinstance(metric, str):
        return metric
    if metric not in METRICS:
        raise dn.DefnKeyError(
            f"there is no metric {metric!r}; there are {', '.join(METRICS)}"
        )
    return METRICS[metric]


def stream(metric: str | Callable[..., Any]) -> Stream:
    """Return the sums of a metric; a function of your own counts as a mean.

    >>> sums, finish = stream("precision")
    >>> first = sums(np.array([1, 0]), np.array([0.9, 0.9]))
    >>> second = sums(np.array([1, 1]), np.array([0.9, 0.9]))
    >>> finish(*[a + b for a, b in zip(first, second)])
    np.float32(0.75)
    """
    function = get(metric)
    if function is roc_auc:
        raise dn.DefnValueError(
            "roc_auc is not a ratio of sums over batches; call it with the labels and"
            " predictions of all examples"
        )
    return known_stream(function) or mean_stream(function)


__all__ = [
    "METRICS",
    "Stream",
    "accuracy",
    "binary_accuracy",
    "confusion_matrix",
    "cosine_similarity",
    "f1",
    "false_negatives",
    "false_positives",
    "get",
    "mean_absolute_error",
    "mean_squared_error",
    "precision",
    "r2",
    "recall",
    "roc_auc",
    "specificity",
    "stream",
    "top_k_categorical_accuracy",
    "true_negatives",
    "true_positives",
]
