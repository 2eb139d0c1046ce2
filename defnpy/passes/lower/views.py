"""Arrays that are others' memory seen another way: transposed, sliced, slid over.

The place of an element is a sum with one part for each axis, so a product of
matrices can read a view where it lies, and nothing is copied first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base.dims import Dim
from defnpy.ops.axes import BROADCAST, RESHAPE
from defnpy.ops.indexing import GATHER
from defnpy.ops.leaf import CONST
from defnpy.ops.movement import SLICE, TRANSPOSE
from defnpy.passes.lower.windows import is_trivial_reshape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from defnpy.ir.expr import Expr


# Where the elements of an axis lie; for an axis whose size varies, how far apart.
Places = np.ndarray | int


@dataclass(frozen=True, eq=False)
class View:
    """The memory of `base`, and for each axis of the view where its elements lie.

    The places of an axis are added to those of the others.
    """

    base: Expr
    places: tuple[Places, ...]


def view(node: Expr, is_base: Callable[[Expr], bool]) -> View | None:
    """Return how `node` sees the memory of the first base below it, if it does."""
    if is_base(node):
        places = _row_major(node.shape)
        return None if places is None else View(node, places)
    if node.op is GATHER and node.operands[1].op is not CONST:
        return None
    see = _SEEN.get(node.op.name)
    if see is None or (node.op is RESHAPE and not is_trivial_reshape(node)):
        return None
    below = view(node.operands[0], is_base)
    if below is None:
        return None
    places = see(node, below.places)
    return None if places is None else View(below.base, places)


def _row_major(shape: Sequence[Any]) -> tuple[Places, ...] | None:
    """Return the places of an array's own axes; only the size of the first may vary."""
    steps = [1]
    for size in reversed(shape[1:]):
        if isinstance(size, Dim):
            return None
        steps.append(steps[-1] * size)
    pairs = zip(shape, reversed(steps), strict=False)
    return tuple(s if isinstance(n, Dim) else np.arange(n) * s for n, s in pairs)


def _transposed(node: Expr, places: Axes) -> Axes:
    return tuple(places[axis] for axis in node.attrs["axes"])


def _sliced(node: Expr, places: Axes) -> Axes | None:
    bounds = zip(*(node.attrs[each] for each in ("start", "stop", "step")), strict=True)
    made: list[Places] = []
    for each, (start, stop, step) in zip(places, bounds, strict=True):
        if not isinstance(each, int):
            made.append(each[start : None if stop < 0 else stop : step])
        elif (start, step) == (0, 1):
            made.append(each)
        else:
            return None
    return tuple(made)


def _broadcast(node: Expr, places: Axes) -> Axes:
    missing = node.tensor.rank - len(places)
    made: list[Places] = []
    for axis, size in enumerate(node.shape):
        each = np.zeros(1, np.int64) if axis < missing else places[axis - missing]
        if isinstance(each, int) or len(each) == size:
            made.append(each)
        elif isinstance(size, Dim):
            made.append(0)
        else:
            made.append(np.broadcast_to(each, (size,)))
    return tuple(made)


def _reshaped(node: Expr, places: Axes) -> Axes | None:
    """Return the places where only axes of one element come or go."""
    single = [each for each in places if not isinstance(each, int) and len(each) == 1]
    if any(each[0] for each in single):
        return None
    kept = iter([each for each in places if isinstance(each, int) or len(each) != 1])
    one = np.zeros(1, np.int64)
    return tuple(one if n == 1 else next(kept) for n in node.shape)  # pyright: ignore


def _gathered(node: Expr, places: Axes) -> Axes | None:
    """Return the places of windows: a sum of where one begins and what is in it."""
    axis, index = node.attrs["axis"], node.operands[1].attrs["value"]
    of = places[axis]
    if isinstance(of, int):
        return None
    if index.min(initial=0) < 0 or index.max(initial=0) >= len(of):
        return None
    found = split(of[index])
    return None if found is None else (*places[:axis], *found, *places[axis + 1 :])


Axes = tuple[Places, ...]
_SEEN: dict[str, Callable[[Expr, Axes], Axes | None]] = {
    TRANSPOSE.name: _transposed,
    SLICE.name: _sliced,
    BROADCAST.name: _broadcast,
    RESHAPE.name: _reshaped,
    GATHER.name: _gathered,
}


def split(table: np.ndarray) -> tuple[np.ndarray, ...] | None:
    """Return one array for each axis whose outer sum is `table`, if there are.

    >>> [part.tolist() for part in split(np.array([[3, 5], [4, 6]]))]
    [[3, 4], [0, 2]]
    """
    if table.size == 0:
        return None
    parts = []
    for axis in range(table.ndim):
        place = [0] * table.ndim
        place[axis] = slice(None)  # pyright: ignore
        line = table[tuple(place)]
        parts.append(line if axis == 0 else line - line[0])
    return tuple(parts) if (joined(parts).reshape(table.shape) == table).all() else None


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return the outer sum of some axes' places, as one axis in row-major order."""
    total = np.zeros(1, np.int64)
    for part in parts:
        total = (total[:, None] + part).reshape(-1)
    return total


Groups = tuple[tuple[int, ...], ...]  # axes of a batch, of rows, of columns


def matrices(places: Axes, groups: Groups, *, even: bool) -> tuple[Any, ...] | None:
    """Return where a view's matrices are: the first, then batches, rows and columns.

    Each is a number where they are evenly apart, which rows and columns are both or
    neither; None if there is no saying.  They must be `even`, or else evenly apart
    only counts where rows or columns lie side by side.
    """
    parts = [[places[axis] for axis in group] for group in groups]
    batch, rows, columns = (_together(part) for part in parts)
    if batch is None or rows is None or columns is None:
        return None
    if not (isinstance(rows, int) and isinstance(columns, int)) or not (
        even or 1 in (rows, columns)
    ):
        if even or any(isinstance(part, int) for part in (*parts[1], *parts[2])):
            return None
        rows, columns = (_listed(part) for part in parts[1:])
    known = (part for part in places if not isinstance(part, int) and len(part))
    return sum(int(part[0]) for part in known), batch, rows, columns


def _listed(parts: Sequence[Any]) -> np.ndarray:
    """Return the places of axes as one, from the first of each."""
    return joined([part - part[:1] for part in parts])


def _together(parts: Sequence[Places]) -> Places | None:
    """Return the places of axes as one, from the first of each; None if they vary.

    They are a number, how far apart they are, wherever they are evenly so.
    """
    others = [part for part in parts if not isinstance(part, int)]
    varying = [part for part in parts if isinstance(part, int)]
    if varying:
        alone = len(varying) == 1 and all(len(part) == 1 for part in others)
        return varying[0] if alone else None
    made = _listed(others)
    if len(made) < 2:
        return len(made)
    step = int(made[1])
    return step if (made == np.arange(len(made)) * step).all() else made
