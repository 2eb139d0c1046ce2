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

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from defnpy.base.dtypes import I64
from defnpy.ir.expr import Expr, at, make, make_param, scope
from defnpy.ir.function import Function, inline
from defnpy.ir.op import Missing
from defnpy.ir.rewrite import rebuild
from defnpy.ir.types import TapeType, TensorType, TupleType, Type
from defnpy.ops.axes import broadcast_to, full, reshape
from defnpy.ops.control import (
    CHECK,
    CHECKPOINT,
    COND,
    FOR,
    ITEM,
    TAPE_NEW,
    TAPE_POP,
    TAPE_PUSH,
    WHILE,
    counted_loop,
    index_const,
    items,
)
from defnpy.ops.elementwise import bitwise_invert, where
from defnpy.ops.family import convert
from defnpy.ops.gradient import CUSTOM_GRAD
from defnpy.ops.indexing import DYNAMIC_SLICE, dynamic_slice, dynamic_update
from defnpy.ops.reduce import all as all_of
from defnpy.ops.reduce import argmax
from defnpy.transforms.regions import places

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from defnpy.ir.op import Op

Flags = tuple[bool, ...]
_QUIET = {"elementwise", "movement", "reduction", "dot", "leaf", "copy", "sort"}


class _CrossedError(Exception):
    """A tape would have to cross from one lane's loop to another's.

    What holds both ends of it is then done lane after lane as a whole.
    """


@dataclass(frozen=True, slots=True)
class Value:
    """What became of an expression, and whether it has lanes."""

    expr: Expr
    has_lanes: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """A function of lanes.

    Attributes:
        function: with an axis more for each parameter and result with lanes.
        outs: the results that have lanes.
        by_lane: whether something inside is done lane after lane.
    """

    function: Function
    outs: Flags
    by_lane: bool


Found = Value | list[Value]


def vmap(function: Function, ins: Sequence[bool], size: int) -> Batch:
    """Return `function` of `size` lanes.

    Args:
        function: of one lane.
        ins: the parameters that have lanes.
        size: number of lanes.
    """
    lanes = _Lanes(size)
    try:
        return lanes.batch(function, tuple(ins))
    except _CrossedError:
        return lanes.whole(function, tuple(ins))


@dataclass
class _Lanes:
    """The functions met in one transform; each is batched once for each use."""

    size: int
    known: dict[tuple[Function, Flags, Flags | None], Batch] = field(
        default_factory=dict
    )

    def type(self, type: Type, has_lanes: bool) -> Type:
        """Return the type of all lanes of a value."""
        if not has_lanes or not isinstance(type, TensorType):
            return type
        return type.with_shape((self.size, *type.shape))

    def params(self, function: Function, ins: Flags) -> list[Expr]:
        """Return new parameters for `function`, with lanes where `ins` says so."""
        return [
            make_param(param.attrs["name"], self.type(param.type, has_lanes))
            for param, has_lanes in zip(function.params, ins, strict=True)
        ]

    def batch(self, function: Function, ins: Flags, outs: Flags | None = None) -> Batch:
        """Return `function` of lanes; `outs` are the results to have lanes anyway."""
        key = (function, ins, outs)
        if key not in self.known:
            self.known[key] = self._batch(function, ins, outs)
        return self.known[key]

    def _batch(self, function: Function, ins: Flags, outs: Flags | None) -> Batch:
        with scope(isolated=True) as made, at(None):
            params = self.params(function, ins)
            region = _Region(self, dict(zip(function.params, params, strict=True)), ins)
            region.run(function)
            results = [region.values[result] for result in function.results]
            if outs is not None:
                results = [
                    region.spread(result) if wanted else result
                    for result, wanted in zip(results, outs, strict=True)
                ]
        return Batch(
            Function(
                function.name,
                tuple(params),
                tuple(result.expr for result in results),
                tuple(made.effects),
            ),
            tuple(result.has_lanes for result in results),
            region.by_lane,
        )

    def whole(self, function: Function, ins: Flags) -> Batch:
        """Return `function` of lanes, done lane after lane."""
        with scope(isolated=True) as made, at(None):
            params = self.params(function, ins)
            values = [Value(p, flag) for p, flag in zip(params, ins, strict=True)]
            results = self.one_by_one(
                values, function.result_types, lambda *xs: inline(function, xs)
            )
        outs = (True,) * len(results)
        name = function.name
        batched = Function(name, tuple(params), tuple(results), tuple(made.effects))
        return Batch(batched, outs, True)

    def one_by_one(
        self,
        operands: Sequence[Value],
        types: Sequence[Type],
        build: Callable[..., Sequence[Expr]],
    ) -> tuple[Expr, ...]:
        """Return the results of `build` for one lane after another, with lanes."""
        if any(isinstance(t, TapeType) for t in (*types, *_types(operands))):
            raise _CrossedError
        init = [full(self.type(t, True), 0) for t in types]  # pyright: ignore
        if not self.size:
            return tuple(init)

        def body(lane: Expr, *made: Expr) -> list[Expr]:
            results = build(*(lane_of(operand, lane) for operand in operands))
            return [
                dynamic_update(x, reshape(y, (1, *y.shape)), _place(x, lane))
                for x, y in zip(made, results, strict=True)
            ]

        bounds = (index_const(0), index_const(self.size), index_const(1))
        return counted_loop(*bounds, init, body)


