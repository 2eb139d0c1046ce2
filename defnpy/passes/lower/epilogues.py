"""What uses a product element by element, done while its blocks are in cache.

A bias, an activation or a step of an optimizer follows in the loop over the blocks
of a product, so the product's elements need not come back from memory, and threads
are woken once.  Any group of elementwise events that reads the element at its own
place will do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.ir.kernel import Buffer, Loop, loop_index
from defnpy.ir.statements import root
from defnpy.ops.dot import free_axes
from defnpy.ops.leaf import const
from defnpy.ops.movement import index_add
from defnpy.passes.lower import loops
from defnpy.passes.lower.blocks import divided
from defnpy.passes.lower.storage import is_small_product, space

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from defnpy.ir.expr import Expr
    from defnpy.ir.kernel import Call
    from defnpy.passes.lower.elements import Index
    from defnpy.passes.lower.program import Region

Bundle = list[list["Expr"]]


def paired(region: Region, bundles: Iterable[Bundle]) -> Iterator[Bundle]:
    """Yield bundles, products together with the group that follows if it may join."""
    waiting: Bundle = []
    for bundle in bundles:
        if waiting and _may_join(region, waiting[0][0], bundle):
            yield [*waiting, *bundle]
            waiting = []
            continue
        if waiting:
            yield waiting
        waiting = bundle if _has_blocks(bundle) else []
        if not waiting:
            yield bundle
    if waiting:
        yield waiting


def _has_blocks(bundle: Bundle) -> bool:
    """Whether a bundle is a product of matrices that is divided into blocks."""
    event = bundle[0][0]
    if event.op.family != "dot" or is_small_product(event) or event.dtype.kind == "c":
        return False
    a, b = (
        free_axes(x.tensor.rank, contract, batch)
        for x, contract, batch in zip(
            event.operands, event.attrs["contract"], event.attrs["batch"], strict=True
        )
    )
    return len(a) > 0 and len(b) == 1 and 1 not in event.shape[-2:]


def _may_join(region: Region, product: Expr, bundle: Bundle) -> bool:
    """Whether a group needs, and overwrites, no more of a product than its place."""
    plan = region.plan
    storage, events = plan.storage, bundle[0]
    if len(bundle) > 1 or space(events[0]) != product.shape:
        return False
    if any(
        each.op.family != "elementwise" or not plan.is_loop(each) for each in events
    ):
        return False
    if not all(storage.reads_in_place(each, product) for each in events):
        return False
    if not any(product in storage.reads(each) for each in events):
        return False
    read = {root(region.memory(x)) for x in storage.reads(product) if x.tensor.rank}
    changed = (plan.reuse.get((each, 0)) for each in events)
    return not any(
        old is not None and root(region.memory(old)) in read for old in changed
    )


class Epilogue:
    """The events that follow a product in the loop over its blocks.

    Attributes:
        spare: memory of theirs that the product may be written to first, as nothing
            else needs it.
    """

    def __init__(self, region: Region, product: Expr, events: list[Expr]) -> None:
        """Make memory for what the events give."""
        self.region, self.product = region, product
        self.group = loops.opened(region, events)
        self.spare = self._spare()

    def _spare(self) -> Buffer | None:
        plan, product = self.region.plan, self.product
        if not plan.is_needed_by(product, self.group.events):
            return None
        for event, target in self.group.targets.items():
            new = event.dtype == product.dtype and (event, 0) not in plan.reuse
            if new and isinstance(target, Buffer):
                return target.view(product.shape)
        return None

    def emit(self, call: Call) -> None:
        """Append what the events do with the block that `call` computes."""
        item, row, rows, column, columns = call.block
        region, shape = self.region, self.product.shape
        paired, down = len(self.product.attrs["batch"][0]), len(shape) - 1
        ahead = _spread(region, item, shape[:paired])
        i, j = (loop_index(f"i{region.lowering.fresh()}") for _ in range(2))
        before = dict(region.values)
        with region.inside() as around:
            index = (*ahead, *_spread(region, i, shape[paired:down]), j)
            with region.inside() as inner:
                loops.innermost(self.group, index)
            one, end = const(1, column.dtype), index_add(column, columns)
            region.block.append(Loop(j, column, end, one, tuple(inner)))
        one, end = const(1, row.dtype), index_add(row, rows)
        region.block.append(Loop(i, row, end, one, tuple(around)))
        region.values = before

    def close(self) -> None:
        """Say where what the events give is."""
        loops.closed(self.group)


def _spread(region: Region, number: Expr, sizes: tuple[object, ...]) -> Index:
    """Return the index whose number among all indices of a shape is known."""
    if not sizes:
        return ()
    *outer, size = sizes
    if not outer:
        return (number,)
    ahead, last = divided(region, number, size)
    return (*_spread(region, ahead, tuple(outer)), last)
