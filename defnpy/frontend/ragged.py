"""Slices of run-time length, as ``x[:i]``: padded, with the length beside them.

Elements at and after the length are any elements of the array.  They may take part
in elementwise code, and are masked where a reduction, a product or a store would
see them.

What a mask selects, ``x[mask]``, is such a slice too, of the elements moved together;
where it meets only what the same mask selects they stay where they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base.dtypes import BOOL, F64, I64, float_defaults
from defnpy.base.errors import DefnTypeError
from defnpy.frontend.values import Picked, Ragged, describe
from defnpy.ir.expr import Expr
from defnpy.ops import dot, elementwise, movement
from defnpy.ops.axes import broadcast_to, reshape
from defnpy.ops.bounds import distance
from defnpy.ops.control import check
from defnpy.ops.distinct import nonzero
from defnpy.ops.elementwise import less, logical_and, where
from defnpy.ops.family import convert
from defnpy.ops.indexing import gather
from defnpy.ops.leaf import as_expr, const
from defnpy.ops.public import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ELEMENTWISE = frozenset(
    {
        *("abs", "absolute", "fabs", "exp", "exp2", "expm1", "log", "log2", "log10"),
        *("log1p", "sqrt", "square", "sin", "cos", "tan", "sinh", "cosh", "tanh"),
        *("sign", "negative", "reciprocal", "floor", "ceil", "trunc", "isnan"),
        *("isinf", "isfinite", "maximum", "minimum", "add", "subtract", "multiply"),
        *("divide", "power", "sigmoid", "clip", "where", "logical_and"),
        *("logical_or", "logical_not", "hypot", "arctan2", "copy"),
    }
)
REDUCTIONS = frozenset(
    {"sum", "prod", "mean", "max", "min", "any", "all", "var", "std"}
)


def cut(x: Expr, axis: int, start: Any, stop: Any) -> Ragged:
    """Return ``x[start:stop]`` along an axis, clipped to it as Python does."""
    size = x.shape[axis]
    first = _place(0 if start is None else start, size)
    last = _place(size if stop is None else stop, size)
    length = elementwise.maximum(last - first, 0)
    if isinstance(start, int | None) and (start is None or start >= 0):
        begin = [0] * x.tensor.rank
        begin[axis] = min(start or 0, size)
        padded = movement.strided_slice(x, begin, x.shape, [1] * x.tensor.rank)
    else:
        padded = gather(x, _inside(first + movement.iota(size), size), axis)
    return Ragged(padded, axis, convert(length, I64))


def pick(x: Expr, mask: Expr) -> Picked:
    """Return ``x[mask]``."""
    count = mask.tensor.size
    flat = reshape(x, (count, *x.shape[mask.tensor.rank :]))
    (places,) = nonzero(reshape(mask, (count,)), size=count)
    length = FUNCTIONS["sum"](convert(mask, I64))
    return Picked(gather(flat, places), 0, length, x, mask)


def over(mask: Expr, x: Expr) -> Expr:
    """Return a mask of the leading axes of `x`, repeated over all its axes."""
    ones = (1,) * (x.tensor.rank - mask.tensor.rank)
    return broadcast_to(reshape(mask, (*mask.shape, *ones)), x.shape)


def filled(part: Ragged, fill: Any) -> Ragged:
    """Return a slice that is followed, or surrounded, by `fill`."""
    if isinstance(part, Picked):
        hit = over(part.mask, part.full)
        return pick(where(hit, part.full, const(fill, part.full.dtype)), part.mask)
    return Ragged(masked(part, fill), part.axis, part.length)


def _place(bound: Any, size: int) -> Expr:
    place = convert(as_expr(bound), I64)
    place = where(less(place, 0), place + size, place)
    return convert(elementwise.minimum(elementwise.maximum(place, 0), size), I64)


def _inside(index: Expr, size: int) -> Expr:
    top = elementwise.minimum(index, max(size - 1, 0))
    return convert(elementwise.maximum(top, 0), I64)


def mask(part: Ragged) -> Expr:
    """Return which elements of the padded axis belong to the slice."""
    shape = [1] * part.x.tensor.rank
    shape[part.axis] = part.x.shape[part.axis]
    inside = less(movement.iota(part.x.shape[part.axis]), part.length)
    return broadcast_to(reshape(inside, tuple(shape)), part.x.shape)


def masked(part: Ragged, fill: Any) -> Expr:
    """Return the padded tensor with `fill` after the slice."""
    return where(mask(part), part.x, const(fill, part.x.dtype))


def apply(function: Callable[..., Any], *operands: Any) -> Any:
    """Return an elementwise function of operands, some of them slices."""
    parts = [each for each in operands if isinstance(each, Ragged)]
    mask = _common_mask(operands)
    if mask is not None:
        full = (each.full if isinstance(each, Picked) else each for each in operands)
        return pick(function(*full), mask)
    first, *others = parts
    for other in others:
        if other.from_right != first.from_right:
            raise DefnTypeError("slices of run-time length along different axes")
        first = Ragged(first.x, first.axis, _same_length(first.length, other.length))
    sizes = [part.x.shape[part.axis] for part in parts]
    fixed = [e for e in operands if not isinstance(e, Ragged)]
    lengths = [_extent(each, first.from_right) for each in fixed]
    lengths = [length for length in lengths if length != 1]
    size = min([*sizes, *lengths])
    for extent in lengths:
        first = Ragged(
            first.x, first.axis, _same_length(first.length, const(extent, I64))
        )
    made = function(*(_sized(each, size, first.from_right) for each in operands))
    axis = made.tensor.rank - first.from_right
    return Ragged(made, axis, first.length)


def _common_mask(operands: Sequence[Any]) -> Expr | None:
    """Return the mask by which all slices are selected, if elements can stay."""
    found: Expr | None = None
    for each in operands:
        if not isinstance(each, Picked | Ragged):
            continue
        if not isinstance(each, Picked) or found not in (None, each.mask):
            return None
        found = each.mask
        rest = each.full.tensor.rank - found.tensor.rank
        if any(not isinstance(e, Ragged) and rank_of(e) > rest for e in operands):
            return None
    return found


def rank_of(value: Any) -> int:
    """Return how many axes an operand has."""
    return as_expr(value).tensor.rank


def _same_length(a: Expr, b: Expr) -> Expr:
    if distance(a, b) == 0:
        return a
    ok = convert(elementwise.equal(a, b), BOOL)
    return check(a, ok, "DefnShapeError", "slices of lengths {} and {} meet", (a, b))


def _extent(value: Any, from_right: int) -> int:
    shape = as_expr(value).shape
    return shape[-from_right] if len(shape) >= from_right else 1


def _sized(value: Any, size: int, from_right: int) -> Any:
    x = value.x if isinstance(value, Ragged) else as_expr(value)
    if _extent(x, from_right) <= 1 and not isinstance(value, Ragged):
        return x
    stop = list(x.shape)
    stop[-from_right] = size
    return movement.strided_slice(x, [0] * len(stop), stop, [1] * len(stop))


def product(a: Any, b: Any) -> Any:
    """Return ``a @ b``; a slice along the axis summed over is masked."""
    inner_a = isinstance(a, Ragged) and a.from_right == 1
    inner_b = isinstance(b, Ragged) and b.axis == max(b.x.tensor.rank - 2, 0)
    if inner_a or inner_b:
        if (isinstance(a, Ragged) and not inner_a) or (
            isinstance(b, Ragged) and not inner_b
        ):
            raise DefnTypeError("a product of slices along different axes")
        return dot.matmul(*_inner(a, b))
    if isinstance(a, Ragged) and isinstance(b, Ragged):
        raise DefnTypeError("a product of slices along different axes")
    if isinstance(a, Ragged):
        made = dot.matmul(a.x, b)
        return Ragged(made, a.axis, a.length)
    made = dot.matmul(a, b.x)
    return Ragged(made, made.tensor.rank - 1, b.length)


def _inner(a: Any, b: Any) -> tuple[Expr, Expr]:
    """Return operands whose summed axes have one size, zeros after the slice."""
    sizes, lengths = [], []
    for x, axis in ((a, -1), (b, -2)):
        inner = x.x if isinstance(x, Ragged) else as_expr(x)
        extent = inner.shape[axis if inner.tensor.rank >= -axis else 0]
        sizes.append(extent)
        lengths.append(x.length if isinstance(x, Ragged) else const(extent, I64))
    length, size = _same_length(*lengths), min(sizes)
    made = []
    for x, axis in ((a, -1), (b, -2)):
        inner = x.x if isinstance(x, Ragged) else as_expr(x)
        place = (axis if inner.tensor.rank >= -axis else 0) % inner.tensor.rank
        stop = list(inner.shape)
        stop[place] = size
        ones = [1] * len(stop)
        short = movement.strided_slice(inner, [0] * len(stop), stop, ones)
        made.append(masked(Ragged(short, place, length), 0))
    return made[0], made[1]


def reduce(name: str, part: Ragged, axis: Any = None, **options: Any) -> Any:
    """Return a reduction; along another axis than the slice's it is a slice again."""
    rank = part.x.tensor.rank
    axes = range(rank) if axis is None else [axis] if isinstance(axis, int) else axis
    places = [each % rank for each in axes]
    if name in ("var", "std"):
        return _spread(name, part, axis, **options)
    if part.axis not in places:
        made = FUNCTIONS[name](part.x, axis=axis, **options)
        shift = 0 if options.get("keepdims") else sum(p < part.axis for p in places)
        return Ragged(made, part.axis - shift, part.length)
    if name == "mean":
        return _mean(part, axis, places, **options)
    ready, whole = _surrounded(part, _neutral(name, part.x), places, options)
    if name in ("max", "min"):
        ok = elementwise.greater(part.length, 0)
        ready = check(
            ready, ok, "DefnValueError", f"the {name} of no elements is not defined"
        )
    return FUNCTIONS[name](ready, axis=whole, **options)