def _types(values: Sequence[Value]) -> list[Type]:
    return [value.expr.type for value in values]


def lane_of(value: Value, lane: Expr) -> Expr:
    """Return what `value` is in a lane."""
    x = value.expr
    if not value.has_lanes:
        return x
    window = dynamic_slice(x, _place(x, lane), (1, *x.shape[1:]))
    return reshape(window, x.shape[1:])


def _place(x: Expr, lane: Expr) -> list[Expr]:
    return [lane, *[index_const(0)] * (x.tensor.rank - 1)]


class _Region:
    """One region on its way: what its expressions became.

    Attributes:
        lanes: the transform.
        values: of expressions with one result.
        parts: of those with several.
        by_lane: whether something was done lane after lane.
    """

    def __init__(self, lanes: _Lanes, params: dict[Expr, Expr], ins: Flags) -> None:
        """Start with parameters; tapes always hold lanes."""
        self.lanes = lanes
        self.values = {
            param: Value(made, flag or isinstance(made.type, TapeType))
            for (param, made), flag in zip(params.items(), ins, strict=True)
        }
        self.parts: dict[Expr, list[Value]] = {}
        self.by_lane = False

    def run(self, function: Function) -> None:
        """Make everything of `function`."""
        for node in function.nodes():
            if node in self.values:
                continue
            with at(node.span):
                found = self._run(node)
            if isinstance(found, Value):
                self.values[node] = found
            else:
                self.parts[node] = found

    def _run(self, node: Expr) -> Found:
        if node.op is ITEM:
            return self.parts[node.operands[0]][node.attrs["index"]]
        operands = [self.values[operand] for operand in node.operands]
        handler = _HANDLERS.get(node.op)
        if node.op is TAPE_NEW:
            return Value(rebuild(node, ()), True)
        if not any(operand.has_lanes for operand in operands):
            made = rebuild(node, _exprs(operands))
            if isinstance(made.type, TupleType):
                return [Value(item, False) for item in items(made)]
            return Value(made, False)
        if handler is not None:
            return handler(self, node, operands)
        rule = node.op.batch
        if isinstance(rule, Missing):
            return self.each_lane(node, operands)
        flags = tuple(operand.has_lanes for operand in operands)
        return Value(rule(node, flags, *_exprs(operands)), True)

    def each_lane(self, node: Expr, operands: Sequence[Value]) -> Found:
        """Return `node` done lane after lane."""
        self.by_lane = True
        several = isinstance(node.type, TupleType)
        types = node.type.items if isinstance(node.type, TupleType) else (node.type,)

        def one(*xs: Expr) -> Sequence[Expr]:
            made = rebuild(node, xs)
            return items(made) if several else (made,)

        made = self.lanes.one_by_one(operands, types, one)
        found = [Value(each, True) for each in made]
        return found if several else found[0]

    def spread(self, value: Value) -> Value:
        """Return `value` with lanes."""
        if value.has_lanes:
            return value
        x = value.expr
        return Value(broadcast_to(x, (self.lanes.size, *x.shape)), True)

    def spread_where(self, values: Sequence[Value], flags: Flags) -> list[Value]:
        """Return `values`, with lanes where `flags` says so."""
        pairs = zip(values, flags, strict=True)
        return [self.spread(value) if flag else value for value, flag in pairs]


def _exprs(values: Sequence[Value]) -> tuple[Expr, ...]:
    return tuple(value.expr for value in values)


