"""Loops each of whose turns is about one row of an array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from defnpy.base.dtypes import I64
from defnpy.ir.kernel import Buffer, Copy, Let, Loop, Store, load, loop_index
from defnpy.ir.statements import places, root, variables, walk, wholes
from defnpy.ops.leaf import const, scalar_of
from defnpy.ops.movement import index_add, index_mul
from defnpy.passes.kernel.renewal import Renewal

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr
    from defnpy.ir.kernel import Statement

Offset = tuple[int, int]  # the least and the greatest


@dataclass(frozen=True, slots=True)
class Rows:
    """A loop over rows of an array.

    Attributes:
        loop: the loop, with known bounds and step 1.
        ahead: the row of a turn, less the turn's index.
    """

    loop: Loop
    ahead: int

    @property
    def rows(self) -> range:
        """The rows, one for each turn."""
        turns = turns_of(self.loop)
        assert turns is not None
        return range(turns.start + self.ahead, turns.stop + self.ahead)


def turns_of(loop: Loop) -> range | None:
    """Return the indices of a loop of step 1, if they are known."""
    start, stop = scalar_of(loop.start), scalar_of(loop.stop)
    if start is None or stop is None or scalar_of(loop.step) != 1:
        return None
    return range(start, max(start, stop))


def rows_of(statement: Statement, array: Buffer) -> Rows | None:
    """Return a statement as one about rows of `array`, None if it is not."""
    if isinstance(statement, Copy):
        statement = _copying(statement)
    if not isinstance(statement, Loop):
        return None
    loop = _by_rows(statement, array)
    offsets = offsets_of(loop, array)
    if turns_of(loop) is None or not offsets or len(offsets) > 1:
        return None
    ((least, most),) = offsets
    return Rows(loop, least) if least == most else None


def _copying(copy: Copy) -> Loop:
    """Return the loops over rows that a copy is."""
    target = copy.target
    source = copy.source.view(target.shape)

    def level(index: tuple[Expr, ...]) -> Store | Loop:
        if len(index) == len(target.shape):
            return Store(target, index, load(source, index))
        var, size = loop_index("i"), const(target.shape[len(index)], I64)
        return Loop(var, const(0, I64), size, const(1, I64), (level((*index, var)),))

    made = level(())
    assert isinstance(made, Loop)
    return made


def _by_rows(loop: Loop, array: Buffer) -> Loop:
    """Return a loop over all elements in order as one over rows."""
    turns, count = turns_of(loop), array.shape[0]
    flat = [at for s in walk((loop,)) for at in places(s) if root(at[0]) is array]
    if turns != range(array.size) or len(array.shape) < 2:
        return loop
    if any(buffer.shape != (array.size,) or i[0] is not loop.var for buffer, i in flat):
        return loop
    row, column, number = loop_index("row"), loop_index("column"), loop_index("at")
    width = array.size // count

    def place(
        buffer: Buffer, index: tuple[Expr, ...]
    ) -> tuple[Buffer, tuple[Expr, ...]]:
        if buffer.shape == (array.size,) and index[0] is number:
            return buffer.view((count, width)), (row, column)
        return buffer, index

    body = Renewal({loop.var: number}, place).block(loop.body)
    if number in variables(body):
        body = (Let(number, index_add(index_mul(row, width), column)), *body)
    zero, one = const(0, I64), const(1, I64)
    inner = Loop(column, zero, const(width, I64), one, body)
    return Loop(row, zero, const(count, I64), one, (inner,))


def offsets_of(loop: Loop, array: Buffer) -> set[Offset] | None:
    """Return by how much the rows that turns touch lie after the index.

    None is returned if that is not known for all of them.
    """
    inside = list(walk(loop.body))
    known: dict[Expr, Expr | range] = {
        s.var: s.value for s in inside if isinstance(s, Let)
    }
    for s in inside:
        turns = turns_of(s) if isinstance(s, Loop) else None
        if turns and isinstance(s, Loop):
            known[s.var] = turns
    found: set[Offset] = set()
    for statement in inside:
        if array in map(root, wholes(statement)):
            return None
        for buffer, index in places(statement):
            if root(buffer) is not array:
                continue
            if buffer.shape[:1] != array.shape[:1]:
                return None
            offset = offset_of(index[0], loop.var, known)
            if offset is None:
                return None
            found.add(offset)
    return found


def offset_of(node: Expr, var: Expr, known: dict[Expr, Expr | range]) -> Offset | None:
    """Return what `node` is more than `var`, None if that depends on more.

    `known` has the values of variables, and the turns of loops.
    """
    if node is var:
        return 0, 0
    value = known.get(node)
    if value is not None and not isinstance(value, range):
        return offset_of(value, var, known)
    if node.op.name not in ("add", "subtract"):
        return None
    first, second = node.operands
    if node.op.name == "add" and _bounds(first, known) is not None:
        first, second = second, first
    moved, inner = _bounds(second, known), offset_of(first, var, known)
    if moved is None or inner is None:
        return None
    if node.op.name == "subtract":
        moved = -moved[1], -moved[0]
    return inner[0] + moved[0], inner[1] + moved[1]


def _bounds(node: Expr, known: dict[Expr, Expr | range]) -> Offset | None:
    """Return the bounds of a constant or of the index of a loop inside."""
    value = scalar_of(node)
    if value is not None:
        return int(value), int(value)
    turns = known.get(node)
    return (turns[0], turns[-1]) if isinstance(turns, range) else None