def _surrounded(
    part: Ragged, fill: Any, places: list[int], options: dict[str, Any]
) -> tuple[Expr, tuple[int, ...]]:
    """Return what a reduction runs over, and its axes there for those of the slice."""
    if not isinstance(part, Picked) or options.get("keepdims"):
        return masked(part, fill), tuple(places)
    rank = part.mask.tensor.rank
    others = (place + rank - 1 for place in places if place)
    hit = over(part.mask, part.full)
    return where(hit, part.full, const(fill, part.full.dtype)), (*range(rank), *others)


def _mean(part: Ragged, axis: Any, places: list[int], **options: Any) -> Expr:
    total = reduce("sum", part, axis, **options)
    others = 1
    for place in places:
        others *= 1 if place == part.axis else part.x.shape[place]
    with float_defaults(F64):
        return total / convert(part.length * others, total.dtype)


def _spread(
    name: str, part: Ragged, axis: Any = None, *, ddof: Any = 0, correction: Any = None
) -> Any:
    """Return the variance of a vector, or its root."""
    if part.x.tensor.rank != 1 or axis not in (None, 0, -1):
        raise unsupported(part, f"`{name}` cannot take more than one axis of ")
    centre = reduce("mean", part)
    squares = apply(lambda x: (x - centre) * (x - centre), part)
    total = reduce("sum", squares)
    count = part.length - as_expr(ddof if correction is None else correction)
    variance = total / convert(count, total.dtype)
    return variance if name == "var" else FUNCTIONS["sqrt"](variance)


