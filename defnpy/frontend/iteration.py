"""What can be iterated, and how: counted, or item by item when specialising."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from defnpy.base.dims import Dim
from defnpy.base.dtypes import I64
from defnpy.base.errors import DefnStaticError, DefnTypeError, DefnValueError
from defnpy.base.shapes import count
from defnpy.frontend import subscripts
from defnpy.frontend.operators import is_apart_from_zero
from defnpy.frontend.values import (
    Counting,
    Ragged,
    Rows,
    describe,
    has_tensors,
    known,
)
from defnpy.ir.expr import Expr
from defnpy.ops.control import check
from defnpy.ops.elementwise import (
    equal,
    greater,
    maximum,
    minimum,
    not_equal,
    where,
)
from defnpy.ops.family import convert
from defnpy.ops.leaf import as_expr, scalar_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.frontend.frame import Frame


@dataclass(frozen=True, eq=False)
class Count:
    """Items made from a counter.

    Attributes:
        start: static, or an integer scalar.
        stop: likewise.
        step: likewise.
        get: makes the item of a counter.
        unroll: how the loop is to be unrolled.
    """

    start: Any
    stop: Any
    step: Any
    get: Callable[[Any], Any]
    unroll: bool | int = False

    @property
    def range(self) -> range | None:
        """The counter's values, where they are static."""
        bounds = (self.start, self.stop, self.step)
        return None if _vary(*bounds) else range(*bounds)


def _vary(*bounds: Any) -> bool:
    """Whether a bound is known only when the program runs."""
    return has_tensors(*bounds) or any(isinstance(each, Dim) for each in bounds)


def plan(frame: Frame, value: Any) -> Count | list[Any]:
    """Return how to iterate over `value`."""
    if isinstance(value, range):
        value = Counting(value.start, value.stop, value.step)
    if isinstance(value, Counting):
        get = _same
        return Count(value.start, value.stop, value.step, get, value.unroll)
    if isinstance(value, Ragged):
        return Count(0, value.length, 1, lambda k: subscripts.get(frame, value, k))
    if isinstance(value, Expr):
        value = rows(frame, value)
    if isinstance(value, Rows):
        return Count(0, value.length, 1, value.get)
    if isinstance(value, str | tuple | list | dict | set | frozenset):
        return list(value)
    try:
        return list(iter(value))
    except TypeError:
        hint = "did you mean `range(...)`?" if isinstance(value, int) else None
        raise DefnTypeError(
            f"{describe(value)} cannot be looped over", hint=hint
        ) from None


def _same(index: Any) -> Any:
    return index


def rows(frame: Frame, x: Expr) -> Rows:
    """Return the rows of a tensor."""
    if x.tensor.rank == 0:
        raise DefnTypeError(
            f"{x.type} cannot be looped over: it has no axes",
            hint="did you mean `range(...)`?" if x.dtype.is_integer else None,
        )
    return Rows(x.shape[0], lambda index: subscripts.get(frame, x, index))


def items_of(frame: Frame, value: Any) -> list[Any]:
    """Return all items, made now."""
    planned = plan(frame, value)
    if isinstance(planned, list):
        return planned
    counted = planned.range
    if counted is None:
        raise DefnStaticError(
            "how many items there are must be known when compiling: the range ends at"
            " a tensor",
            hint="loop over it with `for`, and store into an array",
        )
    return [planned.get(index) for index in counted]


def mapping(value: Any) -> dict[Any, Any]:
    """Return what ``**`` spreads out, which must be a dict."""
    if not isinstance(value, Mapping):
        raise DefnTypeError(f"`**` spreads out a dict, not {describe(value)}")
    return dict(value)


def counting(frame: Frame, bounds: list[Any], unroll: bool | int) -> Any:
    """Return ``range(*bounds)``, whose bounds may be tensors."""
    bounds = [known(bound) for bound in bounds]
    _check_unroll(unroll)
    for bound in bounds:
        _check_bound(bound)
    if not _vary(*bounds):
        made = frame.static(range, *bounds)
        if unroll is False:
            return made
        return Counting(made.start, made.stop, made.step, unroll)
    if not 1 <= len(bounds) <= 3:
        raise DefnTypeError(f"range takes 1 to 3 bounds, {len(bounds)} given")
    if len(bounds) == 1:
        bounds = [0, *bounds]
    return Counting(bounds[0], bounds[1], bounds[2] if len(bounds) == 3 else 1, unroll)


