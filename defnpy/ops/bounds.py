"""What is known of an integer's range, so that an index needs no check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defnpy.base.dims import NeedsSizeError, deciding
from defnpy.ir.expr import Expr
from defnpy.ops.leaf import SIZE, scalar_of

if TYPE_CHECKING:
    from collections.abc import Callable

Bounds = tuple[Any, Any]  # ints, or Dims
_DEPTH = 12


def bounds_of(x: Expr, known: dict[Expr, Bounds]) -> Bounds | None:
    """Return inclusive bounds of an integer scalar, or None where none are known."""
    with deciding(None):
        try:
            return _bounds_of(x, known, _DEPTH)
        except NeedsSizeError:
            return None


def _bounds_of(x: Expr, known: dict[Expr, Bounds], depth: int) -> Bounds | None:
    if x in known:
        return known[x]
    if x.op is SIZE:
        return x.attrs["dim"], x.attrs["dim"]
    value = scalar_of(x)
    if isinstance(value, int):
        return int(value), int(value)
    if depth == 0 or not x.dtype.is_integer:
        return None
    if x.op.name in ("convert", "check", "broadcast", "reshape"):
        inner = x.operands[0]
        narrower = inner.dtype.is_integer and inner.dtype.bits <= x.dtype.bits
        return _bounds_of(inner, known, depth - 1) if narrower else None
    rule = _RULES.get(x.op.name)
    if rule is None:
        return None
    found = [_bounds_of(operand, known, depth - 1) for operand in x.operands]
    return rule(*found)


def _both(rule: Callable[[Bounds, Bounds], Bounds]) -> Callable[..., Bounds | None]:
    return lambda a, b: None if a is None or b is None else rule(a, b)


def _multiply(a: Bounds, b: Bounds) -> Bounds:
    corners = [x * y for x in a for y in b]
    return min(corners), max(corners)


def _remainder(a: Bounds | None, b: Bounds | None) -> Bounds | None:
    if b is None or b[0] <= 0:
        return None
    if a is not None and a[0] >= 0 and a[1] < b[0]:
        return a
    return 0, b[1] - 1


def _floor_divide(a: Bounds, b: Bounds) -> Bounds | None:
    if b[0] <= 0:
        return None
    corners = [x // y for x in a for y in b]
    return min(corners), max(corners)


def _minimum(a: Bounds | None, b: Bounds | None) -> Bounds | None:
    if a is None or b is None:
        return None
    return min(a[0], b[0]), min(a[1], b[1])


def _maximum(a: Bounds | None, b: Bounds | None) -> Bounds | None:
    if a is None or b is None:
        return None
    return max(a[0], b[0]), max(a[1], b[1])


_RULES: dict[str, Callable[..., Bounds | None]] = {
    "add": _both(lambda a, b: (a[0] + b[0], a[1] + b[1])),
    "subtract": _both(lambda a, b: (a[0] - b[1], a[1] - b[0])),
    "multiply": _both(_multiply),
    "remainder": _remainder,
    "floor_divide": lambda a, b: (
        None if a is None or b is None else _floor_divide(a, b)
    ),
    "minimum": _minimum,
    "maximum": _maximum,
    "select": lambda p, a, b: (
        None if a is None or b is None else (min(a[0], b[0]), max(a[1], b[1]))
    ),
}

Linear = tuple[dict[Expr, Any], Any]


def distance(start: Expr, stop: Expr) -> Any:
    """Return ``stop - start`` where it does not depend on any tensor."""
    (a, first), (b, second) = linear(start), linear(stop)
    terms = {x: b.get(x, 0) - a.get(x, 0) for x in (*a, *b)}
    return None if any(terms.values()) else second - first


def linear(x: Expr, depth: int = _DEPTH) -> Linear:
    """Return an integer as a sum of multiples of tensors, and a constant."""
    value = scalar_of(x)
    if isinstance(value, int):
        return {}, int(value)
    if x.op is SIZE:
        return {}, x.attrs["dim"]
    name = x.op.name
    if depth and name in ("convert", "check") and x.operands[0].dtype.is_integer:
        return linear(x.operands[0], depth - 1)
    if depth and name in ("add", "subtract", "multiply"):
        (a, first), (b, second) = (linear(each, depth - 1) for each in x.operands)
        if name == "multiply":
            if a and b:
                return {x: 1}, 0
            terms, factor = (a, second) if a else (b, first)
            return {k: v * factor for k, v in terms.items()}, first * second
        sign = 1 if name == "add" else -1
        terms = {k: a.get(k, 0) + sign * b.get(k, 0) for k in (*a, *b)}
        return terms, first + sign * second
    return {x: 1}, 0
