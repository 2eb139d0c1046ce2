"""Many lanes at once: a function of one example becomes one of a batch of them.

What differs between lanes has one axis more, the first.  Each op says in its
record how it is applied to all lanes together.  A loop whose bounds, or whose
condition, are the same in every lane carries all lanes; a branch on what is the
same stays a branch.  A branch on what differs takes both sides and selects, where
the sides are arithmetic alone.  Anything else is done lane after lane in a counted
loop, where every lane stops at its own time, takes its own side, and makes its own
checks; that holds for every program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.base.dtypes import I64
from defnpy.ir.expr import Expr, make
from defnpy.ir.function import Function, inline
from defnpy.ir.types import TapeType
from defnpy.ops.axes import reshape
from defnpy.ops.control import (
    CHECK,
    CHECKPOINT,
    COND,
    FOR,
    ITEM,
    TAPE_POP,
    TAPE_PUSH,
    WHILE,
    index_const,
)
from defnpy.ops.elementwise import bitwise_invert, where
from defnpy.ops.family import convert
from defnpy.ops.gradient import CUSTOM_GRAD
from defnpy.ops.indexing import DYNAMIC_SLICE
from defnpy.ops.reduce import all as all_of
from defnpy.ops.reduce import argmax
from defnpy.transforms.lanes import (
    Batch,
    CrossedError,
    Flags,
    Found,
    Lanes,
    Region,
    Value,
    exprs_of,
    flags_of,
    lane_of,
    parts_of,
)
from defnpy.transforms.regions import places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defnpy.ir.op import Op
    from defnpy.transforms.lanes import Handler

_QUIET = {"elementwise", "movement", "reduction", "dot", "leaf", "copy", "sort"}


def vmap(function: Function, ins: Sequence[bool], size: int) -> Batch:
    """Return `function` of `size` lanes.

    Args:
        function: of one lane.
        ins: the parameters that have lanes.
        size: number of lanes.
    """
    lanes = Lanes(size, _HANDLERS)
    try:
        return lanes.batch(function, tuple(ins))
    except CrossedError:
        return lanes.whole(function, tuple(ins))


def _cond(region: Region, node: Expr, operands: list[Value]) -> Found:
    p, *captures = operands
    sides = (node.attrs["then"], node.attrs["orelse"])
    if p.has_lanes and not all(map(_is_quiet, sides)):
        return region.each_lane(node, operands)
    ins = flags_of(captures)
    try:
        found = [region.lanes.batch(side, ins).outs for side in sides]
        outs = tuple(p.has_lanes or any(each) for each in zip(*found, strict=True))
        then, orelse = (region.lanes.batch(side, ins, outs) for side in sides)
    except CrossedError:
        return region.each_lane(node, operands)
    if p.has_lanes:
        return _select(p.expr, (then, orelse), exprs_of(captures))
    region.by_lane |= then.by_lane or orelse.by_lane
    made = make(COND, exprs_of(operands), then=then.function, orelse=orelse.function)
    return parts_of(made, outs)


def _is_quiet(function: Function) -> bool:
    """Whether lanes that do not want the results may compute them all the same."""
    if function.effects:
        return False
    for node in function.nodes():
        if node.op is COND:
            if not all(_is_quiet(node.attrs[side]) for side in ("then", "orelse")):
                return False
        elif node.op is not ITEM:
            if node.op.family not in _QUIET or node.op is DYNAMIC_SLICE:
                return False
    return True


def _select(
    p: Expr, sides: tuple[Batch, Batch], captures: tuple[Expr, ...]
) -> list[Value]:
    results = [inline(side.function, captures) for side in sides]
    made: list[Value] = []
    for a, b in zip(*results, strict=True):
        chosen = reshape(p, (*p.shape, *(1,) * (a.tensor.rank - 1)))
        made.append(Value(where(chosen, a, b), True))
    return made


def _loop(region: Region, node: Expr, operands: list[Value]) -> Found:
    lead, first = places(node)
    bounds, inputs = operands[:first], operands[first:]
    if any(flags_of(bounds)):
        return region.each_lane(node, operands)
    count, body = node.attrs["count"], node.attrs["body"]
    try:
        flags = _settled(region.lanes, body, flags_of(inputs), count, lead)
        made = region.lanes.batch(body, (False,) * lead + flags, flags[:count])
        attrs = dict(node.attrs, body=made.function)
        stops_together = True
        if node.op is WHILE:
            test = region.lanes.batch(node.attrs["condition"], flags)
            attrs["condition"] = test.function
            stops_together = not test.outs[0]
    except CrossedError:
        return region.each_lane(node, operands)
    if not stops_together or (made.by_lane and not _has_tape(node)):
        return region.each_lane(node, operands)
    region.by_lane |= made.by_lane
    spread = region.spread_where(inputs, flags)
    return parts_of(make(node.op, exprs_of([*bounds, *spread]), **attrs), flags[:count])


def _settled(
    lanes: Lanes, body: Function, flags: Flags, count: int, lead: int
) -> Flags:
    """Return which carried values have lanes after any number of runs."""
    while True:
        outs = lanes.batch(body, (False,) * lead + flags).outs
        carried = tuple(a or b for a, b in zip(flags, outs, strict=False))
        if carried == flags[:count]:
            return flags
        flags = carried + flags[count:]


def _has_tape(node: Expr) -> bool:
    return any(isinstance(operand.type, TapeType) for operand in node.operands)


def _check(region: Region, node: Expr, operands: list[Value]) -> Found:
    """Hold the check for all lanes at once; it shows the first that fails."""
    value, ok, *shown = operands
    if not region.lanes.size:
        return value
    holds, lane = ok.expr, index_const(0)
    if ok.has_lanes:
        holds = all_of(ok.expr)
        lane = argmax(convert(bitwise_invert(ok.expr), I64))
    told = (lane_of(each, lane) for each in shown)
    return Value(make(CHECK, (value.expr, holds, *told), **node.attrs), value.has_lanes)


def _checkpoint(region: Region, node: Expr, operands: list[Value]) -> Found:
    made = region.lanes.batch(node.attrs["body"], flags_of(operands))
    region.by_lane |= made.by_lane
    attrs = dict(node.attrs, body=made.function)
    return parts_of(make(CHECKPOINT, exprs_of(operands), **attrs), made.outs)


def _custom_grad(region: Region, node: Expr, operands: list[Value]) -> Found:
    count, captures = node.attrs["count"], node.attrs["captures"]
    end = len(operands) - captures
    own = [region.spread(operand) for operand in operands[:end]]
    flags = (True,) * count + flags_of(operands[end:])
    outs = (True,) * (end - count)
    try:
        rule = region.lanes.batch(node.attrs["pullback"], flags, outs)
    except CrossedError:
        return region.each_lane(node, operands)
    attrs = dict(node.attrs, pullback=rule.function)
    made = make(CUSTOM_GRAD, exprs_of([*own, *operands[end:]]), **attrs)
    return parts_of(made, (True,) * count)


def _push(region: Region, node: Expr, operands: list[Value]) -> Found:
    # The pop does not know which of them have lanes, so all are given them.
    pushed = [region.spread(operand) for operand in operands]
    return Value(make(TAPE_PUSH, exprs_of(pushed)), True)


def _pop(region: Region, node: Expr, operands: list[Value]) -> Found:
    types = tuple(region.lanes.type(type, True) for type in node.attrs["types"])
    made = make(TAPE_POP, exprs_of(operands), types=types)
    return parts_of(made, (True,) * (len(types) + 1))


_HANDLERS: dict[Op, Handler] = {
    COND: _cond,
    FOR: _loop,
    WHILE: _loop,
    CHECK: _check,
    CHECKPOINT: _checkpoint,
    CUSTOM_GRAD: _custom_grad,
    TAPE_PUSH: _push,
    TAPE_POP: _pop,
}
