"""Lanes: regions made again with one axis more for what differs between them.

How ops with one result are applied to all lanes is told by their records; what
becomes of loops and branches is the knowledge of `vmap`, handed in as `handlers`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from defnpy.ir.expr import Expr, at, make_param, scope
from defnpy.ir.function import Function, inline
from defnpy.ir.op import Missing
from defnpy.ir.rewrite import rebuild
from defnpy.ir.types import TapeType, TensorType, TupleType, Type
from defnpy.ops.axes import broadcast_to, full, reshape
from defnpy.ops.control import ITEM, TAPE_NEW, counted_loop, index_const, items
from defnpy.ops.indexing import dynamic_slice, dynamic_update

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from defnpy.ir.op import Op

    Handler = Callable[["Region", Expr, list["Value"]], "Found"]

Flags = tuple[bool, ...]


class CrossedError(Exception):
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


@dataclass
class Lanes:
    """The functions met in one transform; each is batched once for each use."""

    size: int
    handlers: Mapping[Op, Handler]
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
            region = Region(self, dict(zip(function.params, params, strict=True)), ins)
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
            raise CrossedError
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


class Region:
    """One region on its way: what its expressions became.

    Attributes:
        lanes: the transform.
        values: of expressions with one result.
        parts: of those with several.
        by_lane: whether something was done lane after lane.
    """

    def __init__(self, lanes: Lanes, params: dict[Expr, Expr], ins: Flags) -> None:
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
        handler = self.lanes.handlers.get(node.op)
        if node.op is TAPE_NEW:
            return Value(rebuild(node, ()), True)
        if not any(operand.has_lanes for operand in operands):
            made = rebuild(node, exprs_of(operands))
            if isinstance(made.type, TupleType):
                return [Value(item, False) for item in items(made)]
            return Value(made, False)
        if handler is not None:
            return handler(self, node, operands)
        rule = node.op.batch
        if isinstance(rule, Missing):
            return self.each_lane(node, operands)
        flags = tuple(operand.has_lanes for operand in operands)
        made = rule(node, flags, *exprs_of(operands))
        if isinstance(made.type, TupleType):
            return [Value(item, True) for item in items(made)]
        return Value(made, True)

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


def exprs_of(values: Sequence[Value]) -> tuple[Expr, ...]:
    """Return the expressions of values."""
    return tuple(value.expr for value in values)


def flags_of(values: Sequence[Value]) -> Flags:
    """Return which values have lanes."""
    return tuple(value.has_lanes for value in values)


def parts_of(made: Expr, outs: Flags) -> list[Value]:
    """Return the results of an expression with several."""
    return [Value(*pair) for pair in zip(items(made), outs, strict=True)]
