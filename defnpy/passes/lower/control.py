"""Branches, loops, checks and tapes become statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.base.errors import InternalError
from defnpy.ir.kernel import (
    Buffer,
    Copy,
    Fault,
    FaultSite,
    If,
    Loop,
    Print,
    PrintSite,
    Store,
    TapeClear,
    TapePop,
    TapePush,
    While,
    load,
    loop_index,
)
from defnpy.ir.types import TapeType, TensorType, Type
from defnpy.ops.control import (
    COND,
    FOR,
    ITEM,
    TAPE_NEW,
    TAPE_POP,
    TAPE_PUSH,
    WHILE,
)
from defnpy.passes.lower.elements import element

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from defnpy.ir.expr import Expr
    from defnpy.ir.function import Function
    from defnpy.passes.lower.program import Region, Value


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
        _for(region, event)
    else:
        _while(region, event)


def _cond(region: Region, event: Expr) -> None:
    then, orelse = event.attrs["then"], event.attrs["orelse"]
    p, *captures = event.operands
    targets = [_place(region, event, k) for k in range(len(then.results))]
    blocks = []
    for function in (then, orelse):
        writable = frozenset(
            param
            for param, capture in zip(function.params, captures, strict=True)
            if capture in _overwritten(region, event)
        )
        inner = region.nested(function, writable, _carried(region, event, function))
        _bind_all(region, inner, function.params, captures)
        inner.run([t if isinstance(t, Buffer) else None for t in targets])
        blocks.append(tuple(inner.block))
    region.block.append(If(element(region, p, ()), *blocks))
    _unbind(region, event, targets)


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


def _place(region: Region, event: Expr, k: int) -> Value:
    """Return the memory for result `k` of a control event, or its tape."""
    type = _type_of(event, k)
    if isinstance(type, TapeType):
        return region.tape(_tape_operand(event, k))
    if type.rank == 0:
        return region.local(type.dtype, ())
    return region.allocate((event, k))


def _tape_operand(event: Expr, k: int) -> Expr:
    """Return the operand that is the tape of result `k`, before."""
    if event.op is not COND:
        return event.operands[3 + k if event.op is FOR else k]
    side = event.attrs["then"]
    node = side.results[k]
    while node not in side.params:
        if node.op is ITEM and node.operands[0].op in (COND, FOR, WHILE):
            node = _tape_operand(node.operands[0], node.attrs["index"])
        else:  # an item of a pop, a pop or a push
            node = node.operands[0]
    return event.operands[1 + side.params.index(node)]


def _type_of(event: Expr, k: int) -> TensorType | TapeType:
    type: Type = event.type.items[k]  # pyright: ignore
    if not isinstance(type, TensorType | TapeType):
        raise InternalError(f"{event!r} makes a {type}")
    return type


def _bind_all(
    outer: Region, inner: Region, params: Sequence[Expr], values: Sequence[Expr]
) -> None:
    for param, value in zip(params, values, strict=True):
        inner.bind(param, outer.value_of(value))


def _unbind(region: Region, event: Expr, targets: Sequence[Value]) -> None:
    """Make the results of a control event known; scalars are read from memory."""
    for k, target in enumerate(targets):
        if isinstance(target, Buffer) and target.shape == ():
            target = region.let(load(target, ()))
        region.values[event, k] = target


def _begin(region: Region, event: Expr, first: int) -> list[Value]:
    """Put what a loop carries into memory of its own."""
    count = event.attrs["count"]
    places: list[Value] = []
    for k, init in enumerate(event.operands[first : first + count]):
        place = _place(region, event, k)
        places.append(place)
        if not isinstance(place, Buffer):
            continue
        value = region.value_of(init)
        if not isinstance(value, Buffer):
            region.block.append(Store(place, (), value))  # pyright: ignore
        elif (value.base or value) is not (place.base or place):
            region.block.append(Copy(place, value))
    return places


def _body(
    region: Region, event: Expr, index: tuple[Expr, ...], places: list[Value]
) -> Region:
    """Return the region of a loop's body, carried out."""
    function: Function = event.attrs["body"]
    first = 3 if event.op is FOR else 0
    count = len(places)
    head = len(index)
    carried = function.params[head : head + count]
    inner = region.nested(function, frozenset(carried), list(carried))
    for param, var in zip(function.params[:head], index, strict=True):
        inner.bind(param, var)
    for param, place in zip(carried, places, strict=True):
        inner.bind(param, place)
    captures = event.operands[first + count :]
    _bind_all(region, inner, function.params[head + count :], captures)
    inner.run([place if isinstance(place, Buffer) else None for place in places])
    return inner


def _for(region: Region, event: Expr) -> None:
    start, stop, step = (element(region, e, ()) for e in event.operands[:3])
    places = _begin(region, event, 3)
    var = loop_index(f"i{region.lowering.fresh()}")
    inner = _body(region, event, (var,), places)
    region.block.append(Loop(var, start, stop, step, tuple(inner.block)))
    _unbind(region, event, places)


def _while(region: Region, event: Expr) -> None:
    places = _begin(region, event, 0)
    condition: Function = event.attrs["condition"]
    test = region.nested(condition, frozenset(), ())
    for param, place in zip(condition.params, places, strict=False):
        test.bind(param, place)
    count = len(places)
    _bind_all(region, test, condition.params[count:], event.operands[count:])
    test.run([None])
    holds = element(test, condition.results[0], ())
    inner = _body(region, event, (), places)
    region.block.append(While(tuple(test.block), holds, tuple(inner.block)))
    _unbind(region, event, places)


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
        _unbind(region, event, [*targets, number])


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
