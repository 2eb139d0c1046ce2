"""Steps of classic learning, and of bodies under gravity."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import defnpy as dn
from bench.workload import Workload, in_f64, njit
from defnpy import defn

POINTS, FEATURES, CENTERS = 50_000, 16, 32
ROWS, RATE = 100_000, 0.1
BODIES, TURNS, DT, SOFT = 512, 10, 1e-3, 1e-2


def products(a: Any, b: Any) -> Any:
    return a @ b


def _products_numba() -> Any:
    import numba

    @numba.njit(fastmath=True)
    def products(a: Any, b: Any) -> Any:
        made = np.empty((len(a), 4, 4), a.dtype)
        for n in range(len(a)):
            for i in range(4):
                for j in range(4):
                    total = np.float32(0)
                    for k in range(4):
                        total += a[n, i, k] * b[n, k, j]
                    made[n, i, j] = total
        return made

    return products


def kmeans(x: Any, centers: Any) -> Any:
    """Return the means of the points that are nearest to each center."""
    apart = np.sum(centers**2, axis=1) - 2 * x @ centers.T
    mine = np.argmin(apart, axis=1)
    sums = dn.segment_sum(x, mine, len(centers))
    counts = dn.segment_sum(np.ones(len(x), np.float32), mine, len(centers))
    return sums / np.maximum(counts, 1)[:, None]


def _kmeans_numpy(x: Any, centers: Any) -> Any:
    apart = np.sum(centers**2, axis=1) - 2 * x @ centers.T
    chosen = np.argmin(apart, axis=1)[:, None] == np.arange(len(centers))
    sums = chosen.T.astype(x.dtype) @ x
    return sums / np.maximum(chosen.sum(0), 1)[:, None]


def _kmeans_numba() -> Any:
    import numba

    @numba.njit(fastmath=True)
    def kmeans(x: Any, centers: Any) -> Any:
        sums, counts = np.zeros_like(centers), np.zeros(len(centers), np.float32)
        for i in range(len(x)):
            least, best = np.float32(np.inf), 0
            for c in range(len(centers)):
                apart = np.float32(0)
                for k in range(x.shape[1]):
                    apart += (x[i, k] - centers[c, k]) ** 2
                if apart < least:
                    least, best = apart, c
            counts[best] += 1
            for k in range(x.shape[1]):
                sums[best, k] += x[i, k]
        return sums / np.maximum(counts, np.float32(1)).reshape(-1, 1)

    return kmeans


def _kmeans_jax() -> Any:
    import jax
    import jax.numpy as jnp

    def kmeans(x: Any, centers: Any) -> Any:
        apart = jnp.sum(centers**2, axis=1) - 2 * x @ centers.T
        mine = jnp.argmin(apart, axis=1)
        sums = jax.ops.segment_sum(x, mine, len(centers))
        counts = jax.ops.segment_sum(jnp.ones(len(x)), mine, len(centers))
        return sums / jnp.maximum(counts, 1)[:, None]

    return kmeans


def _kmeans_torch(jit: Any) -> Any:
    import torch

    def kmeans(x: Any, centers: Any) -> Any:
        apart = (centers**2).sum(1) - 2 * x @ centers.T
        mine = apart.argmin(1)
        sums = torch.zeros_like(centers).index_add_(0, mine, x)
        counts = torch.bincount(mine, minlength=len(centers))
        return sums / counts.clamp(min=1)[:, None]

    return jit(kmeans)


def logistic_loss(w: Any, b: Any, x: Any, y: Any) -> Any:
    z = x @ w + b
    return np.mean(dn.softplus(z) - y * z)


@defn
def logistic(w: Any, b: Any, x: Any, y: Any) -> Any:
    value, (dw, db) = dn.value_and_grad(logistic_loss, argnums=(0, 1))(w, b, x, y)
    return value, w - RATE * dw, b - RATE * db


def _logistic_numpy(w: Any, b: Any, x: Any, y: Any) -> Any:
    z = x @ w + b
    apart = (1 / (1 + np.exp(-z)) - y) / np.asarray(len(y), x.dtype)
    value = np.mean(np.logaddexp(0, z) - y * z)
    return value, w - RATE * (apart @ x), b - RATE * apart.sum()


def _logistic_numba() -> Any:
    import numba

    one, rate = np.float32(1), np.float32(RATE)

    @numba.njit(fastmath=True)
    def logistic(w: Any, b: Any, x: Any, y: Any) -> Any:
        value, dw, db = np.float32(0), np.zeros_like(w), np.float32(0)
        scale = np.float32(1 / len(y))
        for i in range(len(y)):
            z = b
            for j in range(len(w)):
                z += x[i, j] * w[j]
            small = math.exp(-abs(z))
            value += max(z, np.float32(0)) + math.log(one + small) - y[i] * z
            p = one / (one + small)
            ct = ((p if z > 0 else one - p) - y[i]) * scale
            db += ct
            for j in range(len(w)):
                dw[j] += ct * x[i, j]
        return value * scale, w - rate * dw, b - rate * db

    return logistic


def _logistic_jax() -> Any:
    import jax
    import jax.numpy as jnp

    def loss(w: Any, b: Any, x: Any, y: Any) -> Any:
        z = x @ w + b
        return jnp.mean(jax.nn.softplus(z) - y * z)

    def logistic(w: Any, b: Any, x: Any, y: Any) -> Any:
        value, (dw, db) = jax.value_and_grad(loss, argnums=(0, 1))(w, b, x, y)
        return value, w - RATE * dw, b - RATE * db

    return logistic


def _logistic_torch(jit: Any) -> Any:
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    loss = jit(lambda w, b, x, y: binary_cross_entropy_with_logits(x @ w + b, y))

    def logistic(w: Any, b: Any, x: Any, y: Any) -> Any:
        w, b = w.detach().requires_grad_(), b.detach().requires_grad_()
        value = loss(w, b, x, y)
        dw, db = torch.autograd.grad(value, (w, b))
        with torch.no_grad():
            return value.detach(), w - RATE * dw, b - RATE * db

    return logistic


def bodies(at: Any, speed: Any, mass: Any) -> Any:
    """Move bodies that attract each other, one pair after the other."""
    at, speed = at.copy(), speed.copy()
    for _ in range(TURNS):
        for i in range(len(at)):
            ax, ay, az = 0.0, 0.0, 0.0
            for j in range(len(at)):
                dx = at[j, 0] - at[i, 0]
                dy = at[j, 1] - at[i, 1]
                dz = at[j, 2] - at[i, 2]
                square = dx * dx + dy * dy + dz * dz + SOFT
                pull = mass[j] / (square * math.sqrt(square))
                ax += pull * dx
                ay += pull * dy
                az += pull * dz
            speed[i, 0] += DT * ax
            speed[i, 1] += DT * ay
            speed[i, 2] += DT * az
        for i in range(len(at)):
            for k in range(3):
                at[i, k] += DT * speed[i, k]
    return at, speed


def _bodies_numpy(at: Any, speed: Any, mass: Any) -> Any:
    for _ in range(TURNS):
        apart = at - at[:, None]
        square = (apart**2).sum(-1) + SOFT
        pull = mass / (square * square**0.5)
        speed = speed + DT * (pull[:, :, None] * apart).sum(1)
        at = at + DT * speed
    return at, speed


def _bodies_jax() -> Any:
    from jax import lax

    def bodies(at: Any, speed: Any, mass: Any) -> Any:
        def turn(_: Any, carry: Any) -> Any:
            at, speed = carry
            apart = at - at[:, None]
            square = (apart**2).sum(-1) + SOFT
            pull = mass / (square * square**0.5)
            speed = speed + DT * (pull[:, :, None] * apart).sum(1)
            return at + DT * speed, speed

        return lax.fori_loop(0, TURNS, turn, (at, speed))

    return bodies


def _normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape, np.float32)


def _small_matrices() -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    return _normal(rng, 10_000, 4, 4), _normal(rng, 10_000, 4, 4)


def _clusters() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    centers = 5 * _normal(rng, CENTERS, FEATURES)
    x = centers[rng.integers(0, CENTERS, POINTS)] + _normal(rng, POINTS, FEATURES)
    return x, centers + np.float32(0.5) * _normal(rng, CENTERS, FEATURES)


def _labelled() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    x, w = _normal(rng, ROWS, FEATURES), _normal(rng, FEATURES)
    y = (x @ w + _normal(rng, ROWS) > 0).astype(np.float32)
    return w * np.float32(0.5), np.float32(0.25), x, y


def _sky() -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(BODIES, 3)), np.zeros((BODIES, 3)), rng.random(BODIES)


WORKLOADS = (
    Workload(
        "products",
        "10,000 matrix products, 4×4",
        _small_matrices,
        in_f64(products),
        ours=defn(products),
        numba=_products_numba,
        jax=lambda: products,
        numpy=products,
        torch=lambda jit: jit(products),
    ),
    Workload(
        "kmeans",
        "k-means step, 50,000×16, 32 centers",
        _clusters,
        in_f64(_kmeans_numpy),
        ours=defn(kmeans),
        numba=_kmeans_numba,
        jax=_kmeans_jax,
        numpy=_kmeans_numpy,
        torch=_kmeans_torch,
        tolerance=1e-3,  # a point may be as near to two centers but for rounding
    ),
    Workload(
        "logistic",
        "step of logistic regression, 100,000×16",
        _labelled,
        in_f64(_logistic_numpy),
        ours=logistic,
        numba=_logistic_numba,
        jax=_logistic_jax,
        numpy=_logistic_numpy,
        torch=_logistic_torch,
    ),
    Workload(
        "bodies",
        "512 bodies as loops, 10 turns, f64",
        _sky,
        _bodies_numpy,
        ours=defn(bodies),
        numba=njit(bodies),
        jax=_bodies_jax,
        numpy=_bodies_numpy,
        torch=lambda jit: jit(_bodies_numpy),
        tolerance=1e-9,
        wide=True,
    ),
)
