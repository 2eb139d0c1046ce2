"""Short branches become choices between values: both sides are computed.

    if p:                             t = p
        s[()] = a              →      s[()] = select(t, a, b)
    else:
        s[()] = b

Loops without branches become loops over vectors, and a choice costs less than a
branch that is guessed wrongly.  A side may be computed although it is not taken if
it is cheap, stores into scalars only, and reads nothing outside of an array.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from defnpy.base.dtypes import BOOL
from defnpy.ir.kernel import (
    LOAD,
    VAR,
    Alloc,
    Buffer,
    If,
    Kernel,
    Let,
    Store,
    load,
    variable,
)
from defnpy.ir.rewrite import rebuild, substitute
from defnpy.ir.statements import allocated, with_blocks
from defnpy.ops.elementwise import where
from defnpy.ops.leaf import scalar_of
from defnpy.passes.kernel.speculation import cost_of, learned, reads_inside

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr
    from defnpy.ir.kernel import Block, Statement
    from defnpy.passes.kernel.speculation import Known

DEAREST = 16  # cost of what may be computed for nothing


def flatten_branches(kernel: Kernel) -> Kernel:
    """Return `kernel` with choices in place of short branches."""
    return replace(kernel, body=_block(kernel.body, {}))


def _block(block: Block, known: Known) -> Block:
    """Return a block with choices, given the bounds of the integers around it."""
    made: list[Statement] = []
    for each in block:
        known = learned(known, each)
        made += _flattened(_inside(each, known), known)
    return tuple(made)


def _inside(statement: Statement, known: Known) -> Statement:
    return with_blocks(statement, lambda block: _block(block, known))


def _flattened(statement: Statement, known: Known) -> Block:
    if isinstance(statement, If):
        sides = statement.then, statement.orelse
        if all(_may_be_computed(side, known) for side in sides):
            return _choices(statement)
    return (statement,)


def _may_be_computed(side: Block, known: Known) -> bool:
    """Whether a side may as well be computed when it is not taken."""
    for each in side:
        if not isinstance(each, Let | Alloc | Store):
            return False
        if not isinstance(each, Let) and each.buffer.shape:
            return False
    return cost_of(side) <= DEAREST and reads_inside(side, known)


def _choices(branch: If) -> Block:
    """Return statements that compute both sides, and choose."""
    taken = variable("taken", BOOL)
    then, orelse = _Side(), _Side()
    for side, block in ((then, branch.then), (orelse, branch.orelse)):
        side.run(block)
    made = allocated(branch.then) | allocated(branch.orelse)
    chosen = dict.fromkeys((*then.values, *orelse.values))
    stores = [
        Store(b, (), where(taken, then.value(b), orelse.value(b)))
        for b in chosen
        if b not in made
    ]
    allocs = (
        each for each in (*branch.then, *branch.orelse) if isinstance(each, Alloc)
    )
    return (*allocs, Let(taken, branch.condition), *then.lets, *orelse.lets, *stores)


@dataclass(eq=False)
class _Side:
    """One side of a branch: what it computes, and would store."""

    lets: list[Let] = field(default_factory=list)
    values: dict[Buffer, Expr] = field(default_factory=dict)

    def run(self, block: Block) -> None:
        """Compute without storing."""
        for each in block:
            if isinstance(each, Let):
                self.lets.append(Let(each.var, self._expr(each.value)))
            elif isinstance(each, Store):
                value = self._expr(each.value)
                if value.op is not VAR and scalar_of(value) is None:
                    var = variable("side", value.dtype)
                    self.lets.append(Let(var, value))
                    value = var
                self.values[each.buffer] = value

    def value(self, buffer: Buffer) -> Expr:
        """Return what a scalar in memory would hold at the end."""
        return self.values.get(buffer) or load(buffer, ())

    def _expr(self, root: Expr) -> Expr:
        (made,) = substitute((root,), {}, self._rule)
        return made

    def _rule(self, node: Expr, operands: tuple[Expr, ...]) -> Expr:
        if node.op is VAR:
            return node
        if node.op is LOAD and not node.attrs["buffer"].shape:
            return self.value(node.attrs["buffer"])
        return rebuild(node, operands)
