"""Powers: of floats, of integers, and by exponents known in advance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base.dtypes import F64
from defnpy.base.errors import DefnValueError
from defnpy.ops.axes import BROADCAST, full
from defnpy.ops.control import check
from defnpy.ops.elementwise import (
    bitwise_and,
    equal,
    fma,
    greater,
    greater_equal,
    isnan,
    less,
    logical_and,
    logical_not,
    logical_or,
    not_equal,
    rint,
    shift_right,
    sqrt,
    where,
)
from defnpy.ops.family import binary, common, convert
from defnpy.ops.leaf import as_expr, const, is_const, scalar_of
from defnpy.ops.math.expansion import (
    bits,
    by_dtype,
    constant,
    expansion,
    nearest,
    polynomial,
    precisely,
    scale_by_power,
    split_exponent,
)
from defnpy.ops.math.exponential import exp2_small
from defnpy.ops.math.logarithm import log
from defnpy.ops.reduce import any as reduce_any

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr
    from defnpy.ir.op import Attrs

Pair = tuple["Expr", "Expr"]  # a number in two parts, the second below the first's ulp

# log2 of (1 + s) / (1 - s) is s · (A + s² (B + s² Q(s²))), with A = 2 / log(2),
# B = A / 3 and Q on |s| ≤ (√2 - 1) / (√2 + 1)
_A = ((2.88539, 3.851926e-08), (2.8853900817779268, 4.0710547481862066e-17))
_B = ((0.9617967, -7.028462e-09), (0.9617966939259756, 5.0577616648125907e-17))
_Q_F32 = (0.5770782, 0.4120657, 0.33252683)
_Q_F64 = (
    *(0.5770780163555858, 0.4121985831098259, 0.32059889868375463),
    *(0.26230804540291236, 0.22196696307527658, 0.19167457085828457),
    0.1863199122227143,
)


def _sum(a: Expr, b: Expr) -> Pair:
    """Return a + b exactly, where |a| ≥ |b| or a is 0."""
    total = a + b
    return total, b - (total - a)


def _add(a: Pair, b: Pair) -> Pair:
    """Return a + b, where |a| ≥ |b| or a is 0."""
    total, rest = _sum(a[0], b[0])
    return _sum(total, rest + (a[1] + b[1]))


def _multiply(a: Pair, b: Pair) -> Pair:
    product = a[0] * b[0]
    rest = fma(a[0], b[0], -product)
    return product, fma(a[0], b[1], fma(a[1], b[0], rest))


def _pair(x: Expr, parts: tuple[tuple[float, float], tuple[float, float]]) -> Pair:
    high, low = (by_dtype(x, *each) for each in zip(*parts, strict=True))
    return high, low


def _log2_pair(x: Expr) -> Pair:
    """Return log2(x), x positive and finite, to about half as much again."""
    m, _, e = split_exponent(x)
    f, d = m - 1.0, m + 1.0
    s = f / d
    lost = fma(-s, d, f) - s * (m - (d - 1.0))  # f - s (m + 1)
    s = (s, lost / d)
    z = _multiply(s, s)
    zero = constant(x, 0.0)
    tail = z[0] * polynomial(z[0], _Q_F32, _Q_F64)
    inner = _add(_pair(x, _B), (tail, zero))
    factor = _add(_pair(x, _A), _multiply(z, inner))
    return _add((e, zero), _multiply(s, factor))


def _expand_power(x: Expr, y: Expr) -> Expr:
    a = abs(x)
    log2 = _log2_pair(a)
    high = y * log2[0]
    low = fma(y, log2[1], fma(y, log2[0], -high))
    limit = by_dtype(x, 160.0, 1100.0)
    within = less(abs(high), limit)
    # Beyond the limit the result is 0 or infinite, and the parts are no numbers.
    high = where(within, high, where(greater(high, 0.0), limit, -limit))
    n, whole = nearest(high, constant(x, 1.0))
    rest = high - n + where(within, low, constant(x, 0.0))
    return _special_powers(x, y, scale_by_power(exp2_small(rest), whole))


def _special_powers(x: Expr, y: Expr, power: Expr) -> Expr:
    """Return x**y, given |x|**y where that is neither 0 nor infinite nor 1."""
    a, half = abs(x), y * 0.5
    one = constant(x, 1.0)
    whole = equal(rint(y), y)
    odd = logical_and(whole, not_equal(rint(half), half))
    vanishes, infinite = equal(a, 0.0), equal(a, math.inf)
    grows = where(vanishes, less(y, 0.0), greater(y, 0.0))
    limit = where(grows, constant(x, math.inf), constant(x, 0.0))
    power = where(logical_or(vanishes, infinite), limit, power)
    power = where(equal(a, 1.0), one, power)
    power = where(logical_and(odd, less(bits(x), 0)), -power, power)
    imaginary = logical_and(less(x, 0.0), logical_not(logical_or(whole, infinite)))
    unknown = logical_or(imaginary, logical_or(isnan(x), isnan(y)))
    power = where(unknown, constant(x, math.nan), power)
    return where(logical_or(equal(x, 1.0), equal(y, 0.0)), one, power)


def _by_base(y: Expr, a: Expr, b: Expr) -> Expr | float:
    known = _known(b)
    if known is None:
        return where(equal(b, 0.0), 0.0, b * power(a, b - 1.0))
    return known * power(a, known - 1.0) if known else 0.0


def _by_exponent(y: Expr, a: Expr, b: Expr) -> Expr | None:
    if _known(b) is not None:
        return None
    rests = logical_and(equal(a, 0.0), greater_equal(b, 0.0))
    return where(rests, 0.0, y * log(a))


float_power = binary(
    "power",
    precisely(np.power),
    (_by_base, _by_exponent),
    kinds="f",
    domains=((0.2, 2.0), (-2.0, 2.0)),
    cost=70,
    lower=expansion(_expand_power),
    doc="a to the power b, element by element.",
)


def _expand_integer_power(attrs: Attrs, a: Expr, n: Expr) -> Expr:
    one = const(1, a.dtype)
    made = one
    if a.dtype.kind == "i":
        n = where(less(n, 0), const(0, n.dtype), n)
    for k in range(a.dtype.bits - (a.dtype.kind == "i")):
        bit = bitwise_and(shift_right(n, const(k, n.dtype)), one)
        made = where(equal(bit, one), made * a, made)
        a = a * a
    return made


integer_power = binary(
    "integer_power",
    lambda a, n: np.power(a, np.maximum(n, 0)),
    (lambda y, a, n: None, lambda y, a, n: None),
    kinds="iu",
    domains=((-2.0, 2.0), (0.0, 2.0)),
    cost=190,
    lower=_expand_integer_power,
    doc="a to the power n, 1 for an n below 0; the result wraps as products do.",
)


def power(a: Any, b: Any) -> Expr:
    """Return a to the power b.

    Integers stay integers and wrap as products do; by a negative one they raise.
    A float by a small whole number known in advance is multiplied out, by ½ it is
    a square root.
    """
    a, b = common(as_expr(a), as_expr(b))
    known = _known(b)
    if a.dtype.is_integer:
        return _power_of_integers(a, b, known)
    if known is not None and not is_const(a):
        made = _multiplied(a, known)
        if made is not None:
            return made
    return float_power(a, b)


def _known(b: Expr) -> Any | None:
    """Return the number that every element of `b` is, if it is one constant."""
    while b.op is BROADCAST:
        (b,) = b.operands
    found = scalar_of(b)
    if isinstance(found, complex):
        return found.real if found.imag == 0 else None
    return found


def _power_of_integers(a: Expr, b: Expr, known: int | None) -> Expr:
    if known is None:
        made = integer_power(a, b)
        if a.dtype.kind == "u":
            return made
        ok = logical_not(reduce_any(less(b, 0)))
        return check(made, ok, "DefnValueError", _NEGATIVE)
    if known >= 0:
        return _repeated(a, known)
    if a.tensor.weak:  # as in CPython
        return power(convert(a, F64, weak=True), float(known))
    raise DefnValueError(_NEGATIVE, hint=f"write {float(known)} for the exponent")


_NEGATIVE = "integers to a negative power are not integers"


def _multiplied(a: Expr, exponent: float) -> Expr | None:
    """Return a power by multiplication where that is as good, None elsewhere."""
    if exponent in (0.5, -0.5):
        return sqrt(a) if exponent > 0 else 1.0 / sqrt(a)
    if exponent != int(exponent) or not -3 <= exponent <= 6:
        return None
    # The reciprocal first: 1 / (a · a) would lose what is below 1 / ∞.
    return _repeated(a if exponent >= 0 else 1.0 / a, abs(int(exponent)))


def _repeated(a: Expr, count: int) -> Expr:
    """Return the product of `count` times `a`, by squaring."""
    if count == 0:
        return full(a.tensor, 1)
    if count % 2:
        return a if count == 1 else _repeated(a, count - 1) * a
    half = _repeated(a, count // 2)
    return half * half
