"""Layers that are used in several places with the same parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import defnpy as dn
from defnpy.nn import graph
from defnpy.nn.graph import Block, Model

if TYPE_CHECKING:
    from collections.abc import Callable


def block(
    function: Callable[..., Model], *, name: str | None = None
) -> Callable[..., Model]:
    """Return a function of models whose layers share their parameters.

    Every call of what is returned adds the layers that `function` makes; their
    names start with that of the block.

    >>> nn = dn.nn
    >>> encode = nn.block(lambda x: x.dense(3).tanh(), name="encode")
    >>> a, b = nn.input("a", shape=(None, 2)), nn.input("b", shape=(None, 2))
    >>> list(nn.add(encode(a), encode(b)).init().parameters)
    ['encode.dense_0']
    """
    shared = Block(name)
    made: dict[int, tuple[tuple[Model, ...], Model]] = {}

    def apply(*models: Model) -> Model:
        for each in models:
            if not isinstance(each, Model):
                raise dn.DefnTypeError(f"a block takes models, not {each!r}")
        count = len(models)
        if count not in made:
            stubs = tuple(graph.input(f"block input {k}") for k in range(count))
            made[count] = stubs, function(*stubs)
        stubs, inner = made[count]
        placed: dict[Model, Model] = dict(zip(stubs, models, strict=True))
        for node, inner_name in graph.names(inner).items():
            if node in placed or node.op == "input":
                continue
            operands = tuple(placed.get(each, each) for each in node.operands)
            if node.block is None:
                placed[node] = replace(
                    node, operands=operands, given_name=inner_name, block=shared
                )
            else:
                placed[node] = replace(node, operands=operands)
        return placed[inner]

    return apply
