"""Logarithms of probabilities that stay right where a probability is 0 or 1."""

from __future__ import annotations

from typing import Any

import defnpy as dn


def finite_log(p: Any) -> Any:
    """Return log p; for p = 0 the line 1e4 p - 100 stands for the pole.

    The test is on the result: where the compiler knows `p` as a sigmoid or a
    softmax, the log is finite although `p` has become 0.

    >>> finite_log(np.array([0.0, 1.0]))
    array([-100.,    0.])
    """
    log_p = dn.log(p)
    return dn.where(dn.isinf(log_p), 1e4 * p - 100.0, log_p)


def log_sigmoid(z: Any) -> Any:
    """Return log(1 / (1 + exp(-z))) without overflow.

    >>> log_sigmoid(np.array([-1e4, 1e4]))
    array([-10000.,      0.])
    """
    return dn.minimum(z, 0.0) - dn.log1p(dn.exp(-abs(z)))


def log_softmax(z: Any) -> Any:
    """Return log(exp(z) / Σ exp(z)) over the last axis, without overflow.

    >>> log_softmax(np.array([0.0, 1e4]))
    array([-10000.,      0.])
    """
    return z - dn.logsumexp(z, axis=-1, keepdims=True)


def weighted_log(weight: Any, log: Any) -> Any:
    """Return weight × log, where a weight of 0 makes 0 of an infinite log too.

    >>> weighted_log(np.array([0.0, 2.0]), np.array([-np.inf, -1.0]))
    array([ 0., -2.])
    """
    absent = (weight == 0) & dn.isinf(log)
    return weight * dn.where(absent, 0.0, log)
