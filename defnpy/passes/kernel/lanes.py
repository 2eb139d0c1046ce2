"""Loops that end each at its own time are run side by side.

    for i in range(n):             for b in range(0, n, 32):
        x = start(i)                   for l in range(32):
        while test(x):                     x[l] = start(b + l)
            x = step(x)       →        while any of the lanes goes on:
        y[i] = x                           for l in range(32):
                                               x[l] = step(x[l]) if test(x[l]) else x[l]
                                       for l in range(32):
                                           y[b + l] = x[l]

The loops over lanes become vectors.  A lane whose loop has ended computes one more
step again and again, which it does not keep; so a step may only do what is harmless
whatever its values are.  What is left of n is done as before.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from defnpy.base.dtypes import BOOL, I64
from defnpy.ir.kernel import (
    Alloc,
    Buffer,
    Kernel,
    Let,
    Loop,
    Store,
    While,
    load,
    loop_index,
    variable,
)
from defnpy.ir.rewrite import postorder
from defnpy.ir.statements import (
    allocated,
    expressions,
    loads,
    root,
    targets,
    touched,
    variables,
    with_blocks,
)
from defnpy.ops.elementwise import logical_or, where
from defnpy.ops.leaf import const, scalar_of
from defnpy.ops.movement import index_add
from defnpy.passes.kernel.renewal import Renewal
from defnpy.passes.kernel.rows import turns_of
from defnpy.passes.kernel.speculation import cost_of, learned, reads_inside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defnpy.ir.expr import Expr
    from defnpy.ir.kernel import Block, Statement
    from defnpy.passes.kernel.speculation import Known

LANES = 32
LEAST = 2 * LANES  # turns that make it worth while
CHEAP = 4  # cost of what is rather computed again than kept
_SLOW = ("divide_trunc", "remainder_trunc", "floor_divide", "remainder")


def run_side_by_side(kernel: Kernel) -> Kernel:
    """Return `kernel` with lanes in place of loops that end at different times."""
    return replace(kernel, body=_block(kernel.body, {}))


def _block(block: Block, known: Known) -> Block:
    made: list[Statement] = []
    for each in block:
        known = learned(known, each)
        made += _statement(each, known)
    return tuple(made)


def _statement(statement: Statement, known: Known) -> Block:
    if isinstance(statement, Loop):
        parts = _parts(statement, known)
        if parts is not None:
            return _side_by_side(statement, parts)
    return (with_blocks(statement, lambda block: _block(block, known)),)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a turn does before, in and after its loop."""

    before: Block
    loop: While
    after: Block


def _parts(loop: Loop, known: Known) -> _Parts | None:
    """Return the parts of a loop whose turns may be run side by side, else None."""
    turns = turns_of(loop)
    places = [k for k, each in enumerate(loop.body) if isinstance(each, While)]
    if turns is None or len(turns) < LEAST or len(places) != 1:
        return None
    (place,) = places
    before, after = loop.body[:place], loop.body[place + 1 :]
    inner = loop.body[place]
    assert isinstance(inner, While)
    if not (_is_simple((*before, *after)) and _is_step(inner, before, known)):
        return None
    first, rest = _needed(before, inner)
    made = _Parts(first, inner, (*rest, *after))
    return made if _may_be_parted(made) else None


def _is_simple(block: Block) -> bool:
    return all(isinstance(each, Let | Alloc | Store) for each in block)


def _is_step(loop: While, before: Block, known: Known) -> bool:
    """Whether a loop only changes scalars made before it, and reads without harm."""
    if not _is_simple((*loop.test, *loop.body)):
        return False
    for each in before:
        known = learned(known, each)
    made = allocated(before)
    kept = _written(loop.test) <= allocated(loop.test)
    kept = kept and _written(loop.body) <= made | allocated(loop.body)
    scalars = all(not buffer.shape for buffer in made)
    block = (*loop.test, *loop.body)
    return kept and scalars and _is_fast(block) and reads_inside(block, known)


def _is_fast(block: Block) -> bool:
    """Whether there are vectors for all operations: not for quotients of integers."""
    nodes = postorder(root for each in block for root in expressions(each))
    return not any(
        node.op.name in _SLOW
        and node.dtype.is_integer
        and scalar_of(node.operands[1]) is None
        for node in nodes
    )


def _written(block: Block) -> set[Buffer]:
    return {root(each) for s in block for each in targets(s)}


def _needed(before: Block, loop: While) -> tuple[Block, Block]:
    """Part what comes before a loop: what it needs, and what may follow it."""
    names, memory = variables((loop,)), set(touched((loop,)))
    changed = _written(loop.body)
    first: list[Statement] = []
    rest: list[Statement] = []
    for each in reversed(before):
        if isinstance(each, Let):
            read = {root(buffer) for buffer, _ in loads(each)}
            is_needed = each.var in names or not read.isdisjoint(changed)
        else:
            is_needed = isinstance(each, Alloc) or not memory.isdisjoint(
                touched((each,))
            )
        (first if is_needed else rest).insert(0, each)
        if is_needed:
            names |= variables((each,))
            memory |= set(touched((each,)))
    return tuple(first), tuple(rest)


