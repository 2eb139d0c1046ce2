"""Losses of regressions: squared, absolute and angular distances."""

from __future__ import annotations

import math
from typing import Any

import defnpy as dn
from defnpy import defn
from defnpy.losses.logarithms import finite_log, weighted_log
from defnpy.losses.reduction import paired, per_example, reduce


@defn
def mean_squared_error(
    y_true: Any, y_pred: Any, weights: Any = None, *, reduction: str = "mean"
) -> Any:
    """Return (y - p)², averaged over the last axis.

    Args:
        y_true: targets; they take the dtype of `y_pred`.
        y_pred: predictions, of the same shape.
        weights: one per example; the mean divides by their sum.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``, which keeps the examples.

    Raises:
        DefnShapeError: the shapes differ; they are never broadcast.

    >>> mean_squared_error(np.array([[0.0, 1.0], [0.0, 0.0]]), np.eye(2))
    np.float64(0.75)
    """
    y, p = paired(y_true, y_pred)
    return reduce(per_example((y - p) ** 2), weights, reduction)


@defn
def mean_absolute_error(
    y_true: Any, y_pred: Any, weights: Any = None, *, reduction: str = "mean"
) -> Any:
    """Return \\|y - p\\|, averaged over the last axis.

    Arguments and errors as of `mean_squared_error`.

    >>> mean_absolute_error(np.array([1.0, 2.0]), np.array([1.5, 1.0]))
    np.float64(0.75)
    """
    y, p = paired(y_true, y_pred)
    return reduce(per_example(abs(y - p)), weights, reduction)


@defn
def huber(
    y_true: Any,
    y_pred: Any,
    weights: Any = None,
    *,
    reduction: str = "mean",
    delta: float = 1.0,
) -> Any:
    """Return e² / 2 for errors up to `delta`, and delta (\\|e\\| - delta / 2) beyond.

    Huber, "Robust estimation of a location parameter", 1964.  As in Axon and
    optax the reduction ``"none"`` keeps every element.

    >>> huber(np.array([1.0, 3.0]), np.array([1.5, 0.0]), reduction="none")
    array([0.125, 2.5  ])
    """
    y, p = paired(y_true, y_pred)
    error = abs(y - p)
    inside = error * error / 2.0
    outside = delta * (error - delta / 2.0)
    return reduce(dn.where(error <= delta, inside, outside), weights, reduction)


@defn
def log_cosh(
    y_true: Any, y_pred: Any, weights: Any = None, *, reduction: str = "mean"
) -> Any:
    """Return log(cosh(p - y)), averaged over the last axis.

    Exact to rounding for small errors, and without overflow for large ones.

    >>> log_cosh(np.array([0.0]), np.array([1e4])).round(4)
    np.float64(9999.3069)
    """
    y, p = paired(y_true, y_pred)
    error = abs(p - y)
    growth = dn.expm1(dn.minimum(error, 1.0))
    small = dn.log1p(growth**2 / (2.0 * (1.0 + growth)))  # cosh x - 1, exactly
    large = error + dn.log1p(dn.exp(-2.0 * error)) - math.log(2.0)
    return reduce(per_example(dn.where(error < 1.0, small, large)), weights, reduction)


@defn
def poisson(
    y_true: Any,
    y_pred: Any,
    weights: Any = None,
    *,
    reduction: str = "mean",
    from_logits: bool = False,
) -> Any:
    """Return p - y log p, averaged over the last axis; for y = 0 just p.

    Args:
        y_true: counts.
        y_pred: expected counts p ≥ 0, or their logs; of the same shape.
        weights: one per example; the mean divides by their sum.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        from_logits: whether `y_pred` is log p.

    >>> poisson(np.array([0, 2]), np.array([0.0, 1.0]), reduction="none")
    array([0., 1.])
    """
    y, p = paired(y_true, y_pred)
    rate, log_rate = (dn.exp(p), p) if from_logits else (p, finite_log(p))
    loss = rate - weighted_log(y, log_rate)
    return reduce(per_example(loss), weights, reduction)


@defn
def cosine_distance(
    y_true: Any,
    y_pred: Any,
    weights: Any = None,
    *,
    reduction: str = "mean",
    axis: int = -1,
) -> Any:
    """Return 1 - the cosine of the angle between vectors along `axis`.

    The cosine with a vector of zeros is 0.

    >>> cosine_distance(np.array([[1.0, 0.0]]), np.array([[2.0, 0.0]]))
    np.float64(0.0)
    """
    y, p = paired(y_true, y_pred)
    cosine = dn.sum(unit(y, axis=axis) * unit(p, axis=axis), axis=axis)
    return reduce(1.0 - cosine, weights, reduction)


@defn
def margin_ranking(
    y_true: Any,
    y_pred: Any,
    weights: Any = None,
    *,
    reduction: str = "mean",
    margin: float = 0.0,
) -> Any:
    """Return max(margin - y (a - b), 0) of a pair of scores.

    Args:
        y_true: 1 where a should rank above b, -1 where below.
        y_pred: the pair (a, b), each of the shape of `y_true`.
        weights: one per example; the mean divides by their sum.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        margin: by how much a should be above.

    >>> scores = (np.array([1.0, 0.0]), np.array([0.0, 2.0]))
    >>> margin_ranking(np.array([1, 1]), scores, reduction="none")
    array([0., 2.])
    """
    above, below = y_pred
    above, below = paired(above, below)
    y, gap = paired(y_true, above - below)
    return reduce(dn.maximum(margin - y * gap, 0.0), weights, reduction)


@defn
def unit(x: Any, *, axis: int = -1) -> Any:
    """Return vectors along `axis` divided by their length; zeros stay zeros.

    >>> unit(np.array([3.0, 4.0]))
    array([0.6, 0.8])
    """
    square = dn.sum(x * x, axis=axis, keepdims=True)
    return x / dn.sqrt(dn.where(square == 0, 1.0, square))
