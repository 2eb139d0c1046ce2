"""Groups of loops that can follow each other row by row.

A softmax is three groups: the largest of each row, the exponentials with their sum,
and the quotient.  In one loop over the rows each row is read from memory once.
Rows lie along the last axis of as many as are shared.
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

Rows = tuple[Any, ...]

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


def depth_of(plan: Plan, bundle: list[list[Expr]]) -> int:
    """Return how many axes the groups of a bundle share loops over.

    They are as few as make rows that stay in cache, or as many as can be shared.
    """
    depth = _least(bundle[0])
    while not all(_fits(group, depth) for group in bundle):
        pairs = ((bundle[:k], group) for k, group in enumerate(bundle) if k)
        if not all(_may_share(plan, *pair, depth + 1) for pair in pairs):
            break
        depth += 1
    return depth


def narrow(plan: Plan, bundle: list[list[Expr]], depth: int) -> Iterator[Expr]:
    """Yield the events of a bundle that nothing outside of it needs.

    A row of them, what is after the first `depth` axes, is small.
    """
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
        if _is_small(event.shape[depth:], event):
            yield event


def _least(group: list[Expr]) -> int:
    """Return how many axes there are up to the first of more than one element."""
    shape = space(group[0])
    return next((k for k, size in enumerate(shape) if size != 1), 0) + 1


def _fits(group: list[Expr], depth: int) -> bool:
    """Whether rows of a group are small."""
    return all(_is_small(space(event)[depth:], event) for event in group)


def _is_small(row: tuple[Any, ...], event: Expr) -> bool:
    return must(lambda: product(row) * event.dtype.bytes <= ROW)


def _may_follow(plan: Plan, bundle: list[list[Expr]], group: list[Expr]) -> bool:
    first = bundle[0]
    return plan.is_loop(first[0]) and _may_share(plan, bundle, group, _least(first))


def _may_share(
    plan: Plan, bundle: list[list[Expr]], group: list[Expr], depth: int
) -> bool:
    """Whether a group can follow a bundle in each turn of loops over `depth` axes."""
    if not all(_has_rows(plan, each, depth) for each in (bundle[0], group)):
        return False
    if all(len(space(each[0])) == depth for each in (*bundle, group)):
        return False  # rows of one element: they were to be apart
    if space(bundle[0][0])[:depth] != space(group[0])[:depth]:
        return False
    earlier = [event for each in bundle for event in each]
    return all(
        _is_by_row(plan, first, second, depth) for first in earlier for second in group
    )


def _has_rows(plan: Plan, group: list[Expr], depth: int) -> bool:
    """Whether the first axes of a group's loops are long and none gathers over them."""
    if not plan.is_loop(group[0]):
        return False
    shape = space(group[0])[:depth]
    if len(shape) < depth or not must(lambda: product(shape) > 1):
        return False
    return all(
        event.op.family != "reduction"
        or min(event.attrs["axes"], default=depth) >= depth
        for event in group
    )


def _is_by_row(plan: Plan, first: Expr, second: Expr, depth: int) -> bool:
    """Whether a row of `second` needs, and overwrites, that row of `first` only."""
    if not _reads_by_row(plan.storage, second, first, depth):
        return False
    for writer, reader in ((first, second), (second, first)):
        old = plan.reuse.get((writer, 0))
        if old is not None:
            if not _reads_by_row(plan.storage, reader, old, depth):
                return False
            if not _reads_by_row(plan.storage, writer, old, depth):
                return False
    return True


def _reads_by_row(storage: Storage, event: Expr, source: Expr, depth: int) -> bool:
    rows = space(event)[:depth]
    if event.op.family == "reduction":
        return _is_aligned(storage, event.operands[0], source, rows)
    return source not in storage.reads(event) or _passes_rows(
        storage, event, source, rows
    )


def _is_aligned(storage: Storage, node: Expr, source: Expr, rows: Rows) -> bool:
    """Whether `node`, as an operand, takes row i of `source` for its own row i.

    `rows` are the sizes of the axes that tell rows apart.
    """
    if source not in storage.sources(node):
        return True
    if node.shape[: len(rows)] != rows:
        return False
    if node is source or node.op is PARAM or storage.is_event(node):
        return node.op.family != "check"
    return _passes_rows(storage, node, source, rows)


def _passes_rows(storage: Storage, node: Expr, source: Expr, rows: Rows) -> bool:
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
        first = slice(len(rows))  # whole axes, their sizes being the same
        starts, steps = node.attrs["start"][first], node.attrs["step"][first]
        kept = not any(starts) and all(step == 1 for step in steps)
    else:
        kept = False
    return kept and _is_aligned(storage, x, source, rows)
