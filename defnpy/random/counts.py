"""Samples of how often something happens: the Poisson distribution."""

from __future__ import annotations

from typing import Any

import defnpy as dn
from defnpy import defn
from defnpy.random.continuous import uniform
from defnpy.random.threefry import as_shape, split

# From this rate on there are too many events to draw each of them.
_MANY = 10.0


@defn(static=("shape", "dtype"))
def poisson(key: Any, lam: Any, shape: Any = None, dtype: Any = "i64") -> Any:
    """Return samples of the Poisson distribution of rate `lam`, integers.

    Args:
        key: the key.
        lam: the rate, finite and not below 0, else the sample is -1; broadcast to
            `shape`.
        shape: the shape of the samples, by default that of `lam`.
        dtype: an integer dtype that holds the samples.

    >>> dn.random.poisson(dn.random.key(5), 3.0, (8,))
    array([1, 2, 4, 3, 3, 1, 3, 1])
    """
    made = dn.iinfo(dtype).dtype
    lam = dn.astype(dn.stop_gradient(lam), "f32")
    lam = dn.broadcast_to(lam, lam.shape if shape is None else as_shape(shape))
    few, many = (lam >= 0.0) & (lam < _MANY), (lam >= _MANY) & dn.isfinite(lam)
    counted = _counted(key, dn.where(few, lam, 0.0))
    fitted = _fitted(key, dn.where(many, lam, 1e5))
    return dn.astype(dn.where(few, counted, dn.where(many, fitted, -1)), made)


def _counted(key: Any, lam: Any) -> Any:
    """Return how many exponential waits fit in the rate (Knuth)."""
    count, waited = dn.full(lam.shape, -1, "i64"), dn.zeros(lam.shape, "f32")
    while dn.any(waited > -lam):
        keys = split(key)
        key = keys[0]
        count = dn.where(waited > -lam, count + 1, count)
        waited = waited + dn.log(uniform(keys[1], lam.shape, "f32"))
    return dn.where(lam == 0.0, 0, count)


def _fitted(key: Any, lam: Any) -> Any:
    """Return samples below a hat that is close to the distribution, at once or anew.

    Hörmann, "The transformed rejection method for generating Poisson random
    variables", 1993; the names are the paper's.
    """
    b = 0.931 + 2.53 * dn.sqrt(lam)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_r = 0.9277 - 3.6224 / (b - 2.0)
    made, accepted = dn.full(lam.shape, -1, "i64"), dn.zeros(lam.shape, "bool")
    while not dn.all(accepted):
        keys = split(key, 3)
        key = keys[0]
        u = uniform(keys[1], lam.shape, "f32") - 0.5
        v = uniform(keys[2], lam.shape, "f32")
        us = 0.5 - abs(u)
        k = dn.floor((2.0 * a / us + b) * u + lam + 0.43)
        outside = (k < 0.0) | ((us < 0.013) & (v > us))
        height = dn.log(v * inverse_alpha / (a / (us * us) + b))
        below = height <= k * dn.log(lam) - lam - dn.lgamma(k + 1.0)
        taken = ((us >= 0.07) & (v <= v_r)) | (below & dn.logical_not(outside))
        made = dn.where(taken, dn.astype(k, "i64"), made)
        accepted = accepted | taken
    return made
