"""Reductions, alone and inside larger expressions."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.workload import Workload, in_f64, matrix
from defnpy import defn

SHAPE = (4096, 1024)


def softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def _softmax_numba() -> Any:
    import numba

    @numba.njit
    def softmax(x: Any) -> Any:
        y = np.empty_like(x)
        for i in range(x.shape[0]):
            largest = x[i, 0]
            for j in range(x.shape[1]):
                largest = max(largest, x[i, j])
            total = np.float32(0)
            for j in range(x.shape[1]):
                y[i, j] = np.exp(x[i, j] - largest)
                total += y[i, j]
            for j in range(x.shape[1]):
                y[i, j] /= total
        return y

    return softmax


def _softmax_jax() -> Any:
    import jax

    return lambda x: jax.nn.softmax(x, axis=1)


def _softmax_torch(jit: Any) -> Any:
    import torch

    return jit(lambda x: torch.softmax(x, dim=1))


def layer_norm(x: Any, gain: Any, bias: Any) -> Any:
    mean = np.mean(x, axis=1, keepdims=True)
    variance = np.var(x, axis=1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5) * gain + bias


def _layer_norm_numba() -> Any:
    import numba

    @numba.njit(fastmath=True)
    def layer_norm(x: Any, gain: Any, bias: Any) -> Any:
        y = np.empty_like(x)
        n = np.float32(x.shape[1])
        for i in range(x.shape[0]):
            total = np.float32(0)
            for j in range(x.shape[1]):
                total += x[i, j]
            mean = total / n
            total = np.float32(0)
            for j in range(x.shape[1]):
                total += (x[i, j] - mean) * (x[i, j] - mean)
            scale = np.float32(1) / np.sqrt(total / n + np.float32(1e-5))
            for j in range(x.shape[1]):
                y[i, j] = (x[i, j] - mean) * scale * gain[j] + bias[j]
        return y

    return layer_norm


def _layer_norm_jax() -> Any:
    import jax.numpy as jnp

    def layer_norm(x: Any, gain: Any, bias: Any) -> Any:
        mean = jnp.mean(x, axis=1, keepdims=True)
        variance = jnp.var(x, axis=1, keepdims=True)
        return (x - mean) / jnp.sqrt(variance + 1e-5) * gain + bias

    return layer_norm


def _layer_norm_torch(jit: Any) -> Any:
    from torch.nn.functional import layer_norm

    return jit(lambda x, gain, bias: layer_norm(x, SHAPE[1:], gain, bias))


def columns(x: Any) -> Any:
    return np.sum(x, axis=0)


def _columns_numba() -> Any:
    import numba

    @numba.njit
    def columns(x: Any) -> Any:
        total = np.zeros(x.shape[1], x.dtype)
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                total[j] += x[i, j]
        return total

    return columns


def _columns_jax() -> Any:
    import jax.numpy as jnp

    return lambda x: jnp.sum(x, axis=0)


def _columns_torch(jit: Any) -> Any:
    return jit(lambda x: x.sum(0))


def nearest(x: Any, y: Any) -> Any:
    return np.argmin(np.sum((x[:, None, :] - y) ** 2, axis=-1), axis=1)


def _nearest_expected(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return nearest(x.astype(np.float64), y.astype(np.float64))


def _nearest_numba() -> Any:
    import numba

    @numba.njit(fastmath=True)
    def nearest(x: Any, y: Any) -> Any:
        best = np.empty(len(x), np.int64)
        for i in range(len(x)):
            least = np.float32(np.inf)
            for j in range(len(y)):
                d = np.float32(0)
                for k in range(x.shape[1]):
                    d += (x[i, k] - y[j, k]) ** 2
                if d < least:
                    least = d
                    best[i] = j
        return best

    return nearest


def _nearest_jax() -> Any:
    import jax.numpy as jnp

    def nearest(x: Any, y: Any) -> Any:
        return jnp.argmin(jnp.sum((x[:, None, :] - y) ** 2, axis=-1), axis=1)

    return nearest


def _nearest_torch(jit: Any) -> Any:
    def nearest(x: Any, y: Any) -> Any:
        return ((x[:, None, :] - y) ** 2).sum(-1).argmin(1)

    return jit(nearest)


def _normed() -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    shapes = (SHAPE, SHAPE[1:], SHAPE[1:])
    return tuple(rng.standard_normal(shape, np.float32) for shape in shapes)


def _points() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((2000, 16), np.float32), rng.standard_normal(
        (2000, 16), np.float32
    )


WORKLOADS = (
    Workload(
        "softmax",
        "softmax, 4096×1024",
        matrix(*SHAPE),
        in_f64(softmax),
        ours=defn(softmax),
        numba=_softmax_numba,
        jax=_softmax_jax,
        torch=_softmax_torch,
        numpy=softmax,
    ),
    Workload(
        "layer_norm",
        "layer norm, 4096×1024",
        _normed,
        in_f64(layer_norm),
        ours=defn(layer_norm),
        numba=_layer_norm_numba,
        jax=_layer_norm_jax,
        torch=_layer_norm_torch,
        numpy=layer_norm,
    ),
    Workload(
        "columns",
        "sum over axis 0, 4096×1024",
        matrix(*SHAPE),
        in_f64(columns),
        ours=defn(columns),
        numba=_columns_numba,
        jax=_columns_jax,
        torch=_columns_torch,
        numpy=columns,
    ),
    Workload(
        "nearest",
        "pairwise distances and argmin, 2000×2000×16",
        _points,
        _nearest_expected,
        ours=defn(nearest),
        numba=_nearest_numba,
        jax=_nearest_jax,
        torch=_nearest_torch,
        # Of two points equally near but for rounding either may be found.
        summary=lambda index: np.mean(index == _nearest_of_points()),
        tolerance=1e-3,
    ),
)


def _nearest_of_points() -> np.ndarray:
    return _nearest_expected(*_points())
