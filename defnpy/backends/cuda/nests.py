"""Which loops may run as threads: those whose turns touch memory of their own.

Only nests are looked at in which each loop is all there is in the one around it,
variables aside, and only their loops of known bounds may become threads.  The
others stay inside: then each thread does all their turns for elements of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from defnpy.base.dtypes import I64
from defnpy.ir.independence import telling
from defnpy.ir.kernel import Fault, Let, Loop, loop_index
from defnpy.ir.rewrite import postorder
from defnpy.ir.statements import (
    expressions,
    loads,
    walk,
)
from defnpy.ops.elementwise import divide_trunc, remainder_trunc
from defnpy.ops.leaf import const, scalar_of
from defnpy.ops.movement import index_add, index_mul

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defnpy.ir.expr import Expr
    from defnpy.ir.kernel import Block, Buffer


@dataclass(frozen=True, slots=True)
class Nest:
    """Loops, outermost first, and what is inside all of them."""

    loops: tuple[Loop, ...]
    body: Block

    def inside(self, variables: set[Expr]) -> Block:
        """Return what is left inside the loops over `variables`."""
        block = self.body
        for loop in reversed(self.loops):
            if loop.var not in variables:
                block = (replace(loop, body=block),)
        return block


@dataclass(frozen=True, slots=True)
class Grid:
    """Turns that do not depend on each other: `body` for each index below `size`."""

    var: Expr
    size: int
    body: Block


def range_of(loop: Loop) -> range | None:
    """Return the indices of a loop, if they are known."""
    start, stop, step = map(scalar_of, (loop.start, loop.stop, loop.step))
    if start is None or stop is None or step is None:
        return None
    return range(start, stop, step)


def nest_of(loop: Loop) -> Nest:
    """Return the longest nest that `loop` begins."""
    loops: list[Loop] = []
    lets: list[Let] = []
    block: Block = (loop,)
    while block:
        *others, inner = block
        before = [s for s in others if isinstance(s, Let) and not loads(s)]
        if not isinstance(inner, Loop) or len(before) < len(others):
            break
        # What the bounds need cannot be computed further inside.
        made = {each.var for each in (*lets, *before)}
        if loads(inner) or not made.isdisjoint(postorder(expressions(inner))):
            break
        lets += before
        loops.append(inner)
        block = inner.body
    return Nest(tuple(loops), (*lets, *block))


def flat(loops: Sequence[Loop], body: Block) -> Grid:
    """Return one index for all of `loops`, in the order in which they run."""
    ranges = [range_of(loop) or range(0) for loop in loops]
    size = math.prod(map(len, ranges))
    if len(loops) == 1 and ranges[0] == range(size):
        return Grid(loops[0].var, size, body)
    var, lets, stride = loop_index("f"), [], size
    for loop, turns in zip(loops, ranges, strict=True):
        stride //= max(len(turns), 1)
        turn = var if stride == 1 else divide_trunc(var, const(stride, I64))
        if stride * len(turns) != size:
            turn = remainder_trunc(turn, const(len(turns), I64))
        value = index_add(index_mul(turn, turns.step), turns.start)
        lets.append(Let(loop.var, value))
    return Grid(var, size, (*lets, *body))


def separated(nest: Nest, apart: set[Buffer]) -> set[Expr]:
    """Return the indices of a nest that tell apart what its turns write.

    Turns that differ in one of them touch no element that another one writes.
    Buffers in `apart` are left out.
    """
    if any(isinstance(statement, Fault) for statement in walk(nest.body)):
        return set()  # the first in order is the one to raise
    known = {loop.var for loop in nest.loops if range_of(loop) is not None}
    return telling(nest.body, known, {loop.var for loop in nest.loops}, apart)