def _may_be_parted(parts: _Parts) -> bool:
    """Whether later turns may begin before earlier ones are at their end."""
    made = allocated(parts.before)
    early = (*parts.before, parts.loop)
    late = _written(parts.after) - made
    return late.isdisjoint(touched(early)) and _written(parts.before) <= made


def _side_by_side(loop: Loop, parts: _Parts) -> Block:
    turns = turns_of(loop)
    assert turns is not None
    whole = turns.start + len(turns) // LANES * LANES
    base = loop_index(f"{loop.var.attrs['name']}s")
    bounds = const(turns.start, I64), const(whole, I64), const(LANES, I64)
    body = _Lanes(loop.var, parts, base).turn()
    made = replace(Loop(base, *bounds, body), independent=loop.independent)
    if whole == turns.stop:
        return (made,)
    rest = replace(loop, start=const(whole, I64))
    return (made, *Renewal().block((rest,)))


@dataclass(eq=False)
class _Lanes:
    """The statements of several turns at once.

    Attributes:
        var: the index of a turn.
        parts: what a turn does.
        base: the index of the first lane's turn.
        again: what each part computes again from the index.
        memory: what each lane keeps from one part to the next: for each scalar in
            memory, and each other variable that is used later.
    """

    var: Expr
    parts: _Parts
    base: Expr
    again: Block = field(init=False)
    memory: dict[Buffer | Expr, Buffer] = field(init=False)

    def __post_init__(self) -> None:
        """Decide what is kept."""
        kept: set[Expr] = set()
        again: list[Statement] = []
        self.memory = {}
        for each in self.parts.before:
            if isinstance(each, Alloc):
                self.memory[each.buffer] = replace(each.buffer, shape=(LANES,))
            elif isinstance(each, Let):
                cheap = not loads(each) and cost_of([each]) <= CHEAP
                if cheap and kept.isdisjoint(variables((each,))):
                    again.append(each)
                else:
                    kept.add(each.var)
        self.again = tuple(again)
        for var in variables((self.parts.loop, *self.parts.after)) & kept:
            self.memory[var] = Buffer(f"{var.attrs['name']}s", var.dtype, (LANES,))

    def turn(self) -> Block:
        """Return what is done for all lanes."""
        going = Buffer("going", BOOL, ())
        steps = Store(going, (), const(False, BOOL)), self._steps(going)
        allocs = map(Alloc, (*self.memory.values(), going))
        loop = While(steps, load(going, ()), ())
        return (*allocs, self._starts(), loop, self._ends())

    def _begin(self) -> tuple[Expr, list[Statement], Renewal]:
        """Return a lane, what it begins with, and how its statements are made."""
        lane, turn = loop_index("lane"), loop_index(self.var.attrs["name"])
        values = {self.var: turn}
        for key, memory in self.memory.items():
            if not isinstance(key, Buffer):
                values[key] = load(memory, (lane,))

        def place(
            buffer: Buffer, index: tuple[Expr, ...]
        ) -> tuple[Buffer, tuple[Expr, ...]]:
            mine = self.memory.get(buffer)
            return (buffer, index) if mine is None else (mine, (lane,))

        return lane, [Let(turn, index_add(self.base, lane))], Renewal(values, place)

    def _starts(self) -> Loop:
        lane, body, renewal = self._begin()
        before = (s for s in self.parts.before if not isinstance(s, Alloc))
        body += renewal.block(tuple(before))
        for key, memory in self.memory.items():
            if not isinstance(key, Buffer):
                body.append(Store(memory, (lane,), renewal.expr(key)))
        return _over(lane, body)

    def _steps(self, going: Buffer) -> Loop:
        lane, body, renewal = self._begin()
        body += renewal.block((*self.again, *self.parts.loop.test))
        goes_on = variable("goes_on", BOOL)
        body.append(Let(goes_on, renewal.expr(self.parts.loop.condition)))
        kept = set(self.memory.values())
        for each in renewal.block(self.parts.loop.body):
            if isinstance(each, Store) and each.buffer in kept:
                old = load(each.buffer, each.index)
                each = replace(each, value=where(goes_on, each.value, old))
            body.append(each)
        body.append(Store(going, (), logical_or(load(going, ()), goes_on)))
        return _over(lane, body)

    def _ends(self) -> Loop:
        lane, body, renewal = self._begin()
        body += renewal.block((*self.again, *self.parts.after))
        return _over(lane, body)


def _over(lane: Expr, body: Sequence[Statement]) -> Loop:
    """Return the loop over lanes."""
    bounds = const(0, I64), const(LANES, I64), const(1, I64)
    return Loop(lane, *bounds, tuple(body))
