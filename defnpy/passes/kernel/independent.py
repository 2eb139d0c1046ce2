"""Mark loops whose turns touch memory of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from defnpy.ir.independence import telling
from defnpy.ir.kernel import Kernel, Loop
from defnpy.ir.statements import with_blocks

if TYPE_CHECKING:
    from defnpy.ir.kernel import Block, Statement


def mark_independent(kernel: Kernel) -> Kernel:
    """Return `kernel` with every loop marked whose turns are independent."""
    return replace(kernel, body=_block(kernel.body))


def _block(block: Block) -> Block:
    return tuple(map(_statement, block))


def _statement(statement: Statement) -> Statement:
    made = with_blocks(statement, _block)
    if isinstance(made, Loop):
        apart = telling(made.body, {made.var}, set(), set())
        made = replace(made, independent=made.var in apart)
    return made
