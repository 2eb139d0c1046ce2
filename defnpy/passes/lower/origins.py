"""Which arrays are updated versions of which, and who overwrites them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.ir.expr import PARAM
from defnpy.ops.control import COND, FOR, ITEM, WHILE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from defnpy.ir.expr import Expr
    from defnpy.ir.function import Function


def passed_through(event: Expr) -> Iterable[int | None]:
    """Return, for each result of a cond, the operand both sides build upon."""
    then, orelse = event.attrs["then"], event.attrs["orelse"]
    for k in range(len(then.results)):
        sides = {origin(f, f.results[k]) for f in (then, orelse)}
        place = sides.pop()
        yield place if not sides else None


def origin(function: Function, result: Expr) -> int | None:
    """Return the parameter that `result` is an updated version of, if any."""
    while True:
        if result.op is PARAM:
            return function.params.index(result)
        if result.op.family == "store":
            result = result.operands[0]
            continue
        if result.op is not ITEM:
            return None
        event, k = result.operands[0], result.attrs["index"]
        if event.op in (FOR, WHILE):
            result = event.operands[k + (3 if event.op is FOR else 0)]
        elif event.op is COND:
            place = list(passed_through(event))[k]
            if place is None:
                return None
            result = event.operands[1 + place]
        else:
            return None


def overwritten(event: Expr) -> Iterable[Expr]:
    """Return the operands whose memory the results of an event may take over."""
    if event.op.family == "store":
        yield event.operands[0]
    elif event.op in (FOR, WHILE):
        first = 3 if event.op is FOR else 0
        yield from event.operands[first : first + event.attrs["count"]]
    elif event.op is COND:
        places = (place for place in passed_through(event) if place is not None)
        yield from (event.operands[1 + place] for place in places)
