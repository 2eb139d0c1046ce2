"""A Kernel for one thread becomes launches of many.

Each launch is a Kernel too, over buffers in the device's memory: all that the
kernel makes outside its loops, and its variables where another launch uses them.
Launches run one after the other, so the order of the kernel's statements holds.
A launch is either one loop whose turns are independent, shared out among threads,
or a run of other statements, which one thread carries out as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from defnpy.backends.cuda.nests import Grid, flat, nest_of, separated
from defnpy.backends.cuda.partial import parts
from defnpy.backends.cuda.private import sink
from defnpy.backends.cuda.support import check_supported
from defnpy.backends.cuda.target import CUDA
from defnpy.backends.llvm.memory import plan
from defnpy.backends.llvm.writer import clean
from defnpy.base.dtypes import BOOL, I64
from defnpy.ir.expr import scope
from defnpy.ir.kernel import (
    Alloc,
    Buffer,
    Copy,
    If,
    Kernel,
    Let,
    Loop,
    Store,
    load,
    loop_index,
    variable,
)
from defnpy.ir.statements import (
    bound,
    touched,
    variables,
    walk,
    with_blocks,
)
from defnpy.ops.elementwise import logical_not
from defnpy.ops.leaf import const

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr
    from defnpy.ir.kernel import Block, Statement

Guards = tuple[tuple["Expr", bool], ...]  # conditions, and whether they must hold


@dataclass(frozen=True, slots=True, eq=False)
class Launch:
    """A Kernel that threads run together.

    Attributes:
        kernel: its first two params are the thread's number and how many there are;
            then come the buffers, those that are only read first.
        buffers: in the device's memory, without the first two params.
        turns: how many threads there is work for.
    """

    kernel: Kernel
    buffers: tuple[Buffer, ...]
    turns: int


@dataclass(eq=False)
class _Item:
    """Statements of one launch; `grid` if they are one loop for many threads."""

    guards: Guards
    statements: list[Statement]
    grid: Grid | None = None


@dataclass(eq=False)
class _Split:
    """The launches of one kernel in the making."""

    items: list[_Item] = field(default_factory=list)

    def block(self, block: Block, guards: Guards) -> None:
        """Add the statements of a block, carried out where `guards` hold."""
        for statement in block:
            if isinstance(statement, Alloc):
                continue  # all memory that outlives a launch is the device's
            if isinstance(statement, Copy):
                self._loop(_copying(statement), guards)
            elif isinstance(statement, Loop):
                self._loop(statement, guards)
            elif isinstance(statement, If) and _has_work(statement):
                self._branch(statement, guards)
            else:
                self._serial(statement, guards)

    def _serial(self, statement: Statement, guards: Guards) -> None:
        last = self.items[-1] if self.items else None
        if last is None or last.grid is not None or last.guards != guards:
            last = _Item(guards, [])
            self.items.append(last)
        last.statements.append(_without_large(statement))

    def _grid(self, grid: Grid, guards: Guards) -> None:
        if grid.size:
            self.items.append(_Item(guards, [], grid))

    def _loop(self, loop: Loop, guards: Guards) -> None:
        nest = nest_of(loop)
        free = set() if plan(nest.body, CUDA.frame).size else separated(nest, set())
        if free:
            loops = [each for each in nest.loops if each.var in free]
            self._grid(flat(loops, nest.inside(free)), guards)
            return
        stages = parts(nest)
        if stages is None:
            self._serial(loop, guards)
            return
        self._grid(stages.grid, guards)
        self._loop(stages.rest, guards)

    def _branch(self, branch: If, guards: Guards) -> None:
        condition = variable("branch", BOOL)
        self._serial(Let(condition, branch.condition), guards)
        self.block(branch.then, (*guards, (condition, True)))
        self.block(branch.orelse, (*guards, (condition, False)))


def split(kernel: Kernel) -> tuple[Launch, ...]:
    """Return the launches that do what `kernel` does, in their order."""
    check_supported(kernel)
    with scope(isolated=True):
        made = _Split()
        made.block(sink(kernel.body), ())
        bodies = _bodies(made.items)
        return tuple(
            _launch(kernel, number, item, body)
            for number, (item, body) in enumerate(zip(made.items, bodies, strict=True))
        )


def _copying(copy: Copy) -> Loop:
    """Return the loop that a copy is."""
    size, var = copy.target.size, loop_index("i")
    value = load(copy.source.view((size,)), (var,))
    store = Store(copy.target.view((size,)), (var,), value)
    return Loop(var, const(0, I64), const(size, I64), const(1, I64), (store,))


def _has_work(branch: If) -> bool:
    """Whether a branch holds what many threads may do."""
    return any(isinstance(each, Loop | Copy) for each in walk((branch,)))


def _without_large(statement: Statement) -> Statement:
    """Return a statement that leaves large memory to be made outside of it.

    One thread runs it, so one memory will do.
    """
    large = plan((statement,), CUDA.frame).offsets

    def leave_out(block: Block) -> Block:
        kept = (s for s in block if not (isinstance(s, Alloc) and s.buffer in large))
        return tuple(with_blocks(each, leave_out) for each in kept)

    return with_blocks(statement, leave_out) if large else statement


def _bodies(items: list[_Item]) -> list[Block]:
    """Return the body of each item; what they share of variables is in memory."""
    blocks = [_statements(item) for item in items]
    binds = [bound(block) for block in blocks]
    needs = [variables(block) - bind for block, bind in zip(blocks, binds, strict=True)]
    guards = {var for item in items for var, _ in item.guards}
    shared = {
        var: Buffer(f"{var.attrs['name']}.shared", var.dtype, ())
        for var in sorted(guards.union(*needs), key=lambda var: var.serial)
    }
    made = []
    for item, block, bind, need in zip(items, blocks, binds, needs, strict=True):
        given = (Let(var, load(b, ())) for var, b in shared.items() if var in need)
        kept = (Store(b, (), var) for var, b in shared.items() if var in bind)
        body: Block = (*given, *block, *kept)
        for var, wanted in reversed(item.guards):
            holds = load(shared[var], ())
            body = (If(holds if wanted else logical_not(holds), body),)
        made.append(body)
    return made


def _statements(item: _Item) -> Block:
    if item.grid is None:
        return tuple(item.statements)
    grid = item.grid
    first, count = load(_THREAD, ()), load(_THREADS, ())
    return (Loop(grid.var, first, const(grid.size, I64), count, grid.body),)


_THREAD = Buffer("thread", I64, (), "param")
_THREADS = Buffer("threads", I64, (), "param")


def _launch(kernel: Kernel, number: int, item: _Item, body: Block) -> Launch:
    inside = {each.buffer for each in walk(body) if isinstance(each, Alloc)}
    used = [b for b in touched(body) if b not in inside and b is not _THREAD]
    used = [b for b in used if b is not _THREADS]
    fixed = tuple(b for b in used if b.role in ("param", "constant"))
    changed = tuple(b for b in used if b.role in ("result", "local"))
    name = f"{clean(kernel.name)}_{number}".replace(".", "_")
    made = Kernel(
        name, (_THREAD, _THREADS, *fixed), changed, body, faults=kernel.faults
    )
    turns = item.grid.size if item.grid else 1
    return Launch(made, (*fixed, *changed), turns)
