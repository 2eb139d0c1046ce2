"""Where the value of an expression matters: not in the side a `where` leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from defnpy.ops import reduce
from defnpy.ops.axes import BROADCAST, RESHAPE
from defnpy.ops.control import CHECK
from defnpy.ops.elementwise import (
    SELECT,
    logical_and,
    logical_not,
    logical_or,
    not_equal,
)
from defnpy.ops.family import SCALE
from defnpy.passes.simplify import splat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from defnpy.ir.expr import Expr
    from defnpy.ir.function import Function

_COMPARISONS = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
_MOST = 4  # paths that are told apart, and conditions on one


class Condition(NamedTuple):
    """Something that holds of an element: `node` is `wanted`, or not zero."""

    node: Expr
    wanted: bool = True


Path = tuple[Condition, ...]  # all of them must hold
Demand = tuple[Path, ...]  # any of them
ALWAYS: Demand = ((),)


def demands(function: Function, nodes: Sequence[Expr]) -> dict[Expr, Demand]:
    """Return where each of `nodes`, a function's, matters; operands come first."""
    found: dict[Expr, Demand] = dict.fromkeys(function.roots, ALWAYS)
    for node in reversed(nodes):
        demand = found.get(node, ())
        for place, operand in enumerate(node.operands):
            paths = _through(node, place, demand)
            found[operand] = _either(found.get(operand, ()), paths)
    return found


def holds(
    demand: Demand, shape: tuple[int, ...], mapping: Mapping[Expr, Expr]
) -> Expr | None:
    """Return which elements of a tensor of `shape` matter, None if all do."""
    if demand == ALWAYS:
        return None
    total: Expr | None = None
    for path in demand:
        each: Expr | None = None
        for condition in path:
            made = _condition(mapping[condition.node], condition.wanted, shape)
            each = made if each is None else logical_and(each, made)
        if each is not None:
            total = each if total is None else logical_or(total, each)
    return total


def _condition(node: Expr, wanted: bool, shape: tuple[int, ...]) -> Expr:
    made = not_equal(node, 0) if node.dtype.is_inexact else node
    made = made if wanted else logical_not(made)
    return made if made.shape == shape else reduce.any(made)


def _through(node: Expr, place: int, demand: Demand) -> Demand:
    """Return where operand `place` of `node` matters, by where `node` does."""
    operand = node.operands[place]
    if not demand:
        return ()
    if node.op is SELECT and place:
        return _narrowed(demand, Condition(node.operands[0], place == 1))
    if node.op is SCALE and place:
        return _narrowed(demand, Condition(node.operands[0]))
    if node.op is CHECK and not place:
        return demand
    if node.op is BROADCAST or node.op is RESHAPE:
        return demand if operand.tensor.rank == 0 else ALWAYS
    if node.op.family != "elementwise":
        return ALWAYS
    if node.dtype.is_inexact:
        return demand
    return () if _asks(node) else ALWAYS


def _narrowed(demand: Demand, condition: Condition) -> Demand:
    return tuple((*path, condition)[-_MOST:] for path in demand)


def _either(a: Demand, b: Demand) -> Demand:
    if a == ALWAYS or b == ALWAYS:
        return ALWAYS
    both = tuple(dict.fromkeys((*a, *b)))
    return both if len(both) <= _MOST else ALWAYS


def _asks(node: Expr) -> bool:
    """Whether a comparison asks if something is NaN, or finite."""
    if node.op.name not in _COMPARISONS:
        return False
    a, b = node.operands
    if a is b:
        return True
    known = [splat(operand) for operand in (a, b)]
    return any(isinstance(each, float) and np.isinf(each) for each in known)
