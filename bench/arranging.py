"""What moves numbers about: copies, look-ups, counts, running sums, sorting."""

from __future__ import annotations

from typing import Any

import numpy as np

import defnpy as dn
from bench.workload import Workload, in_f64, matrix, njit
from defnpy import defn

MANY = 1_000_000
WORDS, WIDTH, READ = 10_000, 128, 8192
BINS = 256
DRAWN = 10_000_000


@defn
def transposed(x: Any) -> Any:
    return x.T.copy()


def _transposed_jax() -> Any:
    from jax import lax

    # XLA would return the transpose as another layout of the same memory.
    return lambda x: lax.optimization_barrier(x.T) + 0


def _transposed_torch(jit: Any) -> Any:
    return jit(lambda x: x.t().contiguous())


def running_sum(x: Any) -> Any:
    return np.cumsum(x)


def _running_sum_loop(x: Any) -> Any:
    y = np.empty_like(x)
    total = np.float32(0)
    for i in range(len(x)):
        total += x[i]
        y[i] = total
    return y


def _running_sum_jax() -> Any:
    import jax.numpy as jnp

    return jnp.cumsum


def _running_sum_torch(jit: Any) -> Any:
    return jit(lambda x: x.cumsum(0))


def ordered(x: Any) -> Any:
    return np.sort(x)


def _ordered_jax() -> Any:
    import jax.numpy as jnp

    return jnp.sort


def _ordered_torch(jit: Any) -> Any:
    return jit(lambda x: x.sort().values)


def loss(table: Any, words: Any, wanted: Any) -> Any:
    return np.mean((table[words] - wanted) ** 2)


@defn
def embed(table: Any, words: Any, wanted: Any) -> Any:
    return dn.value_and_grad(loss)(table, words, wanted)


def _embed_numpy(table: Any, words: Any, wanted: Any) -> Any:
    apart = table[words] - wanted
    grad = np.zeros_like(table)
    np.add.at(grad, words, 2 / apart.size * apart)
    return np.mean(apart**2), grad


def _embed_numba() -> Any:
    import numba

    @numba.njit(fastmath=True)
    def embed(table: Any, words: Any, wanted: Any) -> Any:
        value, grad = 0.0, np.zeros_like(table)
        scale = np.float32(2 / wanted.size)
        for i in range(len(words)):
            for j in range(table.shape[1]):
                apart = table[words[i], j] - wanted[i, j]
                value += apart * apart
                grad[words[i], j] += scale * apart
        return value / wanted.size, grad

    return embed


def _embed_jax() -> Any:
    import jax
    import jax.numpy as jnp

    def loss(table: Any, words: Any, wanted: Any) -> Any:
        return jnp.mean((table[words] - wanted) ** 2)

    return jax.value_and_grad(loss)


def _embed_torch(jit: Any) -> Any:
    import torch
    from torch.nn.functional import embedding

    loss = jit(lambda table, words, y: ((embedding(words, table) - y) ** 2).mean())

    def embed(table: Any, words: Any, wanted: Any) -> Any:
        table = table.detach().requires_grad_()
        value = loss(table, words, wanted)
        return value.detach(), *torch.autograd.grad(value, table)

    return embed


def counted(x: Any) -> Any:
    return np.bincount(x, minlength=BINS)


@defn
def counted_ours(x: Any) -> Any:
    return dn.bincount(x, length=BINS)


def counted_loop(x: Any) -> Any:
    made = np.zeros(BINS, np.int64)
    for i in range(len(x)):
        made[x[i]] += 1
    return made


def _counted_jax() -> Any:
    import jax.numpy as jnp

    return lambda x: jnp.bincount(x, length=BINS)


def _counted_torch(jit: Any) -> Any:
    return jit(lambda x: x.bincount(minlength=BINS))


@defn
def drawn(key: Any) -> Any:
    return dn.random.normal(key, (DRAWN,))


def _drawn_jax() -> Any:
    import jax

    return lambda key: jax.random.normal(jax.random.wrap_key_data(key), (DRAWN,))


def _drawn_numpy(key: Any) -> Any:
    return np.random.default_rng(key).standard_normal(DRAWN, np.float32)


def _drawn_torch(jit: Any) -> Any:
    import torch

    return jit(lambda key: torch.randn(DRAWN))


def _moments(x: Any) -> Any:
    """Return mean, spread and tails: who draws which numbers is their own affair."""
    x = np.asarray(x, np.float64)
    return np.stack([x.mean(), x.std(), np.mean(np.abs(x) > 2), np.mean(x < -1)])


def _normal_moments(_: Any) -> Any:
    """Return those `_moments` of a vector that has them: quantiles, evenly spread."""
    from scipy.special import ndtri

    return ndtri((np.arange(MANY) + 0.5) / MANY)


def _numbers() -> tuple[np.ndarray]:
    return (np.random.default_rng(0).standard_normal(MANY, np.float32),)


def _text() -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    table = rng.standard_normal((WORDS, WIDTH), np.float32)
    words = rng.integers(0, WORDS, READ)
    return table, words, rng.standard_normal((READ, WIDTH), np.float32)


def _bytes() -> tuple[np.ndarray]:
    return (np.random.default_rng(0).integers(0, BINS, MANY),)


WORKLOADS = (
    Workload(
        "transpose",
        "transposed copy, 2048²",
        matrix(2048, 2048),
        in_f64(np.transpose),
        ours=transposed,
        jax=_transposed_jax,
        numpy=lambda x: x.T.copy(),
        torch=_transposed_torch,
    ),
    Workload(
        "cumsum",
        "running sum of 1 M",
        _numbers,
        in_f64(running_sum),
        ours=defn(running_sum),
        numba=njit(_running_sum_loop),
        jax=_running_sum_jax,
        numpy=running_sum,
        torch=_running_sum_torch,
    ),
    Workload(
        "sort",
        "sort of 1 M",
        _numbers,
        in_f64(ordered),
        ours=defn(ordered),
        jax=_ordered_jax,
        numpy=ordered,
        torch=_ordered_torch,
    ),
    Workload(
        "embed",
        "look-up of 8192 rows of 10,000×128, value and gradient",
        _text,
        in_f64(_embed_numpy),
        ours=embed,
        numba=_embed_numba,
        jax=_embed_jax,
        numpy=_embed_numpy,
        torch=_embed_torch,
    ),
    Workload(
        "bincount",
        "counts of 1 M in 256 bins",
        _bytes,
        counted,
        ours=counted_ours,
        numba=njit(counted_loop),
        jax=_counted_jax,
        numpy=counted,
        torch=_counted_torch,
    ),
    Workload(
        "count_loop",
        "the same counts as a loop",
        _bytes,
        counted,
        ours=defn(counted_loop),
        numba=njit(counted_loop),
        jax=_counted_jax,
        numpy=counted,
        torch=_counted_torch,
    ),
    Workload(
        "normal",
        "10 M normal numbers, threefry",
        lambda: (np.array([1, 2], np.uint32),),
        _normal_moments,
        ours=drawn,
        jax=_drawn_jax,
        numpy=_drawn_numpy,
        torch=_drawn_torch,
        summary=_moments,
        tolerance=1e-3,
    ),
)
