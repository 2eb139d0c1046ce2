"""Nests of loops for groups of elementwise events and reductions.

All members of a group share one iteration space.  In the innermost body every
value is computed before any is stored, so a member may overwrite what others
read at the same index.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base.dims import Dim, product
from defnpy.base.dtypes import I64, DType
from defnpy.ir.kernel import Buffer, Loop, Statement, Store, load, loop_index
from defnpy.ops.elementwise import (
    add,
    greater,
    maximum,
    minimum,
    multiply,
)
from defnpy.ops.leaf import const
from defnpy.passes.lower import rows
from defnpy.passes.lower.elements import Index, Row, compute, element
from defnpy.passes.lower.storage import is_plain_constant, key_of, space

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.ir.expr import Expr
    from defnpy.passes.lower.program import Region

Shape = tuple[Any, ...]  # of ints, and of Dims
PARALLEL_WORK = 1 << 20  # scalar operations that are worth waking threads
BLOCK = 4096  # elements that are reduced before their result meets others
_COMBINE = {"sum": add, "prod": multiply, "max": maximum, "min": minimum}


@dataclass(eq=False)
class Accumulator:
    """A reduction in the making.

    Attributes:
        event: the reduction.
        depth: the axis from which on every axis is reduced, or has one element.
        has_outer: whether an axis before `depth` is reduced too.
        total: where the result lies.
        partial: where the innermost reduced axes are gathered; `total` itself if
            the last axis is kept or nothing is, else made inside the outer loops.
    """

    event: Expr
    depth: int
    has_outer: bool
    total: Buffer | Row
    partial: Buffer

    @property
    def is_direct(self) -> bool:
        """Whether everything is gathered in the total."""
        return self.depth in (0, len(space(self.event)))

    def kept(self, index: Index) -> Index:
        """Return the index of the result for one of the operand's first axes.

        Of the others, those that are not reduced have one element.
        """
        axes, rank = self.event.attrs["axes"], len(space(self.event))
        full = (*index, *[const(0, I64)] * (rank - len(index)))
        return tuple(i for axis, i in enumerate(full) if axis not in axes)


@dataclass(eq=False)
class Group:
    """The members of one nest, and the sizes of its loops.

    A member without a target is needed by other members only.  `parallel` is the
    axis whose iterations may be shared among threads.
    """

    region: Region
    shape: Shape
    events: list[Expr]
    targets: dict[Expr, Buffer | Row | None]
    accumulators: list[Accumulator]
    parallel: int | None = None


def emit(region: Region, events: list[Expr]) -> None:
    """Append the loops that compute every event of a group."""
    group = opened(region, events)
    before = dict(region.values)
    if len(group.shape) > 1 and all(_is_flat(region, event) for event in events):
        _flatten(group)
    else:
        _split(group)
    if _is_long_sum(group):
        _blocks(group)
    else:
        group.parallel = _parallel_axis([group])
        _nest(group, ())
    region.values = before
    closed(group)


def _split(group: Group) -> None:
    """Gather sums over all axes for each part of the first long one by itself.

    Sums of sums round less.
    """
    longer = (axis for axis, size in enumerate(group.shape) if size != 1)
    depth = next(longer, 0) + 1
    if all(size == 1 for size in group.shape[depth:]):
        return
    for each in group.accumulators:
        if each.depth == 0:
            each.depth, each.has_outer = depth, True
            _reset(group.region, each, each.partial)


def _is_long_sum(group: Group) -> bool:
    """Whether all reductions of a group are over one long loop."""
    (size, *others) = group.shape or (0,)
    is_long = isinstance(size, Dim) or size >= 4 * BLOCK
    return bool(group.accumulators) and not others and is_long


def _blocks(group: Group) -> None:
    """Append reductions over one long loop: of blocks, and then of their results.

    Sums of sums round less, and blocks may be shared among threads; they do not
    depend on how many there are.
    """
    region, (size,) = group.region, group.shape
    whole, left = size // BLOCK, size % BLOCK
    totals = [each.partial for each in group.accumulators]
    parts = [region.local(t.dtype, (whole + int(bool(left)),)) for t in totals]
    worthwhile = _worthwhile([group])
    parallel = worthwhile is not None or _work([group]) >= PARALLEL_WORK
    var = loop_index(f"i{region.lowering.fresh()}")
    with region.inside() as inner:
        _block(group, var, BLOCK, parts)
    made = counted(var, whole, inner)
    region.block.append(replace(made, parallel=parallel, worthwhile=worthwhile))
    if left:
        _block(group, const(whole, I64), left, parts)
    for each, total, part in zip(group.accumulators, totals, parts, strict=True):
        each.partial = total
        _reset(region, each, total)
        nest(region, part.shape, lambda i, e=each, p=part: _join(region, e, p, i))


def _block(group: Group, number: Expr, size: Any, parts: list[Buffer]) -> None:
    """Append the reductions of one block into the elements of `parts`."""
    region = group.region
    for each in group.accumulators:
        each.partial = region.local(each.event.dtype, ())
        _reset(region, each, each.partial)
    var = loop_index(f"i{region.lowering.fresh()}")
    with region.inside() as inner:
        innermost(group, (add(multiply(number, const(BLOCK, I64)), var),))
    region.block.append(counted(var, size, inner, reassociate=True))
    for each, part in zip(group.accumulators, parts, strict=True):
        _store(region, part, (number,), load(each.partial, ()))


def _join(region: Region, each: Accumulator, part: Buffer, index: Index) -> None:
    combined = _COMBINE[each.event.op.name](load(each.partial, ()), load(part, index))
    _store(region, each.partial, (), combined)


def emit_rows(region: Region, bundle: list[list[Expr]]) -> None:
    """Append loops over rows, in which the groups of a bundle follow each other.

    What only the bundle needs has memory for one row, which stays in cache.
    """
    depth = rows.depth_of(region.plan, bundle)
    narrow = frozenset(rows.narrow(region.plan, bundle, depth))
    groups = [opened(region, events, narrow) for events in bundle]

    def row(index: Index) -> None:
        for group in groups:
            _narrow(group, narrow, depth)
            before = dict(region.values)
            _nest(group, index)
            region.values = before
            closed(group)

    nest(region, groups[0].shape[:depth], row)
    made = region.block.pop()
    assert isinstance(made, Loop)
    parallel, worthwhile = _parallel_axis(groups) is not None, _worthwhile(groups)
    region.block.append(replace(made, parallel=parallel, worthwhile=worthwhile))
    for event in narrow:
        region.values.pop((event, 0), None)


def opened(
    region: Region, events: list[Expr], narrow: frozenset[Expr] = frozenset()
) -> Group:
    """Return a group with memory for its results, those of `narrow` left out."""
    plan, targets, accumulators = region.plan, {}, []
    for event in events:
        if event.op.family != "reduction":
            needless = event in narrow or plan.is_transient(event, events)
            targets[event] = None if needless else region.allocate((event, 0))
        elif event not in narrow:
            scalar = event.tensor.rank == 0
            local = region.local(event.dtype, ()) if scalar else None
            total = local or region.allocate((event, 0))
            accumulators.append(_accumulator(event, total))
    for each in accumulators:
        if each.depth and (each.has_outer or each.is_direct):
            _reset(region, each, each.partial)
    return Group(region, space(events[0]), events, targets, accumulators)


def _narrow(group: Group, narrow: frozenset[Expr], depth: int) -> None:
    """Give the events of `narrow` memory for a row."""
    region = group.region
    for event in group.events:
        if event not in narrow or region.plan.is_transient(event, group.events):
            continue
        row = Row(region.local(event.dtype, event.shape[depth:]), depth)
        if event.op.family == "reduction":
            group.accumulators.append(_accumulator(event, row))
        else:
            group.targets[event] = row


def closed(group: Group) -> None:
    """Say where the results of a group are; scalars are read from memory."""
    values = group.region.values
    for event, target in group.targets.items():
        if target is not None:
            whole = isinstance(target, Buffer)
            values[event, 0] = target.view(event.shape) if whole else target
    for each in group.accumulators:
        made = each.total
        if each.event.tensor.rank == 0 and isinstance(made, Buffer):
            made = group.region.let(load(made, ()))
        values[each.event, 0] = made


def _work(groups: list[Group]) -> Any:
    """Return the scalar operations of groups: a number, or twice it as a Dim."""
    storage, work = groups[0].region.plan.storage, 0
    for group in groups:
        # Half an operation for each byte that is read or written.
        halves = sum(e.dtype.bytes + 2 * storage.work_of(e) for e in group.events)
        work += product(group.shape) * halves
    return work if isinstance(work, Dim) else work / 2


def _worthwhile(groups: list[Group]) -> Expr | None:
    """Whether groups are work for threads, where that is known when they run only."""
    work = _work(groups)
    if not isinstance(work, Dim):
        return None
    return greater(const(work, I64), 2 * PARALLEL_WORK)


def _parallel_axis(groups: list[Group]) -> int | None:
    """Return the first axis that is long, if its iterations are independent.

    They are where no reduction gathers over it.
    """
    work = _work(groups)
    if not isinstance(work, Dim) and work < PARALLEL_WORK:
        return None
    axis = next(a for a, size in enumerate(groups[0].shape) if size != 1)
    gathered = any(
        a.depth <= axis or axis in a.event.attrs["axes"]
        for group in groups
        for a in group.accumulators
    )
    return None if gathered else axis


def nest(region: Region, shape: Shape, body: Callable[[Index], None]) -> None:
    """Append loops over `shape` around what `body` appends for an index."""

    def level(index: Index) -> None:
        if len(index) == len(shape):
            body(index)
            return
        if shape[len(index)] == 1:
            level((*index, const(0, I64)))
            return
        var = loop_index(f"i{region.lowering.fresh()}")
        with region.inside() as inner:
            level((*index, var))
        region.block.append(counted(var, shape[len(index)], inner))

    level(())


def counted(
    var: Expr, size: Any, body: list[Statement], reassociate: bool = False
) -> Loop:
    """Return a loop of `size` iterations."""
    zero, one = const(0, I64), const(1, I64)
    return Loop(var, zero, const(size, I64), one, tuple(body), reassociate=reassociate)


def _accumulator(event: Expr, total: Buffer | Row) -> Accumulator:
    axes, shape = event.attrs["axes"], space(event)
    depth = len(shape)
    while depth - 1 in axes or (axes and depth and shape[depth - 1] == 1):
        depth -= 1
    partial = total if isinstance(total, Buffer) else total.buffer
    has_outer = any(axis < depth for axis in axes)
    return Accumulator(event, depth, has_outer, total, partial)


def _is_flat(region: Region, event: Expr) -> bool:
    """Whether elements are computed alike wherever they are: one loop will do."""
    if event.op.family == "reduction":
        return event.tensor.rank == 0 and _is_flat_operand(
            region, event.operands[0], space(event)
        )
    if event.op.family != "elementwise":
        return False
    return all(_is_flat_operand(region, e, event.shape) for e in event.operands)


def _is_flat_operand(region: Region, node: Expr, shape: Shape) -> bool:
    while node.op.name == "check":  # what it lets through is read
        node = node.operands[0]
    if node.tensor.rank == 0 or is_plain_constant(node):
        return True
    if node.shape != shape:
        return False
    if region.plan.storage.is_event(node) or key_of(node) in region.values:
        return True
    if node.op.name == "broadcast":
        return node.operands[0].tensor.rank == 0
    if node.op.family != "elementwise":
        return False
    return all(_is_flat_operand(region, e, shape) for e in node.operands)


def _flatten(group: Group) -> None:
    """Make one loop of the nest, over flat views of all memory of its shape."""
    size = (product(group.shape),)
    values = group.region.values
    for key, value in values.items():
        if isinstance(value, Buffer) and value.shape == group.shape:
            values[key] = value.view(size)
    group.targets = {
        e: b.view(size) if isinstance(b, Buffer) else b
        for e, b in group.targets.items()
    }
    group.shape = size


def _nest(group: Group, index: Index) -> None:
    """Append the loops over the axes from ``len(index)`` on, and what is inside."""
    region, depth = group.region, len(index)
    if depth == len(group.shape):
        innermost(group, index)
        return
    here = [a for a in group.accumulators if a.depth == depth]
    for each in here:
        if not each.is_direct:
            each.partial = region.local(each.event.dtype, ())
        _reset(region, each, each.partial)
    if group.shape[depth] == 1:
        _nest(group, (*index, const(0, I64)))
    else:
        _loop(group, index)
    for each in here:
        if not each.is_direct:
            _add_partial(region, each, each.kept(index))


def _loop(group: Group, index: Index) -> None:
    """Append the loop over the axis ``len(index)``, and what is inside."""
    region, depth = group.region, len(index)
    var = loop_index(f"i{region.lowering.fresh()}")
    with region.inside() as inner:
        _nest(group, (*index, var))
    reassociate = any(a.depth <= depth for a in group.accumulators)
    made = counted(var, group.shape[depth], inner, reassociate)
    if depth == group.parallel:
        made = replace(made, parallel=True, worthwhile=_worthwhile([group]))
    region.block.append(made)


def _reset(region: Region, each: Accumulator, target: Buffer) -> None:
    """Set `target` to the result of no elements."""
    dtype = each.event.dtype
    start = const(_start(each.event.op.name, dtype), dtype)
    nest(region, target.shape, lambda i: _store(region, target, i, start))


def _store(region: Region, target: Buffer | Row, index: Index, value: Expr) -> None:
    if isinstance(target, Row):
        target, index = target.buffer, index[target.depth :]
    region.block.append(Store(target, index, value))


def _start(name: str, dtype: DType) -> object:
    """Return the value that a reduction begins with."""
    if name in ("sum", "prod"):
        return int(name == "prod")
    if dtype.is_float:
        return -np.inf if name == "max" else np.inf
    if dtype.kind == "b":
        return name == "min"
    info = np.iinfo(dtype.numpy)
    return int(info.min if name == "max" else info.max)


def _add_partial(region: Region, each: Accumulator, kept: Index) -> None:
    """Bring a finished part into the total."""
    made = load(each.partial, ())
    if each.has_outer and isinstance(each.total, Buffer):
        made = _COMBINE[each.event.op.name](load(each.total, kept), made)
    _store(region, each.total, kept, made)


def innermost(group: Group, index: Index) -> None:
    """Append the innermost statements: all values first, then all stores."""
    region = group.region
    stores: list[tuple[Buffer | Row, Index, Expr]] = []
    for event, target in group.targets.items():
        value = region.let(compute(region, event, index))
        region.values[event, 0] = value  # for the members that read it
        if target is not None:
            stores.append((target, index, value))
    for each in group.accumulators:
        stores.append(_accumulate(region, each, index))
    for buffer, place, value in stores:
        _store(region, buffer, place, value)


def _accumulate(
    region: Region, each: Accumulator, index: Index
) -> tuple[Buffer, Index, Expr]:
    place = each.kept(index) if each.partial.shape else ()
    value = region.let(element(region, each.event.operands[0], index))
    so_far = load(each.partial, place)
    return each.partial, place, _COMBINE[each.event.op.name](so_far, value)
