"""Statements made again: for other places, with variables and memory of their own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from defnpy.ir.kernel import (
    LOAD,
    VAR,
    Alloc,
    Buffer,
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
    load,
    variable,
)
from defnpy.ir.rewrite import rebuild, substitute
from defnpy.ops.family import fold

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.ir.expr import Expr
    from defnpy.ir.kernel import Block, Statement
    from defnpy.ir.statements import Place


def _same(buffer: Buffer, index: tuple[Expr, ...]) -> Place:
    return buffer, index


@dataclass(eq=False)
class Renewal:
    """One making again of statements, in their order.

    Attributes:
        values: what expressions are replaced by; filled with what others became.
        place: says which element is read or written instead of another one, whose
            index is of the new values.
    """

    values: dict[Expr, Expr] = field(default_factory=dict)
    place: Callable[[Buffer, tuple[Expr, ...]], Place] = _same
    _buffers: dict[Buffer, Buffer] = field(init=False, default_factory=dict)

    def block(self, block: Block) -> Block:
        """Return statements with variables and memory of their own."""
        return tuple(map(self._statement, block))

    def expr(self, root: Expr) -> Expr:
        """Return an expression of the new values."""
        (made,) = substitute((root,), self.values, self._rule)
        return made

    def _rule(self, node: Expr, operands: tuple[Expr, ...]) -> Expr:
        if node.op is VAR:
            return node
        if node.op is not LOAD:
            return fold(rebuild(node, operands))
        return load(*self.place(self._buffer(node.attrs["buffer"]), operands))

    def _buffer(self, buffer: Buffer) -> Buffer:
        made = self._buffers.get(buffer.base or buffer)
        return buffer if made is None else made.view(buffer.shape)

    def _bind(self, var: Expr) -> Expr:
        made = self.values[var] = variable(var.attrs["name"], var.dtype)
        return made

    def _statement(self, s: Statement) -> Statement:
        if isinstance(s, Alloc):
            made = self._buffers[s.buffer] = replace(s.buffer)
            return Alloc(made)
        if isinstance(s, Let):
            value = self.expr(s.value)
            return Let(self._bind(s.var), value)
        if isinstance(s, Store):
            index = tuple(map(self.expr, s.index))
            return Store(*self.place(self._buffer(s.buffer), index), self.expr(s.value))
        if isinstance(s, Loop):
            start, stop, step = map(self.expr, (s.start, s.stop, s.step))
            made = replace(s, var=self._bind(s.var), start=start, stop=stop, step=step)
            return replace(made, body=self.block(s.body))
        return self._other(s)

    def _other(self, s: Statement) -> Statement:
        if isinstance(s, While):
            test = self.block(s.test)
            return While(test, self.expr(s.condition), self.block(s.body))
        if isinstance(s, If):
            condition = self.expr(s.condition)
            return If(condition, self.block(s.then), self.block(s.orelse))
        if isinstance(s, Copy):
            return Copy(self._buffer(s.target), self._buffer(s.source))
        if isinstance(s, Call | Print | TapePush | TapePop):
            return replace(s, buffers=tuple(map(self._buffer, s.buffers)))
        if isinstance(s, Fault):
            shown = tuple(map(self.expr, s.shown))
            return Fault(self.expr(s.ok), s.site, shown)
        return s
