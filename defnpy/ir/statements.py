"""What statements evaluate, bind, read and write."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

from defnpy.ir.kernel import (
    LOAD,
    VAR,
    Alloc,
    Call,
    Copy,
    Fault,
    If,
    Let,
    Loop,
    Print,
    Store,
    TapePop,
    TapePush,
    While,
)
from defnpy.ir.rewrite import postorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from defnpy.ir.expr import Expr
    from defnpy.ir.kernel import Block, Buffer, Statement

Place = tuple["Buffer", tuple["Expr", ...]]
_BLOCKS = ("body", "test", "then", "orelse")


def blocks(statement: Statement) -> Iterator[Block]:
    """Yield the blocks inside a statement."""
    if isinstance(statement, Loop):
        yield statement.body
    elif isinstance(statement, While):
        yield statement.test
        yield statement.body
    elif isinstance(statement, If):
        yield statement.then
        yield statement.orelse


def walk(block: Iterable[Statement]) -> Iterator[Statement]:
    """Yield every statement of a block and of the blocks inside it, in order."""
    for statement in block:
        yield statement
        for inner in blocks(statement):
            yield from walk(inner)


def is_parallel(statement: Statement) -> bool:
    """Whether threads share the turns of a statement, a loop."""
    return isinstance(statement, Loop) and statement.parallel


def with_blocks(statement: Statement, change: Callable[[Block], Block]) -> Statement:
    """Return a statement with the blocks inside it changed."""
    made = {
        item.name: change(getattr(statement, item.name))
        for item in fields(statement)
        if item.name in _BLOCKS
    }
    return replace(statement, **made) if made else statement


def expressions(statement: Statement) -> tuple[Expr, ...]:
    """Return what a statement itself evaluates."""
    if isinstance(statement, Let):
        return (statement.value,)
    if isinstance(statement, Store):
        return (*statement.index, statement.value)
    if isinstance(statement, Loop):
        return (statement.start, statement.stop, statement.step)
    if isinstance(statement, While | If):
        return (statement.condition,)
    if isinstance(statement, Fault):
        return (statement.ok, *statement.shown)
    return statement.block if isinstance(statement, Call) else ()


def loads(statement: Statement) -> list[Place]:
    """Return the elements that a statement itself reads."""
    return [
        (node.attrs["buffer"], node.operands)
        for node in postorder(expressions(statement))
        if node.op is LOAD
    ]


def places(statement: Statement) -> list[Place]:
    """Return the elements that a statement itself reads or writes."""
    found = loads(statement)
    if isinstance(statement, Store):
        found.append((statement.buffer, statement.index))
    return found


def wholes(statement: Statement) -> tuple[Buffer, ...]:
    """Return the buffers that a statement itself reads or writes as a whole."""
    if isinstance(statement, Copy):
        return (statement.target, statement.source)
    if isinstance(statement, Call | TapePush | TapePop | Print):
        return statement.buffers
    return ()


def targets(statement: Statement) -> tuple[Buffer, ...]:
    """Return the buffers that a statement itself writes to."""
    if isinstance(statement, Store):
        return (statement.buffer,)
    if isinstance(statement, Copy):
        return (statement.target,)
    if isinstance(statement, Call):
        end = statement.results + statement.operands
        return statement.buffers[: statement.results] + statement.buffers[end:]
    return statement.buffers if isinstance(statement, TapePop) else ()


def root(buffer: Buffer) -> Buffer:
    """Return the buffer whose memory `buffer` shows."""
    return buffer.base or buffer


def touched(block: Block) -> dict[Buffer, None]:
    """Return the buffers that a block reads or writes, in the order it does."""
    found: dict[Buffer, None] = {}
    for statement in walk(block):
        found |= dict.fromkeys(root(buffer) for buffer, _ in loads(statement))
        found |= dict.fromkeys(map(root, wholes(statement)))
        if isinstance(statement, Store):
            found[root(statement.buffer)] = None
    return found


def allocated(block: Block) -> set[Buffer]:
    """Return the buffers that a block makes."""
    return {each.buffer for each in walk(block) if isinstance(each, Alloc)}


def bound(block: Block) -> set[Expr]:
    """Return the variables that a block binds."""
    return {each.var for each in walk(block) if isinstance(each, Let | Loop)}


def variables(block: Block) -> set[Expr]:
    """Return the variables that a block uses."""
    used = (postorder(expressions(statement)) for statement in walk(block))
    return {node for nodes in used for node in nodes if node.op is VAR}
