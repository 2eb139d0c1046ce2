"""The order of elements.

One record says which place each element has when sorted; sorted values are read at
those places, so they differentiate as any other read.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from defnpy.base.dims import must
from defnpy.base.dtypes import F32, I32, I64, U32, U64
from defnpy.base.errors import DefnTypeError, DefnValueError
from defnpy.ir.expr import Expr, make
from defnpy.ir.op import Attrs, Missing, Op, Sample
from defnpy.ir.types import TensorType
from defnpy.ops import axes, control, movement
from defnpy.ops.creation import static_int
from defnpy.ops.elementwise import (
    bitcast,
    bitwise_and,
    bitwise_or,
    bitwise_xor,
    equal,
    greater_equal,
    isnan,
    less,
    logical_and,
    logical_or,
    minimum,
    shift_right,
    where,
)
from defnpy.ops.family import batch_elementwise, convert
from defnpy.ops.indexing import dynamic_slice, dynamic_update
from defnpy.ops.leaf import as_expr, const
from defnpy.ops.manipulation import one_axis
from defnpy.ops.selecting import take_along_axis

FEW = 128  # below it merging is faster than counting digits
DIGIT = 11  # bits of a digit: its counters fit the fastest cache


def _infer_argsort(attrs: Attrs, x: TensorType) -> TensorType:
    if x.dtype.kind == "c":
        raise DefnTypeError(f"{x.dtype} numbers have no order")
    return x.with_dtype(I64)


def _eval_argsort(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    if attrs["descending"]:
        x = -x if x.dtype.kind in "fV" else ~x
    if x.dtype.kind == "V":  # NumPy does not sort bf16 with NaN last
        x = x.astype(np.float32)
    return np.argsort(x, axis=-1, stable=True).astype(np.int64)


def expand_argsort(y: Expr) -> Expr:
    """Return an argsort as loops over each row: a stable sort by digits or merges."""
    (x,) = y.operands
    size = x.shape[-1]
    rows = axes.reshape(x, (-1, size)) if x.tensor.size else x
    if x.tensor.size == 0:
        return convert(x, I64)
    count, descending = rows.shape[0], y.attrs["descending"]
    rows = _ranked(rows, descending)

    def row(r: Expr, made: Expr) -> tuple[Expr]:
        place = (r, const(0, I64))
        keys = axes.reshape(dynamic_slice(rows, place, (1, size)), (size,))
        is_short = must(lambda: size < FEW)
        order = (_merge_sorted if is_short else _radix_sorted)(keys)
        return (dynamic_update(made, axes.reshape(order, (1, size)), place),)

    start = movement.iota((count, size), axis=1)
    return axes.reshape(_loop(count, (start,), row)[0], x.shape)


def _ranked(x: Expr, descending: bool) -> Expr:
    """Return unsigned integers that are ordered as `x` is to be, NaN last.

    The bits of floats of one sign are ordered as integers are; of negative ones
    all bits are flipped, of others the sign alone.
    """
    if x.dtype.kind in "b":
        x = convert(x, U32)
    elif x.dtype.bits < 32:
        x = convert(x, {"f": F32, "i": I32, "u": U32}[x.dtype.kind])
    wide = x.dtype.bits == 64
    unsigned, signed = (U64, I64) if wide else (U32, I32)
    top = const(1 << (x.dtype.bits - 1), unsigned)
    full = const((1 << x.dtype.bits) - 1, unsigned)
    if x.dtype.is_float:
        x = where(equal(x, 0), const(0, x.dtype), x)  # -0.0 is equal to 0.0
        bits = bitcast(x, unsigned)
        negative = bitcast(shift_right(bitcast(x, signed), x.dtype.bits - 1), unsigned)
        rank = bitwise_xor(bits, bitwise_or(negative, top))
    else:
        rank = bitwise_xor(bitcast(x, unsigned), top) if x.dtype.kind == "i" else x
    rank = bitwise_xor(rank, full) if descending else rank
    return where(isnan(x), full, rank) if x.dtype.is_float else rank


def _radix_sorted(keys: Expr) -> Expr:
    """Return the places of unsigned keys in order, sorted digit by digit."""
    zero = const(0, I64)

    def by_digit(p: Expr, keys: Expr, order: Expr) -> tuple[Expr, Expr]:
        shift = convert(p * DIGIT, keys.dtype)
        mask = const((1 << DIGIT) - 1, keys.dtype)

        def digit(k: Expr) -> Expr:
            return convert(bitwise_and(shift_right(_at(keys, k), shift), mask), I64)

        def count(k: Expr, counts: Expr) -> tuple[Expr]:
            d = digit(k)
            return (_put(counts, d, _at(counts, d) + 1),)

        def begin(d: Expr, total: Expr, starts: Expr) -> tuple[Expr, Expr]:
            return total + _at(starts, d), _put(starts, d, total)

        def move(k: Expr, starts: Expr, made: Expr, moved: Expr) -> tuple[Expr, ...]:
            d = digit(k)
            place = _at(starts, d)
            made, moved = (
                _put(made, place, _at(keys, k)),
                _put(moved, place, _at(order, k)),
            )
            return _put(starts, d, place + 1), made, moved

        size, bins = keys.shape[0], 1 << DIGIT
        empty = axes.full(TensorType(I64, (bins,)), 0)
        starts = _loop(bins, (zero, *_loop(size, (empty,), count)), begin)[1]
        return _loop(size, (starts, keys, order), move)[1:]  # pyright: ignore

    passes = -(-keys.dtype.bits // DIGIT)
    return _loop(passes, (keys, movement.iota(keys.shape[0])), by_digit)[1]


def _put(vector: Expr, place: Expr, value: Expr) -> Expr:
    return dynamic_update(vector, axes.reshape(value, (1,)), (place,))


def _merge_sorted(keys: Expr) -> Expr:
    """Return the places of a vector's elements in order, merged from the bottom up."""
    size = keys.shape[0]

    def merge_all(p: Expr, width: Expr, order: Expr) -> tuple[Expr, Expr]:
        def step(k: Expr, left: Expr, right: Expr, made: Expr) -> tuple[Expr, ...]:
            return _merge_step((keys, order, width), (k, left, right, made))

        zero = const(0, I64)
        return width + width, _loop(size, (zero, zero, order), step)[2]

    passes = (size - 1).bit_length()
    init = (const(1, I64), movement.iota(size))
    return _loop(passes, init, merge_all)[1]


