"""A Function becomes a Kernel: the walk over its events, and its regions."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from defnpy.base.dims import symbols_of
from defnpy.base.dtypes import I64
from defnpy.base.errors import InternalError
from defnpy.ir.expr import PARAM, Expr, at, scope
from defnpy.ir.kernel import (
    VAR,
    Alloc,
    Block,
    Buffer,
    Copy,
    FaultSite,
    Kernel,
    Let,
    PrintSite,
    Statement,
    Store,
    load,
    variable,
)
from defnpy.ir.statements import is_parallel, walk
from defnpy.ir.types import TapeType, TensorType, TupleType
from defnpy.ops.axes import RESHAPE
from defnpy.ops.leaf import is_const
from defnpy.passes.expand import expand
from defnpy.passes.lower import control, epilogues, loops, products, routines, stores
from defnpy.passes.lower.elements import Row, element
from defnpy.passes.lower.plan import Plan
from defnpy.passes.lower.rows import bundles
from defnpy.passes.lower.storage import Key, is_plain_constant, key_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from defnpy.base.dtypes import DType
    from defnpy.ir.function import Function

Value = Expr | Buffer | Row | int  # a scalar, memory, or the number of a tape


def lower(function: Function, steps: list[Step] | None = None) -> Kernel:
    """Return the Kernel that fills one buffer for each result of `function`.

    `steps`, if given, is filled with what is done, in order.
    """
    function, lowering = expand(function), Lowering(steps=steps)
    params = tuple(
        Buffer(f"{p.attrs['name']}", *_dtype_and_shape(p), role="param")
        for p in function.params
    )
    results = tuple(
        Buffer(f"r{k}", *_dtype_and_shape(r), role="result")
        for k, r in enumerate(function.results)
    )
    with scope(isolated=True):
        region = Region(lowering, Plan(function))
        for param, buffer in zip(function.params, params, strict=True):
            region.bind(param, buffer)
        region.run(results)
    symbols = _symbols(function)
    if symbols:
        params = (*params, Buffer("sizes", I64, (len(symbols),), role="param"))
    return Kernel(
        function.name,
        params,
        results,
        tuple(region.block),
        tuple(lowering.faults),
        lowering.tapes,
        tuple(lowering.prints),
        symbols,
    )


def _symbols(function: Function) -> tuple[str, ...]:
    """Return the names of the sizes that are known only when the program runs."""
    sizes = [size for param in function.params for size in param.shape]
    return tuple(sorted(set().union(*map(symbols_of, sizes))))


def _dtype_and_shape(e: Expr) -> tuple[DType, tuple[Any, ...]]:
    return e.tensor.dtype, e.tensor.shape


@dataclass(slots=True, eq=False)
class Step:
    """A group of events that is carried out together.

    Attributes:
        depth: how many loops and branches of the program are around it.
        events: its members; several share one nest of loops.
        plan: of the function they belong to.
        joined: ``"row"`` or ``"block"`` if each is done with that of the step before.
        is_parallel: whether threads share the work.
    """

    depth: int
    events: tuple[Expr, ...]
    plan: Plan
    joined: str = ""
    is_parallel: bool = False


@dataclass(eq=False)
class Lowering:
    """What the regions of one kernel share."""

    steps: list[Step] | None = None
    faults: list[FaultSite] = field(default_factory=list)
    prints: list[PrintSite] = field(default_factory=list)
    tapes: int = 0
    names: int = 0

    def fresh(self) -> int:
        """Return a number no other name of the kernel has."""
        self.names += 1
        return self.names


@dataclass(eq=False)
class Region:
    """The statements of one function: the program's, or a body's.

    Attributes:
        lowering: what the whole kernel shares.
        plan: order and memory of the function's events.
        depth: how many bodies it is inside of.
        block: the statements so far.
        values: what is known of nodes: scalars, memory, tapes.
        homes: memory that the results of events are to be written to.
    """

    lowering: Lowering
    plan: Plan
    depth: int = 0
    block: list[Statement] = field(default_factory=list)
    values: dict[Key, Value] = field(default_factory=dict)
    homes: dict[Key, Buffer] = field(default_factory=dict)

    def bind(self, param: Expr, value: Value) -> None:
        """Give a parameter its value; scalars in memory are read now."""
        if isinstance(value, Buffer) and value.shape == ():
            value = self.let(load(value, ()))
        self.values[param, 0] = value

    def run(self, targets: Sequence[Buffer | None]) -> None:
        """Carry out every event and put the results into `targets`."""
        results = self.plan.function.results
        carried = self.plan.carried or [None] * len(results)
        for result, target, old in zip(results, targets, carried, strict=True):
            root = self._maker(result)
            # Memory that holds an old value is taken over by the plan's leave only.
            if target is not None and old is None and root.op is not PARAM:
                self.homes.setdefault(key_of(root), target)
        ordered = bundles(self.plan, self.plan.schedule())
        for bundle in epilogues.paired(self, ordered):
            noted, begin = self._note(bundle), len(self.block)
            with at(bundle[0][0].span):
                if bundle[0][0].op.family == "dot" and len(bundle) > 1:
                    products.emit_with(self, bundle[0][0], bundle[1])
                elif len(bundle) > 1:
                    loops.emit_rows(self, bundle)
                else:
                    self._carry_out(bundle[0])
            for step in noted:
                step.is_parallel = any(map(is_parallel, walk(self.block[begin:])))
        self._finish(targets)

    def _maker(self, result: Expr) -> Expr:
        """Return the value whose memory a result will be, whatever its shape."""
        plan, root = self.plan, self.plan.root(result)
        while root.op is RESHAPE and plan.storage.has_memory(root.operands[0]):
            (x,) = root.operands
            if x in plan.reuse.values():  # a copy is made of it
                break
            root = plan.root(x)
        return root

    def _carry_out(self, group: list[Expr]) -> None:
        event = group[0]
        family = event.op.family
        if self.plan.is_loop(event):
            loops.emit(self, group)
        elif family in control.EMITTERS:
            control.EMITTERS[family](self, event)
        elif family == "dot":
            products.emit(self, event)
        elif family == "routine":
            routines.emit(self, event)
        elif event.tensor.rank == 0:
            self.values[event, 0] = self.let(element(self, event, ()))
        elif family in ("store", "copy"):
            stores.emit(self, event)
        elif event.op.name == "const":
            self.values[event, 0] = self._constant(event)
        elif event.op.name == "reshape":
            self._reshape(event)
        else:
            raise InternalError(f"{event!r} cannot be lowered")

    def _note(self, groups: list[list[Expr]]) -> list[Step]:
        """Tell who asked what will be done now."""
        if self.lowering.steps is None:
            return []
        part = "block" if groups[0][0].op.family == "dot" else "row"
        noted = [
            Step(self.depth, tuple(group), self.plan, part if place else "")
            for place, group in enumerate(groups)
        ]
        self.lowering.steps += noted
        return noted

    def _constant(self, event: Expr) -> Buffer:
        name = f"k{self.lowering.fresh()}"
        array = event.attrs["value"]
        return Buffer(name, event.dtype, event.shape, "constant", value=array)

    def _reshape(self, event: Expr) -> None:
        """Show the operand's memory in another shape, or a copy of it."""
        (x,) = event.operands
        view = self.memory(x).view(event.shape)
        if x in self.plan.reuse.values():  # it will be overwritten
            made = self.allocate((event, 0))
            self.block.append(Copy(made, view))
            view = made
        self.values[event, 0] = view

    def _finish(self, targets: Sequence[Buffer | None]) -> None:
        """Copy results that were not made where they belong."""
        waiting: list[tuple[Buffer, Buffer | Expr]] = []
        aims = {_base(t) for t in targets if t is not None}
        for result, target in zip(self.plan.function.results, targets, strict=True):
            if target is None:
                continue
            if target.shape == ():
                waiting.append((target, self.let(element(self, result, ()))))
                continue
            made = self.memory(result)
            if _base(made) is _base(target):
                continue
            if _base(made) in aims:  # it may be overwritten by another copy
                temporary = self.local(made.dtype, made.shape)
                self.block.append(Copy(temporary, made))
                made = temporary
            waiting.append((target, made))
        for target, made in waiting:
            if isinstance(made, Buffer):
                self.block.append(Copy(target, made))
            else:
                self.block.append(Store(target, (), made))

    def let(self, value: Expr) -> Expr:
        """Return a variable bound to `value` from here on."""
        if is_const(value) or value.op is VAR:
            return value
        made = variable(f"t{self.lowering.fresh()}", value.dtype)
        self.block.append(Let(made, value))
        return made

    def local(self, dtype: DType, shape: tuple[Any, ...]) -> Buffer:
        """Return new memory that lives to the end of the block."""
        made = Buffer(f"b{self.lowering.fresh()}", dtype, shape)
        self.block.append(Alloc(made))
        return made

    def allocate(self, key: Key) -> Buffer:
        """Return the memory that an event's result is to be written to."""
        node, index = key
        type = node.type.items[index] if isinstance(node.type, TupleType) else node.type
        if not isinstance(type, TensorType):
            raise InternalError(f"{node!r} has no memory")
        old = self.plan.reuse.get(key)
        if old is not None:
            return self.memory(old)
        if key in self.homes:
            return self.homes[key].view(type.shape)
        return self.local(type.dtype, type.shape)

    def memory(self, node: Expr) -> Buffer:
        """Return the memory that holds `node`."""
        value = self.values.get(key_of(node))
        if isinstance(value, Buffer):
            return value
        if node.op.name == "check":
            return self.memory(node.operands[0])
        if is_plain_constant(node):
            return self._constant(node)
        raise InternalError(f"{node!r} is not in memory")

    def tape(self, node: Expr) -> int:
        """Return the number of a tape."""
        value = self.values[key_of(node)]
        if not isinstance(value, int):
            raise InternalError(f"{node!r} is not a tape")
        return value

    def value_of(self, node: Expr) -> Value:
        """Return a scalar, the memory of an array, or a tape."""
        if isinstance(node.type, TapeType):
            return self.tape(node)
        if node.tensor.rank == 0:
            return element(self, node, ())
        return self.memory(node)

    @contextmanager
    def inside(self) -> Iterator[list[Statement]]:
        """Collect the statements made inside into a block of their own."""
        outer, self.block = self.block, []
        try:
            yield self.block
        finally:
            self.block = outer

    def nested(
        self,
        function: Function,
        writable: frozenset[Expr],
        carried: Sequence[Expr | None],
    ) -> Region:
        """Return a region for a body, whose block becomes part of a statement."""
        plan = Plan(function, writable, tuple(carried))
        return Region(self.lowering, plan, self.depth + 1)


def _base(buffer: Buffer) -> Buffer:
    return buffer.base or buffer


__all__ = ["Block", "Lowering", "Region", "Step", "lower"]
