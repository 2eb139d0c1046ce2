"""What the forward run of a region keeps for its reverse, and what is made again.

The reverse can always make again what depends on the loop's index, on what the
region captures and on constants alone.  Other values are pushed on the tape, the
smallest from which the needed ones follow by cheap operations.

A capture has a price: the bytes that the region around must push for it, once,
if this region reads it in reverse.  It is worth its price only if the values
that follow from it are no smaller, taken over all runs of the body; so a loop
that looks at a few elements of a large array pushes those elements.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from defnpy.base.errors import InternalError
from defnpy.ir.rewrite import postorder
from defnpy.ir.types import TensorType
from defnpy.ops.control import CHECK

if TYPE_CHECKING:
    from collections.abc import Iterable

    from defnpy.ir.expr import Expr

NEVER = math.inf  # the price of what only a tape can bring back
_CHEAP = 16  # most scalar operations per element that are worth repeating
_LONG = 64  # most elements in a sum or product that is worth repeating
_VIEWS = {"reshape", "transpose", "broadcast", "convert", "slice", "check"}
_LIGHT = {"elementwise", "movement", "copy", "gather", "leaf"}
_DENSE = {"elementwise", "copy", "gather", "dot", "reduction"}


def prices(roots: Iterable[Expr], leaves: dict[Expr, float]) -> dict[Expr, float]:
    """Return what each expression under `roots` costs the region around.

    `leaves` are the prices of parameters; those not named cannot be had.
    """
    found: dict[Expr, float] = {}
    for node in postorder(roots):
        if node in leaves:
            found[node] = leaves[node]
        elif not _is_light(node):
            found[node] = NEVER
        else:
            found[node] = max((found[operand] for operand in sources(node)), default=0)
    return found


def sources(node: Expr) -> tuple[Expr, ...]:
    """Return the operands that the value of `node` follows from."""
    return node.operands[:1] if node.op is CHECK else node.operands


def _is_light(node: Expr) -> bool:
    op = node.op
    if op is CHECK:
        return True
    if op.effect or op.name == "param":
        return False
    if op.family in _LIGHT:
        return op.cost <= _CHEAP
    if op.family == "reduction":
        return node.operands[0].tensor.size <= _LONG * node.tensor.size
    if op.name == "dot":
        axes = node.attrs["contract"][0]
        return math.prod(node.operands[0].shape[axis] for axis in axes) <= _LONG
    return False


def is_dense(node: Expr) -> bool:
    """Whether making the value took at least as long as pushing it would."""
    return node.op.family in _DENSE


def size(node: Expr) -> int:
    """Return the bytes that a tape needs for the value."""
    if not isinstance(node.type, TensorType):
        raise InternalError(f"{node!r} cannot be kept")
    return node.type.bytes


def choose(
    forward: list[Expr], needed: set[Expr], price: dict[Expr, float], runs: int
) -> list[Expr]:
    """Return what to push so that the reverse can make all of `needed`.

    Args:
        forward: the region, operands before their users.
        needed: the expressions of `forward` that the reverse uses.
        price: of each expression of `forward`.
        runs: how often the body runs, at least.
    """
    held: set[Expr] = set()
    pushed: dict[Expr, None] = {}
    for node in forward:
        free = _is_light(node) and all(operand in held for operand in sources(node))
        if free or price[node] == 0:
            held.add(node)
        elif node in needed:
            held.add(node)
            if price[node] == NEVER or price[node] > size(node) * runs:
                kept = _smallest(node)
                pushed[kept] = None
                held.add(kept)
    return list(pushed)


def _smallest(node: Expr) -> Expr:
    """Return the smallest value that `node` is a view, copy or cast of."""
    best = node
    while node.op.name in _VIEWS:
        node = node.operands[0]
        if (size(node), node.tensor.rank) <= (size(best), best.tensor.rank):
            best = node
    return best
