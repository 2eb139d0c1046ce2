"""Reading an item or a part of a tensor or a static container."""

from __future__ import annotations

import operator
from types import FunctionType
from typing import TYPE_CHECKING, Any

from defnpy.base.dtypes import I64
from defnpy.base.errors import (
    DefnIndexError,
    DefnKeyError,
    DefnStaticError,
    DefnTypeError,
    did_you_mean,
)
from defnpy.frontend import ragged
from defnpy.frontend.selection import (
    Places,
    Point,
    Selection,
    Window,
    index_of,
    is_ragged,
    mask_of,
    select,
    spread,
)
from defnpy.frontend.values import Ragged, describe, known, tensors_in
from defnpy.ir.expr import Expr
from defnpy.ops.axes import broadcast_to, reshape
from defnpy.ops.family import convert
from defnpy.ops.indexing import dynamic_slice, gather
from defnpy.ops.movement import strided_slice, transpose

if TYPE_CHECKING:
    from defnpy.frontend.frame import Frame

# Longest list of keys that an error shows.
_LONGEST = 60


def get(frame: Frame, base: Any, index: Any) -> Any:
    """Return ``base[index]``."""
    if isinstance(base, Ragged):
        return _of_ragged(frame, base, index)
    if isinstance(base, Expr):
        return part(frame, base, index)
    own = vars(type(base)).get("__getitem__")
    if isinstance(own, FunctionType):
        return frame.call(own, [base, index], {})
    index = static_index(base, index)
    made = _item(frame, base, index)
    return frame.session.own(made) if isinstance(index, slice) else made


def _item(frame: Frame, base: Any, index: Any) -> Any:
    if type(base) is dict and not frame.static(operator.contains, base, index):
        near = did_you_mean(index, base) if isinstance(index, str) else None
        keys = ", ".join(map(repr, base)) or "none"
        raise DefnKeyError(
            f"there is no key {index!r}",
            notes=(f"keys: {keys}",) if len(keys) <= _LONGEST else (),
            hint=near and near.replace("`", "'"),
        )
    if isinstance(base, list | tuple) and isinstance(index, int):
        if not -len(base) <= index < len(base):
            count = "1 item" if len(base) == 1 else f"{len(base)} items"
            raise DefnIndexError(
                f"index {index} is out of range: {describe(base)} has {count}"
            )
    return frame.static(operator.getitem, base, index)


def is_copy(index: Any) -> bool:
    """Whether NumPy copies what `index` selects, rather than show part of it."""
    items = index if isinstance(index, tuple) else (index,)
    return any(
        isinstance(item, list) or (isinstance(item, Expr) and item.shape != ())
        for item in items
    )


def static_index(base: Any, index: Any) -> Any:
    """Return an index of a static container, which no tensor may be."""
    if isinstance(index, slice):
        index = slice(known(index.start), known(index.stop), known(index.step))
    index = known(index)
    if tensors_in(index):
        kind = type(base).__name__
        raise DefnStaticError(
            f"a {kind} is indexed when compiling, and {describe(index)} is known only"
            " when the program runs",
            hint="`np.stack` makes one array of arrays, `np.array` one of numbers",
        )
    return index


def part(frame: Frame, x: Expr, index: Any) -> Any:
    """Return the part of a tensor that `index` selects."""
    cut = ragged_axis(x, index)
    if cut is not None:
        return _cut(frame, x, cut)
    mask = mask_of(x, index)
    if mask is not None:
        return ragged.pick(x, mask)
    return read(select(frame, x, index))


def ragged_axis(x: Expr, index: Any) -> tuple[list[Any], int] | None:
    """Return an index's items and which of them is a slice of run-time length."""
    if not isinstance(index, slice | tuple):
        return None
    items = spread(x, list(index) if isinstance(index, tuple) else [index])
    found = [k for k, item in enumerate(items) if is_ragged(item)]
    if len(found) > 1:
        raise DefnTypeError(
            "only one axis can be cut to a run-time length",
            hint="choose along the others with `np.where` and a mask",
        )
    return (items, found[0]) if found else None


