"""What the expansions of transcendental functions are made of.

An expansion is plain arithmetic on one element, without branches or tables, so
that a compiler can run it on many elements at once: what is not wanted is computed
too, and left out by a select.  Each is written for f32 and for f64; f16 and bf16
compute in f32.

Polynomials are given lowest coefficient first.  Unless said otherwise they are
Chebyshev interpolants of the function named beside them on the interval named,
made by ``mpmath.chebyfit`` at 60 digits and then rounded to the dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from defnpy.base.dtypes import F32, F64, I32, I64
from defnpy.ops.elementwise import (
    add,
    bitcast,
    fma,
    greater,
    less,
    shift_left,
    shift_right,
    where,
)
from defnpy.ops.family import convert
from defnpy.ops.leaf import const

if TYPE_CHECKING:
    from defnpy.base.dtypes import DType
    from defnpy.ir.expr import Expr
    from defnpy.ir.op import Attrs, Lower

Coefficients = Sequence[float]


@dataclass(frozen=True, slots=True)
class Layout:
    """How the bits of a float dtype are laid out.

    Attributes:
        integer: the integer dtype of the same size.
        mantissa: bits of the mantissa, the leading one left out.
        bias: of the exponent.
        tiny: smallest normal number.
        shifter: what leaves, when added, the nearest integer in the low bits.
    """

    integer: DType
    mantissa: int
    bias: int
    tiny: float
    shifter: float


_LAYOUTS = {
    F32: Layout(I32, 23, 127, 2.0**-126, 1.5 * 2.0**23),
    F64: Layout(I64, 52, 1023, 2.0**-1022, 1.5 * 2.0**52),
}


def layout(x: Expr) -> Layout:
    """Return the layout of the dtype of `x`, which is f32 or f64."""
    return _LAYOUTS[x.dtype]


def expansion(expand: Callable[..., Expr]) -> Lower:
    """Return the lowering of a record by `expand`, which sees f32 or f64 only."""

    def lower(attrs: Attrs, *operands: Expr) -> Expr:
        first = operands[0]
        dtype = F64 if first.dtype == F64 else F32
        made = expand(*(convert(each, dtype) for each in operands))
        return convert(made, first.dtype, weak=first.tensor.weak)

    return lower


def precisely(function: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """Return `function` computed in f64, for it to be rounded once afterwards."""

    def evaluate(*operands: np.ndarray) -> np.ndarray:
        return function(*(np.asarray(each, np.float64) for each in operands))

    return evaluate


def constant(x: Expr, value: float) -> Expr:
    """Return `value` in the dtype of `x`."""
    return const(value, x.dtype)


def integer(x: Expr, value: int) -> Expr:
    """Return `value` in the integer dtype of the size of `x`."""
    return const(value, layout(x).integer)


def by_dtype(x: Expr, f32: float, f64: float) -> Expr:
    """Return the constant that belongs to the dtype of `x`."""
    return constant(x, f64 if x.dtype == F64 else f32)


def polynomial(x: Expr, f32: Coefficients, f64: Coefficients) -> Expr:
    """Return the value at `x` of the polynomial for its dtype."""
    coefficients = f64 if x.dtype == F64 else f32
    total = constant(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = fma(total, x, constant(x, coefficient))
    return total


def bits(x: Expr) -> Expr:
    """Return the bits of `x` as an integer."""
    return bitcast(x, layout(x).integer)


def at_most(x: Expr, bound: Expr) -> Expr:
    """Return the smaller of `x` and `bound`; NaN stays NaN."""
    return where(greater(x, bound), bound, x)


def at_least(x: Expr, bound: Expr) -> Expr:
    """Return the larger of `x` and `bound`; NaN stays NaN."""
    return where(less(x, bound), bound, x)


def nearest(x: Expr, factor: Expr) -> tuple[Expr, Expr]:
    """Return the integer nearest to ``x * factor``, as a float and as an integer."""
    shifter = constant(x, layout(x).shifter)
    shifted = fma(x, factor, shifter)
    return shifted - shifter, bits(shifted) - bits(shifter)


def subtract_multiple(x: Expr, n: Expr, parts: Sequence[float]) -> Expr:
    """Return ``x - n * sum(parts)``, the parts leading from large to small."""
    for part in parts:
        x = fma(n, constant(x, -part), x)
    return x


def power_of_two(n: Expr, dtype: DType) -> Expr:
    """Return 2 to an integer in the range of the exponents of normal numbers."""
    form = _LAYOUTS[dtype]
    biased = add(n, const(form.bias, n.dtype))
    return bitcast(shift_left(biased, const(form.mantissa, n.dtype)), dtype)


def scale_by_power(x: Expr, n: Expr) -> Expr:
    """Return ``x * 2**n``, rounded once where that is subnormal."""
    half = shift_right(n, const(1, n.dtype))
    return x * power_of_two(half, x.dtype) * power_of_two(n - half, x.dtype)


def split_exponent(x: Expr) -> tuple[Expr, Expr, Expr]:
    """Return `m` in [√½, √2), `e` as an integer and a float: ``x = m * 2**e``.

    `x` is positive and finite, or the result is not used.
    """
    form = layout(x)
    low = less(x, form.tiny)
    raised = form.mantissa + 2
    number = bits(where(low, x * constant(x, 2.0**raised), x))
    root = integer(x, {F32: 0x3F3504F3, F64: 0x3FE6A09E667F3BCD}[x.dtype])
    shift = integer(x, form.mantissa)
    e = shift_right(number - root, shift)
    m = bitcast(number - shift_left(e, shift), x.dtype)
    e = e - where(low, integer(x, raised), integer(x, 0))
    return m, e, to_float(e, x.dtype)


def to_float(n: Expr, dtype: DType) -> Expr:
    """Return a small integer as a float, by way of its bits."""
    if dtype == F32:
        return convert(n, F32)
    shifter = const(_LAYOUTS[dtype].shifter, dtype)  # no instruction for it in AVX2
    return bitcast(bits(shifter) + n, dtype) - shifter
