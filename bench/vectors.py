"""Arithmetic on every element of large arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import defnpy as dn
from bench.workload import Workload, in_f64
from defnpy import defn

MANY = 4_000_000
B1, B2, EPSILON, STEP = 0.9, 0.999, 1e-8, 1e-3


def wave(x: Any) -> Any:
    return np.tanh(np.exp(-x * x) + np.sin(x)) * x


def affine(x: Any) -> Any:
    return 2 * x + 1


def _wave_numba() -> Any:
    import numba

    @numba.njit
    def wave(x: Any) -> Any:
        y = np.empty_like(x)
        for i in range(x.size):
            y[i] = math.tanh(math.exp(-x[i] * x[i]) + math.sin(x[i])) * x[i]
        return y

    return wave


def _affine_numba() -> Any:
    import numba

    @numba.njit
    def affine(x: Any) -> Any:
        y = np.empty_like(x)
        for i in range(x.size):
            y[i] = np.float32(2) * x[i] + np.float32(1)
        return y

    return affine


def _wave_jax() -> Any:
    import jax.numpy as jnp

    return lambda x: jnp.tanh(jnp.exp(-x * x) + jnp.sin(x)) * x


def _wave_torch(jit: Any) -> Any:
    import torch

    return jit(lambda x: torch.tanh(torch.exp(-x * x) + torch.sin(x)) * x)


def _numbers() -> tuple[np.ndarray]:
    return (np.random.default_rng(0).standard_normal(MANY, np.float32),)


def adam(p: Any, g: Any, m: Any, v: Any, t: Any) -> Any:
    m = B1 * m + (1 - B1) * g
    v = B2 * v + (1 - B2) * g * g
    step = STEP * (m / (1 - B1**t)) / (np.sqrt(v / (1 - B2**t)) + EPSILON)
    return p - step, m, v


def _adam_numba() -> Any:
    import numba

    @numba.njit
    def adam(p: Any, g: Any, m: Any, v: Any, t: Any) -> Any:
        f = np.float32
        b1, c1, b2, c2 = f(B1), f(1 - B1), f(B2), f(1 - B2)
        first, second = f(1 / (1 - B1**t)), f(1 / (1 - B2**t))
        rate, epsilon = f(STEP), f(EPSILON)
        new_p, new_m, new_v = np.empty_like(p), np.empty_like(m), np.empty_like(v)
        for i in range(p.size):
            new_m[i] = b1 * m[i] + c1 * g[i]
            new_v[i] = b2 * v[i] + c2 * g[i] * g[i]
            low = math.sqrt(new_v[i] * second) + epsilon
            new_p[i] = p[i] - rate * (new_m[i] * first) / low
        return new_p, new_m, new_v

    return adam


def _adam_jax() -> Any:
    import jax.numpy as jnp

    def adam(p: Any, g: Any, m: Any, v: Any, t: Any) -> Any:
        m = B1 * m + (1 - B1) * g
        v = B2 * v + (1 - B2) * g * g
        step = STEP * (m / (1 - B1**t)) / (jnp.sqrt(v / (1 - B2**t)) + EPSILON)
        return p - step, m, v

    return adam


def _adam_torch(jit: Any) -> Any:
    import torch

    def adam(p: Any, g: Any, m: Any, v: Any, t: Any) -> Any:
        m = B1 * m + (1 - B1) * g
        v = B2 * v + (1 - B2) * g * g
        step = STEP * (m / (1 - B1**t)) / (torch.sqrt(v / (1 - B2**t)) + EPSILON)
        return p - step, m, v

    return jit(adam)


def _parameters() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    p, g, m = (rng.standard_normal(10_000_000, np.float32) for _ in range(3))
    return p, g, m, rng.random(10_000_000, np.float32), np.float32(10)


def black_scholes(s: Any, k: Any, t: Any, r: Any, sigma: Any) -> Any:
    d1 = (np.log(s / k) + (r + sigma * sigma / 2) * t) / (sigma * np.sqrt(t))
    d2 = d1 - sigma * np.sqrt(t)
    return s * normal_cdf(d1) - k * np.exp(-r * t) * normal_cdf(d2)


def normal_cdf(x: Any) -> Any:
    return 0.5 * (1 + dn.erf(x / math.sqrt(2)))


def _black_scholes_numpy(s: Any, k: Any, t: Any, r: Any, sigma: Any) -> Any:
    from scipy.special import ndtr

    d1 = (np.log(s / k) + (r + sigma * sigma / 2) * t) / (sigma * np.sqrt(t))
    d2 = d1 - sigma * np.sqrt(t)
    return s * ndtr(d1) - k * np.exp(-r * t) * ndtr(d2)


def _black_scholes_numba() -> Any:
    import numba

    @numba.njit
    def cdf(x: float) -> float:
        return 0.5 * (1 + math.erf(x / math.sqrt(2)))

    @numba.njit
    def black_scholes(s: Any, k: Any, t: Any, r: Any, sigma: Any) -> Any:
        price = np.empty_like(s)
        for i in range(s.size):
            root = sigma * math.sqrt(t[i])
            d1 = (math.log(s[i] / k[i]) + (r + sigma * sigma / 2) * t[i]) / root
            paid = k[i] * math.exp(-r * t[i]) * cdf(d1 - root)
            price[i] = s[i] * cdf(d1) - paid
        return price

    return black_scholes


def _black_scholes_jax() -> Any:
    import jax.numpy as jnp
    from jax.scipy.special import ndtr

    def black_scholes(s: Any, k: Any, t: Any, r: Any, sigma: Any) -> Any:
        d1 = (jnp.log(s / k) + (r + sigma * sigma / 2) * t) / (sigma * jnp.sqrt(t))
        d2 = d1 - sigma * jnp.sqrt(t)
        return s * ndtr(d1) - k * jnp.exp(-r * t) * ndtr(d2)

    return black_scholes


def _black_scholes_torch(jit: Any) -> Any:
    import torch

    def black_scholes(s: Any, k: Any, t: Any, r: Any, sigma: Any) -> Any:
        ndtr = torch.special.ndtr
        d1 = (torch.log(s / k) + (r + sigma * sigma / 2) * t) / (sigma * torch.sqrt(t))
        d2 = d1 - sigma * torch.sqrt(t)
        return s * ndtr(d1) - k * torch.exp(-r * t) * ndtr(d2)

    return jit(black_scholes)


def _options() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    s, k, t = (rng.uniform(*b, 1_000_000) for b in ((5, 30), (1, 100), (0.25, 10)))
    return s, k, t, np.float64(0.02), np.float64(0.3)


WORKLOADS = (
    Workload(
        "wave",
        "tanh(exp(-x²) + sin x)·x, 4 M",
        _numbers,
        in_f64(wave),
        ours=defn(wave),
        numba=_wave_numba,
        jax=_wave_jax,
        torch=_wave_torch,
        numpy=wave,
    ),
    Workload(
        "affine",
        "2x + 1, 4 M",
        _numbers,
        in_f64(affine),
        ours=defn(affine),
        numba=_affine_numba,
        jax=lambda: affine,
        torch=lambda jit: jit(affine),
        numpy=affine,
    ),
    Workload(
        "adam",
        "Adam update, 10 M parameters",
        _parameters,
        in_f64(adam),
        ours=defn(adam),
        numba=_adam_numba,
        jax=_adam_jax,
        torch=_adam_torch,
        numpy=adam,
    ),
    Workload(
        "black_scholes",
        "Black–Scholes, 1 M, f64",
        _options,
        _black_scholes_numpy,
        ours=defn(black_scholes),
        numba=_black_scholes_numba,
        jax=_black_scholes_jax,
        torch=_black_scholes_torch,
        numpy=_black_scholes_numpy,
        tolerance=1e-9,
        wide=True,
    ),
)
