"""Samples of the gamma distribution, and of those that are made of it.

Marsaglia and Tsang, "A simple method for generating gamma variables", 2000: a cube
of a normal sample is accepted or drawn anew.  Each sample has a key of its own, so
how often one is drawn changes no other.  Gradients to the parameters are those of
samples that move while the share of the distribution below them stays: Figurnov and
others, "Implicit reparameterization gradients", 2018.
"""

from __future__ import annotations

import math
from typing import Any

import defnpy as dn
from defnpy import defn
from defnpy.random.continuous import exponential, layout, normal, uniform
from defnpy.random.threefry import as_shape, split


@defn(static=("shape", "dtype"))
def gamma(key: Any, a: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Return samples of the gamma distribution of shape `a` and scale 1.

    Args:
        key: the key.
        a: the parameter, above 0; broadcast to `shape`.
        shape: the shape of the samples, by default that of `a`.
        dtype: a float; the default is f32.

    >>> dn.random.gamma(dn.random.key(0), 3.0, (10_000,)).mean().round(1)
    np.float32(3.0)
    """
    return _samples(key, a, shape, dtype, logs=False)


@defn(static=("shape", "dtype"))
def loggamma(key: Any, a: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Return logarithms of what `gamma` returns, also where that is too small.

    >>> dn.random.loggamma(dn.random.key(0), 1e-3, (2,)) < -90
    array([ True,  True])
    """
    return _samples(key, a, shape, dtype, logs=True)


@defn(static=("shape", "dtype"))
def beta(key: Any, a: Any, b: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Return samples of the beta distribution.

    Args:
        key: the key.
        a: the first parameter, above 0; broadcast to `shape`.
        b: the second parameter, above 0; broadcast to `shape`.
        shape: the shape of the samples, by default that of `a` and `b` together.
        dtype: a float; the default is f32.

    >>> dn.random.beta(dn.random.key(0), 2.0, 6.0, (10_000,)).mean().round(2)
    np.float32(0.25)
    """
    a, b = dn.broadcast_arrays(dn.asarray(a), dn.asarray(b))
    keys = split(key)
    first = loggamma(keys[0], a, shape, dtype)
    second = loggamma(keys[1], b, shape, dtype)
    most = dn.maximum(first, second)
    first, second = dn.exp(first - most), dn.exp(second - most)
    return first / (first + second)


@defn(static=("shape", "dtype"))
def dirichlet(key: Any, alpha: Any, shape: Any = None, dtype: Any = None) -> Any:
    """Return samples of the Dirichlet distribution, shares that add up to 1.

    Args:
        key: the key.
        alpha: parameters (…, n), above 0.
        shape: the shape of the samples without their last axis, by default that of
            `alpha` without its.
        dtype: a float; the default is f32.

    >>> alpha = np.array([1.0, 2.0, 3.0])
    >>> dn.random.dirichlet(dn.random.key(0), alpha, (2,)).sum(-1).round(5)
    array([1., 1.], dtype=float32)
    """
    if alpha.ndim == 0:
        raise dn.DefnShapeError("dirichlet takes a vector of parameters")
    rest = alpha.shape[:-1] if shape is None else as_shape(shape)
    return dn.softmax(loggamma(key, alpha, (*rest, alpha.shape[-1]), dtype), axis=-1)


def _samples(key: Any, a: Any, shape: Any, dtype: Any, *, logs: bool) -> Any:
    a = dn.astype(a, layout(dtype)[0])
    wanted = a.shape if shape is None else as_shape(shape)
    a = dn.reshape(dn.broadcast_to(a, wanted), (-1,))
    keys = split(key, math.prod(wanted))
    drawn = _drawn_logs(keys, a) if logs else _drawn(keys, a)
    return dn.reshape(drawn, wanted)


@dn.custom_grad
def _drawn(keys: Any, a: Any) -> Any:
    x = dn.zeros_like(a)
    for i in range(a.shape[0]):
        size, share = _accepted(keys[i], a[i])
        rest = 1.0 - uniform(share, (), a.dtype)
        x[i] = size if a[i] >= 1.0 else size * rest ** (1.0 / a[i])
    return x, lambda ct: (None, ct * x * _slopes(a, dn.log(x)))


@dn.custom_grad
def _drawn_logs(keys: Any, a: Any) -> Any:
    logs = dn.zeros_like(a)
    for i in range(a.shape[0]):
        size, share = _accepted(keys[i], a[i])
        rest = -exponential(share, (), a.dtype)
        logs[i] = dn.log(size) if a[i] >= 1.0 else dn.log(size) + rest / a[i]
    return logs, lambda ct: (None, ct * _slopes(a, logs))


def _accepted(key: Any, a: Any) -> tuple[Any, Any]:
    """Return a sample for `a`, or for a + 1 if that is below 1, and a key to go on."""
    third = 1.0 / 3.0
    d = (a if a >= 1.0 else a + 1.0) - third
    c = third / dn.sqrt(d)
    keys = split(key)
    key, share = keys[0], keys[1]
    zero = dn.zeros_like(a)
    square, cube, u = zero, zero + 1.0, zero + 2.0  # none is accepted yet
    while u >= 1.0 - 0.0331 * (square * square) and dn.log(u) >= square * 0.5 + d * (
        1.0 - cube + dn.log(cube)
    ):
        keys = split(key, 3)
        key, inner = keys[0], keys[1]
        x, v = zero, zero - 1.0
        while v <= 0.0:
            halves = split(inner)
            inner = halves[0]
            x = normal(halves[1], (), a.dtype)
            v = 1.0 + x * c
        square, cube, u = x * x, v * v * v, uniform(keys[2], (), a.dtype)
    return d * cube, share


def _slopes(a: Any, logs: Any) -> Any:
    """Return the derivatives of logarithms of samples by their parameters."""
    made = dn.zeros_like(a)
    for i in range(a.shape[0]):
        made[i] = _slope(dn.astype(a[i], "f64"), dn.astype(logs[i], "f64"))
    return made


def _slope(a: Any, log_x: Any) -> Any:
    """Return d log x / da where the integral of the density up to x stays.

    The integral is a series of positive terms; so is its derivative, but for the
    terms of x above a + n.  Of a large `a` the first terms of Cornish and Fisher's
    expansion are right to 1e-7.
    """
    x = dn.exp(log_x)
    if a > 1e5:
        w = (x - a) / a
        return (1.0 + 0.5 * w - (w * w - 1.0 / a) / 6.0) / x
    above, term, level, total = a, 1.0 / a, dn.digamma(a + 1.0), dn.zeros_like(a)
    while above < x or term * (level - log_x) > 1e-17 * total:
        total = total + term * (level - log_x)
        above = above + 1.0
        term = term * x / above
        level = level + 1.0 / above
    return total
