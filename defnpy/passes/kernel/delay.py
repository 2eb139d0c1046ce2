"""New values of an array take the old ones' place a few rows behind the reading.

    new = empty(n, m)                          new = empty(2, m)
    for i in range(1, n - 1):                  for i in range(1, n - 1):
        new[i, :] = f(x[i-1:i+2, :])     →         new[i % 2, :] = f(x[i-1:i+2, :])
    for i in range(1, n - 1):                      if i > 1:
        x[i, :] = new[i, :]                            x[i-1, :] = new[(i-1) % 2, :]
                                               x[n-2, :] = new[(n-2) % 2, :]

A whole new array is made of an old one, then copied over it; that moves both
through memory twice.  A row of the old array may be overwritten as soon as no later
row of the new one is made of it, so a few rows of the new array are enough, and they
stay in the nearest cache.  How far the copy lags behind follows from the rows that
are read.  The range of rows is cut where one of the statements that fill the array,
or the copy, begins or ends, so that no row needs a test.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from defnpy.base.dims import must
from defnpy.base.dtypes import I64
from defnpy.ir.kernel import (
    Alloc,
    Buffer,
    Fault,
    Kernel,
    Let,
    Loop,
    Print,
    TapePop,
    TapePush,
    loop_index,
)
from defnpy.ir.statements import (
    allocated,
    loads,
    root,
    targets,
    touched,
    walk,
    with_blocks,
)
from defnpy.ops.elementwise import bitwise_and
from defnpy.ops.family import fold
from defnpy.ops.leaf import const, scalar_of
from defnpy.ops.movement import index_sub
from defnpy.passes.kernel.changes import changed_part
from defnpy.passes.kernel.renewal import Renewal
from defnpy.passes.kernel.rows import Rows, offsets_of, rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defnpy.ir.expr import Expr
    from defnpy.ir.kernel import Block, Statement

ROW = 256  # bytes of a row that make it worth while
LEAST, MOST = 1 << 15, 1 << 23  # bytes of an array; others are left to cache or threads
FARTHEST = 7  # rows that the copy may lag behind
_ORDERED = (Fault, Print, TapePush, TapePop)


def delay_copies(kernel: Kernel) -> Kernel:
    """Return `kernel` with new values put in the place of old ones row by row."""
    return replace(kernel, body=_block(kernel.body))


def _block(block: Block) -> Block:
    made = tuple(with_blocks(statement, _block) for statement in block)
    for statement in made:
        if isinstance(statement, Alloc) and _is_worth_it(statement.buffer):
            made = _delayed(made, statement) or made
    return made


def _is_worth_it(new: Buffer) -> bool:
    if len(new.shape) < 2 or not must(lambda: LEAST <= new.bytes <= MOST):
        return False
    return new.bytes // new.shape[0] >= ROW


def _delayed(block: Block, alloc: Alloc) -> Block | None:
    """Return `block` with rows in place of a whole array, None if that cannot be."""
    new = alloc.buffer
    places = [k for k, each in enumerate(block) if new in touched((each,))]
    if len(places) < 2:
        return None
    first, last = places[0], places[-1]
    users = changed_part([block[place] for place in places])
    old = _overwritten(users[-1], new)
    others = [block[k] for k in range(first, last) if k not in places]
    if old is None or not all(_may_move(each, old, users) for each in others):
        return None
    fused = _fused(users, new, old)
    if fused is None:
        return None
    before = [each for each in block[:first] if each is not alloc]
    return (*before, *others, *fused, *block[last + 1 :])


def _overwritten(copying: Statement, new: Buffer) -> Buffer | None:
    """Return the one buffer that the last statement writes, if it does not read it."""
    written = _written((copying,))
    if len(written) != 1 or new in written:
        return None
    (old,) = written
    read = {root(buffer) for s in walk((copying,)) for buffer, _ in loads(s)}
    return None if old in read else old


def _may_move(statement: Statement, old: Buffer, users: Sequence[Statement]) -> bool:
    """Whether a statement may as well happen before `users`."""
    if old in touched((statement,)) or _is_ordered(statement):
        return False
    return _written((statement,)).isdisjoint(touched(tuple(users)))


def _is_ordered(statement: Statement) -> bool:
    return any(isinstance(each, _ORDERED) for each in walk((statement,)))


def _written(block: Block) -> set[Buffer]:
    """Return the buffers a block writes that it has not made."""
    found = {root(each) for s in walk(block) for each in targets(s)}
    return found - allocated(block)


def _fused(users: Sequence[Statement], new: Buffer, old: Buffer) -> Block | None:
    """Return the loops that fill and copy row by row, None if that cannot be."""
    if sum(map(_is_ordered, users)) > 1:
        return None
    if any(_written((each,)) != {new} for each in users[:-1]):
        return None
    rows = [rows_of(each, new) for each in users]
    known = [each for each in rows if each is not None]
    if len(known) < len(rows):
        return None
    *fillers, copying = known
    lag = _lag(fillers, copying, old)
    if lag is None or lag > FARTHEST:
        return None
    return _interleaved(fillers, copying, new, lag)


def _lag(fillers: Sequence[Rows], copying: Rows, old: Buffer) -> int | None:
    """Return how many rows the copy must lag behind; None if that is not known."""
    written = offsets_of(copying.loop, old)
    if written is None or len(written) != 1:
        return None
    ((offset, most),) = written
    if offset != most:
        return None
    # For a new row, the old row so much further is written or read.
    lag, copied = 0, offset - copying.ahead
    for each in fillers:
        read = offsets_of(each.loop, old)
        if read is None:
            return None
        lag = max(lag, *(copied - (least - each.ahead) for least, _ in read), 0)
    return lag


def _interleaved(
    fillers: Sequence[Rows], copying: Rows, new: Buffer, lag: int
) -> Block:
    """Return the loops over rows, in each of which the same statements take part."""
    count = 1 << lag.bit_length()
    few = Buffer(new.name, new.dtype, (count, *new.shape[1:]))
    parts = [(each, 0) for each in fillers] + [(copying, lag)]
    cuts = {edge + late for each, late in parts for edge in _edges(each.rows)}
    made: list[Statement] = [Alloc(few)]
    for start, stop in pairwise(sorted(cuts)):
        here = [(each, late) for each, late in parts if start - late in each.rows]
        made += _segment(here, range(start, stop), new, few)
    return tuple(made)


def _edges(rows: range) -> tuple[int, int]:
    return rows.start, rows.stop


def _segment(
    parts: Sequence[tuple[Rows, int]], rows: range, new: Buffer, few: Buffer
) -> Block:
    """Return the loop over `rows` of statements, each some rows late."""
    start, stop, one = (const(each, I64) for each in (rows.start, rows.stop, 1))
    row = start if len(rows) == 1 else loop_index("row")
    body: list[Statement] = []

    def bound(name: str, value: Expr) -> Expr:
        if value is row or scalar_of(value) is not None:
            return value
        var = loop_index(name)
        body.append(Let(var, value))
        return var

    for each, late in parts:
        mine = index_sub(row, late)
        slot = fold(bitwise_and(mine, const(few.shape[0] - 1, I64)))
        slot = const(0, I64) if few.shape[0] == 1 else slot
        ring = _Ring(new, few, bound("slot", slot))
        turn = bound(each.loop.var.attrs["name"], index_sub(mine, each.ahead))
        body += Renewal({each.loop.var: turn}, ring).block(each.loop.body)
    if row is start or not parts:
        return tuple(body)
    return (Loop(row, start, stop, one, tuple(body)),)


@dataclass(frozen=True, slots=True)
class _Ring:
    """Rows of the new array are at one of a few places."""

    new: Buffer
    few: Buffer
    slot: Expr

    def __call__(
        self, buffer: Buffer, index: tuple[Expr, ...]
    ) -> tuple[Buffer, tuple[Expr, ...]]:
        if root(buffer) is not self.new:
            return buffer, index
        shape = (self.few.shape[0], *buffer.shape[1:])
        return self.few.view(shape), (self.slot, *index[1:])
