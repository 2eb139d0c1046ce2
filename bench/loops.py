"""Loops as people write them: tables, sums, iterations until they converge."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bench.workload import Workload, njit
from defnpy import defn


def edit_distance(a: Any, b: Any) -> Any:
    d = np.zeros((len(a) + 1, len(b) + 1), dtype=np.int64)
    for i in range(len(a) + 1):
        d[i, 0] = i
    for j in range(len(b) + 1):
        d[0, j] = j
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            cost = 0 if a[i - 1] == b[j - 1] else 1
            d[i, j] = min(d[i - 1, j] + 1, d[i, j - 1] + 1, d[i - 1, j - 1] + cost)
    return d[len(a), len(b)]


def _edit_distance_expected(a: np.ndarray, b: np.ndarray) -> Any:
    steps = np.arange(len(b) + 1.0)
    row = steps
    for i in range(len(a)):
        best = np.empty_like(row)
        best[0] = i + 1
        best[1:] = np.minimum(row[1:] + 1, row[:-1] + (b != a[i]))
        row = np.minimum.accumulate(best - steps) + steps
    return row[-1]


def _edit_distance_jax() -> Any:
    import jax.numpy as jnp
    from jax import lax

    def distance(a: Any, b: Any) -> Any:
        steps = jnp.arange(len(b) + 1)

        def next_row(row: Any, item: Any) -> Any:
            i, letter = item
            inner = jnp.minimum(row[1:] + 1, row[:-1] + (b != letter))
            best = jnp.concatenate([i[None] + 1, inner])
            return lax.cummin(best - steps) + steps, None

        row, _ = lax.scan(next_row, steps, (jnp.arange(len(a)), a))
        return row[-1]

    return distance


def _words() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 4, 1000), rng.integers(0, 4, 1000)


def floyd_warshall(d: Any) -> Any:
    d = d.copy()
    for k in range(len(d)):
        for i in range(len(d)):
            through = d[i, k]
            for j in range(len(d)):
                d[i, j] = min(d[i, j], through + d[k, j])
    return d


def _floyd_warshall_rows(d: np.ndarray) -> np.ndarray:
    d = d.copy()
    for k in range(len(d)):
        d = np.minimum(d, d[:, k, None] + d[k])
    return d


def _floyd_warshall_jax() -> Any:
    import jax.numpy as jnp
    from jax import lax

    def shortest(d: Any) -> Any:
        def through(k: Any, d: Any) -> Any:
            return jnp.minimum(d, d[:, k, None] + d[k])

        return lax.fori_loop(0, len(d), through, d)

    return shortest


def _roads() -> tuple[np.ndarray]:
    rng = np.random.default_rng(0)
    d = rng.uniform(1, 100, (256, 256))
    d[rng.random(d.shape) < 0.9] = np.inf
    np.fill_diagonal(d, 0)
    return (d.astype(np.float32),)


def compute_cost(x: Any, y: Any, w: Any, b: Any) -> Any:
    m = x.shape[0]
    cost_sum = 0.0
    for i in range(m):
        f_wb = np.dot(x[i], w) + b
        cost_sum = cost_sum + (f_wb - y[i]) ** 2
    return cost_sum / (2 * m)


def _cost_numba() -> Any:
    import numba

    @numba.njit
    def cost(x: Any, y: Any, w: Any, b: Any) -> Any:
        m, n = x.shape
        total = 0.0
        for i in range(m):
            f_wb = b
            for j in range(n):
                f_wb += x[i, j] * w[j]
            total += (f_wb - y[i]) ** 2
        return total / (2 * m)

    return cost


def _cost_vectors(x: Any, y: Any, w: Any, b: Any) -> Any:
    return np.mean((x @ w + b - y) ** 2) / 2


def _cost_jax() -> Any:
    import jax.numpy as jnp

    return lambda x, y, w, b: jnp.mean((x @ w + b - y) ** 2) / 2


def _cost_torch(jit: Any) -> Any:
    return jit(lambda x, y, w, b: ((x @ w + b - y) ** 2).mean() / 2)


def _rows() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(10_000, 4)), rng.normal(size=4)
    return x, x @ w + rng.normal(size=10_000), w, np.float64(0.25)


ECCENTRICITY = 0.6


def kepler(m: Any) -> Any:
    e = np.zeros_like(m)
    for i in range(len(m)):
        x = m[i]
        step = 1.0
        while abs(step) > 1e-10:
            step = (x - ECCENTRICITY * math.sin(x) - m[i]) / (
                1 - ECCENTRICITY * math.cos(x)
            )
            x = x - step
        e[i] = x
    return e


def _kepler_expected(m: np.ndarray) -> np.ndarray:
    x = m
    for _ in range(20):
        f = x - ECCENTRICITY * np.sin(x) - m
        x = x - f / (1 - ECCENTRICITY * np.cos(x))
    return x


def _kepler_jax() -> Any:
    import jax
    import jax.numpy as jnp
    from jax import lax

    def solve(m: Any) -> Any:
        def better(carry: Any) -> Any:
            x, _ = carry
            f = x - ECCENTRICITY * jnp.sin(x) - m
            step = f / (1 - ECCENTRICITY * jnp.cos(x))
            return x - step, step

        start = (m, jnp.ones_like(m))
        return lax.while_loop(lambda c: jnp.abs(c[1]) > 1e-10, better, start)[0]

    return jax.vmap(solve)


def _anomalies() -> tuple[np.ndarray]:
    return (np.random.default_rng(0).uniform(0.1, 3.1, 100_000),)


def newton(a: Any) -> Any:
    total = 0.0
    for i in range(len(a)):
        x = a[i]
        while abs(x * x - a[i]) > 1e-12 * a[i]:
            x = 0.5 * (x + a[i] / x)
        total = total + x
    return total


def _newton_jax() -> Any:
    import jax
    import jax.numpy as jnp
    from jax import lax

    def root(a: Any) -> Any:
        return lax.while_loop(
            lambda x: jnp.abs(x * x - a) > 1e-12 * a,
            lambda x: 0.5 * (x + a / x),
            a,
        )

    return lambda a: jnp.sum(jax.vmap(root)(a))


def _squares() -> tuple[np.ndarray]:
    return (np.random.default_rng(0).uniform(0.5, 100, 100_000),)


WORKLOADS = (
    Workload(
        "edit_distance",
        "edit distance, 1000×1000",
        _words,
        _edit_distance_expected,
        ours=defn(edit_distance),
        numba=njit(edit_distance),
        jax=_edit_distance_jax,
        numpy=_edit_distance_expected,
    ),
    Workload(
        "floyd_warshall",
        "Floyd–Warshall, 256",
        _roads,
        lambda d: _floyd_warshall_rows(d.astype(np.float64)),
        ours=defn(floyd_warshall),
        numba=njit(floyd_warshall),
        jax=_floyd_warshall_jax,
        numpy=_floyd_warshall_rows,
    ),
    Workload(
        "compute_cost",
        "compute_cost as a loop, 10000×4, f64",
        _rows,
        _cost_vectors,
        ours=defn(compute_cost),
        numba=_cost_numba,
        jax=_cost_jax,
        torch=_cost_torch,
        numpy=_cost_vectors,
        tolerance=1e-9,
        wide=True,
    ),
    Workload(
        "kepler",
        "Newton on Kepler's equation, 100,000, f64",
        _anomalies,
        _kepler_expected,
        ours=defn(kepler),
        numba=njit(kepler),
        jax=_kepler_jax,
        numpy=_kepler_expected,
        tolerance=1e-9,
        wide=True,
    ),
    Workload(
        "newton",
        "Newton's square roots, 100,000, f64",
        _squares,
        lambda a: np.sum(np.sqrt(a)),
        ours=defn(newton),
        numba=njit(newton),
        jax=_newton_jax,
        tolerance=1e-9,
        wide=True,
    ),
)
