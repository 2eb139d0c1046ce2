"""Groups of loops that can follow each other row by row.

A softmax is three groups: the largest of each row, the exponentials with their sum,
and the quotient.  In one loop over the rows each row is read from memory once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defnpy.base.dims import must, product
from defnpy.ir.expr import PARAM, Expr
from defnpy.ops.axes import RESHAPE
from defnpy.passes.lower.storage import is_trivial_reshape, space

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defnpy.passes.lower.plan import Plan
    from defnpy.passes.lower.storage import Storage

ROW = 32768  # bytes of a row that is rather kept in cache than in memory


def bundles(plan: Plan, groups: list[list[Expr]]) -> Iterator[list[list[Expr]]]:
    """Yield groups together that can share a loop over their first axis."""
    bundle: list[list[Expr]] = []
    for group in groups:
        if bundle and _may_follow(plan, bundle, group):
            bundle.append(group)
            continue
        if bundle:
            yield bundle
        bundle = [group]
    if bundle:
        yield bundle


def narrow(plan: Plan, bundle: list[list[Expr]]) -> Iterator[Expr]:
    """Yield the events of a bundle that nothing outside of it needs."""
    events = [event for group in bundle for event in group]
    for event in events:
        if not plan.is_needed_by(event, events) or not event.tensor.rank:
            continue
        if event.op.family == "reduction":
            axes = event.attrs["axes"]
            rank = len(space(event))
            trailing = tuple(range(rank - len(axes), rank))
            if axes != trailing or rank in axes:
                continue
        if must(lambda event=event: _row_bytes(event) <= ROW):
            yield event


def _row_bytes(event: Expr) -> Any:
    return product(event.shape[1:]) * event.dtype.bytes


def _may_follow(plan: Plan, bundle: list[list[Expr]], group: list[Expr]) -> bool:
    if not all(_has_rows(plan, each) for each in (bundle[0], group)):
        return False
    if space(bundle[0][0])[0] != space(group[0])[0]:
        return False
    earlier = [event for each in bundle for event in each]
    return all(_is_by_row(plan, first, second) for first in earlier for second in group)


def _has_rows(plan: Plan, group: list[Expr]) -> bool:
    """Whether the first axis of a group's loops is long and none gathers over it."""
    if not plan.is_loop(group[0]):
        return False
    shape = space(group[0])
    if not shape or not must(lambda: shape[0] > 1):
        return False
    return all(
        event.op.family != "reduction" or 0 not in event.attrs["axes"]
        for event in group
    )


def _is_by_row(plan: Plan, first: Expr, second: Expr) -> bool:
    """Whether a row of `second` needs, and overwrites, that row of `first` only."""
    if not _reads_by_row(plan.storage, second, first):
        return False
    for writer, reader in ((first, second), (second, first)):
        old = plan.reuse.get((writer, 0))
        if old is not None:
            if not _reads_by_row(plan.storage, reader, old):
                return False
            if not _reads_by_row(plan.storage, writer, old):
                return False
    return True


def _reads_by_row(storage: Storage, event: Expr, source: Expr) -> bool:
    rows = space(event)[0]
    if event.op.family == "reduction":
        return _is_aligned(storage, event.operands[0], source, rows)
    return source not in storage.reads(event) or _passes_rows(
        storage, event, source, rows
    )


def _is_aligned(storage: Storage, node: Expr, source: Expr, rows: int) -> bool:
    """Whether `node`, as an operand, takes row i of `source` for its own row i."""
    if source not in storage.sources(node):
        return True
    if not node.tensor.rank or node.shape[0] != rows:
        return False
    if node is source or node.op is PARAM or storage.is_event(node):
        return node.op.family != "check"
    return _passes_rows(storage, node, source, rows)


def _passes_rows(storage: Storage, node: Expr, source: Expr, rows: int) -> bool:
    """Whether row i of `node` is computed of row i of its operands."""
    if node.op.family == "elementwise":
        return all(_is_aligned(storage, e, source, rows) for e in node.operands)
    (x, *others) = node.operands
    if others or not x.tensor.rank:
        return False
    if node.op.name == "broadcast":
        kept = x.tensor.rank == node.tensor.rank
    elif node.op is RESHAPE:
        kept = is_trivial_reshape(node)
    elif node.op.name == "slice":
        start, step = node.attrs["start"][0], node.attrs["step"][0]
        kept = (start, step) == (0, 1)
    else:
        kept = False
    return kept and _is_aligned(storage, x, source, rows)
