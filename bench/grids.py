"""Grids that change step by step, and a picture computed pixel by pixel."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.workload import Workload, njit
from defnpy import defn

GENERATIONS, STEPS, RATE, LIMIT = 20, 100, 0.2, 200


def life(grid: Any) -> Any:
    rows, columns = grid.shape
    for _ in range(GENERATIONS):
        new = np.zeros_like(grid)
        for i in range(1, rows - 1):
            for j in range(1, columns - 1):
                around = (
                    grid[i - 1, j - 1]
                    + grid[i - 1, j]
                    + grid[i - 1, j + 1]
                    + grid[i, j - 1]
                    + grid[i, j + 1]
                    + grid[i + 1, j - 1]
                    + grid[i + 1, j]
                    + grid[i + 1, j + 1]
                )
                if around == 3 or (around == 2 and grid[i, j] == 1):
                    new[i, j] = 1
        grid = new
    return grid


def _life_slices(grid: Any) -> Any:
    for _ in range(GENERATIONS):
        rows = grid[:-2] + grid[1:-1] + grid[2:]
        inner = grid[1:-1, 1:-1]
        around = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:] - inner
        new = np.zeros_like(grid)
        new[1:-1, 1:-1] = (around == 3) | ((around == 2) & (inner == 1))
        grid = new
    return grid


def _life_jax() -> Any:
    import jax.numpy as jnp
    from jax import lax

    def step(_: Any, grid: Any) -> Any:
        rows = grid[:-2] + grid[1:-1] + grid[2:]
        inner = grid[1:-1, 1:-1]
        around = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:] - inner
        alive = (around == 3) | ((around == 2) & (inner == 1))
        return jnp.pad(alive.astype(grid.dtype), 1)

    return lambda grid: lax.fori_loop(0, GENERATIONS, step, grid)


def _life_torch(jit: Any) -> Any:
    from torch.nn.functional import pad

    def life(grid: Any) -> Any:
        for _ in range(GENERATIONS):
            rows = grid[:-2] + grid[1:-1] + grid[2:]
            inner = grid[1:-1, 1:-1]
            around = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:] - inner
            alive = (around == 3) | ((around == 2) & (inner == 1))
            grid = pad(alive.to(grid.dtype), (1, 1, 1, 1))
        return grid

    return jit(life)


def _cells() -> tuple[np.ndarray]:
    cells = np.random.default_rng(0).random((1024, 1024)) < 0.3
    return (cells.astype(np.uint8),)


def heat(u: Any) -> Any:
    for _ in range(STEPS):
        inner = u[1:-1, 1:-1]
        around = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]
        new = u.copy()
        new[1:-1, 1:-1] = inner + RATE * (around - 4 * inner)
        u = new
    return u


def heat_loops(u: Any) -> Any:
    rows, columns = u.shape
    for _ in range(STEPS):
        new = u.copy()
        for i in range(1, rows - 1):
            for j in range(1, columns - 1):
                around = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]
                new[i, j] = u[i, j] + RATE * (around - 4 * u[i, j])
        u = new
    return u


def _heat_numba() -> Any:
    import numba

    rate = np.float32(RATE)
    four = np.float32(4)

    @numba.njit
    def heat(u: Any) -> Any:
        rows, columns = u.shape
        u, new = u.copy(), u.copy()
        for _ in range(STEPS):
            for i in range(1, rows - 1):
                for j in range(1, columns - 1):
                    around = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]
                    new[i, j] = u[i, j] + rate * (around - four * u[i, j])
            u, new = new, u
        return u

    return heat


def _heat_jax() -> Any:
    from jax import lax

    def step(_: Any, u: Any) -> Any:
        inner = u[1:-1, 1:-1]
        around = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]
        return u.at[1:-1, 1:-1].set(inner + RATE * (around - 4 * inner))

    return lambda u: lax.fori_loop(0, STEPS, step, u)


def _heat_torch(jit: Any) -> Any:
    def step(u: Any) -> Any:
        inner = u[1:-1, 1:-1]
        around = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]
        new = u.clone()
        new[1:-1, 1:-1] = inner + RATE * (around - 4 * inner)
        return new

    step = jit(step)

    def heat(u: Any) -> Any:
        for _ in range(STEPS):
            u = step(u)
        return u

    return heat


def _plate() -> tuple[np.ndarray]:
    return (np.random.default_rng(0).random((512, 512), np.float32),)


def mandelbrot(xs: Any, ys: Any) -> Any:
    counts = np.zeros((len(ys), len(xs)), dtype=np.int32)
    for i in range(len(ys)):
        for j in range(len(xs)):
            x = y = np.float32(0)
            n = 0
            while n < LIMIT and x * x + y * y <= 4:
                x, y = x * x - y * y + xs[j], 2 * x * y + ys[i]
                n += 1
            counts[i, j] = n
    return counts


def _mandelbrot_numba() -> Any:
    import numba

    two, four = np.float32(2), np.float32(4)

    @numba.njit
    def mandelbrot(xs: Any, ys: Any) -> Any:
        counts = np.zeros((len(ys), len(xs)), dtype=np.int32)
        for i in range(len(ys)):
            for j in range(len(xs)):
                x = y = np.float32(0)
                n = 0
                while n < LIMIT and x * x + y * y <= four:
                    x, y = x * x - y * y + xs[j], two * x * y + ys[i]
                    n += 1
                counts[i, j] = n
        return counts

    return mandelbrot


def _mandelbrot_jax() -> Any:
    import jax
    import jax.numpy as jnp
    from jax import lax

    def count(a: Any, b: Any) -> Any:
        def step(carry: Any) -> Any:
            x, y, n = carry
            return x * x - y * y + a, 2 * x * y + b, n + 1

        def goes_on(carry: Any) -> Any:
            x, y, n = carry
            return (n < LIMIT) & (x * x + y * y <= 4)

        zero = jnp.float32(0)
        return lax.while_loop(goes_on, step, (zero, zero, jnp.int32(0)))[2]

    return jax.vmap(jax.vmap(count, (0, None)), (None, 0))


def _mandelbrot_planes(xs: Any, ys: Any) -> Any:
    shape = (len(ys), len(xs))
    a, b = np.broadcast_to(xs, shape), np.broadcast_to(ys[:, None], shape)
    x, y, n = np.zeros_like(a), np.zeros_like(b), np.zeros(shape, np.int32)
    for _ in range(LIMIT):
        inside = x * x + y * y <= 4
        x, y = (
            np.where(inside, x * x - y * y + a, x),
            np.where(inside, 2 * x * y + b, y),
        )
        n += inside
    return n


def _plane() -> tuple[np.ndarray, np.ndarray]:
    xs, ys = np.linspace(-2, 0.5, 256), np.linspace(-1.25, 1.25, 256)
    return xs.astype(np.float32), ys.astype(np.float32)


WORKLOADS = (
    Workload(
        "life",
        "Game of Life, 1024²×20",
        _cells,
        _life_slices,
        ours=defn(life),
        numba=njit(life),
        jax=_life_jax,
        torch=_life_torch,
        numpy=_life_slices,
    ),
    Workload(
        "heat",
        "heat equation with slices, 512²×100",
        _plate,
        lambda u: heat(u.astype(np.float64)),
        ours=defn(heat),
        numba=_heat_numba,
        jax=_heat_jax,
        torch=_heat_torch,
        numpy=heat,
    ),
    Workload(
        "heat_loops",
        "heat equation with loops, 512²×100",
        _plate,
        lambda u: heat(u.astype(np.float64)),
        ours=defn(heat_loops),
        numba=_heat_numba,
        jax=_heat_jax,
        torch=_heat_torch,
        numpy=heat,
    ),
    Workload(
        "mandelbrot",
        f"Mandelbrot, 256², ≤ {LIMIT} steps",
        _plane,
        lambda xs, ys: _mandelbrot_planes(xs.astype(np.float64), ys.astype(np.float64)),
        ours=defn(mandelbrot),
        numba=_mandelbrot_numba,
        jax=_mandelbrot_jax,
        numpy=_mandelbrot_planes,
        # Next to the boundary a count depends on every rounding.
        summary=np.mean,
        tolerance=1e-3,
    ),
)
