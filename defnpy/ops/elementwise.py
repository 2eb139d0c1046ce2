"""Arithmetic, comparison, selection and bits: ops every backend has natively."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base.dtypes import BOOL, I64
from defnpy.base.errors import DefnTypeError, InternalError
from defnpy.ir.expr import Expr, make
from defnpy.ir.op import Attrs, Op, Sample
from defnpy.ops.axes import broadcast_to
from defnpy.ops.complex import imag, real
from defnpy.ops.family import (
    batch_elementwise,
    binary,
    broadcast_shape,
    common,
    compare,
    convert,
    elementwise,
    fold,
    native,
    unary,
)
from defnpy.ops.leaf import as_expr, const, scalar_of
from defnpy.ops.rounding import multiply_add

if TYPE_CHECKING:
    from defnpy.ir.types import TensorType

add = binary(
    "add",
    np.add,
    (lambda y, a, b: 1.0, lambda y, a, b: 1.0),
    kinds="biufc",
    doc="Sum of two tensors, element by element.",
)
subtract = binary(
    "subtract",
    np.subtract,
    (lambda y, a, b: 1.0, lambda y, a, b: -1.0),
    kinds="iufc",
    doc="Difference of two tensors, element by element.",
)
multiply = binary(
    "multiply",
    np.multiply,
    (lambda y, a, b: b, lambda y, a, b: a),
    kinds="biufc",
    doc="Product of two tensors, element by element.",
)
divide = binary(
    "divide",
    np.divide,
    (lambda y, a, b: 1.0 / b, lambda y, a, b: -y / b),
    floats=True,
    kinds="fc",
    domains=((-2.0, 2.0), (0.5, 2.0)),
    cost=4,
    doc="Quotient of two tensors; integers become the default float first.",
)
negative = unary(
    "negative",
    np.negative,
    lambda y, x: -1.0,
    kinds="iufc",
    doc="Return -x.",
)
absolute = unary(
    "abs",
    np.abs,
    lambda y, x: sign(x),
    kinds="iuf",
    doc="Absolute value of each element.",
)
sign = unary(
    "sign",
    np.sign,
    lambda y, x: None,
    kinds="iuf",
    doc="-1, 0 or 1 by the sign of each element; NaN stays NaN.",
    lower=lambda attrs, x: _lower_sign(x),
)


def _lower_sign(x: Expr) -> Expr:
    one, zero = const(1, x.dtype), const(0, x.dtype)
    # Of -0.0 it is 0.0.
    rest = where(not_equal(x, x), x, zero) if x.dtype.is_float else zero
    below = rest if x.dtype.kind == "u" else where(less(x, 0), const(-1, x.dtype), rest)
    return where(greater(x, 0), one, below)


maximum = binary(
    "maximum",
    np.maximum,
    (lambda y, a, b: _share(a, b), lambda y, a, b: _share(b, a)),
    kinds="biuf",
    doc="The larger of two elements; NaN if either is; a tie shares the gradient.",
)
minimum = binary(
    "minimum",
    np.minimum,
    (lambda y, a, b: _share(b, a), lambda y, a, b: _share(a, b)),
    kinds="biuf",
    doc="The smaller of two elements; NaN if either is; a tie shares the gradient.",
)


def _share(winner: Expr, loser: Expr) -> Expr:
    tied = where(equal(winner, loser), 0.5, 0.0)
    return where(greater(winner, loser), 1.0, tied)


equal = compare("equal", np.equal, "Whether elements are equal.", kinds="biufc")
not_equal = compare(
    "not_equal", np.not_equal, "Whether elements differ.", kinds="biufc"
)
less = compare("less", np.less, "Whether a < b, element by element.")
less_equal = compare("less_equal", np.less_equal, "Whether a <= b.")
greater = compare("greater", np.greater, "Whether a > b.")
greater_equal = compare("greater_equal", np.greater_equal, "Whether a >= b.")

_STEP = (lambda y, x: None,)
floor = unary(
    "floor",
    np.floor,
    lambda y, x: None,
    kinds="f",
    doc="Largest integral value not above each element.",
)
ceil = unary(
    "ceil",
    np.ceil,
    lambda y, x: None,
    kinds="f",
    doc="Smallest integral value not below each element.",
)
trunc = unary(
    "trunc",
    np.trunc,
    lambda y, x: None,
    kinds="f",
    doc="Integral value nearest to zero.",
)
rint = unary(
    "round",
    np.rint,
    lambda y, x: None,
    kinds="f",
    doc="Nearest integral value, halves to even.",
)
floor_divide = binary(
    "floor_divide",
    np.floor_divide,
    (lambda y, a, b: None, lambda y, a, b: None),
    kinds="iuf",
    domains=((-4.0, 4.0), (0.5, 2.0)),
    cost=8,
    lower=lambda attrs, a, b: _lower_floor_divide(a, b),
    doc="Quotient rounded towards minus infinity, as Python's ``//``.",
)
remainder = binary(
    "remainder",
    np.remainder,
    (lambda y, a, b: 1.0, lambda y, a, b: -floor(a / b)),
    kinds="iuf",
    domains=((-4.0, 4.0), (0.5, 2.0)),
    cost=8,
    lower=lambda attrs, a, b: _lower_remainder(a, b),
    doc="Remainder with the sign of the divisor, as Python's ``%``.",
)
# C's division and remainder, towards zero; integer division by 0 gives 0.
divide_trunc = binary(
    "divide_trunc",
    lambda a, b: _c_divide(a, b)[0],
    (lambda y, a, b: None, lambda y, a, b: None),
    kinds="iu",
    doc="Integer quotient rounded towards zero; 0 where b is 0.",
)
remainder_trunc = binary(
    "remainder_trunc",
    lambda a, b: _c_divide(a, b)[1],
    (lambda y, a, b: 1.0, lambda y, a, b: -trunc(a / b)),
    kinds="iuf",
    domains=((-4.0, 4.0), (0.5, 2.0)),
    doc="Remainder with the sign of the dividend; 0 where an integer b is 0.",
)


def _c_divide(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if a.dtype.kind in "fV":  # V: ml_dtypes' bfloat16
        return np.trunc(a / b), np.fmod(a, b)
    safe = np.where(b == 0, 1, b).astype(b.dtype)
    remainder = np.where(b == 0, 0, np.fmod(a, safe)).astype(a.dtype)
    quotient = ((a - remainder) // safe).astype(a.dtype)
    return np.where(b == 0, 0, quotient).astype(a.dtype), remainder


def _lower_floor_divide(a: Expr, b: Expr) -> Expr:
    if a.dtype.kind == "f":  # NumPy's: exact for large quotients
        rest = remainder_trunc(a, b)
        below = logical_and(not_equal(rest, 0.0), _signs_differ(rest, b))
        quotient = subtract(divide(subtract(a, rest), b), where(below, 1.0, 0.0))
        rounded = floor(quotient)
        up = greater(subtract(quotient, rounded), 0.5)
        exact = where(up, add(rounded, 1.0), rounded)
        zero = copysign(const(0.0, a.dtype), divide(a, b))
        exact = where(equal(quotient, 0.0), zero, exact)
        return where(equal(b, 0.0), divide(a, b), exact)
    quotient = divide_trunc(a, b)
    if a.dtype.kind == "u":
        return quotient
    down = logical_and(not_equal(remainder_trunc(a, b), 0), _signs_differ(a, b))
    return subtract(quotient, convert(down, a.dtype))


def _lower_remainder(a: Expr, b: Expr) -> Expr:
    rest = remainder_trunc(a, b)
    if a.dtype.kind == "u":
        return rest
    moved = logical_and(not_equal(rest, 0), _signs_differ(rest, b))
    fixed = where(moved, add(rest, b), rest)
    if a.dtype.kind == "f":  # a zero takes the divisor's sign
        return where(equal(fixed, 0.0), copysign(const(0.0, a.dtype), b), fixed)
    return fixed


def _signs_differ(a: Expr, b: Expr) -> Expr:
    return not_equal(less(a, 0), less(b, 0))


sqrt = unary(
    "sqrt",
    np.sqrt,
    lambda y, x: 0.5 / y,
    floats=True,
    kinds="f",
    domain=(0.2, 3.0),
    cost=4,
    doc="Square root; NaN below zero.",
)
copysign = binary(
    "copysign",
    np.copysign,
    (lambda y, a, b: where(equal(sign(y), sign(a)), 1.0, -1.0), lambda y, a, b: None),
    floats=True,
    kinds="f",
    doc="Magnitude of the first with the sign of the second.",
)
fma = elementwise(
    "fma",
    multiply_add,
    arity=3,
    kinds="f",
    partials=(lambda y, a, b, c: b, lambda y, a, b, c: a, lambda y, a, b, c: 1.0),
    doc="a * b + c, rounded once.",
)

_NO_GRAD = (lambda y, a, b: None, lambda y, a, b: None)
bitwise_and = binary(
    "bitwise_and", np.bitwise_and, _NO_GRAD, kinds="biu", doc="Bits set in both."
)
bitwise_or = binary(
    "bitwise_or", np.bitwise_or, _NO_GRAD, kinds="biu", doc="Bits set in either."
)
bitwise_xor = binary(
    "bitwise_xor", np.bitwise_xor, _NO_GRAD, kinds="biu", doc="Bits set in one only."
)
bitwise_invert = unary(
    "bitwise_invert",
    np.invert,
    lambda y, x: None,
    kinds="biu",
    doc="Every bit flipped.",
)


def _shift(function: Any) -> Any:
    def evaluate(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        bits = a.dtype.itemsize * 8
        inside = (b >= 0) & (b < bits)
        shifted = function(a, np.where(inside, b, 0).astype(a.dtype))
        lost = np.where((a < 0) & (function is np.right_shift), -1, 0).astype(a.dtype)
        return np.where(inside, shifted, lost).astype(a.dtype)

    return evaluate


shift_left = binary(
    "bitwise_left_shift",
    _shift(np.left_shift),
    _NO_GRAD,
    kinds="iu",
    domains=((-4.0, 4.0), (0.0, 2.0)),
    doc="Shift left; 0 where the amount is not in the range of the bits.",
)
shift_right = binary(
    "bitwise_right_shift",
    _shift(np.right_shift),
    _NO_GRAD,
    kinds="iu",
    domains=((-4.0, 4.0), (0.0, 2.0)),
    doc="Shift right, keeping the sign; the sign alone where nothing is left.",
)


def as_bool(x: Any) -> Expr:
    """Return whether each element is not zero."""
    x = as_expr(x)
    return x if x.dtype == BOOL else not_equal(x, 0)


def logical_and(a: Any, b: Any) -> Expr:
    """Whether both elements are not zero."""
    return bitwise_and(as_bool(a), as_bool(b))


def logical_or(a: Any, b: Any) -> Expr:
    """Whether either element is not zero."""
    return bitwise_or(as_bool(a), as_bool(b))


def logical_xor(a: Any, b: Any) -> Expr:
    """Whether exactly one element is not zero."""
    return bitwise_xor(as_bool(a), as_bool(b))


def logical_not(x: Any) -> Expr:
    """Whether each element is zero."""
    return bitwise_invert(as_bool(x))


def isnan(x: Any) -> Expr:
    """Whether each element is NaN."""
    return not_equal(x, x)


def isinf(x: Any) -> Expr:
    """Whether each element is an infinity."""
    x = as_expr(x)
    if x.dtype.kind == "c":
        return logical_or(isinf(real(x)), isinf(imag(x)))
    if not x.dtype.is_float:
        return broadcast_to(const(False, BOOL), x.shape)
    return equal(absolute(x), float("inf"))


def isfinite(x: Any) -> Expr:
    """Whether each element is neither NaN nor an infinity."""
    x = as_expr(x)
    if x.dtype.kind == "c":
        return logical_and(isfinite(real(x)), isfinite(imag(x)))
    if not x.dtype.is_float:
        return broadcast_to(const(True, BOOL), x.shape)
    return less(absolute(x), float("inf"))


def _infer_select(attrs: Attrs, p: TensorType, a: TensorType, b: TensorType) -> Any:
    if p.dtype != BOOL or a != b or p.shape != a.shape:
        raise InternalError(f"select of {p}, {a}, {b}")
    return a


SELECT = Op(
    name="select",
    infer=_infer_select,
    eval=lambda attrs, p, a, b: np.where(p, a, b),
    vjp=lambda ct, y, p, a, b: (
        None,
        where(p, ct, 0.0),
        where(p, 0.0, ct),
    ),
    jvp=lambda tangents, y, p, a, b: where(
        p,
        0.0 if tangents[1] is None else tangents[1],
        0.0 if tangents[2] is None else tangents[2],
    ),
    batch=batch_elementwise,
    lower=native,
    doc="Elements of a where the condition holds, of b elsewhere.",
    family="elementwise",
    samples=lambda: [
        Sample(
            (np.array([True, False, True]), np.arange(3.0), -np.arange(3.0)),
        )
    ],
)


def where(condition: Any, a: Any, b: Any) -> Expr:
    """Elements of `a` where `condition` holds, of `b` elsewhere.

    The side not taken contributes exactly zero to a gradient, whatever its
    derivative there.
    """
    p = as_bool(condition)
    chosen = scalar_of(p)
    a, b = common(as_expr(a), as_expr(b))
    if chosen is not None:
        return a if chosen else b
    shape = broadcast_shape(p, a)
    return fold(make(SELECT, tuple(broadcast_to(each, shape) for each in (p, a, b))))


def _infer_bitcast(attrs: Attrs, x: TensorType) -> TensorType:
    if x.dtype.bits != attrs["dtype"].bits:
        raise DefnTypeError(f"cannot view {x.dtype} as {attrs['dtype']}: sizes differ")
    return x.with_dtype(attrs["dtype"])


BITCAST = Op(
    name="bitcast",
    infer=_infer_bitcast,
    eval=lambda attrs, x: (
        np.ascontiguousarray(x).view(attrs["dtype"].numpy).reshape(x.shape)
    ),
    vjp=lambda ct, y, x: (None,),
    jvp=lambda tangents, y, x: None,
    batch=batch_elementwise,
    lower=native,
    doc="The same bits read as another dtype of the same size.",
    family="elementwise",
    samples=lambda: [Sample((np.array([1.0, -0.0]),), (("dtype", I64),), False)],
)


def bitcast(x: Any, dtype: Any) -> Expr:
    """Return the bits of `x` read as `dtype`, of the same size."""
    x = as_expr(x)
    return x if x.dtype == dtype else fold(make(BITCAST, (x,), dtype=dtype))
