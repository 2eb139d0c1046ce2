"""Layers as plain functions of arrays, written in the language.

A batch's rows lie along axis 0.  Random keys and parameters are explicit
arguments.
"""

from __future__ import annotations

from typing import Any

import defnpy as dn
from defnpy import defn


@defn
def dense(x: Any, kernel: Any, bias: Any = None) -> Any:
    """Return ``x @ kernel + bias`` over the last axis of x."""
    y = x @ kernel
    if bias is None:
        return y
    return y + bias


@defn
def embedding(x: Any, kernel: Any) -> Any:
    """Return row ``x[i]`` of the kernel for every integer of x."""
    return dn.take(kernel, x, axis=0)


@defn
def bias(x: Any, bias: Any) -> Any:
    """Return x plus one number per channel."""
    return x + bias


@defn
def flatten(x: Any) -> Any:
    """Return x [b, ...] as a matrix [b, n]."""
    return dn.reshape(x, (x.shape[0], -1))


@defn
def reshape(x: Any, *, shape: tuple[int, ...]) -> Any:
    """Return each row of x in another shape."""
    return dn.reshape(x, (x.shape[0], *shape))


@defn
def transpose(x: Any, *, axes: tuple[int, ...]) -> Any:
    """Return x with its axes permuted."""
    return dn.permute_dims(x, axes)


@defn
def add(*xs: Any) -> Any:
    """Return the sum of arrays."""
    total = xs[0]
    for x in xs[1:]:
        total = total + x
    return total


@defn
def subtract(x: Any, y: Any) -> Any:
    """Return x − y."""
    return x - y


@defn
def multiply(*xs: Any) -> Any:
    """Return the product of arrays."""
    product = xs[0]
    for x in xs[1:]:
        product = product * x
    return product


@defn
def concatenate(*xs: Any, axis: int = -1) -> Any:
    """Return arrays joined along an axis."""
    return dn.concat(xs, axis=axis)


@defn
def dropout(x: Any, key: Any, *, rate: float, training: bool = True) -> Any:
    """Return x with a share of its elements 0 and the others scaled up.

    The expected value stays, so that nothing is done at inference.
    """
    if not training or rate == 0:
        return x
    keep = dn.random.bernoulli(key, 1 - rate, x.shape)
    return dn.where(keep, x / (1 - rate), 0)


@defn
def conv(
    x: Any,
    kernel: Any,
    bias: Any = None,
    *,
    strides: int | tuple[int, ...] = 1,
    padding: Any = "valid",
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
) -> Any:
    """Return the convolution of x [b, space..., c] with a kernel.

    The kernel is [window..., channels in of a group, channels out].
    """
    space = "WHDTUV"[: x.ndim - 2]
    batches = f"N{space}C"
    y = dn.conv(
        x,
        kernel,
        strides=strides,
        padding=padding,
        kernel_dilation=dilation,
        feature_group_count=groups,
        layout=(batches, f"{space}IO", batches),
    )
    if bias is None:
        return y
    return y + bias


@defn
def max_pool(
    x: Any, *, window: Any = 2, strides: Any = None, padding: Any = "valid"
) -> Any:
    """Return the largest element of each window of x [b, space..., c]."""
    sizes, steps = _windows(x.ndim, window, strides)
    return dn.window_max(x, sizes, strides=steps, padding=padding)


@defn
def avg_pool(
    x: Any, *, window: Any = 2, strides: Any = None, padding: Any = "valid"
) -> Any:
    """Return the mean of each window of x [b, space..., c], padding left out."""
    sizes, steps = _windows(x.ndim, window, strides)
    return dn.window_mean(x, sizes, strides=steps, padding=padding)


@defn
def global_max_pool(x: Any) -> Any:
    """Return the largest element of each channel of x [b, space..., c]."""
    return dn.max(x, axis=tuple(range(1, x.ndim - 1)))


@defn
def global_avg_pool(x: Any) -> Any:
    """Return the mean of each channel of x [b, space..., c]."""
    return dn.mean(x, axis=tuple(range(1, x.ndim - 1)))


def _windows(ndim: int, window: Any, strides: Any) -> Any:
    """Return sizes and steps of windows over every axis; they are 1 for b and c."""
    size = window if isinstance(window, tuple) else (window,) * (ndim - 2)
    step = size if strides is None else strides
    step = step if isinstance(step, tuple) else (step,) * (ndim - 2)
    return (1, *size, 1), (1, *step, 1)


@defn
def layer_norm(x: Any, gamma: Any, beta: Any, *, epsilon: float = 1e-3) -> Any:
    """Return x with mean 0 and variance 1 along its last axis, then scaled."""
    mean = dn.mean(x, axis=-1, keepdims=True)
    variance = dn.mean((x - mean) ** 2, axis=-1, keepdims=True)
    return _normalized(x, gamma, beta, mean, variance, epsilon)


@defn
def batch_norm(
    x: Any,
    gamma: Any,
    beta: Any,
    mean: Any,
    variance: Any,
    *,
    epsilon: float = 1e-3,
    momentum: float = 0.99,
    training: bool = False,
) -> Any:
    """Return x [b, ..., c] with mean 0 and variance 1 per channel, then scaled.

    At inference `mean` and `variance` are what was gathered.  While training
    they are the batch's own, and the result is followed by the gathered ones
    brought on by a step.
    """
    if not training:
        return _normalized(x, gamma, beta, mean, variance, epsilon)
    axes = tuple(range(x.ndim - 1))
    own_mean = dn.mean(x, axis=axes)
    own_variance = dn.mean((x - own_mean) ** 2, axis=axes)
    y = _normalized(x, gamma, beta, own_mean, own_variance, epsilon)
    new_mean = momentum * mean + (1 - momentum) * own_mean
    new_variance = momentum * variance + (1 - momentum) * own_variance
    return y, new_mean, new_variance


def _normalized(
    x: Any, gamma: Any, beta: Any, mean: Any, variance: Any, epsilon: float
) -> Any:
    return gamma * ((x - mean) / dn.sqrt(variance + epsilon)) + beta
