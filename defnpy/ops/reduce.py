"""Reductions besides the sum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base.dtypes import BF16, BOOL, F16, F32, I32, I64, U64
from defnpy.base.errors import DefnShapeError, DefnTypeError
from defnpy.ir.expr import Expr, make
from defnpy.ir.op import Attrs, Missing, Op, Sample
from defnpy.ops.axes import (
    SUM,
    batch_reduction,
    infer_reduction,
    normalize_axes,
    reduce_sum,
    reshape,
    spread,
)
from defnpy.ops.elementwise import (
    as_bool,
    bitwise_and,
    divide,
    equal,
    logical_or,
    multiply,
    not_equal,
    where,
)
from defnpy.ops.family import convert, scale
from defnpy.ops.leaf import as_expr, const
from defnpy.ops.movement import iota

if TYPE_CHECKING:
    from defnpy.ir.types import TensorType

_LOOP = Missing("reductions become loops with an accumulator")


def _samples(dtypes: str = "fi", empty: bool = False) -> list[Sample]:
    rng = np.random.default_rng(3)
    made = [
        Sample((rng.standard_normal((3, 4)),), (("axes", (1,)),)),
        Sample((rng.standard_normal((3, 4)),), (("axes", (0, 1)),)),
    ]
    if "i" in dtypes:
        made.append(Sample((rng.integers(0, 9, (2, 5)),), (("axes", (0,)),), False))
    return made


def _share_extreme(ct: Expr, y: Expr, x: Expr) -> tuple[Expr]:
    """Return the cotangent, shared among the elements equal to the extreme."""
    axes = y.attrs["axes"]
    hit = equal(x, spread(y, x, y))
    count = reduce_sum(convert(hit, x.dtype, weak=x.tensor.weak), axes)
    return (where(hit, spread(divide(ct, count), x, y), 0.0),)


def _jvp_extreme(tangents: Any, y: Expr, x: Expr) -> Expr:
    hit = convert(equal(x, spread(y, x, y)), x.dtype, weak=x.tensor.weak)
    total = reduce_sum(multiply(hit, tangents[0]), y.attrs["axes"])
    return divide(total, reduce_sum(hit, y.attrs["axes"]))


def _extreme(name: str, function: Any, doc: str) -> Op:
    return Op(
        name=name,
        infer=_infer_nonempty,
        eval=lambda attrs, x: np.asarray(function(x, axis=attrs["axes"])),
        vjp=_share_extreme,
        jvp=_jvp_extreme,
        batch=batch_reduction,
        lower=_LOOP,
        doc=doc,
        family="reduction",
        samples=_samples,
    )


def _infer_nonempty(attrs: Attrs, x: TensorType) -> TensorType:
    if 0 in [x.shape[a] for a in attrs["axes"]]:
        raise DefnShapeError(f"{x} has no largest or smallest element: it is empty")
    return infer_reduction(attrs, x)


MAX = _extreme("max", np.max, "Largest element over axes; NaN if any is.")
MIN = _extreme("min", np.min, "Smallest element over axes; NaN if any is.")


def _others(y: Expr, x: Expr) -> Expr:
    """Return for each element the product of the others: zeros are counted apart."""
    axes = y.attrs["axes"]
    zero = equal(x, 0)
    filled = where(zero, 1, x)
    count = spread(reduce_sum(convert(zero, I64), axes), x, y)
    nonzero = spread(make(PROD, (filled,), axes=axes), x, y)
    only = where(bitwise_and(equal(count, 1), zero), nonzero, 0)
    return where(equal(count, 0), divide(spread(y, x, y), filled), only)


PROD = Op(
    name="prod",
    infer=infer_reduction,
    eval=lambda attrs, x: np.asarray(np.prod(x, axis=attrs["axes"], dtype=x.dtype)),
    vjp=lambda ct, y, x: (scale(spread(ct, x, y), _others(y, x)),),
    jvp=lambda tangents, y, x: reduce_sum(
        scale(tangents[0], _others(y, x)), y.attrs["axes"]
    ),
    batch=batch_reduction,
    lower=_LOOP,
    doc="Product over axes.",
    family="reduction",
    samples=_samples,
)


def _infer_arg(attrs: Attrs, x: TensorType) -> TensorType:
    return _infer_nonempty(attrs, x).with_dtype(I64)


def expand_arg(y: Expr) -> Expr:
    """Return an argmax or argmin as the first place of the extreme.

    Both reductions become vector loops, where one that carries a value and its
    place does not.  NaN is the extreme where there is one.
    """
    (x,) = y.operands
    extreme = make(MAX if y.op.name == "argmax" else MIN, (x,), axes=y.attrs["axes"])
    hit = equal(x, spread(extreme, x, y))
    if x.dtype.is_float:
        hit = logical_or(hit, not_equal(x, x))
    (axis,) = y.attrs["axes"]
    size = x.shape[axis]
    dtype = I32 if size < 2**31 else I64
    places = iota(x.shape, dtype, axis)
    first = make(MIN, (where(hit, places, const(size, dtype)),), axes=y.attrs["axes"])
    return convert(first, I64)


def _arg(name: str, function: Any, doc: str) -> Op:
    return Op(
        name=name,
        infer=_infer_arg,
        eval=lambda attrs, x: np.asarray(function(x, axis=attrs["axes"][0])).astype(
            np.int64
        ),
        vjp=lambda ct, y, x: (None,),
        jvp=lambda tangents, y, x: None,
        batch=batch_reduction,
        lower=_LOOP,
        doc=doc,
        family="reduction",
        samples=lambda: [
            Sample(s.operands, (("axes", (1,)),), False) for s in _samples()
        ],
    )


ARGMAX = _arg("argmax", np.argmax, "Index of the first largest element of one axis.")
ARGMIN = _arg("argmin", np.argmin, "Index of the first smallest element of one axis.")


def _reduce(op: Op, x: Expr, axis: Any, keepdims: bool) -> Expr:
    axes = normalize_axes(axis, x.tensor.rank)
    y = make(op, (x,), axes=axes) if axes else x
    return keep(y, x, axes) if keepdims else y


def keep(y: Expr, x: Expr, axes: tuple[int, ...]) -> Expr:
    """Return the reduction `y` of `x` with its axes kept at size 1."""
    return reshape(y, tuple(1 if a in axes else s for a, s in enumerate(x.shape)))


def _accumulate_wide(op: Op, x: Expr, axis: Any, keepdims: bool) -> Expr:
    dtype = x.dtype
    if dtype in (F16, BF16):
        return convert(_reduce(op, convert(x, F32), axis, keepdims), dtype)
    if dtype == BOOL or dtype.kind == "i":
        x = convert(x, I64)
    elif dtype.kind == "u":
        x = convert(x, U64)
    return _reduce(op, x, axis, keepdims)


def sum(x: Any, axis: Any = None, *, dtype: Any = None, keepdims: bool = False) -> Expr:
    """Return the sum over `axis`; small integers and halves accumulate wide."""
    x = as_expr(x)
    return _accumulate_wide(SUM, convert(x, dtype) if dtype else x, axis, keepdims)


def prod(
    x: Any, axis: Any = None, *, dtype: Any = None, keepdims: bool = False
) -> Expr:
    """Return the product over `axis`; small integers and halves accumulate wide."""
    x = as_expr(x)
    return _accumulate_wide(PROD, convert(x, dtype) if dtype else x, axis, keepdims)


def _ordered(name: str, x: Any) -> Expr:
    x = as_expr(x)
    if x.dtype.kind == "c":
        raise DefnTypeError(f"{name} does not take {x.dtype}: it has no order")
    return x


def max(x: Any, axis: Any = None, *, keepdims: bool = False) -> Expr:
    """Return the largest element over `axis`; NaN if any is."""
    return _reduce(MAX, _ordered("max", x), axis, keepdims)


def min(x: Any, axis: Any = None, *, keepdims: bool = False) -> Expr:
    """Return the smallest element over `axis`; NaN if any is."""
    return _reduce(MIN, _ordered("min", x), axis, keepdims)


def any(x: Any, axis: Any = None, *, keepdims: bool = False) -> Expr:
    """Return whether any element over `axis` is not zero."""
    counted = sum(as_bool(as_expr(x)), axis, keepdims=keepdims)
    return as_bool(counted)


def all(x: Any, axis: Any = None, *, keepdims: bool = False) -> Expr:
    """Return whether no element over `axis` is zero."""
    zero = equal(as_bool(as_expr(x)), False)
    return equal(sum(zero, axis, keepdims=keepdims), 0)


def _arg_reduce(op: Op, x: Any, axis: int | None, keepdims: bool) -> Expr:
    x = _ordered(op.name, x)
    if axis is None:
        flat = _reduce(op, reshape(x, (-1,)), 0, False)
        return reshape(flat, (1,) * x.tensor.rank) if keepdims else flat
    return _reduce(op, x, axis, keepdims)


def argmax(x: Any, axis: int | None = None, *, keepdims: bool = False) -> Expr:
    """Return the index (i64) of the first largest element; NaN counts as largest."""
    return _arg_reduce(ARGMAX, x, axis, keepdims)


def argmin(x: Any, axis: int | None = None, *, keepdims: bool = False) -> Expr:
    """Return the index (i64) of the first smallest element; NaN counts as smallest."""
    return _arg_reduce(ARGMIN, x, axis, keepdims)
