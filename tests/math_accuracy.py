"""How transcendental functions are run, and how their error is measured.

`UNARY` is the table of how accurate they are, in units in the last place.
"""

from collections.abc import Callable

import mpmath
import numpy as np
from scipy import special

from defnpy.backends.reference import evaluate
from defnpy.base.dtypes import as_dtype
from defnpy.ir.expr import Expr, make_param, scope
from defnpy.ir.function import Function
from defnpy.ir.op import Missing
from defnpy.ir.rewrite import postorder, substitute
from defnpy.ir.types import TensorType
from defnpy.ops import math as dm
from defnpy.ops.family import Elementwise, native
from defnpy.ops.math.gamma import digamma

mpmath.mp.prec = 160
SPECIAL = (0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0)
LIMITS = {
    np.float32: (1.5e-45, 1.2e-38, 3.4e38),
    np.float64: (5e-324, 2.3e-308, 1.7e308),
}


def expand_all(op: Elementwise, operands: tuple[Expr, ...]) -> Expr:
    """Return the op applied to the operands, in ops that machines have."""

    def is_composed(node: Expr) -> bool:
        return node.op.family == "elementwise" and node.op.lower is not native

    def expand(node: Expr, operands: tuple[Expr, ...]) -> Expr | None:
        lower = node.op.lower
        if is_composed(node) and not isinstance(lower, Missing):
            return lower(node.attrs, *operands)
        return None

    made = op(*operands)
    while any(map(is_composed, postorder([made]))):
        (made,) = substitute([made], {}, expand)
    return made


def run(build: Callable[..., Expr], *arrays: np.ndarray) -> np.ndarray:
    with scope():
        params = tuple(
            make_param("x", TensorType(as_dtype(a.dtype), a.shape)) for a in arrays
        )
        function = Function("f", params, (build(*params),))
        return evaluate(function, arrays)[0]


def run_expanded(op: Elementwise, *arrays: np.ndarray) -> np.ndarray:
    return run(lambda *params: expand_all(op, params), *arrays)


def arguments(dtype: type, count: int) -> np.ndarray:
    """Return numbers of all exponents, common ones, and special values."""
    rng = np.random.default_rng(0)
    unsigned = np.uint32 if dtype is np.float32 else np.uint64
    drawn = rng.integers(0, np.iinfo(unsigned).max, count, unsigned).view(dtype)
    spread = (rng.uniform(-width, width, count) for width in (0.1, 1.5, 20.0, 800.0))
    limits = np.array(LIMITS[dtype])
    chosen = np.concatenate([*spread, SPECIAL, limits, -limits]).astype(dtype)
    return np.concatenate([drawn, chosen])


def ulps_of(made: np.ndarray, high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Return the distance of `made` from ``high + low``, f64, in its own ulps.

    A zero of the wrong sign, and a NaN or infinity on one side only, is infinite.
    """
    rounded = high.astype(made.dtype)
    finite = np.isfinite(made) & np.isfinite(rounded)
    step = np.spacing(np.abs(np.where(finite, rounded, 1)))
    apart = np.where(finite, np.abs((made - high) - low) / step, 0)
    limit = np.finfo(made.dtype).max  # overflow may begin an ulp early or late
    edge = (np.abs(made) >= limit) & (np.abs(rounded) >= limit)
    wrong = np.isnan(made) != np.isnan(rounded)
    wrong |= (np.isinf(made) != np.isinf(rounded)) & ~edge
    wrong |= (np.signbit(made) != np.signbit(rounded)) & ~np.isnan(made)
    return np.where(wrong, np.inf, apart)


def exact(
    function: Callable[..., np.ndarray],
    precise: Callable[..., mpmath.mpf],
    arrays: tuple[np.ndarray, ...],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the function's values as f64 and what their rounding leaves."""
    high = np.array(function(*arrays), np.float64)
    low = np.zeros_like(high)
    for i, values in enumerate(zip(*arrays, strict=True)):
        if np.isfinite([high[i], *values]).all() and 0 not in (high[i], *values):
            value = precise(*map(mpmath.mpf, map(float, values)))
            high[i] = float(value)
            low[i] = float(value - mpmath.mpf(high[i])) if np.isfinite(high[i]) else 0
    return high, low


def check(made: np.ndarray, truth: tuple, arrays: tuple, bound: float) -> None:
    ulps = ulps_of(made, *truth)
    worst = int(np.argmax(ulps))
    at = [float(a[worst]) for a in arrays]
    assert ulps[worst] <= bound, f"{ulps[worst]} ulp at {at}: {made[worst]!r}"


def _erfinv(x: mpmath.mpf) -> mpmath.mpf:
    """Return the inverse of erf by Newton's steps on the smaller of erf and erfc."""
    y = mpmath.mpf(float(special.erfinv(float(x))))
    for _ in range(4):
        slope = 2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-y * y)
        if abs(x) < 0.5:
            y -= (mpmath.erf(y) - x) / slope
        else:
            y -= mpmath.sign(x) * ((1 - abs(x)) - mpmath.erfc(abs(y))) / slope
    return y


