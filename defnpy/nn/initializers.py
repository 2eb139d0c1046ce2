"""Initial values of parameters, written in the language.

Each function here returns an initializer: a function of ``(key, shape, dtype)``.
Scales follow the fans of a shape: a dense kernel ``(in, out)`` has fan-in `in`
and fan-out `out`; a convolution's have the receptive field as a factor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import defnpy as dn
from defnpy import defn

Initializer = Callable[..., Any]

# The standard deviation of a standard normal cut off at ±2.
_TRUNCATED_DEVIATION = 0.87962566103423978


def full(value: float) -> Initializer:
    """Return the initializer that makes every element `value`."""

    @defn(static=("shape", "dtype"))
    def initialize_full(key: Any, shape: Any, dtype: Any = "f32") -> Any:
        return dn.full(shape, value, dtype=dtype)

    return initialize_full


def zeros() -> Initializer:
    """Return the initializer that makes every element 0."""
    return full(0.0)


def ones() -> Initializer:
    """Return the initializer that makes every element 1."""
    return full(1.0)


def uniform(scale: float = 0.01) -> Initializer:
    """Return the initializer with values uniform in ±scale."""

    @defn(static=("shape", "dtype"))
    def initialize_uniform(key: Any, shape: Any, dtype: Any = "f32") -> Any:
        return dn.random.uniform(key, shape, dtype=dtype, minval=-1.0) * scale

    return initialize_uniform


def normal(scale: float = 0.01, mean: float = 0.0) -> Initializer:
    """Return the initializer with normal values of deviation `scale`."""

    @defn(static=("shape", "dtype"))
    def initialize_normal(key: Any, shape: Any, dtype: Any = "f32") -> Any:
        return mean + scale * dn.random.normal(key, shape, dtype=dtype)

    return initialize_normal


def variance_scaling(
    scale: float = 1.0, mode: str = "fan_in", distribution: str = "normal"
) -> Initializer:
    """Return the initializer whose variance is `scale` over a fan.

    Args:
        scale: the numerator of the variance.
        mode: ``"fan_in"``, ``"fan_out"`` or their mean, ``"fan_avg"``.
        distribution: ``"uniform"``, or ``"normal"`` cut off at two deviations.
    """
    if mode not in ("fan_in", "fan_out", "fan_avg"):
        raise dn.DefnValueError(f"mode is fan_in, fan_out or fan_avg, not {mode!r}")
    if distribution not in ("uniform", "normal"):
        raise dn.DefnValueError(
            f"distribution is uniform or normal, not {distribution!r}"
        )

    @defn(static=("shape", "dtype"))
    def initialize_scaled(key: Any, shape: Any, dtype: Any = "f32") -> Any:
        variance = scale / _fan(shape, mode)
        if distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return dn.random.uniform(key, shape, dtype=dtype, minval=-1.0) * limit
        deviation = math.sqrt(variance) / _TRUNCATED_DEVIATION
        drawn = dn.random.truncated_normal(key, -2.0, 2.0, shape, dtype=dtype)
        return drawn * deviation

    return initialize_scaled


def _fan(shape: Any, mode: str) -> float:
    fan_in, fan_out = _fans(shape)
    if mode == "fan_in":
        return max(fan_in, 1)
    if mode == "fan_out":
        return max(fan_out, 1)
    return max((fan_in + fan_out) / 2, 1)


def _fans(shape: Any) -> Any:
    if len(shape) == 0:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


def glorot_uniform() -> Initializer:
    """Return Glorot and Bengio's: uniform, variance 2 / (fan-in + fan-out)."""
    return variance_scaling(1.0, "fan_avg", "uniform")


def glorot_normal() -> Initializer:
    """Return `glorot_uniform` with a truncated normal distribution."""
    return variance_scaling(1.0, "fan_avg", "normal")


def he_uniform() -> Initializer:
    """Return He's, made for relu: uniform, variance 2 / fan-in."""
    return variance_scaling(2.0, "fan_in", "uniform")


def he_normal() -> Initializer:
    """Return `he_uniform` with a truncated normal distribution."""
    return variance_scaling(2.0, "fan_in", "normal")


def lecun_uniform() -> Initializer:
    """Return LeCun's, made for selu: uniform, variance 1 / fan-in."""
    return variance_scaling(1.0, "fan_in", "uniform")


def lecun_normal() -> Initializer:
    """Return `lecun_uniform` with a truncated normal distribution."""
    return variance_scaling(1.0, "fan_in", "normal")


def identity() -> Initializer:
    """Return the initializer that makes a matrix 1 on its diagonal."""

    @defn(static=("shape", "dtype"))
    def initialize_identity(key: Any, shape: Any, dtype: Any = "f32") -> Any:
        return dn.eye(shape[0], shape[1], dtype=dtype)

    return initialize_identity


def orthogonal(scale: float = 1.0) -> Initializer:
    """Return the initializer of matrices with orthonormal rows or columns.

    Normal columns are made orthonormal one after another (Gram and Schmidt,
    twice for accuracy); a wide matrix is a tall one transposed.
    """

    @defn(static=("shape", "dtype"))
    def initialize_orthogonal(key: Any, shape: Any, dtype: Any = "f32") -> Any:
        columns = shape[-1]
        rows = math.prod(shape[:-1])
        count, length = min(rows, columns), max(rows, columns)
        q = dn.random.normal(key, (count, length), dtype=dtype)
        for i in range(count):
            v = q[i]
            for _ in range(2):
                for j in range(i):
                    v = v - dn.sum(v * q[j]) * q[j]
            q[i] = v / dn.sqrt(dn.sum(v * v))
        if rows > columns:
            q = dn.permute_dims(q, (1, 0))
        return dn.reshape(scale * q, shape)

    return initialize_orthogonal


BY_NAME: dict[str, Callable[[], Initializer]] = {
    each.__name__: each
    for each in (
        *(zeros, ones, uniform, normal, identity, orthogonal, variance_scaling),
        *(glorot_uniform, glorot_normal, he_uniform, he_normal),
        *(lecun_uniform, lecun_normal),
    )
}
