"""Windows that lie side by side and fill a tensor are its parts, one after another.

    pad(a) + windows of b, c      →      concatenate(a, b, c)

So the gradients of all parts of a tensor that is split are written once, where they
belong, with no zeros beneath them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defnpy.base.dims import Dim
from defnpy.ops.axes import is_zero
from defnpy.ops.indexing import DYNAMIC_ADD
from defnpy.ops.leaf import scalar_of
from defnpy.ops.movement import PAD, concatenate

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr

Window = tuple[tuple[Any, ...], "Expr"]  # where it starts, and what it holds


def joined(node: Expr, *operands: Expr) -> Expr | None:
    """Return a sum of windows as parts one after another, None if it is not that."""
    windows = _windows(node, operands)
    if windows is None or any(isinstance(size, Dim) for size in node.shape):
        return None
    shapes = [value.shape for _, value in windows]
    axes = [
        axis
        for axis, size in enumerate(node.shape)
        if any(shape[axis] != size for shape in shapes)
    ]
    if len(axes) != 1:
        return None
    (axis,), end = axes, 0
    windows.sort(key=lambda window: window[0][axis])
    for start, value in windows:
        if start[axis] != end:
            return None
        end += value.shape[axis]
    if end != node.shape[axis]:
        return None
    return concatenate([value for _, value in windows], axis)


def _windows(node: Expr, operands: tuple[Expr, ...]) -> list[Window] | None:
    """Return the windows that are added onto zeros, None if any is not known."""
    found: list[Window] = []
    while node.op is DYNAMIC_ADD:
        node, value, *starts = operands
        found.append((tuple(map(scalar_of, starts)), value))
        operands = node.operands
    if node.op is PAD and not any(node.attrs["interior"]):
        found.append((node.attrs["low"], node.operands[0]))
    elif not is_zero(node):
        return None
    return None if any(None in start for start, _ in found) else found