def _merge_step(
    runs: tuple[Expr, Expr, Expr], state: tuple[Expr, ...]
) -> tuple[Expr, ...]:
    """Put the element that is next at place k of the merge of two runs.

    `runs` are the keys, the order so far and the width of its sorted runs; `state`
    is k, the next place of the left and of the right run, and the merged order.
    """
    keys, order, width = runs
    k, left, right, made = state
    size = const(keys.shape[0], I64)
    within = k % (width + width)
    first = equal(within, 0)
    middle, end = (minimum(k - within + w, size) for w in (width, width + width))
    left, right = where(first, k, left), where(first, middle, right)
    sources = [_at(order, minimum(place, size - 1)) for place in (left, right)]
    a, b = (_at(keys, source) for source in sources)
    right_first = logical_or(greater_equal(left, middle), less(b, a))
    taken = logical_and(less(right, end), right_first)
    chosen = axes.reshape(where(taken, sources[1], sources[0]), (1,))
    moved = convert(taken, I64)
    return left + (1 - moved), right + moved, dynamic_update(made, chosen, (k,))


def _at(vector: Expr, place: Expr) -> Expr:
    return axes.reshape(dynamic_slice(vector, (place,), (1,)), ())


def _loop(count: Any, init: tuple[Expr, ...], body: Any) -> tuple[Expr, ...]:
    zero, one = const(0, I64), const(1, I64)
    return control.counted_loop(zero, const(count, I64), one, init, body)


ARGSORT = Op(
    name="argsort",
    infer=_infer_argsort,
    eval=_eval_argsort,
    vjp=lambda ct, y, x: (None,),
    jvp=lambda tangents, y, x: None,
    batch=batch_elementwise,
    lower=Missing("`expand_argsort` makes loops of it before"),
    doc="The places of the elements along the last axis in sorted order, as i64;"
    " equal elements keep their order and NaN comes last.",
    family="sort",
    samples=lambda: [
        Sample((np.array([[2.0, np.nan, -1.0], [0.0, 3.0, 0.0]]),), (flag,), False)
        for flag in (("descending", False), ("descending", True))
    ],
)


def argsort(x: Any, axis: int = -1, *, descending: bool = False) -> Expr:
    """Return the places of the elements along `axis` in sorted order, as i64.

    Equal elements keep their order; NaN comes last, ascending or descending.

    >>> dn.argsort(np.array([2.0, np.nan, 1.0]))
    array([2, 0, 1])
    """
    x = as_expr(x)
    place = one_axis(axis, x.tensor.rank)
    last = movement.moveaxis(x, place, x.tensor.rank - 1)
    return movement.moveaxis(
        make(ARGSORT, (last,), descending=bool(descending)), last.tensor.rank - 1, place
    )


def sort(x: Any, axis: int = -1, *, descending: bool = False) -> Expr:
    """Return the elements along `axis` in order; NaN last.

    >>> dn.sort(np.array([3, 1, 2]), descending=True)
    array([3, 2, 1])
    """
    order = argsort(x, axis=axis, descending=descending)
    return take_along_axis(x, order, axis, mode="clip")


def top_k(x: Any, k: int, axis: int = -1) -> tuple[Expr, Expr]:
    """Return the `k` largest elements along `axis`, largest first, and their places.

    >>> dn.top_k(np.array([1.0, 4.0, 3.0]), 2)
    (array([4., 3.]), array([1, 2]))
    """
    x = as_expr(x)
    place = one_axis(axis, x.tensor.rank)
    count = static_int(k, "k")
    if not 0 <= count <= x.shape[place]:
        raise DefnValueError(f"{x.type} has no {count} elements along axis {place}")
    order = argsort(x, axis=place, descending=True)
    stop = tuple(count if a == place else s for a, s in enumerate(order.shape))
    rank = x.tensor.rank
    order = movement.strided_slice(order, (0,) * rank, stop, (1,) * rank)
    return take_along_axis(x, order, place, mode="clip"), order
