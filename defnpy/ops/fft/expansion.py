"""Fourier transforms as loops: Stockham's algorithm, with Bluestein's for large primes.

Real and imaginary parts lie apart, so that loops over them become vectors.  A pass
turns parts of length r·m into r of length m each: it reads ``x[q, j, k]`` for all q,
transforms them over q, turns number p by the angle of j·p, and writes ``y[j, p, k]``.
Nothing is put in order afterwards.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from defnpy.base.dtypes import I64
from defnpy.ops import axes
from defnpy.ops.complex import imag, make_complex, real
from defnpy.ops.control import counted_loop, index_const
from defnpy.ops.elementwise import where
from defnpy.ops.indexing import dynamic_slice, dynamic_update
from defnpy.ops.leaf import const
from defnpy.ops.movement import concatenate, flip, pad, strided_slice

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.base.dtypes import DType
    from defnpy.ir.expr import Expr
    from defnpy.ir.op import Attrs

Pair = tuple["Expr", "Expr"]  # real and imaginary parts

LARGEST = 13  # factor that a pass handles; a length with larger ones is Bluestein's


def factors(n: int) -> list[int]:
    """Return the factors of the passes of a transform, those of 4 first.

    >>> factors(24), factors(34)
    ([4, 2, 3], [2, 17])
    """
    found = []
    for factor in (4, 2):
        while n % factor == 0:
            found.append(factor)
            n //= factor
    factor = 3
    while factor * factor <= n:
        while n % factor == 0:
            found.append(factor)
            n //= factor
        factor += 2
    return found if n == 1 else [*found, n]


@cache
def roots(n: int) -> np.ndarray:
    """Return ``exp(-2πi t / n)`` for each t below n, right to the last digit or so.

    The angle is brought into an eighth of the circle first, by integers.
    """
    t = np.arange(n, dtype=np.int64) * 8
    eighth, rest = t // n, t % n
    odd = eighth % 2 == 1
    angle = np.where(odd, n - rest, rest) * (math.pi / (4 * n))
    cosine, sine = np.cos(angle), np.sin(angle)
    swap = np.isin(eighth, (1, 2, 5, 6))
    x, y = np.where(swap, sine, cosine), np.where(swap, cosine, sine)
    x = np.where(np.isin(eighth, (2, 3, 4, 5)), -x, x)
    y = np.where(eighth >= 4, -y, y)
    return x - 1j * y


def _parts(values: np.ndarray, dtype: DType) -> Pair:
    return const(np.real(values), dtype), const(np.imag(values), dtype)


def _loop(count: int, init: Pair, body: Callable[..., Pair]) -> Pair:
    """Return what `body` makes of a pair for each number below `count`."""
    if count == 1:
        return body(index_const(0), *init)
    bounds = index_const(0), index_const(count), index_const(1)
    x, y = counted_loop(*bounds, init, body)
    return x, y


def _at(vector: Expr, place: Expr) -> Expr:
    return axes.reshape(dynamic_slice(vector, (place,), (1,)), ())


def _put(vector: Expr, place: Expr, value: Expr) -> Expr:
    return dynamic_update(vector, axes.reshape(value, (1,)), (place,))


def _place(first: Expr, size: int, second: Expr) -> Expr:
    return first * const(size, I64) + second


def transform(x: Pair) -> Pair:
    """Return the transform of a vector."""
    n = x[0].shape[0]
    found = factors(n)
    if found and max(found) > LARGEST:
        return _by_convolution(x)
    spare = (axes.zeros_like(x[0]), axes.zeros_like(x[1]))
    done = 1
    for factor in found:
        x, spare = _pass(x, spare, factor, done), x
        done *= factor
    return x


def _pass(x: Pair, into: Pair, r: int, done: int) -> Pair:
    """Return the pass of a factor r, written over `into`, after those of `done`."""
    n, dtype = x[0].shape[0], x[0].dtype
    m = n // (r * done)
    powers = np.outer(np.arange(1, r), np.arange(m)) % (r * m)
    turns = _parts(roots(r * m)[powers].ravel(), dtype)

    def each(j: Expr, *y: Expr) -> Pair:
        places = [index_const(p * m) + j for p in range(r - 1)]
        twiddles = [(_at(turns[0], place), _at(turns[1], place)) for place in places]

        def inner(k: Expr, *y: Expr) -> Pair:
            rows = (_place(index_const(q * m) + j, done, k) for q in range(r))
            made = butterfly([(_at(x[0], row), _at(x[1], row)) for row in rows])
            if m > 1:
                turned = zip(made[1:], twiddles, strict=True)
                made = [made[0], *(_product(a, w) for a, w in turned)]
            a, b = y
            for p, value in enumerate(made):
                place = _place(_place(j, r, index_const(p)), done, k)
                a, b = _put(a, place, value[0]), _put(b, place, value[1])
            return a, b

        return _loop(done, (y[0], y[1]), inner)

    return _loop(m, into, each)


def _product(a: Pair, b: Pair) -> Pair:
    return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]


def _plus(a: Pair, b: Pair) -> Pair:
    return a[0] + b[0], a[1] + b[1]


def _minus(a: Pair, b: Pair) -> Pair:
    return a[0] - b[0], a[1] - b[1]


def butterfly(x: list[Pair]) -> list[Pair]:
    """Return the transform of a few numbers."""
    if len(x) == 2:
        return [_plus(*x), _minus(*x)]
    if len(x) == 4:
        even, far = _plus(x[0], x[2]), _minus(x[0], x[2])
        odd, side = _plus(x[1], x[3]), _minus(x[1], x[3])
        turned = side[1], -side[0]  # times -i
        return [
            _plus(even, odd),
            _plus(far, turned),
            _minus(even, odd),
            _minus(far, turned),
        ]
    return _odd_butterfly(x)


def _odd_butterfly(x: list[Pair]) -> list[Pair]:
    """Return the transform of an odd number of numbers, by pairs q and r - q."""
    r, first = len(x), x[0]
    sums = [_plus(x[q], x[r - q]) for q in range(1, r // 2 + 1)]
    differences = [_minus(x[q], x[r - q]) for q in range(1, r // 2 + 1)]
    total = first
    for each in sums:
        total = _plus(total, each)
    made = [total] * r
    for p in range(1, r // 2 + 1):
        even, odd = first, None
        for q, (s, d) in enumerate(zip(sums, differences, strict=True), 1):
            w = complex(roots(r)[p * q % r])
            even = _plus(even, (s[0] * w.real, s[1] * w.real))
            turned = (d[0] * w.imag, d[1] * w.imag)
            odd = turned if odd is None else _plus(odd, turned)
        assert odd is not None
        crossed = -odd[1], odd[0]  # times i
        made[p], made[r - p] = _plus(even, crossed), _minus(even, crossed)
    return made


def _next_fast(n: int) -> int:
    """Return the least length from n on whose factors are at most 5.

    >>> _next_fast(37)
    40
    """
    while max(factors(n), default=1) > 5:
        n += 1
    return n


def _by_convolution(x: Pair) -> Pair:
    """Return the transform as a convolution with a chirp, by Bluestein.

    As 2jk = j² + k² - (j - k)², it is a product with a chirp, a convolution with the
    opposite one, done by transforms of a length that is fast, and a product again.
    """
    n, dtype = x[0].shape[0], x[0].dtype
    size = _next_fast(2 * n - 1)
    chirp = roots(2 * n)[np.arange(n) ** 2 % (2 * n)]
    kernel = np.zeros(size, complex)
    kernel[:n] = chirp.conj()
    kernel[size - n + 1 :] = kernel[1:n][::-1]
    response = np.fft.fft(kernel) / size
    turned = _product(x, _parts(chirp, dtype))
    longer = tuple(pad(part, (0,), (size - n,)) for part in turned)
    spectrum = _product(transform((longer[0], longer[1])), _parts(response, dtype))
    # Exchanging the parts before and after makes a transform the inverse one.
    back = transform((spectrum[1], spectrum[0]))
    cut = tuple(strided_slice(part, (0,), (n,), (1,)) for part in (back[1], back[0]))
    return _product((cut[0], cut[1]), _parts(chirp, dtype))


def _by_rows(x: Pair, function: Callable[[Pair], Pair]) -> Pair:
    """Return what a function of vectors makes of each row of (…, n)."""
    shape = x[0].shape
    count = math.prod(shape[:-1])
    if count == 1:
        made = function((axes.reshape(x[0], (-1,)), axes.reshape(x[1], (-1,))))
        return axes.reshape(made[0], shape), axes.reshape(made[1], shape)
    rows = [axes.reshape(part, (count, shape[-1])) for part in x]

    def row(k: Expr, *made: Expr) -> Pair:
        start = (k, index_const(0))
        one = [
            axes.reshape(dynamic_slice(part, start, (1, shape[-1])), (-1,))
            for part in rows
        ]
        found = function((one[0], one[1]))
        a, b = (
            dynamic_update(part, axes.reshape(value, (1, -1)), start)
            for part, value in zip(made, found, strict=True)
        )
        return a, b

    init = axes.zeros_like(rows[0]), axes.zeros_like(rows[1])
    made = _loop(count, init, row)
    return axes.reshape(made[0], shape), axes.reshape(made[1], shape)


def expand_complex(attrs: Attrs, x: Expr) -> Expr:
    """Return a transform of complex numbers as loops."""
    parts = real(x), imag(x)
    if attrs["inverse"]:
        made = _by_rows((parts[1], parts[0]), transform)
        return make_complex(made[1], made[0])
    return make_complex(*_by_rows(parts, transform))


def _every_second(x: Expr, first: int) -> Expr:
    rank = x.tensor.rank
    start = (*(0,) * (rank - 1), first)
    return strided_slice(x, start, x.shape, (*(1,) * (rank - 1), 2))


def _some(x: Expr, start: int, stop: int) -> Expr:
    rank = x.tensor.rank
    sizes = (*x.shape[:-1], stop)
    return strided_slice(x, (*(0,) * (rank - 1), start), sizes, (1,) * rank)


def expand_real(attrs: Attrs, x: Expr) -> Expr:
    """Return a transform of real numbers as loops: two of them are one complex."""
    n = x.shape[-1]
    if n % 2 or n < 4:
        made = _by_rows((x, axes.zeros_like(x)), transform)
        return make_complex(*(_some(part, 0, n // 2 + 1) for part in made))
    half = n // 2
    re, im = _by_rows((_every_second(x, 0), _every_second(x, 1)), transform)
    ends = [concatenate([part, _some(part, 0, 1)], -1) for part in (re, im)]
    back = [flip(part, -1) for part in ends]
    even = (ends[0] + back[0]) * 0.5, (ends[1] - back[1]) * 0.5
    odd = (ends[1] + back[1]) * 0.5, (back[0] - ends[0]) * 0.5
    turned = _product(odd, _parts(roots(n)[: half + 1], x.dtype))
    return make_complex(*_plus(even, turned))


def expand_inverse(attrs: Attrs, x: Expr) -> Expr:
    """Return the inverse transform to real numbers as loops."""
    n, last = attrs["n"], x.shape[-1]
    re, im = real(x), imag(x)
    k = np.arange(last)
    im = where(const((k != 0) & (2 * k != n)), im, 0.0)
    if n % 2 or n < 4:
        whole = [
            concatenate([part, sign * flip(_some(part, 1, n - last + 1), -1)], -1)
            for part, sign in ((re, 1.0), (im, -1.0))
        ]
        return _by_rows((whole[1], whole[0]), transform)[1]
    half = n // 2
    back = flip(re, -1), -flip(im, -1)
    even = _plus((re, im), back)
    odd = _product(
        _minus((re, im), back), _parts(roots(n)[: half + 1].conj(), re.dtype)
    )
    joined = even[0] - odd[1], even[1] + odd[0]  # even + i odd
    parts = [_some(part, 0, half) for part in joined]
    made = _by_rows((parts[1], parts[0]), transform)
    pairs = [axes.reshape(part, (*part.shape, 1)) for part in (made[1], made[0])]
    return axes.reshape(concatenate(pairs, -1), (*x.shape[:-1], n))
