"""Branches, loops, checks and tapes become statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.ir.kernel import (
    Buffer,
    Fault,
    FaultSite,
    If,
    Print,
    PrintSite,
    Store,
    TapeClear,
    TapePop,
    TapePush,
)
from defnpy.ops.control import (
    COND,
    FOR,
    TAPE_NEW,
    TAPE_POP,
    TAPE_PUSH,
)
from defnpy.passes.lower import repeat
from defnpy.passes.lower.carrying import bind_all, place, unbind
from defnpy.passes.lower.elements import element

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.ir.expr import Expr
    from defnpy.ir.function import Function
    from defnpy.passes.lower.program import Region


def _check(region: Region, event: Expr) -> None:
    """Append the fault; what reads the check reads its operand."""
    _, ok, *shown = event.operands
    lowering = region.lowering
    site = FaultSite(event.attrs["error"], event.attrs["message"], event.span)
    lowering.faults.append(site)
    values = tuple(element(region, each, ()) for each in shown)
    holds = element(region, ok, ())
    region.block.append(Fault(holds, len(lowering.faults) - 1, values))
    if event.tensor.rank == 0:
        region.values[event, 0] = element(region, event.operands[0], ())


def _control(region: Region, event: Expr) -> None:
    if event.op is COND:
        _cond(region, event)
    elif event.op is FOR:
        repeat.counted(region, event)
    else:
        repeat.conditional(region, event)


def _cond(region: Region, event: Expr) -> None:
    then, orelse = event.attrs["then"], event.attrs["orelse"]
    p, *captures = event.operands
    targets = [place(region, event, k) for k in range(len(then.results))]
    blocks = []
    for function in (then, orelse):
        writable = frozenset(
            param
            for param, capture in zip(function.params, captures, strict=True)
            if capture in _overwritten(region, event)
        )
        inner = region.nested(function, writable, _carried(region, event, function))
        bind_all(region, inner, function.params, captures)
        inner.run([t if isinstance(t, Buffer) else None for t in targets])
        blocks.append(tuple(inner.block))
    region.block.append(If(element(region, p, ()), *blocks))
    unbind(region, event, targets)


def _overwritten(region: Region, event: Expr) -> set[Expr]:
    """Return the operands whose memory the results of `event` take over."""
    return {old for (e, _), old in region.plan.reuse.items() if e is event}


def _carried(region: Region, event: Expr, function: Function) -> list[Expr | None]:
    """Return, for each result of a cond, the parameter whose memory it is put in."""
    found: list[Expr | None] = []
    for k in range(len(function.results)):
        old = region.plan.reuse.get((event, k))
        place = None if old is None else event.operands.index(old, 1) - 1
        found.append(None if place is None else function.params[place])
    return found


def _tape(region: Region, event: Expr) -> None:
    if event.op is TAPE_NEW:
        number = region.lowering.tapes
        region.lowering.tapes += 1
        region.block.append(TapeClear(number))
        region.values[event, 0] = number
        return
    number = region.tape(event.operands[0])
    if event.op is TAPE_PUSH:
        buffers = tuple(_in_memory(region, e) for e in event.operands[1:])
        region.block.append(TapePush(number, buffers))
        region.values[event, 0] = number
    elif event.op is TAPE_POP:
        types = event.attrs["types"]
        targets = [region.local(t.dtype, t.shape) for t in types]
        region.block.append(TapePop(number, tuple(targets)))
        unbind(region, event, [*targets, number])


def _in_memory(region: Region, node: Expr) -> Buffer:
    """Return memory that holds `node`, made for a scalar."""
    value = region.value_of(node)
    if isinstance(value, Buffer):
        return value
    made = region.local(node.dtype, ())
    region.block.append(Store(made, (), value))  # pyright: ignore
    return made


def _print(region: Region, event: Expr) -> None:
    """Append the print; scalars are put in memory for it."""
    lowering = region.lowering
    weak = tuple(operand.tensor.weak for operand in event.operands)
    lowering.prints.append(PrintSite(event.attrs["text"], weak))
    buffers = tuple(_in_memory(region, operand) for operand in event.operands)
    region.block.append(Print(len(lowering.prints) - 1, buffers))


EMITTERS: dict[str, Callable[[Region, Expr], None]] = {
    "check": _check,
    "control": _control,
    "tape": _tape,
    "print": _print,
}
