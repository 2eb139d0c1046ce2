"""Metrics of regressions; the mean errors are those of `defnpy.losses`."""

from __future__ import annotations

from typing import Any

import defnpy as dn
from defnpy import defn
from defnpy.losses.reduction import paired, ratio, reduce, spread
from defnpy.losses.regression import unit


@defn
def cosine_similarity(
    y_true: Any,
    y_pred: Any,
    weights: Any = None,
    *,
    reduction: str = "mean",
    axis: int = -1,
) -> Any:
    """Return the cosine of the angle between vectors along `axis`; 0 for zeros.

    >>> cosine_similarity(np.array([[1.0, 0.0]]), np.array([[1.0, 1.0]])).round(4)
    np.float64(0.7071)
    """
    y, p = paired(y_true, y_pred)
    cosine = dn.sum(unit(y, axis=axis) * unit(p, axis=axis), axis=axis)
    return reduce(cosine, weights, reduction)


@defn
def r2(y_true: Any, y_pred: Any, weights: Any = None) -> Any:
    """Return 1 - Σ(y - p)² / Σ(y - mean y)² over axis 0, averaged over the outputs.

    Targets that are all alike give 1 for perfect predictions and 0 otherwise, as
    in scikit-learn.

    >>> r2(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0]))
    np.float64(0.5)
    """
    y, p = paired(y_true, y_pred)
    w = dn.ones_like(y) if weights is None else spread(weights, y)
    mean = ratio(dn.sum(w * y, axis=0), dn.sum(w, axis=0))
    left = dn.sum(w * (y - p) ** 2, axis=0)
    return _explained(left, dn.sum(w * (y - mean) ** 2, axis=0))


@defn
def r2_sums(y_true: Any, y_pred: Any, weights: Any = None) -> Any:
    """Return Σw, Σw y, Σw y² and Σw (y - p)² over axis 0, in f64."""
    y, p = paired(y_true, y_pred)
    y, p = dn.astype(y, "f64"), dn.astype(p, "f64")
    w = dn.ones_like(y) if weights is None else spread(weights, y)
    sums = [dn.sum(w * x, axis=0) for x in (y, y * y, (y - p) ** 2)]
    return dn.sum(w, axis=0), *sums


@defn
def r2_of_sums(mass: Any, of_y: Any, of_square: Any, left: Any) -> Any:
    """Return the metric `r2` of the sums that `r2_sums` gives."""
    return _explained(left, of_square - ratio(of_y * of_y, mass))


def _explained(left: Any, total: Any) -> Any:
    constant = dn.where(left == 0, 1.0, 0.0)
    return dn.mean(dn.where(total == 0, constant, 1.0 - ratio(left, total)))
