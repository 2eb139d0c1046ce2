"""Long loops whose turns are independent are shared among threads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from defnpy.ir.kernel import Alloc, If, Kernel, Let, Loop, Store, While
from defnpy.ir.statements import blocks, places, walk, with_blocks
from defnpy.ops.leaf import scalar_of
from defnpy.passes.kernel.speculation import cost_of
from defnpy.passes.lower.loops import PARALLEL_WORK

if TYPE_CHECKING:
    from defnpy.ir.kernel import Block, Statement

GUESS = 8  # turns of a loop that are not known
_SHARED = (Let, Alloc, Store, Loop, While, If)


def share_loops(kernel: Kernel) -> Kernel:
    """Return `kernel` with the outermost loops marked that are worth sharing."""
    return replace(kernel, body=_block(kernel.body))


def _block(block: Block) -> Block:
    return tuple(map(_statement, block))


def _statement(statement: Statement) -> Statement:
    if isinstance(statement, Loop) and _is_worth_it(statement):
        return replace(with_blocks(statement, _alone), parallel=True)
    return with_blocks(statement, _block)


def _alone(block: Block) -> Block:
    """Return statements of one thread."""
    inner = (with_blocks(each, _alone) for each in block)
    return tuple(
        replace(each, parallel=False) if isinstance(each, Loop) else each
        for each in inner
    )


def _is_worth_it(loop: Loop) -> bool:
    if loop.parallel:
        return True
    if not loop.independent or work_of(loop) < PARALLEL_WORK:
        return False
    return all(isinstance(each, _SHARED) for each in walk(loop.body))


def work_of(statement: Statement) -> int:
    """Return the rough scalar operations of a statement and what is inside."""
    inside = [sum(map(work_of, block)) for block in blocks(statement)]
    if isinstance(statement, If):
        return max(inside)
    if isinstance(statement, Loop):
        bounds = [
            scalar_of(e) for e in (statement.start, statement.stop, statement.step)
        ]
        return sum(inside) * (GUESS if None in bounds else len(range(*bounds)))  # pyright: ignore
    if isinstance(statement, While):
        return sum(inside) * GUESS
    return cost_of([statement]) + len(places(statement))
