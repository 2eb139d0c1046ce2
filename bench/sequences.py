"""Networks over sequences: recurrent cells and attention, values and gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import defnpy as dn
from bench.workload import Workload, by_jax_in_f64
from defnpy import defn, nn

STEPS, BATCH, UNITS = 64, 32, 128
ATTENTION = (4, 8, 256, 64)  # batch, heads, length, width of a head
BLOCK, HEADS = (8, 128, 256), 8  # batch, length, width


def lstm_loss(params: Any, x: Any) -> Any:
    w, u, b = params
    z = x @ w + b
    h = c = np.zeros((x.shape[1], UNITS), np.float32)
    for t in range(len(x)):
        i, f, g, o = dn.split(z[t] + h @ u, 4, axis=1)
        c = dn.sigmoid(f) * c + dn.sigmoid(i) * np.tanh(g)
        h = dn.sigmoid(o) * np.tanh(c)
    return np.mean(h * h)


@defn
def lstm(params: Any, x: Any) -> Any:
    return dn.value_and_grad(lstm_loss)(params, x)


def _lstm_jax() -> Any:
    import jax
    import jax.numpy as jnp

    def loss(params: Any, x: Any) -> Any:
        w, u, b = params

        def step(carry: Any, z: Any) -> Any:
            h, c = carry
            i, f, g, o = jnp.split(z + h @ u, 4, axis=1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), None

        zeros = jnp.zeros((x.shape[1], UNITS), x.dtype)
        (h, _), _ = jax.lax.scan(step, (zeros, zeros), x @ w + b)
        return jnp.mean(h * h)

    return jax.value_and_grad(loss)


def _lstm_torch(jit: Any) -> Any:
    import torch

    cell = torch.nn.LSTM(UNITS, UNITS)
    zeros = torch.zeros(4 * UNITS)

    def loss(w: Any, u: Any, b: Any, x: Any) -> Any:
        weights = {"weight_ih_l0": w.T, "weight_hh_l0": u.T, "bias_ih_l0": b}
        weights["bias_hh_l0"] = zeros
        h = torch.func.functional_call(cell, weights, (x,))[1][0]
        return (h * h).mean()

    return _torch_gradient(jit(loss))


def attention_loss(q: Any, k: Any, v: Any) -> Any:
    scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])
    return np.mean((dn.softmax(scores, axis=-1) @ v) ** 2)


@defn
def attention(q: Any, k: Any, v: Any) -> Any:
    return dn.value_and_grad(attention_loss, argnums=(0, 1, 2))(q, k, v)


def _attention_jax() -> Any:
    import jax
    import jax.numpy as jnp

    def loss(q: Any, k: Any, v: Any) -> Any:
        scores = q @ jnp.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])
        return jnp.mean((jax.nn.softmax(scores, axis=-1) @ v) ** 2)

    return jax.value_and_grad(loss, argnums=(0, 1, 2))


def _attention_torch(jit: Any) -> Any:
    from torch.nn.functional import scaled_dot_product_attention

    loss = jit(lambda q, k, v: (scaled_dot_product_attention(q, k, v) ** 2).mean())

    def attention(q: Any, k: Any, v: Any) -> Any:
        return _torch_gradient(loss)((q, k, v))

    return attention


def block_loss(params: Any, x: Any) -> Any:
    """Return a loss of a transformer's block: attention, then a network, residual."""
    batch, length, width = x.shape
    normed = nn.functional.layer_norm(x, *params["norm1"], epsilon=1e-5)
    qkv = (normed @ params["qkv"]).reshape(batch, length, 3, HEADS, width // HEADS)
    q, k, v = (np.swapaxes(qkv[:, :, i], 1, 2) for i in range(3))
    scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(width // HEADS)
    mixed = np.swapaxes(dn.softmax(scores, axis=-1) @ v, 1, 2)
    x = x + mixed.reshape(x.shape) @ params["out"]
    normed = nn.functional.layer_norm(x, *params["norm2"], epsilon=1e-5)
    x = x + nn.activations.gelu(normed @ params["up"]) @ params["down"]
    return np.mean(x * x)


@defn
def block(params: Any, x: Any) -> Any:
    return dn.value_and_grad(block_loss)(params, x)


def _block_jax() -> Any:
    import jax
    import jax.numpy as jnp

    def layer_norm(x: Any, gain: Any, bias: Any) -> Any:
        mean = jnp.mean(x, axis=-1, keepdims=True)
        spread = jnp.var(x, axis=-1, keepdims=True)
        return (x - mean) * jax.lax.rsqrt(spread + 1e-5) * gain + bias

    def loss(params: Any, x: Any) -> Any:
        batch, length, width = x.shape
        normed = layer_norm(x, *params["norm1"])
        qkv = (normed @ params["qkv"]).reshape(batch, length, 3, HEADS, -1)
        q, k, v = (jnp.swapaxes(qkv[:, :, i], 1, 2) for i in range(3))
        scores = q @ jnp.swapaxes(k, -1, -2) / math.sqrt(width // HEADS)
        mixed = jnp.swapaxes(jax.nn.softmax(scores, axis=-1) @ v, 1, 2)
        x = x + mixed.reshape(x.shape) @ params["out"]
        normed = layer_norm(x, *params["norm2"])
        up = jax.nn.gelu(normed @ params["up"], approximate=False)
        x = x + up @ params["down"]
        return jnp.mean(x * x)

    return jax.value_and_grad(loss)


def _block_torch(jit: Any) -> Any:
    from torch.nn.functional import gelu, layer_norm, scaled_dot_product_attention

    def loss(params: Any, x: Any) -> Any:
        batch, length, width = x.shape
        normed = layer_norm(x, (width,), *params["norm1"])
        qkv = (normed @ params["qkv"]).view(batch, length, 3, HEADS, width // HEADS)
        q, k, v = (qkv[:, :, i].transpose(1, 2) for i in range(3))
        mixed = scaled_dot_product_attention(q, k, v).transpose(1, 2)
        x = x + mixed.reshape(x.shape) @ params["out"]
        normed = layer_norm(x, (width,), *params["norm2"])
        x = x + gelu(normed @ params["up"]) @ params["down"]
        return (x * x).mean()

    loss = jit(loss)

    def block(params: Any, x: Any) -> Any:
        import torch

        params = dn.tree.map(lambda p: p.detach().requires_grad_(), params)
        value = loss(params, x)
        leaves, form = dn.tree.flatten(params)
        grads = torch.autograd.grad(value, leaves)
        return value.detach(), dn.tree.unflatten(form, grads)

    return block


def _torch_gradient(loss: Any) -> Any:
    def value_and_grad(params: Any, *args: Any) -> Any:
        import torch

        params = tuple(p.detach().requires_grad_() for p in params)
        value = loss(*params, *args)
        return value.detach(), torch.autograd.grad(value, params)

    return value_and_grad


def _normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape, np.float32)


def _sequence() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    scale = np.float32(UNITS**-0.5)
    w, u = (_normal(rng, UNITS, 4 * UNITS) * scale for _ in range(2))
    return (w, u, _normal(rng, 4 * UNITS)), _normal(rng, STEPS, BATCH, UNITS)


def _heads() -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    return tuple(_normal(rng, *ATTENTION) for _ in range(3))


def _tokens() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    width = BLOCK[-1]

    def kernel(a: int, b: int) -> np.ndarray:
        return _normal(rng, a, b) * np.float32(a**-0.5)

    params = {
        "norm1": (1 + 0.1 * _normal(rng, width), 0.1 * _normal(rng, width)),
        "qkv": kernel(width, 3 * width),
        "out": kernel(width, width),
        "norm2": (1 + 0.1 * _normal(rng, width), 0.1 * _normal(rng, width)),
        "up": kernel(width, 4 * width),
        "down": kernel(4 * width, width),
    }
    return params, _normal(rng, *BLOCK)


WORKLOADS = (
    Workload(
        "lstm",
        f"LSTM, {STEPS} steps, batch {BATCH}, {UNITS} wide, value and gradient",
        _sequence,
        by_jax_in_f64(_lstm_jax),
        ours=lstm,
        jax=_lstm_jax,
        torch=_lstm_torch,
    ),
    Workload(
        "attention",
        f"attention, {'×'.join(map(str, ATTENTION))}, value and gradient",
        _heads,
        by_jax_in_f64(_attention_jax),
        ours=attention,
        jax=_attention_jax,
        torch=_attention_torch,
    ),
    Workload(
        "block",
        f"transformer block, {'×'.join(map(str, BLOCK))}, value and gradient",
        _tokens,
        by_jax_in_f64(_block_jax),
        ours=block,
        jax=_block_jax,
        torch=_block_torch,
    ),
)
