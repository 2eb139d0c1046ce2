"""Which values depend on which others in a way that has a derivative.

A set of operands, parameters or results is an int whose bit k stands for the
k-th.  A function is looked at once: what its results depend on does not change
with the place it is used at, so nested loops cost no more than flat ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.ir.rewrite import postorder
from defnpy.ir.types import TapeType, TensorType, TupleType
from defnpy.ops.control import (
    CHECK,
    CHECKPOINT,
    COND,
    FOR,
    ITEM,
    TAPE_POP,
    WHILE,
)
from defnpy.ops.gradient import CUSTOM_GRAD, STOP_GRADIENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from defnpy.ir.expr import Expr
    from defnpy.ir.function import Function
    from defnpy.ir.types import Type

_ALL = -1  # every bit is set


def is_differentiable(type: Type) -> bool:
    """Whether values of the type have cotangents: floats, and tapes of them."""
    if isinstance(type, TensorType):
        return type.dtype.is_inexact
    return isinstance(type, TapeType)


def bits(mask: int, count: int) -> list[int]:
    """Return the places below `count` in the set, in order."""
    return [k for k in range(count) if mask >> k & 1]


def closure(start: int, reached: Sequence[int]) -> int:
    """Return `start` and what is reached from it, over and over."""
    found, new = start, start
    while new:
        step = _union(reached, new)
        new = step & ~found
        found |= new
    return found


def _union(sets: Sequence[int], chosen: int) -> int:
    """Return what the chosen ones of `sets` hold together."""
    total = 0
    for place in bits(chosen, len(sets)):
        total |= sets[place]
    return total


class Dependence:
    """The dependences of the functions met in one transform."""

    def __init__(self) -> None:
        """Start with nothing known."""
        self._functions: dict[Function, tuple[int, ...]] = {}
        self._positions: dict[Expr, tuple[int, ...]] = {}

    def function(self, function: Function) -> tuple[int, ...]:
        """Return, for each result, the parameters it depends on."""
        found = self._functions.get(function)
        if found is None:
            seeds = {param: 1 << k for k, param in enumerate(function.params)}
            masks = self.masks(function.results, seeds)
            found = tuple(masks[result] for result in function.results)
            self._functions[function] = found
        return found

    def masks(self, roots: Iterable[Expr], seeds: dict[Expr, int]) -> dict[Expr, int]:
        """Return, for each expression under `roots`, the seeds it depends on.

        Expressions with several results have none; their items do.
        """
        found: dict[Expr, int] = {}
        for node in postorder(roots):
            mask = 0
            if is_differentiable(node.type):
                source = node.operands[0] if node.op is ITEM else node
                chosen = self.positions(source)[node.attrs.get("index", 0)]
                operands = [found[operand] for operand in source.operands]
                mask = seeds.get(node, 0) | _union(operands, chosen)
            found[node] = mask
        return found

    def positions(self, node: Expr) -> tuple[int, ...]:
        """Return, for each result of `node`, the operands it depends on."""
        found = self._positions.get(node)
        if found is None:
            found = self._positions[node] = self._find_positions(node)
        return found

    def _find_positions(self, node: Expr) -> tuple[int, ...]:
        attrs = node.attrs
        if node.op is COND:
            sides = (self.function(attrs["then"]), self.function(attrs["orelse"]))
            return tuple((a | b) << 1 for a, b in zip(*sides, strict=True))
        if node.op is FOR:
            body = (mask >> 1 for mask in self.function(attrs["body"]))
            return tuple(mask << 3 for mask in _after_loop(tuple(body)))
        if node.op is WHILE:
            return _after_loop(self.function(attrs["body"]))
        if node.op is CHECKPOINT:
            return self.function(attrs["body"])
        if node.op is TAPE_POP:
            return (1,) * (len(attrs["types"]) + 1)
        if node.op is CUSTOM_GRAD:
            count = attrs["count"]
            inputs = len(node.operands) - count - attrs["captures"]
            return (((1 << inputs) - 1) << count,) * count
        if node.op is STOP_GRADIENT:
            return (0,)
        count = len(node.type.items) if isinstance(node.type, TupleType) else 1
        return (1,) if node.op is CHECK else (_ALL,) * count


def _after_loop(body: tuple[int, ...]) -> tuple[int, ...]:
    """Return what the carries depend on after any number of runs of `body`."""
    return tuple(closure(1 << k, body) for k in range(len(body)))
