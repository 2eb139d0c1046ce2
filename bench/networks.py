"""Products of matrices, and the layers and training steps made of them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

import defnpy as dn
from bench.workload import Workload, in_f64
from defnpy import defn

SIZES = (784, 512, 256, 10)
BATCH = 128
RATE, B1, B2, EPSILON = 1e-3, 0.9, 0.999, 1e-8


def product(a: Any, b: Any) -> Any:
    return a @ b


def dense(x: Any, w: Any, b: Any) -> Any:
    return np.maximum(x @ w + b, 0)


def _dense_jax() -> Any:
    import jax.numpy as jnp

    return lambda x, w, b: jnp.maximum(x @ w + b, 0)


def _dense_torch(jit: Any) -> Any:
    import torch

    return jit(lambda x, w, b: torch.relu(torch.addmm(b, x, w)))


def loss(params: Any, x: Any, y: Any) -> Any:
    *hidden, (w, b) = params
    for kernel, bias in hidden:
        x = np.maximum(x @ kernel + bias, 0)
    logits = x @ w + b
    return -np.mean(np.sum(y * dn.log_softmax(logits, axis=1), axis=1))


def moved(p: Any, g: Any, m: Any, v: Any, t: Any) -> Any:
    """Return a parameter and its moments after a step of Adam."""
    m = B1 * m + (1 - B1) * g
    v = B2 * v + (1 - B2) * g * g
    step = RATE * (m / (1 - B1**t)) / ((v / (1 - B2**t)) ** 0.5 + EPSILON)
    return p - step, m, v


@defn
def train(params: Any, m: Any, v: Any, t: Any, x: Any, y: Any) -> Any:
    value, grads = dn.value_and_grad(loss)(params, x, y)
    made = dn.tree.map(lambda *leaves: moved(*leaves, t), params, grads, m, v)
    return made, value


def _train_f64(params: Any, m: Any, v: Any, t: Any, x: Any, y: Any) -> Any:
    """Return what a step returns, with gradients written by hand."""
    inputs = [x := np.asarray(x, np.float64)]
    for w, b in params[:-1]:
        inputs.append(np.maximum(inputs[-1] @ w + b, 0))
    logits = inputs[-1] @ params[-1][0] + params[-1][1]
    shifted = logits - logits.max(1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    ct, grads = (np.exp(logs) - y) / len(x), []
    for a, (w, _) in zip(reversed(inputs), reversed(params), strict=True):
        grads.insert(0, (a.T @ ct, ct.sum(0)))
        ct = (ct @ w.T) * (a > 0)
    made = dn.tree.map(lambda *leaves: moved(*leaves, float(t)), params, grads, m, v)
    return made, -np.mean(np.sum(y * logs, axis=1))


def _train_jax() -> Any:
    import jax
    import jax.numpy as jnp

    def loss(params: Any, x: Any, y: Any) -> Any:
        for w, b in params[:-1]:
            x = jnp.maximum(x @ w + b, 0)
        w, b = params[-1]
        return -jnp.mean(jnp.sum(y * jax.nn.log_softmax(x @ w + b, axis=1), axis=1))

    def train(params: Any, m: Any, v: Any, t: Any, x: Any, y: Any) -> Any:
        value, grads = jax.value_and_grad(loss)(params, x, y)
        made = jax.tree.map(lambda *leaves: moved(*leaves, t), params, grads, m, v)
        return made, value

    return train


def _train_torch(jit: Any) -> Any:
    import torch

    def loss(params: Any, x: Any, y: Any) -> Any:
        for w, b in params[:-1]:
            x = torch.relu(torch.addmm(b, x, w))
        w, b = params[-1]
        return -(y * torch.log_softmax(torch.addmm(b, x, w), 1)).sum(1).mean()

    loss, move = jit(loss), jit(moved)

    def train(params: Any, m: Any, v: Any, t: Any, x: Any, y: Any) -> Any:
        params = dn.tree.map(lambda p: p.detach().requires_grad_(), params)
        value = loss(params, x, y)
        leaves, form = dn.tree.flatten(params)
        grads = dn.tree.unflatten(form, torch.autograd.grad(value, leaves))
        with torch.no_grad():
            made = dn.tree.map(lambda *leaves: move(*leaves, t), params, grads, m, v)
        return made, value.detach()

    return train


def _matrices(n: int) -> Any:
    def make() -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(0)
        return tuple(rng.standard_normal((n, n), np.float32) for _ in range(2))  # pyright: ignore

    return make


def _layer() -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    shapes = ((BATCH, 784), (784, 512), (512,))
    return tuple(rng.standard_normal(shape, np.float32) for shape in shapes)


def _training() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    params = [
        (_normal(rng, a, b) / np.float32(a**0.5), _normal(rng, b) / np.float32(9))
        for a, b in pairwise(SIZES)
    ]
    m = dn.tree.map(lambda p: 1e-3 * _normal(rng, *p.shape), params)
    v = dn.tree.map(lambda p: 1e-3 * rng.random(p.shape, np.float32), params)
    y = np.eye(SIZES[-1], dtype=np.float32)[rng.integers(0, SIZES[-1], BATCH)]
    return params, m, v, np.float32(10), _normal(rng, BATCH, SIZES[0]), y


def _normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape, np.float32)


WORKLOADS = (
    *(
        Workload(
            f"product{n}",
            f"matrix product, {n}³",
            _matrices(n),
            in_f64(product),
            ours=defn(product),
            jax=lambda: product,
            torch=lambda jit: jit(product),
            numpy=product,
        )
        for n in (64, 1024)
    ),
    Workload(
        "dense",
        "dense and relu, 128×784×512",
        _layer,
        in_f64(dense),
        ours=defn(dense),
        jax=_dense_jax,
        torch=_dense_torch,
        numpy=dense,
    ),
    Workload(
        "train",
        "Adam step of an MLP 784-512-256-10, batch 128",
        _training,
        _train_f64,
        ours=train,
        jax=_train_jax,
        torch=_train_torch,
    ),
)
