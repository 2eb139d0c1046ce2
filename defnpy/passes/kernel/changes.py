"""Of an array that is copied, changed and copied back only what changed is moved.

new[...] = old                              for i in range(1, n - 1):
for i in range(1, n - 1):                       for j in range(1, m - 1):
    for j in range(1, m - 1):                       new[i, j] = f(old, i, j)
        new[i, j] = f(old, i, j)     →      for i in range(1, n - 1):
old[...] = new                                  for j in range(1, m - 1):
                                                    old[i, j] = new[i, j]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.base.dtypes import I64
from defnpy.ir.kernel import Copy, Let, Loop, Store, load, loop_index
from defnpy.ir.statements import loads, root, targets, walk
from defnpy.ops.leaf import const
from defnpy.passes.kernel.rows import offset_of, turns_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defnpy.ir.expr import Expr
    from defnpy.ir.kernel import Block, Buffer, Statement


def changed_part(statements: Sequence[Statement]) -> list[Statement]:
    """Return all that touches an array, without moves of what is not changed."""
    if len(statements) != 3:
        return list(statements)
    first, change, last = statements
    if not isinstance(first, Copy) or not isinstance(last, Copy):
        return list(statements)
    new, old = first.target, first.source
    same = (last.target, last.source) == (old, new) and old.shape == new.shape
    window = _window(change, new) if same else None
    if window is None or not all(window):
        return list(statements)
    return [change, _move(old, new, window)]


def _window(change: Statement, new: Buffer) -> list[range] | None:
    """Return the part of `new` that loops are certain to write, element by element.

    None is returned if they read it, or do anything else with it.
    """
    if any(root(buffer) is new for s in walk((change,)) for buffer, _ in loads(s)):
        return None
    loops: list[Loop] = []
    block: Block = (change,)
    while block and isinstance(block[-1], Loop) and len(loops) < len(new.shape):
        loops.append(block[-1])
        block = block[-1].body
    writing = [s for s in walk((change,)) if new in map(root, targets(s))]
    stores = [s for s in block if isinstance(s, Store) and s.buffer is new]
    if len(writing) != 1 or stores != writing or len(loops) != len(new.shape):
        return None
    lets = {s.var: s.value for s in walk((change,)) if isinstance(s, Let)}
    return _ranges(loops, stores[0].index, lets)


def _ranges(
    loops: Sequence[Loop], index: Sequence[Expr], lets: dict[Expr, Expr]
) -> list[range] | None:
    found: list[range] = []
    for loop, each in zip(loops, index, strict=True):
        turns, offset = turns_of(loop), offset_of(each, loop.var, {**lets})
        if turns is None or offset is None:
            return None
        found.append(range(turns.start + offset[0], turns.stop + offset[0]))
    return found


def _move(old: Buffer, new: Buffer, window: Sequence[range]) -> Loop:
    variables = [loop_index("i") for _ in window]
    index = tuple(variables)
    body: Block = (Store(old, index, load(new, index)),)
    for var, part in reversed(list(zip(variables, window, strict=True))):
        start, stop, one = (const(e, I64) for e in (part.start, part.stop, 1))
        body = (Loop(var, start, stop, one, body, independent=True),)
    (made,) = body
    assert isinstance(made, Loop)
    return made
