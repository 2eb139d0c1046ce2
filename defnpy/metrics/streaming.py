"""Metrics of many batches, exactly: the sums a metric is a ratio of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import defnpy as dn
from defnpy import defn
from defnpy.losses.reduction import ratio
from defnpy.metrics import classification, ranking, regression

if TYPE_CHECKING:
    from collections.abc import Callable


class Stream(NamedTuple):
    """A metric of many batches.

    Attributes:
        sums: ``(y_true, y_pred, weights=None) -> tuple`` of sums over a batch.
        finish: the metric, of the sums of all batches given one by one.
    """

    sums: Callable[..., Any]
    finish: Callable[..., Any]


def known_stream(metric: Callable[..., Any]) -> Stream | None:
    """Return the sums of a metric of this package that is not a plain mean.

    >>> known_stream(classification.precision).finish(1, 2)
    0.5
    """
    for known, made in _STREAMS:
        if metric is known:
            return made
    return None


def mean_stream(metric: Callable[..., Any]) -> Stream:
    """Return the sums of a metric that is a mean over examples.

    >>> sums, finish = mean_stream(lambda y_true, y_pred: dn.mean(y_true == y_pred))
    >>> finish(*sums(np.array([1, 2]), np.array([1, 3])))
    np.float32(0.5)
    """

    @defn
    def sums(y_true: Any, y_pred: Any, weights: Any = None) -> Any:
        if weights is None:
            value = metric(y_true, y_pred)
            rows = dn.tree.leaves(y_pred)[0].shape[0]
            mass = dn.full((), rows, value.dtype)
        else:
            value = metric(y_true, y_pred, weights)
            mass = dn.astype(dn.sum(weights), value.dtype)
        return value * mass, mass

    return Stream(sums, ratio)


def _count_stream(metric: Callable[..., Any]) -> Stream:
    @defn
    def sums(y_true: Any, y_pred: Any, weights: Any = None) -> Any:
        return (metric(y_true, y_pred, weights),)

    return Stream(sums, _same)


def _same(value: Any) -> Any:
    return value


_STREAMS: list[tuple[Callable[..., Any], Stream]] = [
    (classification.accuracy, Stream(classification.accuracy_sums, ratio)),
    (classification.precision, Stream(classification.precision_sums, ratio)),
    (classification.recall, Stream(classification.recall_sums, ratio)),
    (classification.specificity, Stream(classification.specificity_sums, ratio)),
    (classification.f1, Stream(classification.f1_sums, ratio)),
    (regression.r2, Stream(regression.r2_sums, regression.r2_of_sums)),
    *(
        (metric, _count_stream(metric))
        for metric in (
            classification.true_positives,
            classification.true_negatives,
            classification.false_positives,
            classification.false_negatives,
            ranking.confusion_matrix,
        )
    ),
]
