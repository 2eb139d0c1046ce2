"""What an index selects of a tensor: for each axis a point, a window or places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base.dims import Dim, must
from defnpy.base.dtypes import BOOL, I64
from defnpy.base.errors import (
    DefnIndexError,
    DefnShapeError,
    DefnStaticError,
    DefnTypeError,
)
from defnpy.base.shapes import count, slice_bounds
from defnpy.frontend.values import describe, known
from defnpy.ir.expr import Expr
from defnpy.ops import reduce
from defnpy.ops.axes import reshape
from defnpy.ops.bounds import bounds_of, distance
from defnpy.ops.control import check
from defnpy.ops.elementwise import (
    greater_equal,
    less,
    less_equal,
    logical_and,
    where,
)
from defnpy.ops.family import convert
from defnpy.ops.leaf import CONST, as_expr, const

if TYPE_CHECKING:
    from defnpy.frontend.frame import Frame


@dataclass(frozen=True, eq=False)
class Point:
    """One place of an axis, which the result does not have."""

    start: Any  # a static size, or an Expr


@dataclass(frozen=True, eq=False)
class Window:
    """`size` places of an axis: start, start + step, …"""

    start: Any  # a static size, or an Expr
    size: Any
    step: int = 1


@dataclass(frozen=True, eq=False)
class Places:
    """Any places of an axis, as a tensor of i64."""

    index: Expr


Entry = Point | Window | Places


@dataclass(frozen=True, eq=False)
class Selection:
    """An index, understood.

    Attributes:
        x: the tensor, with the new axes the index asks for.
        entries: what is selected of each of its axes.
    """

    x: Expr
    entries: tuple[Entry, ...]

    @property
    def has_places(self) -> bool:
        """Whether any axis is selected by a tensor of places."""
        return any(isinstance(entry, Places) for entry in self.entries)


def mask_of(x: Expr, index: Any) -> Expr | None:
    """Return the mask of leading axes of `x` that an index is, if it is one."""
    if isinstance(index, tuple) and len(index) == 1:
        (index,) = index
    if not isinstance(index, Expr) or index.dtype != BOOL or _is_known(index):
        return None
    if index.shape != x.shape[: index.tensor.rank]:
        raise DefnShapeError(f"a mask {index.type} does not fit {x.type}")
    return index


def _is_known(mask: Expr) -> bool:
    """Whether the places where a mask holds are known when compiling."""
    return mask.op is CONST and mask.tensor.rank == 1


def select(frame: Frame, x: Expr, index: Any) -> Selection:
    """Return what `index` selects of `x`; what may be out of bounds is checked."""
    items = spread(x, list(index) if isinstance(index, tuple) else [index])
    shape: list[int] = []
    sizes = iter(x.shape)
    for item in items:
        shape.append(1 if item is None else next(sizes))
    wide = reshape(x, tuple(shape))
    entries: list[Entry] = []
    axis = 0
    for item, size in zip(items, shape, strict=True):
        if item is None:
            entries.append(Window(0, 1))
            continue
        entries.append(_entry(frame, known(item), axis, size))
        axis += 1
    return Selection(wide, tuple(entries))


def is_ragged(item: Any) -> bool:
    """Whether an item is a slice whose length is not known when compiling."""
    if not isinstance(item, slice) or item.step not in (None, 1):
        return False
    start, stop = known(item.start), known(item.stop)
    if not isinstance(start, Expr) and not isinstance(stop, Expr):
        return False
    if start is None or stop is None:
        return True
    return distance(as_expr(start), as_expr(stop)) is None


def spread(x: Expr, items: list[Any]) -> list[Any]:
    """Return one item for each axis, and None for each new one."""
    given = sum(item is not None and item is not Ellipsis for item in items)
    if given > x.tensor.rank:
        raise DefnIndexError(
            f"too many indices: {x.type} has {x.tensor.rank} axes, {given} were indexed"
        )
    rest = [slice(None)] * (x.tensor.rank - given)
    places = [k for k, item in enumerate(items) if item is Ellipsis]
    if len(places) > 1:
        raise DefnIndexError("an index can hold one `...` only")
    if not places:
        return [*items, *rest]
    return [*items[: places[0]], *rest, *items[places[0] + 1 :]]


def _entry(frame: Frame, item: Any, axis: int, size: Any) -> Entry:
    if isinstance(item, slice):
        return _window(frame, item, axis, size)
    if isinstance(item, bool):
        raise DefnTypeError("an axis cannot be indexed by True or False")
    if isinstance(item, int | Dim):
        if not -size <= item < size:
            raise DefnIndexError(_out_of_bounds(axis, size).format(item))
        return Point(item + size if item < 0 else item)
    if isinstance(item, list):
        item = const(np.asarray(item, np.int64 if not item else None))
    if isinstance(item, Expr) and item.dtype == BOOL and _is_known(item):
        if item.shape != (size,):
            raise DefnShapeError(f"a mask {item.type} does not fit an axis of {size}")
        item = const(np.flatnonzero(item.attrs["value"]))
    if not isinstance(item, Expr):
        is_float = isinstance(item, float)
        raise DefnTypeError(
            f"{describe(item)} is not an index",
            hint="`//` divides to an integer" if is_float else None,
        )
    if item.dtype == BOOL:
        raise DefnTypeError(
            "a mask can be used alone, and in an assignment only",
            hint="use `np.where(mask, x, 0)` to choose by element",
        )
    if not item.dtype.is_integer:
        raise DefnTypeError(
            f"an index must be an integer, not {item.type}",
            hint="`.astype(int)` makes one" if item.shape else "`int(...)` makes one",
        )
    index = _in_bounds(frame, convert(item, I64), axis, size)
    return Point(index) if index.shape == () else Places(index)


def _out_of_bounds(axis: int, size: Any) -> str:
    return f"index {{}} is out of bounds for axis {axis} with size {_text(size)}"


def _text(size: Any) -> str:
    """Return a size as part of a message that is a format string."""
    return "{}" if isinstance(size, Dim) else str(size)


def _sizes_shown(*sizes: Any) -> tuple[Expr, ...]:
    return tuple(const(size, I64) for size in sizes if isinstance(size, Dim))


def _in_bounds(frame: Frame, index: Expr, axis: int, size: Any) -> Expr:
    """Return `index` without negatives, checked unless it must be in bounds."""
    known = bounds_of(index, frame.session.ranges)
    place = index
    if known is None or not must(lambda: known[0] >= 0):
        place = where(less(index, 0), index + size, index)
    if known is not None and must(lambda: -size <= known[0] and known[1] < size):
        return convert(place, I64)
    ok = logical_and(greater_equal(place, 0), less(place, size))
    shown: tuple[Expr, ...] = (index,)
    if index.shape != ():
        ok = reduce.all(ok)
        worst = reduce.max(index) if index.tensor.size else const(0, I64)
        least = reduce.min(index) if index.tensor.size else const(0, I64)
        shown = (where(less(worst, size), least, worst),)
    message, shown = _out_of_bounds(axis, size), (*shown, *_sizes_shown(size))
    return check(convert(place, I64), ok, "DefnIndexError", message, shown)


def _window(frame: Frame, item: slice, axis: int, size: Any) -> Window:
    start, stop, step = known(item.start), known(item.stop), known(item.step)
    if not any(isinstance(part, Expr) for part in (start, stop, step)):
        part = slice(start, stop, step)
        first, last, by = frame.static(slice_bounds, part, size)
        return Window(first, count(first, last, by), by)
    if isinstance(step, Expr):
        raise DefnStaticError("the step of a slice must be known when compiling")
    if step not in (None, 1):
        raise DefnTypeError("a slice between run-time bounds needs a step of 1")
    length = max(distance(as_expr(start), as_expr(stop)) or 0, 0)
    begin = convert(as_expr(start), I64)
    if begin.shape != ():
        raise DefnTypeError(f"the bound of a slice must be a scalar, not {begin.type}")
    found = bounds_of(begin, frame.session.ranges)
    if found is not None and must(lambda: found[0] >= 0 and found[1] + length <= size):
        return Window(begin, length)
    ok = logical_and(greater_equal(begin, 0), less_equal(begin + length, size))
    message = (
        f"the slice of length {_text(length)} at {{}} is out of bounds for axis {axis}"
        f" with size {_text(size)}"
    )
    shown = (*_sizes_shown(length), begin, *_sizes_shown(size))
    return Window(check(begin, ok, "DefnIndexError", message, shown), length)


def index_of(start: Any) -> Expr:
    """Return a place as a strong i64 scalar."""
    return start if isinstance(start, Expr) else const(start, I64)
