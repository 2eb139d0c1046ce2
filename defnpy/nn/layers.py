"""Layers: each a function of a model, and a method of it by the same name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import defnpy as dn
from defnpy.nn import activations, functional, graph
from defnpy.nn.graph import Initializer, Key, Model, Param, Shape, method

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NORM_EPSILON = 1e-3
NORM_MOMENTUM = 0.99


@method
def dense(
    x: Model,
    units: int,
    *,
    activation: str | Callable[..., Any] | None = None,
    use_bias: bool = True,
    kernel_initializer: str | Initializer = "glorot_uniform",
    bias_initializer: str | Initializer = "zeros",
    name: str | None = None,
) -> Model:
    """Add ``x @ kernel + bias`` with `units` outputs along the last axis.

    The activation, a name of `nn.activations` or a function, is a layer of its
    own.

    >>> x = dn.nn.input("input", shape=(None, 2))
    >>> x.dense(3, activation="sigmoid", name="layer1")
    <Model sigmoid_0, inputs input: (None, 2), 3 nodes>
    """
    _check_count("units", units)
    params = [Param("kernel", lambda s: (s[-1], units), kernel_initializer)]
    if use_bias:
        params.append(Param("bias", (units,), bias_initializer))
    made = graph.layer(functional.dense, x, *params, name=name, op="dense")
    return made if activation is None else _activated(made, activation)


@method
def activation(
    x: Model,
    function: str | Callable[..., Any],
    *,
    name: str | None = None,
    **options: Any,
) -> Model:
    """Add an activation: a name of `nn.activations` or a function of an array."""
    return _activated(x, function, name=name, **options)


def _activated(x: Model, function: str | Callable[..., Any], **options: Any) -> Model:
    if callable(function):
        return graph.layer(function, x, **options)
    found = activations.BY_NAME.get(function)
    if found is None:
        raise dn.DefnValueError(
            f"there is no activation '{function}'",
            hint=graph.nearest(function, activations.BY_NAME),
        )
    return graph.layer(found, x, op=function, **options)


@method
def bias(
    x: Model, *, initializer: str | Initializer = "zeros", name: str | None = None
) -> Model:
    """Add one number per channel."""
    offset = Param("bias", _channels, initializer)
    return graph.layer(functional.bias, x, offset, name=name, op="bias")


@method
def embedding(
    x: Model,
    vocabulary: int,
    units: int,
    *,
    initializer: str | Initializer = "uniform",
    name: str | None = None,
) -> Model:
    """Turn integers below `vocabulary` into vectors of `units` numbers."""
    _check_count("vocabulary", vocabulary)
    _check_count("units", units)
    kernel = Param("kernel", (vocabulary, units), initializer)
    return graph.layer(functional.embedding, x, kernel, name=name, op="embedding")


@method
def dropout(x: Model, rate: float = 0.5, *, name: str | None = None) -> Model:
    """Make a share of the elements 0 while training, and scale the others up."""
    if not 0 <= rate < 1:
        raise dn.DefnValueError(f"a dropout rate is at least 0 and below 1, not {rate}")
    return graph.layer(
        functional.dropout, x, Key(), name=name, op="dropout", rate=float(rate)
    )


@method
def flatten(x: Model, *, name: str | None = None) -> Model:
    """Make each row of a batch one vector."""
    return graph.layer(functional.flatten, x, name=name, op="flatten")


@method
def reshape(x: Model, shape: Shape, *, name: str | None = None) -> Model:
    """Give each row of a batch another shape; the batch axis is not part of it."""
    sizes = tuple(shape)
    return graph.layer(functional.reshape, x, name=name, op="reshape", shape=sizes)


@method
def transpose(x: Model, axes: Shape, *, name: str | None = None) -> Model:
    """Permute the axes, that of the batch included."""
    order = tuple(axes)
    return graph.layer(functional.transpose, x, name=name, op="transpose", axes=order)


@method
def add(x: Model, *others: Model, name: str | None = None) -> Model:
    """Add layers elementwise."""
    return graph.layer(functional.add, x, *others, name=name, op="add")


@method
def subtract(x: Model, other: Model, *, name: str | None = None) -> Model:
    """Subtract a layer elementwise."""
    return graph.layer(functional.subtract, x, other, name=name, op="subtract")


@method
def multiply(x: Model, *others: Model, name: str | None = None) -> Model:
    """Multiply layers elementwise."""
    return graph.layer(functional.multiply, x, *others, name=name, op="multiply")


@method
def concatenate(
    x: Model, *others: Model, axis: int = -1, name: str | None = None
) -> Model:
    """Join layers along an axis."""
    return graph.layer(
        functional.concatenate, x, *others, name=name, op="concatenate", axis=axis
    )


@method
def layer_norm(
    x: Model, *, epsilon: float = NORM_EPSILON, name: str | None = None
) -> Model:
    """Make mean 0 and variance 1 along the last axis, then scale and shift.

    Starts at gamma 1 and beta 0; `epsilon` is Keras' 1e-3.
    """
    return graph.layer(
        *(functional.layer_norm, x, *_gamma_beta()),
        name=name,
        op="layer_norm",
        epsilon=epsilon,
    )


@method
def batch_norm(
    x: Model,
    *,
    epsilon: float = NORM_EPSILON,
    momentum: float = NORM_MOMENTUM,
    name: str | None = None,
) -> Model:
    """Make mean 0 and variance 1 over a batch, then scale and shift.

    At inference the statistics gathered while training are used.  As in Keras,
    `epsilon` is 1e-3 and `momentum`, the share of a running statistic that a
    step keeps, is 0.99; gamma starts at 1 and beta at 0.
    """
    statistics = (
        Param("mean", _channels, "zeros", "statistic"),
        Param("variance", _channels, "ones", "statistic"),
    )
    return graph.layer(
        *(functional.batch_norm, x, *_gamma_beta(), *statistics),
        name=name,
        op="batch_norm",
        epsilon=epsilon,
        momentum=momentum,
    )


def sequential(layers: Sequence[Any]) -> Model:
    """Return layers one after another.

    The first is a model, each next one a function from a model to a model, such
    as a layer called without its model.

    >>> nn = dn.nn
    >>> nn.sequential([nn.input(shape=(None, 2)), nn.dense(3), nn.relu()])
    <Model relu_0, inputs input: (None, 2), 3 nodes>
    """
    if not layers or not isinstance(layers[0], Model):
        raise dn.DefnTypeError("the first layer of a sequential is an nn.input")
    model = layers[0]
    for number, layer in enumerate(layers[1:], 1):
        model = layer(model) if callable(layer) else None
        if not isinstance(model, Model):
            raise dn.DefnTypeError(f"layer {number} of the sequential is {layer!r}")
    return model


def _named(name: str) -> Callable[..., Any]:
    def layer(x: Model, *, name: str | None = None, **options: Any) -> Model:
        return graph.layer(function, x, name=name, op=op, **options)

    op, function = name, activations.BY_NAME[name]
    layer.__name__ = layer.__qualname__ = op
    layer.__doc__ = f"Add the activation `{op}`; see `nn.activations.{op}`."
    return method(layer)


linear = _named("linear")
relu = _named("relu")
relu6 = _named("relu6")
leaky_relu = _named("leaky_relu")
elu = _named("elu")
celu = _named("celu")
selu = _named("selu")
gelu = _named("gelu")
silu = _named("silu")
mish = _named("mish")
sigmoid = _named("sigmoid")
log_sigmoid = _named("log_sigmoid")
hard_sigmoid = _named("hard_sigmoid")
hard_silu = _named("hard_silu")
tanh = _named("tanh")
hard_tanh = _named("hard_tanh")
softplus = _named("softplus")
softsign = _named("softsign")
softmax = _named("softmax")
log_softmax = _named("log_softmax")
exp = _named("exp")


def _channels(shape: Shape) -> Shape:
    return shape[-1:]


def _gamma_beta() -> tuple[Param, Param]:
    return Param("gamma", _channels, "ones"), Param("beta", _channels, "zeros")


def _check_count(what: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise dn.DefnValueError(f"{what} is a positive whole number, not {value!r}")