def _check_bound(bound: Any) -> None:
    """Raise unless a bound of a range is an integer."""
    if hasattr(type(bound), "__index__"):
        return
    is_whole = isinstance(bound, Expr) and bound.dtype.is_integer
    if is_whole and bound.shape == ():
        return
    hint = None
    if isinstance(bound, float) or (isinstance(bound, Expr) and bound.shape == ()):
        hint = "`//` divides to an integer, and `int(...)` makes one"
    raise DefnTypeError(f"range takes integers, not {describe(bound)}", hint=hint)


def _check_unroll(unroll: Any) -> None:
    if isinstance(unroll, Expr):
        raise DefnStaticError("unroll must be known when compiling")
    if not isinstance(unroll, bool) and not (isinstance(unroll, int) and unroll > 0):
        raise DefnTypeError(
            f"unroll is True or a positive number of steps, not {describe(unroll)}"
        )


def as_rows(frame: Frame, value: Any) -> Rows | list[Any]:
    """Return something iterated by position, as `enumerate` and `zip` need it."""
    planned = plan(frame, value)
    if isinstance(planned, list):
        return planned
    start, step = planned.start, planned.step
    if isinstance(value, range | Counting):
        return Rows(_length(frame, planned), lambda index: index * step + start)
    return Rows(_length(frame, planned), planned.get)


def _length(frame: Frame, planned: Count) -> Any:
    """Return how many items there are: static, or a scalar."""
    start, stop, step = planned.start, planned.stop, planned.step
    if not has_tensors(start, stop, step):
        return count(start, stop, step)
    distance = as_expr(stop) - as_expr(start)
    by = stepping(frame, convert(as_expr(step), I64))
    up = (distance + (by - 1)) // by
    down = (distance + (by + 1)) // by
    length = maximum(where(greater(by, 0), up, down), 0)
    return convert(length, I64, weak=True)


def enumerated(frame: Frame, value: Any, start: int = 0) -> Any:
    """Return ``enumerate(value, start)``."""
    made = as_rows(frame, value)
    if isinstance(made, list):
        return list(enumerate(made, start))
    return Rows(made.length, lambda index: (index + start, made.get(index)))


def zipped(frame: Frame, values: list[Any], strict: bool = False) -> Any:
    """Return ``zip(*values)``."""
    parts = [as_rows(frame, value) for value in values]
    lengths = [p.length if isinstance(p, Rows) else len(p) for p in parts]
    length = _shortest(lengths, strict)

    def item(part: Rows | list[Any], index: Any) -> Any:
        if isinstance(part, Rows):
            return part.get(index)
        return subscripts.get(frame, part, index)

    if not any(isinstance(part, Rows) for part in parts):
        return [tuple(part[k] for part in parts) for k in range(length)]  # pyright: ignore
    return Rows(length, lambda index: tuple(item(part, index) for part in parts))


def stepping(frame: Frame, step: Expr) -> Expr:
    """Return a step, checked not to be zero."""
    if scalar_of(step) is not None or is_apart_from_zero(frame, step):
        return step
    message = "the step of range() must not be zero"
    return check(step, not_equal(step, 0), "DefnValueError", message)


def _shortest(lengths: list[Any], strict: bool) -> Any:
    """Return the least of the lengths, which must be equal if `strict`."""
    if has_tensors(lengths):
        least = functools.reduce(minimum, map(as_expr, lengths))
        for length in lengths if strict else ():
            what = "zip() has arguments of different lengths: {} and {}"
            shown = (convert(least, I64), convert(as_expr(length), I64))
            least = check(least, equal(*shown), "DefnValueError", what, shown)
        return least
    if strict and any(length != lengths[0] for length in lengths):
        raise DefnValueError(
            f"zip() has arguments of different lengths: {', '.join(map(str, lengths))}"
        )
    return min(lengths, default=0)


def backwards(frame: Frame, value: Any) -> Any:
    """Return ``reversed(value)``."""
    made = as_rows(frame, value)
    if isinstance(made, list):
        return made[::-1]
    last = made.length - 1
    return Rows(made.length, lambda index: made.get(last - index))
