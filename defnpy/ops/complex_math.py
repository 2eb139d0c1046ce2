"""Transcendental functions of complex numbers, made of those of their parts.

Square roots, inverse functions and hyperbolic tangents follow Kahan, "Branch Cuts for
Complex Elementary Functions" (1987): cuts and signs of zeros are those of C and NumPy,
and nothing cancels near them.
"""

from __future__ import annotations

import math as _math
from typing import TYPE_CHECKING, Any

from defnpy.ops import math
from defnpy.ops.complex import imag, make_complex, real
from defnpy.ops.elementwise import (
    absolute,
    copysign,
    divide,
    equal,
    greater,
    greater_equal,
    isinf,
    less,
    logical_and,
    logical_or,
    maximum,
    minimum,
    multiply,
    where,
)
from defnpy.ops.elementwise import sqrt as real_sqrt
from defnpy.ops.family import Elementwise, common
from defnpy.ops.leaf import as_expr, scalar_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.ir.expr import Expr

_MOST_FACTORS = 64  # beyond, a whole power is an exponential


class Extended(Elementwise):
    """An elementwise function of floats, of complex numbers too.

    Args:
        function: the function of floats.
        of_complex: what it is for complex operands of one dtype and shape.
    """

    def __init__(self, function: Elementwise, of_complex: Callable[..., Expr]) -> None:
        """Keep both."""
        kinds = function.kinds + "c"
        super().__init__(
            function.op, function.arity, floats=function.floats, kinds=kinds
        )
        self.of_real, self.of_complex = function, of_complex

    def __call__(self, *operands: Any) -> Expr:
        """Return the function of promoted, broadcast operands."""
        given = [as_expr(x) for x in operands]
        if any(x.dtype.kind == "c" for x in given) and len(given) == self.arity:
            return self.of_complex(*common(*given))
        return self.of_real(*given)


Pair = tuple["Expr", "Expr"]


def _parts(z: Expr) -> Pair:
    return real(z), imag(z)


def _times_i(z: Expr) -> Expr:
    x, y = _parts(z)
    return make_complex(-y, x)


def _over_i(z: Expr) -> Expr:
    x, y = _parts(z)
    return make_complex(y, -x)


def _turned(size: Expr, share: Expr) -> Expr:
    """Return a part of a number: its size times a sine or cosine.

    Where that is 0 so is the part, not even NaN where the size is infinite.
    """
    still = logical_and(isinf(size), equal(share, 0))
    return where(still, share, size * share)


def _exp(z: Expr) -> Expr:
    x, y = _parts(z)
    size = math.exp(x)
    return make_complex(_turned(size, math.cos(y)), _turned(size, math.sin(y)))


def _expm1(z: Expr) -> Expr:
    x, y = _parts(z)
    half = math.sin(0.5 * y)
    turned = _turned(math.expm1(x), math.cos(y)) - 2.0 * half * half
    return make_complex(turned, imag(_exp(z)))


def _log(z: Expr) -> Expr:
    x, y = _parts(z)
    big, small = maximum(abs(x), abs(y)), minimum(abs(x), abs(y))
    near = logical_and(greater(big, 0.5), less(big, 2.0))  # the logarithm is near 0
    kept = where(near, big, 1.0)
    close = 0.5 * math.log1p((kept - 1.0) * (kept + 1.0) + small * small)
    return make_complex(
        where(near, close, math.log(math.hypot(x, y))), math.atan2(y, x)
    )


def _log1p(z: Expr) -> Expr:
    x, y = _parts(z)
    near = less(math.hypot(x, y), 0.5)
    small, other = where(near, x, 0.0), where(near, y, 0.0)
    close = 0.5 * math.log1p(small * (2.0 + small) + other * other)
    far = real(_log(make_complex(1.0 + x, y)))
    return make_complex(where(near, close, far), math.atan2(y, 1.0 + x))


def _scaled(function: Callable[[Expr], Expr], factor: float) -> Callable[[Expr], Expr]:
    def made(z: Expr) -> Expr:
        x, y = _parts(function(z))
        return make_complex(x * factor, y * factor)

    return made


def _sqrt(z: Expr) -> Expr:
    x, y = _parts(z)
    nothing = logical_and(equal(x, 0), equal(y, 0))
    safe = where(nothing, 1.0, x)
    right = greater_equal(safe, 0)
    root = real_sqrt(0.5 * where(right, safe, -safe) + 0.5 * math.hypot(safe, y))
    other, sign = 0.5 * divide(y, root), copysign(1.0, y)
    first = where(right, root, other * sign)
    second = where(right, other, root * sign)
    endless = isinf(y)
    first = where(nothing, 0.0, where(endless, absolute(y), first))
    return make_complex(first, where(logical_or(nothing, endless), y, second))


def _sinh(z: Expr) -> Expr:
    x, y = _parts(z)
    first = _turned(math.sinh(x), math.cos(y))
    return make_complex(first, _turned(math.cosh(x), math.sin(y)))


def _cosh(z: Expr) -> Expr:
    x, y = _parts(z)
    first = _turned(math.cosh(x), math.cos(y))
    return make_complex(first, _turned(math.sinh(x), math.sin(y)))


