"""One number of each row, or of all: what statistics and losses are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

import defnpy as dn
from bench.workload import Workload, in_f64, matrix, njit
from defnpy import defn

SHAPE = (4096, 1024)


@defn
def logsumexp(x: Any) -> Any:
    return dn.logsumexp(x, axis=1)


def _logsumexp_numpy(x: Any) -> Any:
    largest = np.max(x, axis=1, keepdims=True)
    return np.log(np.sum(np.exp(x - largest), axis=1)) + largest[:, 0]


def _logsumexp_numba() -> Any:
    import numba

    @numba.njit(fastmath=True)
    def logsumexp(x: Any) -> Any:
        y = np.empty(len(x), x.dtype)
        for i in range(len(x)):
            largest = x[i, 0]
            for j in range(x.shape[1]):
                largest = max(largest, x[i, j])
            total = np.float32(0)
            for j in range(x.shape[1]):
                total += np.exp(x[i, j] - largest)
            y[i] = np.log(total) + largest
        return y

    return logsumexp


def _logsumexp_jax() -> Any:
    import jax

    return lambda x: jax.nn.logsumexp(x, axis=1)


def _logsumexp_torch(jit: Any) -> Any:
    import torch

    return jit(lambda x: torch.logsumexp(x, 1))


def variance(x: Any) -> Any:
    return np.var(x, axis=1)


def _variance_numba() -> Any:
    import numba

    @numba.njit(fastmath=True)
    def variance(x: Any) -> Any:
        y = np.empty(len(x), x.dtype)
        n = np.float32(x.shape[1])
        for i in range(len(x)):
            total = np.float32(0)
            for j in range(x.shape[1]):
                total += x[i, j]
            mean = total / n
            total = np.float32(0)
            for j in range(x.shape[1]):
                total += (x[i, j] - mean) * (x[i, j] - mean)
            y[i] = total / n
        return y

    return variance


def _variance_jax() -> Any:
    import jax.numpy as jnp

    return lambda x: jnp.var(x, axis=1)


def _variance_torch(jit: Any) -> Any:
    return jit(lambda x: x.var(1, correction=0))


def largest(x: Any) -> Any:
    return np.argmax(x, axis=1)


def largest_loops(x: Any) -> Any:
    y = np.empty(len(x), np.int64)
    for i in range(len(x)):
        best = 0
        for j in range(x.shape[1]):
            if x[i, j] > x[i, best]:
                best = j
        y[i] = best
    return y


def _largest_jax() -> Any:
    import jax.numpy as jnp

    return lambda x: jnp.argmax(x, axis=1)


def _largest_torch(jit: Any) -> Any:
    return jit(lambda x: x.argmax(1))


def total(x: Any) -> Any:
    return np.sum(x)


def _total_numba() -> Any:
    import numba

    @numba.njit(fastmath=True)
    def total(x: Any) -> Any:
        made = np.float32(0)
        for row in x:
            for each in row:
                made += each
        return made

    return total


def _total_jax() -> Any:
    import jax.numpy as jnp

    return jnp.sum


def _total_torch(jit: Any) -> Any:
    return jit(lambda x: x.sum())


def _shifted() -> tuple[np.ndarray]:
    """Return numbers whose sum does not vanish."""
    return (matrix(*SHAPE)()[0] + np.float32(1),)


WORKLOADS = (
    Workload(
        "logsumexp",
        "log-sum-exp of rows, 4096×1024",
        matrix(*SHAPE),
        in_f64(_logsumexp_numpy),
        ours=logsumexp,
        numba=_logsumexp_numba,
        jax=_logsumexp_jax,
        numpy=_logsumexp_numpy,
        torch=_logsumexp_torch,
    ),
    Workload(
        "variance",
        "variance of rows, 4096×1024",
        matrix(*SHAPE),
        in_f64(variance),
        ours=defn(variance),
        numba=_variance_numba,
        jax=_variance_jax,
        numpy=variance,
        torch=_variance_torch,
    ),
    Workload(
        "argmax",
        "argmax of rows, 4096×1024",
        matrix(*SHAPE),
        in_f64(largest),
        ours=defn(largest),
        numba=njit(largest_loops),
        jax=_largest_jax,
        numpy=largest,
        torch=_largest_torch,
    ),
    Workload(
        "total",
        "sum of all, 4096×1024",
        _shifted,
        in_f64(total),
        ours=defn(total),
        numba=_total_numba,
        jax=_total_jax,
        numpy=total,
        torch=_total_torch,
    ),
)
