"""How much work a kernel is, guessed from its text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from defnpy.base.dims import estimate
from defnpy.ir.kernel import Call, Copy, If, Let, Loop, Store, While
from defnpy.ir.rewrite import postorder
from defnpy.ops.leaf import scalar_of

if TYPE_CHECKING:
    from defnpy.ir.kernel import Block, Kernel, Statement

# Scalar operations beyond which Python's lock is worth giving up: some 10 µs.
LONG = 30_000


def is_long(kernel: Kernel) -> bool:
    """Whether a run may take so long that other Python threads should go on."""
    return work(kernel.body) > LONG


def work(block: Block) -> float:
    """Return a guess at the scalar operations of a block; loops of unknown length
    count as infinite.
    """
    return sum(map(_work, block))


def _work(statement: Statement) -> float:
    if isinstance(statement, Let | Store):
        return sum(node.op.cost for node in postorder((statement.value,)))
    if isinstance(statement, Loop):
        return _turns(statement) * work(statement.body)
    if isinstance(statement, While):
        return math.inf
    if isinstance(statement, If):
        return max(work(statement.then), work(statement.orelse))
    if isinstance(statement, Copy):
        return statement.target.size
    if isinstance(statement, Call) and statement.op is not None:
        # About as many operations as a product of the largest matrix with itself.
        return max(b.size * (*b.shape, 1)[-1] for b in statement.buffers)
    if isinstance(statement, Call):
        sizes = (statement.attrs[name] for name in ("m", "n", "k", "batch"))
        return math.prod(map(estimate, sizes))
    return 1


def _turns(loop: Loop) -> float:
    start, stop, step = map(scalar_of, (loop.start, loop.stop, loop.step))
    if start is None or stop is None or step is None:
        return math.inf
    return len(range(start, stop, step))