def _erfc(x: mpmath.mpf) -> mpmath.mpf:
    return mpmath.erfc(x) if abs(x) < 40 else mpmath.mpf(0 if x > 0 else 2)


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _softplus_of(x: mpmath.mpf) -> mpmath.mpf:
    return max(x, mpmath.mpf(0)) + mpmath.log1p(mpmath.exp(-abs(x)))


def _lgamma(x: np.ndarray) -> np.ndarray:
    made = np.where(np.abs(x) < 1e-300, -np.log(np.abs(x)), special.gammaln(x))
    return np.where(np.isinf(x), np.inf, made)


def _lgamma_of(x: mpmath.mpf) -> mpmath.mpf:
    return mpmath.loggamma(x).real


ALL = (-np.inf, np.inf)
POSITIVE = (0.0, np.inf)
# op, NumPy's function, mpmath's, where arguments are drawn, and the bound in ulps
UNARY = [
    (dm.exp, np.exp, mpmath.exp, ALL, 1.1),
    (dm.exp2, np.exp2, lambda x: mpmath.mpf(2) ** x, (-1100, 1100), 1.1),
    (dm.expm1, np.expm1, mpmath.expm1, ALL, 2.0),
    (dm.log, np.log, mpmath.log, ALL, 1.1),
    (dm.log2, np.log2, lambda x: mpmath.log(x, 2), ALL, 1.1),
    (dm.log10, np.log10, mpmath.log10, ALL, 1.1),
    (dm.log1p, np.log1p, mpmath.log1p, ALL, 1.5),
    (
        dm.sigmoid,
        lambda x: np.exp(-_softplus(-x)),
        lambda x: 1 / (1 + mpmath.exp(-x)),
        ALL,
        2.5,
    ),
    (dm.softplus, _softplus, _softplus_of, ALL, 2.0),
    (dm.log_sigmoid, lambda x: -_softplus(-x), lambda x: -_softplus_of(-x), ALL, 2.0),
    (dm.tanh, np.tanh, mpmath.tanh, ALL, 2.5),
    (dm.sinh, np.sinh, mpmath.sinh, ALL, 2.5),
    (dm.cosh, np.cosh, mpmath.cosh, ALL, 2.0),
    (dm.asinh, np.arcsinh, mpmath.asinh, ALL, 2.0),
    (dm.acosh, np.arccosh, mpmath.acosh, ALL, 2.5),
    (dm.atanh, np.arctanh, mpmath.atanh, ALL, 2.0),
    (dm.sin, np.sin, mpmath.sin, ALL, 2.0),
    (dm.cos, np.cos, mpmath.cos, ALL, 2.0),
    (dm.tan, np.tan, mpmath.tan, ALL, 3.5),
    (dm.asin, np.arcsin, mpmath.asin, ALL, 2.5),
    (dm.acos, np.arccos, mpmath.acos, ALL, 1.5),
    (dm.atan, np.arctan, mpmath.atan, ALL, 2.5),
    (dm.cbrt, np.cbrt, lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)), ALL, 1.1),
    (dm.erf, special.erf, mpmath.erf, ALL, 1.5),
    (dm.erfc, special.erfc, _erfc, ALL, 3.5),
    (dm.erfinv, lambda x: np.copysign(special.erfinv(x), x), _erfinv, (-1, 1), 3.0),
    (dm.lgamma, _lgamma, _lgamma_of, ALL, 4.0),
    (digamma, special.digamma, mpmath.digamma, POSITIVE, 3.5),
]


def hard_arguments(dtype: type) -> np.ndarray:
    """Return numbers near multiples of π/4, near 1 and near the limits of exp."""
    quarters = np.arange(-600, 600) * (np.pi / 4)
    far = np.arange(20_000, 160_000, 997) * (np.pi / 2)
    near = 1 + np.linspace(-0.5, 0.5, 400) ** 3
    small, large = (-103.9, 88.7) if dtype is np.float32 else (-745.1, 709.7)
    edges = [
        np.linspace(small, small + 20, 100),
        np.linspace(large - 2, large + 1, 100),
    ]
    return np.concatenate([quarters, far, near, -near, *edges]).astype(dtype)


def within(x: np.ndarray, low: float, high: float) -> np.ndarray:
    return x[~((x < low) | (x > high))]