def _cut(frame: Frame, x: Expr, found: tuple[list[Any], int]) -> Ragged:
    items, place = found
    bounds = items[place]
    axis = sum(item is not None for item in items[:place])
    whole = ragged.cut(x, axis, known(bounds.start), known(bounds.stop))
    rest = tuple([*items[:place], slice(None), *items[place + 1 :]])
    return Ragged(part(frame, whole.x, rest), kept_before(items, place), whole.length)


def kept_before(items: list[Any], place: int) -> int:
    """Return how many axes the items before `place` leave."""
    if any(isinstance(x, list) or (isinstance(x, Expr) and x.shape) for x in items):
        raise DefnTypeError("a slice of run-time length cannot stand beside an array")
    return sum(item is None or isinstance(item, slice) for item in items[:place])


def _of_ragged(frame: Frame, base: Ragged, index: Any) -> Any:
    items = spread(base.x, list(index) if isinstance(index, tuple) else [index])
    axes = [k for k, item in enumerate(items) if item is not None]
    place = axes[base.axis]
    if items[place] == slice(None):
        return Ragged(
            part(frame, base.x, tuple(items)), kept_before(items, place), base.length
        )
    items[place] = ragged.item(base, known(items[place]))
    return part(frame, base.x, tuple(items))


def read(selection: Selection) -> Expr:
    """Return what is selected."""
    entries = selection.entries
    if not entries:
        return selection.x
    window = _read_windows(selection)
    if not selection.has_places:
        return reshape(window, kept_shape(selection))
    return _read_places(window, entries)


def kept_shape(selection: Selection) -> tuple[int, ...]:
    """Return the sizes of windows: the shape of a selection without places."""
    return tuple(e.size for e in selection.entries if isinstance(e, Window))


def _read_windows(selection: Selection) -> Expr:
    """Return the windows of all axes; a point has size 1, places are not read."""
    x, entries = selection.x, selection.entries
    start, stop, step = [0] * x.tensor.rank, list(x.shape), [1] * x.tensor.rank
    sizes = list(x.shape)
    moving = False
    for axis, entry in enumerate(entries):
        if isinstance(entry, Places):
            continue
        size, by = (1, 1) if isinstance(entry, Point) else (entry.size, entry.step)
        if not isinstance(entry.start, Expr):
            start[axis], step[axis] = entry.start, by
            stop[axis] = entry.start + by * size if size else entry.start
            if by < 0:
                stop[axis] = max(stop[axis], -1)
        else:
            moving = True
        sizes[axis] = size
    x = strided_slice(x, start, stop, step)
    if not moving:
        return x
    starts = [
        index_of(0)
        if isinstance(e, Places) or not isinstance(e.start, Expr)
        else e.start
        for e in entries
    ]
    return dynamic_slice(x, starts, sizes)


def _read_places(x: Expr, entries: tuple[Any, ...]) -> Expr:
    """Return slices at places, by NumPy's rules for several of them."""
    places = [a for a, entry in enumerate(entries) if isinstance(entry, Places)]
    advanced = [a for a, e in enumerate(entries) if isinstance(e, Places | Point)]
    first = advanced[0]
    adjacent = advanced == list(range(first, first + len(advanced)))
    target = sum(isinstance(e, Window) for e in entries[:first]) if adjacent else 0
    rest = [a for a, entry in enumerate(entries) if isinstance(entry, Window)]
    points = [a for a in advanced if a not in places]
    x = transpose(x, [*rest[:target], *points, *places, *rest[target:]])
    shape = x.shape
    head, tail = shape[:target], shape[target + len(advanced) :]
    merged = shape[target + len(points) : target + len(advanced)]
    count = 1
    for size in merged:
        count *= size
    x = reshape(x, (*head, count, *tail))
    index = flat_index([entries[a].index for a in places], list(merged))
    return gather(x, index, target)


def flat_index(indices: list[Expr], sizes: list[int]) -> Expr:
    """Return places along several axes as places along all of them flattened."""
    total, *others = indices
    for index, size in zip(others, sizes[1:], strict=True):
        total = total * size + index
    shape = total.shape
    return broadcast_to(convert(total, I64), shape)
