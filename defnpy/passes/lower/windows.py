"""Which stores read what they overwrite, element by element."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.ops.axes import RESHAPE
from defnpy.ops.indexing import DYNAMIC_ADD, DYNAMIC_SLICE, DYNAMIC_UPDATE
from defnpy.ops.leaf import scalar_of
from defnpy.ops.movement import SLICE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from defnpy.ir.expr import Expr


def is_trivial_reshape(node: Expr) -> bool:
    """Whether a reshape only adds or drops axes of size 1."""
    (x,) = node.operands
    return [s for s in node.shape if s != 1] == [s for s in x.shape if s != 1]


def reads_own_places(
    store: Expr, value: Expr, reads: Callable[[Expr, Expr], bool]
) -> bool:
    """Whether each element of a window reads the stored array at its own place only.

    That is so, too, for windows of another place along axes where they have one
    element: ``x[i, :] = x[i, :] - x[j, :]``, where i may be j.  `reads` tells
    whether an expression reads another one at all.
    """
    if store.op not in (DYNAMIC_UPDATE, DYNAMIC_ADD):
        return False
    x, window, *starts = store.operands
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if not reads(node, x):
            continue
        if node.op in (DYNAMIC_SLICE, SLICE) and node.operands[0] is x:
            if not _is_window(node, window.shape, starts):
                return False
        elif _keeps_order(node):
            waiting += node.operands
        else:
            return False
    return True


def _keeps_order(node: Expr) -> bool:
    if node.op is RESHAPE:
        return is_trivial_reshape(node)
    return node.op.family in ("elementwise", "check")


def _is_window(node: Expr, shape: tuple[int, ...], starts: Sequence[Expr]) -> bool:
    """Whether a part begins where a window does, along axes that are longer than 1."""
    if node.shape != shape:
        return False
    for axis, (size, start) in enumerate(zip(shape, starts, strict=True)):
        if size == 1:
            continue
        if node.op is DYNAMIC_SLICE:
            same = node.operands[1 + axis] is start
        else:
            same = node.attrs["start"][axis] == scalar_of(start)
            same = same and node.attrs["step"][axis] == 1
        if not same:
            return False
    return True
