"""Losses of classifiers: cross-entropies, divergences and hinges.

Losses on probabilities are written with plain ``log(p)`` and ``log(1 - p)``.
Where `p` comes from ``sigmoid`` or ``softmax`` in the same program the compiler
turns these into ``log_sigmoid`` and ``log_softmax``, so values and gradients are
right however large the logits; ``from_logits=True`` says the same by hand.
"""

from __future__ import annotations

from typing import Any

import defnpy as dn
from defnpy import defn
from defnpy.losses.logarithms import (
    finite_log,
    log_sigmoid,
    log_softmax,
    weighted_log,
)
from defnpy.losses.reduction import paired, per_example, ratio, reduce


@defn
def binary_cross_entropy(
    y_true: Any,
    y_pred: Any,
    weights: Any = None,
    positive_weight: Any = None,
    negative_weight: Any = None,
    *,
    reduction: str = "mean",
    from_logits: bool = False,
    label_smoothing: float = 0.0,
) -> Any:
    """Return -(y log p + (1 - y) log(1 - p)), averaged over the last axis.

    A probability of exactly 0 or 1 on the wrong side counts as a log of -100, as
    in PyTorch, and has a finite gradient that points the right way.

    Args:
        y_true: labels from 0 to 1, of any dtype.
        y_pred: probabilities, or logits, of the same shape.
        weights: one per example; the mean divides by their sum.
        positive_weight: weight of the term of y, a number; the mean divides by it.
        negative_weight: weight of the term of 1 - y, likewise.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``, which keeps the examples.
        from_logits: whether `y_pred` is z with p = sigmoid(z).
        label_smoothing: s, for labels y (1 - s) + s / 2.

    Raises:
        DefnShapeError: the shapes differ; they are never broadcast.

    >>> y = np.array([0.0, 1.0])
    >>> binary_cross_entropy(y, np.array([0.5, 0.5]))
    np.float64(0.6931471805599453)
    >>> binary_cross_entropy(y, np.array([-1e4, 1e4]), from_logits=True)
    np.float64(0.0)
    """
    y, p = paired(y_true, y_pred)
    y = _smoothed(y, label_smoothing, 2)
    if from_logits:
        log_p, log_q = log_sigmoid(p), log_sigmoid(-p)
    else:
        log_p, log_q = finite_log(p), finite_log(1.0 - p)
    times = weighted_log if from_logits else dn.multiply
    if positive_weight is None and negative_weight is None:
        loss = -times(y, log_p) - times(1.0 - y, log_q)
        return reduce(per_example(loss), weights, reduction)
    positive = y * _or_one(positive_weight, y)
    negative = (1.0 - y) * _or_one(negative_weight, y)
    loss = -times(positive, log_p) - times(negative, log_q)
    return _reduce_by_mass(
        per_example(loss), per_example(positive + negative), weights, reduction
    )


@defn
def categorical_cross_entropy(
    y_true: Any,
    y_pred: Any,
    weights: Any = None,
    class_weights: Any = None,
    *,
    reduction: str = "mean",
    from_logits: bool = False,
    sparse: bool = False,
    label_smoothing: float = 0.0,
) -> Any:
    """Return -Σ y log p over the classes, the last axis.

    The probability 0 of a class that is true counts as a log of -100, with a
    finite gradient.  A logit of -inf masks its class.

    Args:
        y_true: probabilities of the classes, of the shape of `y_pred`; or, if
            `sparse`, integer labels of its shape without the last axis (an axis
            of size 1 in its place will do).
        y_pred: probabilities, or logits, (…, classes).
        weights: one per example; the mean divides by their sum.
        class_weights: one per class, an array or a list; an example is weighted
            by Σ y w.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``, which keeps the examples.
        from_logits: whether `y_pred` is z with p = softmax(z).
        sparse: whether `y_true` holds labels.
        label_smoothing: s, for y (1 - s) + s / classes.

    Raises:
        DefnShapeError: the shapes do not fit; they are never broadcast.
        AssertionError: a label is not one of 0 … classes - 1.

    >>> p = np.array([[0.5, 0.5], [0.25, 0.75]])
    >>> categorical_cross_entropy(np.eye(2), p, reduction="none")
    array([0.69314718, 0.28768207])
    >>> categorical_cross_entropy(np.array([0, 1]), p, sparse=True)
    np.float64(0.4904146265058631)
    """
    if sparse:
        labels, p = _labels(y_true, y_pred)
        y = dn.astype(dn.expand_dims(labels, -1) == dn.arange(p.shape[-1]), p.dtype)
    else:
        y, p = paired(y_true, y_pred)
    log_p = log_softmax(p) if from_logits else finite_log(p)
    smoothed = _smoothed(y, label_smoothing, p.shape[-1])
    times = weighted_log if from_logits else dn.multiply
    loss = -dn.sum(times(smoothed, log_p), axis=-1)
    if class_weights is None:
        return reduce(loss, weights, reduction)
    of_class = dn.astype(dn.tensor(class_weights), p.dtype)
    if of_class.shape != p.shape[-1:]:
        raise dn.DefnShapeError(
            f"class_weights has shape {of_class.shape}; there are {p.shape[-1]} classes"
        )
    mass = dn.sum(y * of_class, axis=-1)
    return _reduce_by_mass(mass * loss, mass, weights, reduction)


