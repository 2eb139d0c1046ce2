"""Memory made where it is used: scratch of a loop's body becomes the body's own.

A reduction gathers its result in a buffer made outside all loops.  If each turn of
a loop writes it before it reads it and nothing else uses it, each turn may have one
of its own, and turns no longer depend on each other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from defnpy.ir.kernel import Alloc, Loop, Store
from defnpy.ir.statements import loads, root, touched, with_blocks

if TYPE_CHECKING:
    from defnpy.ir.kernel import Block, Buffer, Statement


def sink(block: Block) -> Block:
    """Return a block in which scalars in memory are made as far inside as can be."""
    statements = list(block)
    for alloc in [each for each in block if isinstance(each, Alloc)]:
        users = _users(statements, alloc.buffer)
        if len(users) == 1 and _is_scratch(alloc.buffer, users[0]):
            (loop,) = users
            statements.remove(alloc)
            place = statements.index(loop)
            statements[place] = replace(loop, body=(alloc, *loop.body))  # pyright: ignore
    return tuple(with_blocks(each, sink) for each in statements)


def _users(block: Block | list[Statement], buffer: Buffer) -> list[Statement]:
    return [each for each in block if buffer in touched((each,))]


def _is_scratch(buffer: Buffer, statement: Statement) -> bool:
    """Whether each turn of a loop writes a scalar in memory before it reads it."""
    if not isinstance(statement, Loop) or buffer.shape:
        return False
    users = _users(statement.body, buffer)
    if isinstance(users[0], Store):
        reads = {root(each) for each, _ in loads(users[0])}
        return buffer not in reads and root(users[0].buffer) is buffer
    return len(users) == 1 and _is_scratch(buffer, users[0])