def _neutral(name: str, x: Expr) -> Any:
    if name in ("sum", "any"):
        return 0
    if name in ("prod", "all"):
        return 1
    if x.dtype.is_float:
        return -np.inf if name == "max" else np.inf
    info = np.iinfo(x.dtype.numpy)
    return info.min if name == "max" else info.max


def item(part: Ragged, index: Any) -> Expr:
    """Return the checked place of one item; a negative one counts from the end."""
    if isinstance(index, slice) or not isinstance(index, int | Expr):
        raise unsupported(part)
    place = convert(as_expr(index), I64)
    place = where(less(place, 0), place + part.length, place)
    ok = logical_and(elementwise.greater_equal(place, 0), less(place, part.length))
    message = f"index {{}} is out of bounds for axis {part.axis} with size {{}}"
    shown = (convert(as_expr(index), I64), part.length)
    return check(convert(place, I64), ok, "DefnIndexError", message, shown)


def store(x: Expr, axis: int, bounds: tuple[Any, Any], value: Any) -> Expr:
    """Return `x` with the slice between two bounds replaced by `value`."""
    part = cut(x, axis, *bounds)
    size = x.shape[axis]
    first = _place(0 if bounds[0] is None else bounds[0], size)
    places = movement.iota(size)
    if isinstance(value, Ragged):
        length = _same_length(part.length, value.length)
        if value.from_right != x.tensor.rank - axis:
            raise DefnTypeError("slices of run-time length along different axes")
        index = _inside(places - first, value.x.shape[value.axis])
        ready = gather(value.x, index, value.axis)
    else:
        length, ready = part.length, as_expr(value)
        extent = _extent(ready, x.tensor.rank - axis)
        if extent != 1:
            length = _same_length(length, const(extent, I64))
            index = _inside(places - first, extent)
            ready = gather(ready, index, ready.tensor.rank - (x.tensor.rank - axis))
    shape = [1] * x.tensor.rank
    shape[axis] = size
    inside = logical_and(
        elementwise.greater_equal(places, first), less(places, first + length)
    )
    hit = broadcast_to(reshape(inside, tuple(shape)), x.shape)
    return where(hit, broadcast_to(convert(ready, x.dtype), x.shape), x)


