"""Losses of sequences that are not aligned."""

from __future__ import annotations

import math
from typing import Any

import defnpy as dn
from defnpy import defn
from defnpy.losses.logarithms import finite_log, log_softmax
from defnpy.losses.reduction import reduce

_NEVER = -1e30  # the log of a probability of 0, whose sums stay finite


@defn
def ctc(
    y_true: Any,
    y_pred: Any,
    label_lengths: Any = None,
    input_lengths: Any = None,
    weights: Any = None,
    *,
    reduction: str = "mean",
    from_logits: bool = False,
    blank: int = 0,
) -> Any:
    """Return -log of the probability of label sequences under every alignment.

    Graves and others, "Connectionist temporal classification", 2006, section 4.1;
    α is the forward variable of equations 5 to 8, in logs.  A sequence that its
    input is too short for has an infinite loss.

    Args:
        y_true: labels, integers (batch, labels), padded at the end.
        y_pred: probabilities or logits (batch, time, classes); log-probabilities may
            be given as logits.
        label_lengths: how many labels of each row count; all by default.
        input_lengths: how many times of each row count; all by default.
        weights: one per row; the mean divides by their sum.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        from_logits: whether `y_pred` is z with p = softmax(z).
        blank: the class that stands for no label.

    >>> p = np.array([[[0.4, 0.6], [0.3, 0.7]]])  # blank, "a"
    >>> np.exp(-ctc(np.array([[1]]), p)).round(4)  # aa, a-, -a
    np.float64(0.88)
    """
    batch, times, _ = _checked(y_true, y_pred)
    count = y_true.shape[1]
    known = dn.full((batch,), count) if label_lengths is None else label_lengths
    lasting = dn.full((batch,), times) if input_lengths is None else input_lengths
    counts = dn.arange(count) < known[:, None]
    inside = (y_true >= 0) & (y_true < y_pred.shape[-1]) & (y_true != blank)
    assert dn.all(inside | ~counts), "a label is blank or not one of the classes"
    labels = dn.where(counts, y_true, blank)
    path = _with_blanks(labels, blank)
    log_p = log_softmax(y_pred) if from_logits else finite_log(y_pred)
    places = dn.broadcast_to(path[:, None, :], (batch, times, path.shape[1]))
    log_p = dn.take_along_axis(log_p, places, axis=-1)
    may_skip = (path != blank) & (path != _shifted(path, 2, blank))
    alpha = dn.where(dn.arange(path.shape[1]) < 2, log_p[:, 0], _NEVER)
    for time in range(1, times):
        stay = dn.logaddexp(alpha, _shifted(alpha, 1, _NEVER))
        skip = dn.where(may_skip, _shifted(alpha, 2, _NEVER), _NEVER)
        moved = dn.logaddexp(stay, skip) + log_p[:, time]
        alpha = dn.where(time < lasting[:, None], moved, alpha)
    last = 2 * known[:, None]
    on_blank = dn.take_along_axis(alpha, last, axis=1)[:, 0]
    on_label = dn.take_along_axis(alpha, dn.maximum(last - 1, 0), axis=1)[:, 0]
    total = dn.logaddexp(on_blank, dn.where(known > 0, on_label, _NEVER))
    loss = dn.where(total < _NEVER / 2.0, math.inf, -total)
    return reduce(loss, weights, reduction)


def _checked(y_true: Any, y_pred: Any) -> tuple[int, int, int]:
    if y_pred.ndim != 3 or y_true.ndim != 2 or y_true.shape[0] != y_pred.shape[0]:
        raise dn.DefnShapeError(
            f"ctc takes labels (batch, labels) and predictions (batch, time, classes), "
            f"not {y_true.shape} and {y_pred.shape}"
        )
    if y_true.dtype.kind not in "iu":
        raise dn.DefnTypeError(f"labels must be integers, not {y_true.dtype}")
    return y_pred.shape


def _with_blanks(labels: Any, blank: int) -> Any:
    """Return (batch, 2 labels + 1): blank, label, blank, …, blank."""
    pairs = dn.stack([dn.full_like(labels, blank), labels], axis=-1)
    flat = dn.reshape(pairs, (labels.shape[0], 2 * labels.shape[1]))
    return dn.concatenate([flat, dn.full_like(labels[:, :1], blank)], axis=1)


def _shifted(x: Any, by: int, fill: Any) -> Any:
    """Return rows moved right, with `fill` in front."""
    return dn.concatenate([dn.full_like(x[:, :by], fill), x[:, :-by]], axis=1)