def _tanh(z: Expr) -> Expr:
    x, y = _parts(z)
    limit = 20.0  # beyond, tanh(x) is 1 to the last digit
    far = greater(absolute(x), limit)
    near = where(far, 0.0, x)
    s, t = math.sinh(near), math.tan(y)
    b = 1.0 + t * t
    d = 1.0 + b * s * s
    first = b * real_sqrt(1.0 + s * s) * s / d
    tail = 4.0 * math.sin(y) * math.cos(y) * math.exp(-2.0 * absolute(x))
    return make_complex(where(far, copysign(1.0, x), first), where(far, tail, t / d))


def _roots(z: Expr) -> tuple[Pair, Pair]:
    """Return the parts of sqrt(1 - z) and of sqrt(1 + z); zeros keep their sign."""
    x, y = _parts(z)
    low, high = make_complex(1.0 - x, -y), make_complex(1.0 + x, y)
    return _parts(_sqrt(low)), _parts(_sqrt(high))


def _acos(z: Expr) -> Expr:
    (a, b), (c, d) = _roots(z)
    return make_complex(2.0 * math.atan2(a, c), math.asinh(c * b - d * a))


def _asin(z: Expr) -> Expr:
    (a, b), (c, d) = _roots(z)
    return make_complex(math.atan2(real(z), a * c - b * d), math.asinh(a * d - b * c))


def _acosh(z: Expr) -> Expr:
    x, y = _parts(z)
    a, b = _parts(_sqrt(make_complex(x - 1.0, y)))
    c, d = _parts(_sqrt(make_complex(x + 1.0, y)))
    return make_complex(math.asinh(a * c + b * d), 2.0 * math.atan2(b, c))


def _atanh(z: Expr) -> Expr:
    x, y = _parts(z)
    sign = copysign(1.0, x)
    size = x * sign
    rest = 1.0 - size
    first = 0.25 * sign * math.log1p(4.0 * size / (rest * rest + y * y))
    angle = math.atan2(2.0 * y, rest * (1.0 + size) - y * y)
    return make_complex(first, 0.5 * angle)


def _through_i(function: Callable[[Expr], Expr]) -> Callable[[Expr], Expr]:
    """Return ``f(i z) / i``: the circular function of a hyperbolic one, or back."""
    return lambda z: _over_i(function(_times_i(z)))


def _sigmoid(z: Expr) -> Expr:
    left = less(real(z), 0)
    power = _exp(where(left, z, -z))
    return divide(where(left, power, 1.0), 1.0 + power)


def _power(a: Expr, b: Expr) -> Expr:
    nothing = equal(a, 0)
    made = _exp(b * _log(where(nothing, 1.0, a)))
    at_zero = where(equal(b, 0), 1.0, where(greater(real(b), 0), 0.0, _math.nan))
    return where(nothing, make_complex(at_zero, 0.0 * at_zero), made)


def _whole_power(a: Expr, n: int) -> Expr:
    """Return a product of `n` factors."""
    if n < 0:
        return divide(1.0, _whole_power(a, -n))
    result: Expr | None = None
    while n:
        if n & 1:
            result = a if result is None else multiply(result, a)
        n >>= 1
        a = multiply(a, a) if n else a
    return a * 0 + 1 if result is None else result


_CUBE = 1.0 / 3.0
_BY_NAME: dict[str, Callable[..., Expr]] = {
    "acos": _acos,
    "acosh": _acosh,
    "asin": _asin,
    "asinh": _through_i(_asin),
    "atan": _through_i(_atanh),
    "atanh": _atanh,
    "cbrt": lambda z: _exp(_scaled(_log, _CUBE)(z)),
    "cos": lambda z: _cosh(_times_i(z)),
    "cosh": _cosh,
    "exp": _exp,
    "exp2": lambda z: _exp(_scaled(lambda w: w, _math.log(2))(z)),
    "expm1": _expm1,
    "log": _log,
    "log10": _scaled(_log, 1.0 / _math.log(10)),
    "log1p": _log1p,
    "log2": _scaled(_log, 1.0 / _math.log(2)),
    "sigmoid": _sigmoid,
    "sin": _through_i(_sinh),
    "sinh": _sinh,
    "tan": _through_i(_tanh),
    "tanh": _tanh,
}
EXTENDED = {name: Extended(getattr(math, name), f) for name, f in _BY_NAME.items()}
sqrt = EXTENDED["sqrt"] = Extended(real_sqrt, _sqrt)


def power(x1: Any, x2: Any) -> Expr:
    """Return x1 to the power x2.

    Integers stay integers and wrap as products do; by a negative one they raise.
    A float or complex number by a small whole number known in advance is multiplied
    out; a float by ½ is a square root.
    """
    a, b = as_expr(x1), as_expr(x2)
    if "c" not in (a.dtype.kind, b.dtype.kind):
        return math.power(a, b)
    known = scalar_of(b)
    if known is not None and known == round(known.real):
        if abs(known) <= _MOST_FACTORS:
            return _whole_power(common(a, b)[0], round(known.real))
    return _power(*common(a, b))
