"""Losses: how far predictions are from the truth.

Each is ``loss(y_true, y_pred, weights=None, *, reduction="mean", …)``, a `@defn`
function that can be called on arrays, inside other `@defn` functions, and
differentiated.  The shapes of `y_true` and `y_pred` must fit exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import defnpy as dn
from defnpy.losses.classification import (
    binary_cross_entropy,
    categorical_cross_entropy,
    categorical_hinge,
    hinge,
    kl_divergence,
    soft_margin,
    sparse_categorical_cross_entropy,
)
from defnpy.losses.regression import (
    cosine_distance,
    huber,
    log_cosh,
    margin_ranking,
    mean_absolute_error,
    mean_squared_error,
    poisson,
)
from defnpy.losses.sequences import ctc

if TYPE_CHECKING:
    from collections.abc import Callable

LOSSES: dict[str, Callable[..., Any]] = {
    "binary_cross_entropy": binary_cross_entropy,
    "categorical_cross_entropy": categorical_cross_entropy,
    "categorical_hinge": categorical_hinge,
    "cosine_distance": cosine_distance,
    "ctc": ctc,
    "hinge": hinge,
    "huber": huber,
    "kl_divergence": kl_divergence,
    "log_cosh": log_cosh,
    "margin_ranking": margin_ranking,
    "mean_absolute_error": mean_absolute_error,
    "mean_squared_error": mean_squared_error,
    "poisson": poisson,
    "soft_margin": soft_margin,
    "sparse_categorical_cross_entropy": sparse_categorical_cross_entropy,
}


def get(loss: str | Callable[..., Any]) -> Callable[..., Any]:
    """Return the loss of that name; a function is returned as it is.

    >>> get("huber")
    <defn huber>
    """
    if not isinstance(loss, str):
        return loss
    if loss not in LOSSES:
        raise dn.DefnKeyError(
            f"there is no loss {loss!r}; there are {', '.join(LOSSES)}"
        )
    return LOSSES[loss]


__all__ = [
    "LOSSES",
    "binary_cross_entropy",
    "categorical_cross_entropy",
    "categorical_hinge",
    "cosine_distance",
    "ctc",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "margin_ranking",
    "mean_absolute_error",
    "mean_squared_error",
    "poisson",
    "soft_margin",
    "sparse_categorical_cross_entropy",
]
