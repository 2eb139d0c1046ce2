"""Which sums of a store may be reordered: those a loop only adds up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.ir.kernel import LOAD
from defnpy.ir.rewrite import postorder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defnpy.ir.expr import Expr
    from defnpy.ir.kernel import Loop, Store

_SUMS = ("add", "subtract", "multiply")


def accumulated(
    store: Store, loops: Sequence[Loop], lets: dict[Expr, Expr]
) -> set[Expr]:
    """Return the sums (or products) through which `store` adds to its element.

    There are some only if the innermost loop that leaves the element where it is
    may be reordered.
    """
    name = store.value.op.name
    if name not in _SUMS or not _may_reorder(store, loops, lets):
        return set()
    names = ("multiply",) if name == "multiply" else ("add", "subtract")
    chain: list[Expr] = []
    node = store.value
    while node.op.name in names:
        chain.append(node)
        first, second = node.operands
        # What is subtracted is no part of the running sum.
        ahead = (
            second if node.op.name != "subtract" and _holds(second, store) else first
        )
        node = ahead
    return set(chain) if _is_element(node, store) else set()


def _holds(node: Expr, store: Store) -> bool:
    return any(_is_element(each, store) for each in postorder((node,)))


def _is_element(node: Expr, store: Store) -> bool:
    if node.op is not LOAD or node.operands != store.index:
        return False
    a, b = node.attrs["buffer"], store.buffer
    return (a.base or a) is (b.base or b) and a.shape == b.shape


def _may_reorder(store: Store, loops: Sequence[Loop], lets: dict[Expr, Expr]) -> bool:
    if not any(loop.reassociate for loop in loops):
        return False
    used = _variables(store.index, lets)
    if used is None:
        return False
    staying = [loop for loop in loops if loop.var not in used]
    return bool(staying) and staying[-1].reassociate


def _variables(index: Sequence[Expr], lets: dict[Expr, Expr]) -> set[Expr] | None:
    """Return what an index depends on, None if on memory."""
    found: set[Expr] = set()
    waiting = list(index)
    while waiting:
        for node in postorder((waiting.pop(),)):
            if node.op is LOAD:
                return None
            if node in lets and node not in found:
                waiting.append(lets[node])
            found.add(node)
    return found
