"""Reductions to one element, by many threads: parts first, then parts of parts.

How many parts there are depends on the sizes alone, and each is added up in order,
so a result is the same on every device and in every run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from defnpy.backends.cuda.nests import Grid, Nest, flat, separated
from defnpy.base.dtypes import I64
from defnpy.ir.expr import make
from defnpy.ir.kernel import (
    LOAD,
    Alloc,
    Buffer,
    Let,
    Loop,
    Store,
    load,
    loop_index,
)
from defnpy.ir.statements import loads, root, walk
from defnpy.ops.leaf import const

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defnpy.base.dtypes import DType
    from defnpy.ir.expr import Expr
    from defnpy.ir.kernel import Block, Statement

SHARE = 32  # turns that make it worth while to have a thread
MOST = 16384  # parts
_COMBINES = ("add", "multiply", "maximum", "minimum")


@dataclass(frozen=True, slots=True)
class Parts:
    """A reduction in two stages.

    Attributes:
        memory: a buffer for the parts of each element that is reduced to.
        grid: what fills them.
        rest: the loop that brings them together.
    """

    memory: tuple[Buffer, ...]
    grid: Grid
    rest: Loop


def parts(nest: Nest) -> Parts | None:
    """Return the stages of a nest whose turns only share elements they add to."""
    totals, every = _totals(nest), {loop.var for loop in nest.loops}
    if not totals or not all(loop.reassociate for loop in nest.loops):
        return None
    if separated(nest, {each.buffer for each in totals}) != every:
        return None
    turns = flat(nest.loops, nest.body)
    count = min(-(-turns.size // SHARE), MOST)
    if count <= 1:
        return None
    memory = tuple(
        Buffer(f"{each.buffer.name}.parts", each.buffer.dtype, (count,))
        for each in totals
    )
    gathering = _gather(turns, totals, memory, count)
    return Parts(memory, gathering, _bring_together(totals, memory, count))


def _totals(nest: Nest) -> list[Store]:
    """Return the stores of a nest that combine a scalar in memory with a value."""
    found = []
    for statement in nest.body:
        if not isinstance(statement, Let | Store):
            return []
        if isinstance(statement, Store) and _is_total(statement, nest.body):
            found.append(statement)
    return found


def _is_total(store: Store, body: Block) -> bool:
    buffer, value = store.buffer, store.value
    if buffer.base or buffer.shape or value.op.name not in _COMBINES:
        return False
    operands = [node for node in value.operands if _reads(node, buffer)]
    reading = [s for s in walk(body) if buffer in {root(b) for b, _ in loads(s)}]
    writing = [s for s in body if isinstance(s, Store) and root(s.buffer) is buffer]
    if not (len(operands) == len(reading) == len(writing) == 1):
        return False
    others = [node for node in value.operands if node is not operands[0]]
    return len(others) == 1 and buffer not in {
        root(b) for b, _ in loads(replace(store, value=others[0]))
    }


def _reads(node: Expr, buffer: Buffer) -> bool:
    return node.op is LOAD and node.attrs["buffer"] is buffer


def _combined(store: Store, target: Buffer, index: tuple[Expr, ...] = ()) -> Store:
    """Return `store` to another element; `index` is where its parts are read."""
    operands = tuple(
        load(target, ()) if _reads(node, store.buffer) else node
        for node in store.value.operands
    )
    return Store(target, index, make(store.value.op, operands, **store.value.attrs))


def _gather(
    turns: Grid, totals: Sequence[Store], memory: Sequence[Buffer], count: int
) -> Grid:
    """Return the loop over parts: each takes every `count`-th turn."""
    part = loop_index("part")
    own = {s: Buffer(s.buffer.name, s.buffer.dtype, ()) for s in totals}
    body = tuple(
        _combined(each, own[each]) if isinstance(each, Store) and each in own else each
        for each in turns.body
    )
    before: list[Statement] = []
    for store, buffer in own.items():
        start = _start(store.value.op.name, buffer.dtype)
        before += [Alloc(buffer), Store(buffer, (), start)]
    loop = Loop(
        *(turns.var, part, const(turns.size, I64), const(count, I64)),
        body,
        reassociate=True,
    )
    after = (
        Store(parts, (part,), load(buffer, ()))
        for parts, buffer in zip(memory, own.values(), strict=True)
    )
    return Grid(part, count, (*before, loop, *after))


def _bring_together(
    totals: Sequence[Store], memory: Sequence[Buffer], count: int
) -> Loop:
    part, stores = loop_index("part"), []
    for store, parts in zip(totals, memory, strict=True):
        sides = (load(store.buffer, ()), load(parts, (part,)))
        value = make(store.value.op, sides, **store.value.attrs)
        stores.append(Store(store.buffer, (), value))
    zero, one = const(0, I64), const(1, I64)
    end = const(count, I64)
    return Loop(part, zero, end, one, tuple(stores), reassociate=True)


def _start(name: str, dtype: DType) -> Expr:
    """Return what combining begins with: it changes no value."""
    if name in ("add", "multiply"):
        return const(int(name == "multiply"), dtype)
    sign = -1 if name == "maximum" else 1
    if dtype.is_float:
        return const(sign * np.inf, dtype)
    if dtype.kind == "b":
        return const(name == "minimum", dtype)
    info = np.iinfo(dtype.numpy)
    return const(int(info.min if sign < 0 else info.max), dtype)
