"""Convolutions and pooling, and their gradients."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

import defnpy as dn
from bench.workload import Workload, by_jax_in_f64
from defnpy import defn

SMALL, LARGE = ((32, 1, 28, 28), (32, 1, 3, 3)), ((32, 32, 28, 28), (64, 32, 3, 3))
DEPTHWISE, LINE = ((32, 64, 28, 28), (64, 1, 3, 3)), ((32, 64, 512), (64, 64, 5))
IMAGES = (32, 32, 56, 56)
POOL = (1, 1, 2, 2)


@dataclass(frozen=True)
class Contenders:
    """One function and its gradient, as each of us writes them."""

    ours: Any
    jax: Any
    torch: Any

    def value(self) -> dict[str, Any]:
        """Return what a workload of the function itself is made of."""
        return {
            "expected": by_jax_in_f64(self.jax),
            "ours": defn(self.ours),
            "jax": self.jax,
            "torch": lambda jit: jit(self.torch()),
        }

    def gradient(self) -> dict[str, Any]:
        """Return what a workload of the sum of its squares is made of."""

        def loss(*args: Any) -> Any:
            return dn.sum(self.ours(*args) ** 2)

        def jax() -> Any:
            import jax

            function = self.jax()

            def loss(*args: Any) -> Any:
                return (function(*args) ** 2).sum()

            return lambda *a: jax.value_and_grad(loss, tuple(range(len(a))))(*a)

        def torch(jit: Any) -> Any:
            import torch

            function = self.torch()
            loss = jit(lambda *args: (function(*args) ** 2).sum())

            def value_and_grad(*args: Any) -> Any:
                args = tuple(a.detach().requires_grad_() for a in args)
                value = loss(*args)
                return value.detach(), torch.autograd.grad(value, args)

            return value_and_grad

        return {
            "expected": by_jax_in_f64(jax),
            "ours": defn(lambda *a: _gradient(loss, *a)),
            "jax": jax,
            "torch": torch,
        }


def _gradient(loss: Any, *args: Any) -> Any:
    return dn.value_and_grad(loss, tuple(range(len(args))))(*args)


def convolution(space: int, groups: int = 1) -> Contenders:
    """Return convolutions over so many axes, as long as what they are of."""

    def ours(x: Any, kernel: Any) -> Any:
        return dn.conv(x, kernel, padding="same", feature_group_count=groups)

    def jax() -> Any:
        from jax import lax

        ones = (1,) * space
        return lambda x, kernel: lax.conv_general_dilated(
            x, kernel, ones, "SAME", feature_group_count=groups
        )

    def torch() -> Any:
        from torch.nn import functional

        made = functional.conv1d if space == 1 else functional.conv2d
        return lambda x, kernel: made(x, kernel, padding="same", groups=groups)

    return Contenders(ours, jax, torch)


def pooling() -> Contenders:
    """Return the largest of four elements, of squares side by side."""

    def ours(x: Any) -> Any:
        return dn.window_max(x, POOL, strides=POOL)

    def jax() -> Any:
        from jax import lax

        return lambda x: lax.reduce_window(x, -np.inf, lax.max, POOL, POOL, "VALID")

    def torch() -> Any:
        from torch.nn import functional

        return lambda x: functional.max_pool2d(x, 2)

    return Contenders(ours, jax, torch)


def _drawn(*shapes: tuple[int, ...]) -> Any:
    """Return what makes arrays; kernels are scaled so that sums have no size."""

    def make() -> tuple[np.ndarray, ...]:
        rng = np.random.default_rng(0)
        made = [rng.standard_normal(shape, np.float32) for shape in shapes]
        for kernel in made[1:]:
            kernel /= np.float32(math.prod(kernel.shape[1:]) ** 0.5)
        return tuple(made)

    return make


WORKLOADS = (
    Workload(
        "conv1", "conv 3×3, 32×1×28×28→32", _drawn(*SMALL), **convolution(2).value()
    ),
    Workload(
        "conv1-grad",
        "the same, value and gradient",
        _drawn(*SMALL),
        **convolution(2).gradient(),
    ),
    Workload(
        "conv", "conv 3×3, 32×32×28×28→64", _drawn(*LARGE), **convolution(2).value()
    ),
    Workload(
        "conv-grad",
        "the same, value and gradient",
        _drawn(*LARGE),
        **convolution(2).gradient(),
    ),
    Workload(
        "depthwise",
        "conv 3×3 of each channel, 32×64×28×28",
        _drawn(*DEPTHWISE),
        **convolution(2, groups=64).value(),
    ),
    Workload(
        "line", "conv of 5, 32×64×512→64", _drawn(*LINE), **convolution(1).value()
    ),
    Workload("pool", "max pool 2×2, 32×32×56×56", _drawn(IMAGES), **pooling().value()),
    Workload(
        "pool-grad",
        "the same, value and gradient",
        _drawn(IMAGES),
        **pooling().gradient(),
    ),
)
