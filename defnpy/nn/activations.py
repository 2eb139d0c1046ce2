"""Activations, written in the language.

Each takes an array and returns one of the same shape.  NaN stays NaN.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import defnpy as dn
from defnpy import defn

if TYPE_CHECKING:
    from collections.abc import Callable

_SELU_ALPHA = 1.6732632423543772
_SELU_SCALE = 1.0507009873554805


@defn
def linear(x: Any) -> Any:
    """Return x itself."""
    return x


@defn
def relu(x: Any) -> Any:
    """Return max(x, 0); the gradient at 0 is 0."""
    return dn.where(x <= 0, 0, x)


@defn
def relu6(x: Any) -> Any:
    """Return x between 0 and 6."""
    return dn.where(x <= 0, 0, dn.where(x >= 6, 6, x))


@defn
def leaky_relu(x: Any, *, alpha: float = 0.01) -> Any:
    """Return x where it is positive, alpha x elsewhere."""
    return dn.where(x > 0, x, alpha * x)


@defn
def elu(x: Any, *, alpha: float = 1.0) -> Any:
    """Return x where it is positive, alpha (eˣ − 1) elsewhere."""
    return dn.where(x > 0, x, alpha * dn.expm1(x))


@defn
def celu(x: Any, *, alpha: float = 1.0) -> Any:
    """Return x where it is positive, alpha (e^(x / alpha) − 1) elsewhere."""
    return dn.where(x > 0, x, alpha * dn.expm1(x / alpha))


@defn
def selu(x: Any) -> Any:
    """Return the scaled `elu` that keeps mean 0 and variance 1."""
    return _SELU_SCALE * elu(x, alpha=_SELU_ALPHA)


@defn
def gelu(x: Any, *, approximate: bool = False) -> Any:
    """Return x Φ(x), Φ being the normal distribution's.

    With `approximate`, Φ is written with tanh, as in the first transformers.
    """
    if approximate:
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)
        return 0.5 * x * (1 + dn.tanh(inner))
    return 0.5 * x * (1 + dn.erf(x * math.sqrt(0.5)))


@defn
def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + e⁻ˣ)."""
    return dn.sigmoid(x)


@defn
def log_sigmoid(x: Any) -> Any:
    """Return log(sigmoid(x)), stable for any x."""
    return dn.log_sigmoid(x)


@defn
def hard_sigmoid(x: Any) -> Any:
    """Return x / 6 + ½ between 0 and 1."""
    return relu6(x + 3) / 6


@defn
def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent."""
    return dn.tanh(x)


@defn
def hard_tanh(x: Any) -> Any:
    """Return x between −1 and 1."""
    return dn.where(x <= -1, -1, dn.where(x >= 1, 1, x))


@defn
def silu(x: Any) -> Any:
    """Return x sigmoid(x), also called swish."""
    return x * dn.sigmoid(x)


@defn
def hard_silu(x: Any) -> Any:
    """Return x hard_sigmoid(x)."""
    return x * hard_sigmoid(x)


@defn
def softplus(x: Any) -> Any:
    """Return log(1 + eˣ), stable for any x."""
    return dn.softplus(x)


@defn
def softsign(x: Any) -> Any:
    """Return x / (1 + |x|)."""
    return x / (1 + dn.abs(x))


@defn
def mish(x: Any) -> Any:
    """Return x tanh(softplus(x))."""
    return x * dn.tanh(dn.softplus(x))


@defn
def exp(x: Any) -> Any:
    """Return eˣ."""
    return dn.exp(x)


@defn
def softmax(x: Any, *, axis: int = -1) -> Any:
    """Return e^x over its sum along an axis, stable for any x."""
    return dn.softmax(x, axis=axis)


@defn
def log_softmax(x: Any, *, axis: int = -1) -> Any:
    """Return the logarithm of `softmax`."""
    return dn.log_softmax(x, axis=axis)


BY_NAME: dict[str, Callable[..., Any]] = {
    **{
        each.__name__: each
        for each in (
            *(linear, relu, relu6, leaky_relu, elu, celu, selu, gelu, silu, mish),
            *(sigmoid, log_sigmoid, hard_sigmoid, hard_silu, tanh, hard_tanh),
            *(softplus, softsign, softmax, log_softmax, exp),
        )
    },
    "swish": silu,
}
