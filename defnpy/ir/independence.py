"""Which turns of loops touch memory of their own.

Two turns are independent if neither touches an element that the other one writes.
That is certain where every place in a buffer that is written has, on one axis, the
same index, and that index is another one in each turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.ir.kernel import LOAD, Let
from defnpy.ir.rewrite import postorder
from defnpy.ir.statements import (
    allocated,
    bound,
    places,
    root,
    targets,
    walk,
    wholes,
)

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr
    from defnpy.ir.kernel import Block, Buffer
    from defnpy.ir.statements import Place


def telling(
    body: Block, among: set[Expr], changing: set[Expr], apart: set[Buffer]
) -> set[Expr]:
    """Return the indices of loops that tell apart what turns of `body` write.

    Turns that differ in one of them touch no element that another one writes.

    Args:
        body: the statements of a turn.
        among: the indices in question.
        changing: what else has other values in other turns.
        apart: buffers that are left out.
    """
    private = allocated(body) | apart
    reached = [place for statement in walk(body) for place in places(statement)]
    lets = {each.var: each.value for each in walk(body) if isinstance(each, Let)}
    turns = _Turns(lets, bound(body) | changing | among)
    written = {root(each) for s in walk(body) for each in targets(s)} - private
    found = set(among)
    for buffer in written:
        here = [place for place in reached if root(place[0]) is buffer]
        found &= _telling(here, found, turns)
    whole = {root(each) for s in walk(body) for each in wholes(s)}
    return set() if whole & written else found


class _Turns:
    """What is bound in the turns of loops: variables by their values, and others."""

    def __init__(self, lets: dict[Expr, Expr], changing: set[Expr]) -> None:
        self._lets, self._changing = lets, changing

    def tells(self, node: Expr, var: Expr) -> bool:
        """Whether `node` has another value for each `var`, whatever else changes."""
        if node is var:
            return True
        if node in self._lets:
            return self.tells(self._lets[node], var)
        if node.op.name not in ("add", "subtract", "multiply"):
            return False
        for first, second in (node.operands, node.operands[::-1]):
            if node.op.name == "multiply":
                steady = second.op.name == "const" and bool(second.attrs["value"])
            else:
                steady = self._is_steady(second)
            if steady and self.tells(first, var):
                return True
        return False

    def _is_steady(self, node: Expr) -> bool:
        nodes = postorder((node,))
        return not any(e.op is LOAD or e in self._changing for e in nodes)


def _telling(places: list[Place], vars: set[Expr], turns: _Turns) -> set[Expr]:
    """Return the indices that are, on some axis, all there is in every place."""
    if len({buffer.shape for buffer, _ in places}) != 1:
        return set()
    found: set[Expr] = set()
    for on_axis in zip(*(index for _, index in places), strict=True):
        if len(set(on_axis)) == 1:
            found |= {var for var in vars if turns.tells(on_axis[0], var)}
    return found