def _flags(values: Sequence[Value]) -> Flags:
    return tuple(value.has_lanes for value in values)


def _parts(made: Expr, outs: Flags) -> list[Value]:
    return [Value(*pair) for pair in zip(items(made), outs, strict=True)]


def _cond(region: _Region, node: Expr, operands: list[Value]) -> Found:
    p, *captures = operands
    sides = (node.attrs["then"], node.attrs["orelse"])
    if p.has_lanes and not all(map(_is_quiet, sides)):
        return region.each_lane(node, operands)
    ins = _flags(captures)
    try:
        found = [region.lanes.batch(side, ins).outs for side in sides]
        outs = tuple(p.has_lanes or any(each) for each in zip(*found, strict=True))
        then, orelse = (region.lanes.batch(side, ins, outs) for side in sides)
    except _CrossedError:
        return region.each_lane(node, operands)
    if p.has_lanes:
        return _select(p.expr, (then, orelse), _exprs(captures))
    region.by_lane |= then.by_lane or orelse.by_lane
    made = make(COND, _exprs(operands), then=then.function, orelse=orelse.function)
    return _parts(made, outs)


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


def _loop(region: _Region, node: Expr, operands: list[Value]) -> Found:
    lead, first = places(node)
    bounds, inputs = operands[:first], operands[first:]
    if any(_flags(bounds)):
        return region.each_lane(node, operands)
    count, body = node.attrs["count"], node.attrs["body"]
    try:
        flags = _settled(region.lanes, body, _flags(inputs), count, lead)
        made = region.lanes.batch(body, (False,) * lead + flags, flags[:count])
        attrs = dict(node.attrs, body=made.function)
        stops_together = True
        if node.op is WHILE:
            test = region.lanes.batch(node.attrs["condition"], flags)
            attrs["condition"] = test.function
            stops_together = not test.outs[0]
    except _CrossedError:
        return region.each_lane(node, operands)
    if not stops_together or (made.by_lane and not _has_tape(node)):
        return region.each_lane(node, operands)
    region.by_lane |= made.by_lane
    spread = region.spread_where(inputs, flags)
    return _parts(make(node.op, _exprs([*bounds, *spread]), **attrs), flags[:count])


def _settled(
    lanes: _Lanes, body: Function, flags: Flags, count: int, lead: int
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


def _check(region: _Region, node: Expr, operands: list[Value]) -> Found:
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


def _checkpoint(region: _Region, node: Expr, operands: list[Value]) -> Found:
    made = region.lanes.batch(node.attrs["body"], _flags(operands))
    region.by_lane |= made.by_lane
    attrs = dict(node.attrs, body=made.function)
    return _parts(make(CHECKPOINT, _exprs(operands), **attrs), made.outs)


def _custom_grad(region: _Region, node: Expr, operands: list[Value]) -> Found:
    count, captures = node.attrs["count"], node.attrs["captures"]
    end = len(operands) - captures
    own = [region.spread(operand) for operand in operands[:end]]
    flags = (True,) * count + _flags(operands[end:])
    outs = (True,) * (end - count)
    try:
        rule = region.lanes.batch(node.attrs["pullback"], flags, outs)
    except _CrossedError:
        return region.each_lane(node, operands)
    attrs = dict(node.attrs, pullback=rule.function)
    made = make(CUSTOM_GRAD, _exprs([*own, *operands[end:]]), **attrs)
    return _parts(made, (True,) * count)


def _push(region: _Region, node: Expr, operands: list[Value]) -> Found:
    # The pop does not know which of them have lanes, so all are given them.
    pushed = [region.spread(operand) for operand in operands]
    return Value(make(TAPE_PUSH, _exprs(pushed)), True)


def _pop(region: _Region, node: Expr, operands: list[Value]) -> Found:
    types = tuple(region.lanes.type(type, True) for type in node.attrs["types"])
    made = make(TAPE_POP, _exprs(operands), types=types)
    return _parts(made, (True,) * (len(types) + 1))


_HANDLERS: dict[Op, Callable[[_Region, Expr, list[Value]], Found]] = {
    COND: _cond,
    FOR: _loop,
    WHILE: _loop,
    CHECK: _check,
    CHECKPOINT: _checkpoint,
    CUSTOM_GRAD: _custom_grad,
    TAPE_PUSH: _push,
    TAPE_POP: _pop,
}
