"""Layers over space: convolutions and pooling of batches [b, space..., channels]."""

from __future__ import annotations

from typing import Any

import defnpy as dn
from defnpy.nn import functional, graph
from defnpy.nn.graph import Initializer, Model, Param, Shape, method
from defnpy.nn.layers import activation as activated

Sizes = int | tuple[int, ...]


@method
def conv(
    x: Model,
    units: int,
    kernel_size: Sizes = 1,
    *,
    strides: Sizes = 1,
    padding: Any = "valid",
    dilation: Sizes = 1,
    groups: int = 1,
    activation: Any = None,
    use_bias: bool = True,
    kernel_initializer: str | Initializer = "glorot_uniform",
    bias_initializer: str | Initializer = "zeros",
    name: str | None = None,
) -> Model:
    """Add a convolution with `units` channels out, over any number of axes.

    The kernel is [window..., channels in / groups, units].  Padding is
    ``"valid"``, ``"same"`` or a list of pairs.

    >>> x = dn.nn.input("image", shape=(None, 28, 28, 1))
    >>> x.conv(8, 3, activation="relu", name="edges").init()["edges"]["kernel"].shape
    (3, 3, 1, 8)
    """
    if units % groups:
        raise dn.DefnValueError(f"{units} units cannot be split into {groups} groups")

    def kernel_shape(shape: Shape) -> Shape:
        if shape[-1] % groups:
            raise dn.DefnValueError(
                f"{shape[-1]} channels cannot be split into {groups} groups"
            )
        return *_each(kernel_size, len(shape) - 2), shape[-1] // groups, units

    params = [Param("kernel", kernel_shape, kernel_initializer)]
    if use_bias:
        params.append(Param("bias", (units,), bias_initializer))
    made = graph.layer(
        *(functional.conv, x, *params),
        name=name,
        op="conv",
        strides=strides,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
    return made if activation is None else activated(made, activation)


@method
def max_pool(
    x: Model,
    window: Sizes = 2,
    *,
    strides: Sizes | None = None,
    padding: Any = "valid",
    name: str | None = None,
) -> Model:
    """Take the largest element of each window; windows lie side by side."""
    return graph.layer(
        *(functional.max_pool, x),
        name=name,
        op="max_pool",
        window=window,
        strides=strides,
        padding=padding,
    )


@method
def avg_pool(
    x: Model,
    window: Sizes = 2,
    *,
    strides: Sizes | None = None,
    padding: Any = "valid",
    name: str | None = None,
) -> Model:
    """Take the mean of each window; windows lie side by side."""
    return graph.layer(
        *(functional.avg_pool, x),
        name=name,
        op="avg_pool",
        window=window,
        strides=strides,
        padding=padding,
    )


@method
def global_max_pool(x: Model, *, name: str | None = None) -> Model:
    """Take the largest element of each channel."""
    return graph.layer(functional.global_max_pool, x, name=name, op="global_max_pool")


@method
def global_avg_pool(x: Model, *, name: str | None = None) -> Model:
    """Take the mean of each channel."""
    return graph.layer(functional.global_avg_pool, x, name=name, op="global_avg_pool")


def _each(size: Sizes, axes: int) -> tuple[int, ...]:
    return size if isinstance(size, tuple) else (size,) * axes