def dealt(values: Any, mask: Expr) -> Expr:
    """Return rows of `values`, one after another, at the places where a mask holds."""
    count = FUNCTIONS["sum"](convert(mask, I64))
    if isinstance(values, Ragged):
        rows, length = values.x, values.length
        if values.axis:
            raise unsupported(values, "a mask cannot be filled with ")
    else:
        rows = as_expr(values)
        length = const(rows.shape[0], I64)
        if rows.shape[0] == 1:
            return reshape(rows, rows.shape[1:])
    told = "{} elements cannot be stored where a mask selects {}"
    ok = convert(elementwise.equal(count, length), BOOL)
    rows = check(rows, ok, "DefnShapeError", told, (length, count))
    flat = reshape(mask, (mask.tensor.size,))
    place = FUNCTIONS["cumulative_sum"](convert(flat, I64)) - 1
    made = gather(rows, _inside(place, rows.shape[0]))
    return reshape(made, (*mask.shape, *rows.shape[1:]))


def call(name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Return a function of NumPy's of a slice."""
    if name in REDUCTIONS and isinstance(args[0], Ragged):
        return reduce(name, *args, **kwargs)
    if name in ("dot", "matmul") and len(args) == 2:
        return product(*args)
    if name == "astype":
        return apply(lambda x: FUNCTIONS["astype"](x, *args[1:]), args[0])
    if name in ELEMENTWISE and not kwargs:
        return apply(FUNCTIONS[_PUBLIC.get(name, name)], *args)
    found = next(each for each in args if isinstance(each, Ragged))
    raise unsupported(found, f"`{name}` cannot take ")


_PUBLIC = {"fabs": "abs", "power": "pow", "arctan2": "atan2"}


def unsupported(
    part: Ragged, before: str = "this cannot be done with "
) -> DefnTypeError:
    """Return the error for what a slice of run-time length cannot do."""
    return DefnTypeError(
        f"{before}{describe(part)}: it may feed reductions, products, elementwise"
        " code and stores",
        hint="use the whole axis, with `np.where` and a mask",
    )