@defn
def sparse_categorical_cross_entropy(
    y_true: Any,
    y_pred: Any,
    weights: Any = None,
    class_weights: Any = None,
    *,
    reduction: str = "mean",
    from_logits: bool = False,
    label_smoothing: float = 0.0,
) -> Any:
    """Return `categorical_cross_entropy` of integer labels.

    >>> logits = np.array([[2.0, 0.0], [0.0, 0.0]])
    >>> labels = np.array([0, 1])
    >>> loss = sparse_categorical_cross_entropy(labels, logits, from_logits=True)
    >>> float(loss).__round__(6)
    0.410038
    """
    return categorical_cross_entropy(
        y_true,
        y_pred,
        weights,
        class_weights,
        reduction=reduction,
        from_logits=from_logits,
        sparse=True,
        label_smoothing=label_smoothing,
    )


@defn
def kl_divergence(
    y_true: Any,
    y_pred: Any,
    weights: Any = None,
    *,
    reduction: str = "mean",
    from_logits: bool = False,
) -> Any:
    """Return Σ y (log y - log p) over the last axis; a term with y = 0 is 0.

    Args:
        y_true: probabilities, of the shape of `y_pred`.
        y_pred: probabilities, or logits of them.
        weights: one per example; the mean divides by their sum.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        from_logits: whether `y_pred` is z with p = softmax(z).

    >>> kl_divergence(np.array([0.0, 1.0]), np.array([0.5, 0.5]))
    np.float64(0.6931471805599453)
    """
    y, p = paired(y_true, y_pred)
    log_p = log_softmax(p) if from_logits else finite_log(p)
    log_y = dn.log(dn.where(y == 0, 1.0, y))
    return reduce(dn.sum(weighted_log(y, log_y - log_p), axis=-1), weights, reduction)


@defn
def hinge(
    y_true: Any, y_pred: Any, weights: Any = None, *, reduction: str = "mean"
) -> Any:
    """Return max(1 - y s, 0) of scores s, averaged over the last axis.

    Args:
        y_true: labels -1 or 1.
        y_pred: scores, of the same shape.
        weights: one per example; the mean divides by their sum.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    >>> hinge(np.array([-1, 1]), np.array([0.5, 0.5]), reduction="none")
    array([1.5, 0.5])
    """
    y, s = paired(y_true, y_pred)
    assert dn.all(abs(y) == 1), "hinge takes labels -1 and 1"
    return reduce(per_example(dn.maximum(1.0 - y * s, 0.0)), weights, reduction)


@defn
def categorical_hinge(
    y_true: Any, y_pred: Any, weights: Any = None, *, reduction: str = "mean"
) -> Any:
    """Return max(1 + the best wrong score - the right score, 0).

    The best wrong score is max((1 - y) s), as in Keras and Axon, so at least 0
    where a class is right.

    Args:
        y_true: one-hot labels, of the shape of `y_pred`.
        y_pred: scores, (…, classes).
        weights: one per example; the mean divides by their sum.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    >>> scores = np.array([[0.5, 2.0], [0.25, 0.5]])
    >>> categorical_hinge(np.eye(2), scores, reduction="none")
    array([2.5 , 0.75])
    """
    y, s = paired(y_true, y_pred)
    right = dn.sum(y * s, axis=-1)
    wrong = dn.max((1.0 - y) * s, axis=-1)
    return reduce(dn.maximum(1.0 + wrong - right, 0.0), weights, reduction)


@defn
def soft_margin(
    y_true: Any, y_pred: Any, weights: Any = None, *, reduction: str = "mean"
) -> Any:
    """Return log(1 + exp(-y s)) of labels -1 or 1, averaged over the last axis.

    >>> soft_margin(np.array([1.0]), np.array([0.0]))
    np.float64(0.6931471805599453)
    """
    y, s = paired(y_true, y_pred)
    assert dn.all(abs(y) == 1), "soft_margin takes labels -1 and 1"
    return reduce(per_example(-log_sigmoid(y * s)), weights, reduction)


def _smoothed(y: Any, smoothing: float, classes: int) -> Any:
    return y * (1.0 - smoothing) + smoothing / classes if smoothing else y


def _or_one(weight: Any, like: Any) -> Any:
    return 1.0 if weight is None else dn.astype(weight, like.dtype)


def _labels(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Return checked labels (…) and float predictions (…, classes)."""
    y_pred = dn.multiply(y_pred, 1.0)
    examples = y_pred.shape[:-1]
    if y_true.shape != examples and y_true.shape != (*examples, 1):
        raise dn.DefnShapeError(
            f"sparse labels have shape {y_true.shape} and y_pred {y_pred.shape}; "
            f"the labels of these predictions have shape {examples}"
        )
    if y_true.dtype.kind not in "iu":
        raise dn.DefnTypeError(f"labels must be integers, not {y_true.dtype}")
    labels = dn.reshape(y_true, examples)
    inside = (labels >= 0) & (labels < y_pred.shape[-1])
    assert dn.all(inside), "a label is not one of 0 … classes - 1"
    return labels, y_pred


def _reduce_by_mass(loss: Any, mass: Any, weights: Any, reduction: str) -> Any:
    """Reduce losses already weighted by `mass`, which the mean divides by."""
    if reduction != "mean":
        return reduce(loss, weights, reduction)
    return ratio(reduce(loss, weights, "sum"), reduce(mass, weights, "sum"))
