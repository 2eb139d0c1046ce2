"""A call of a function as a program of its own, for what transforms whole programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from defnpy.base import tree
from defnpy.base.errors import DefnTypeError
from defnpy.frontend.target import TransformTarget
from defnpy.frontend.values import (
    Closure,
    Counting,
    Ragged,
    Rows,
    TensorMethod,
    Text,
    describe,
)
from defnpy.ir.expr import Expr, make_param
from defnpy.ir.function import Function, close
from defnpy.ops.family import convert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from defnpy.frontend.frame import Frame
    from defnpy.ir.types import TensorType


# What has a meaning only where it was made.
INSIDE = (Closure, Counting, Ragged, Rows, TensorMethod, Text, TransformTarget)


@dataclass(frozen=True, eq=False)
class Closed:
    """A call that is not made yet.

    Attributes:
        function: of the tensors among the arguments, then of what it captures.
        operands: the values of these.
        tensors: the places of the tensors among the leaves of the arguments.
        leaves: what the function returns; tensors are results of `function`.
        treedef: the structure of that.
    """

    function: Function
    operands: tuple[Expr, ...]
    tensors: list[int]
    leaves: list[Any]
    treedef: tree.TreeDef

    def returned(self, results: Iterable[Any]) -> Any:
        """Return what the function returns, with `results` for its tensors."""
        return self.filled(results, lambda leaf: leaf)

    def filled(self, results: Iterable[Any], static: Callable[[Any], Any]) -> Any:
        """Return the tree of what is returned, with other values for its leaves."""
        values = iter(results)
        return tree.unflatten(
            self.treedef,
            [next(values) if isinstance(x, Expr) else static(x) for x in self.leaves],
        )


def close_call(
    frame: Frame,
    target: Any,
    arguments: tuple[list[Any], tree.TreeDef],
    *,
    types: dict[int, TensorType] | None = None,
    first: Callable[[Any], Sequence[Expr]] = lambda value: (),
) -> Closed:
    """Return the call of `target` with the leaves of ``(args, kwargs)``, closed.

    Args:
        frame: the caller.
        target: the function.
        arguments: leaves and structure.
        types: of the parameters for some of the leaves, where not the leaves' own.
        first: makes of the value what the results of the function begin with.
    """
    given, treedef = arguments
    tensors = [k for k, leaf in enumerate(given) if isinstance(leaf, Expr)]
    known = types or {}
    with frame.session.open() as region:
        params = {
            k: make_param(f"x{k}", known[k] if k in known else given[k].type)
            for k in tensors
        }
        inner = [params.get(k, leaf) for k, leaf in enumerate(given)]
        args, kwargs = tree.unflatten(treedef, inner)
        value = frame.call(target, list(args), kwargs)
        leaves, valuedef = tree.flatten(value)
        results = (*first(value), *(leaf for leaf in leaves if isinstance(leaf, Expr)))
        for leaf in leaves:
            if isinstance(leaf, INSIDE):
                raise DefnTypeError(
                    f"{describe(leaf)} cannot be returned by a function that is"
                    " transformed"
                )
    frame.session.result = None
    function, captures = close("primal", region, tuple(params.values()), results)
    operands = (*(given[k] for k in tensors), *captures)
    return Closed(function, operands, tensors, leaves, valuedef)


def as_weak_as(x: Expr, like: Expr) -> Expr:
    """Return the derivative `x` as the number that it is by the number `like`."""
    return convert(x, like.dtype, weak=True) if like.tensor.weak else x
