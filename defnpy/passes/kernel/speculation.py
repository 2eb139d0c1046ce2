"""What may be computed although it might not be asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.base.dims import must
from defnpy.ir.kernel import Let, Loop
from defnpy.ir.rewrite import postorder
from defnpy.ir.statements import expressions, loads
from defnpy.ops.bounds import Bounds, bounds_of
from defnpy.passes.kernel.rows import turns_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from defnpy.ir.expr import Expr
    from defnpy.ir.kernel import Block, Buffer, Statement

Known = dict["Expr", Bounds]  # of integers, both inclusive


def learned(known: Known, statement: Statement) -> Known:
    """Return what is known after a statement, or inside of a loop."""
    if isinstance(statement, Let) and statement.var.dtype.is_integer:
        bounds = bounds_of(statement.value, known)
        return known if bounds is None else {**known, statement.var: bounds}
    turns = turns_of(statement) if isinstance(statement, Loop) else None
    if turns and isinstance(statement, Loop):
        return {**known, statement.var: (turns[0], turns[-1])}
    return known


def reads_inside(block: Block, known: Known) -> bool:
    """Whether simple statements are certain to read elements of their arrays only."""
    for each in block:
        if not all(_is_inside(*place, known) for place in loads(each)):
            return False
        known = learned(known, each)
    return True


def _is_inside(buffer: Buffer, index: tuple[Expr, ...], known: Known) -> bool:
    found = [bounds_of(each, known) for each in index]
    pairs = list(zip(found, buffer.shape, strict=True))
    return must(lambda: all(b and 0 <= b[0] and b[1] < size for b, size in pairs))


def cost_of(statements: Iterable[Statement]) -> int:
    """Return the rough scalar operations of simple statements."""
    roots = [root for each in statements for root in expressions(each)]
    return sum(e.op.cost for e in postorder(roots) if e.op.family == "elementwise")
