"""Expansions of transcendental functions, against mpmath and NumPy in f64.

Each expansion is run by the reference evaluator, and its error measured in units
in the last place (ulp) over all exponents, its difficult arguments and the
special values.
"""

from collections.abc import Callable

import mpmath
import numpy as np
import pytest

from defnpy.backends.reference import evaluate
from defnpy.base.dtypes import as_dtype
from defnpy.ir.expr import Expr, make_param, scope
from defnpy.ir.function import Function
from defnpy.ir.op import Missing
from defnpy.ir.rewrite import postorder, substitute
from defnpy.ir.types import TensorType
from defnpy.ops import math as dm
from defnpy.ops.family import Elementwise, native

pytestmark = pytest.mark.pure

mpmath.mp.prec = 160
SPECIAL = (0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0)
LIMITS = {
    np.float32: (1.5e-45, 1.2e-38, 3.4e38),
    np.float64: (5e-324, 2.3e-308, 1.7e308),
}


def _expand(op: Elementwise, operands: tuple[Expr, ...]) -> Expr:
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


def _run(build: Callable[..., Expr], *arrays: np.ndarray) -> np.ndarray:
    with scope():
        params = tuple(
            make_param("x", TensorType(as_dtype(a.dtype), a.shape)) for a in arrays
        )
        function = Function("f", params, (build(*params),))
        return evaluate(function, arrays)[0]


def _run_expanded(op: Elementwise, *arrays: np.ndarray) -> np.ndarray:
    return _run(lambda *params: _expand(op, params), *arrays)


def _arguments(dtype: type, low: float, high: float, count: int) -> np.ndarray:
    """Return numbers of all exponents, common ones, and special values."""
    rng = np.random.default_rng(0)
    unsigned = np.uint32 if dtype is np.float32 else np.uint64
    drawn = rng.integers(0, np.iinfo(unsigned).max, count, unsigned).view(dtype)
    spread = [
        rng.uniform(max(low, -width), min(high, width), count)
        for width in (0.1, 1.5, 20.0, 800.0)
        if low < width and high > -width
    ]
    limits = np.array(LIMITS[dtype])
    chosen = np.concatenate([*spread, SPECIAL, limits, -limits]).astype(dtype)
    made = np.concatenate([drawn, chosen])
    return made[~((made < low) | (made > high))]


def _ulps(made: np.ndarray, high: np.ndarray, low: np.ndarray) -> np.ndarray:
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


def _exact(
    function: Callable[..., np.ndarray],
    precise: Callable[..., mpmath.mpf],
    arrays: tuple[np.ndarray, ...],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the function's values as f64 and what their rounding leaves."""
    high = np.array(function(*arrays), np.float64)
    low = np.zeros_like(high)
    for i, values in enumerate(zip(*arrays, strict=True)):
        if np.isfinite(high[i]) and high[i] != 0 and np.isfinite(values).all():
            value = precise(*map(mpmath.mpf, map(float, values)))
            high[i] = float(value)
            low[i] = float(value - mpmath.mpf(high[i])) if np.isfinite(high[i]) else 0
    return high, low


def _check(made: np.ndarray, truth: tuple, arrays: tuple, bound: float) -> None:
    ulps = _ulps(made, *truth)
    worst = int(np.argmax(ulps))
    at = [float(a[worst]) for a in arrays]
    assert ulps[worst] <= bound, f"{ulps[worst]} ulp at {at}: {made[worst]!r}"


ALL = (-np.inf, np.inf)
# op, NumPy's function, mpmath's, where arguments are drawn, and the bound in ulps
UNARY = [
    (dm.exp, np.exp, mpmath.exp, ALL, 1.1),
    (dm.exp2, np.exp2, lambda x: mpmath.mpf(2) ** x, (-1100, 1100), 1.1),
    (dm.expm1, np.expm1, mpmath.expm1, ALL, 2.0),
    (dm.log, np.log, mpmath.log, ALL, 1.1),
    (dm.log2, np.log2, lambda x: mpmath.log(x, 2), ALL, 1.1),
    (dm.log10, np.log10, mpmath.log10, ALL, 1.1),
    (dm.log1p, np.log1p, mpmath.log1p, ALL, 1.5),
    (dm.tanh, np.tanh, mpmath.tanh, ALL, 2.5),
    (dm.sin, np.sin, mpmath.sin, ALL, 2.0),
    (dm.cos, np.cos, mpmath.cos, ALL, 2.0),
]


@pytest.mark.parametrize("case", UNARY, ids=lambda case: case[0].__name__)
def test_f32_expansions_are_accurate(case: tuple) -> None:
    op, function, _, (low, high), bound = case
    x = _arguments(np.float32, low, high, 20_000)
    with np.errstate(all="ignore"):
        truth = function(x.astype(np.float64)), np.zeros(x.shape)
        _check(_run_expanded(op, x), truth, (x,), bound)


@pytest.mark.parametrize("case", UNARY, ids=lambda case: case[0].__name__)
def test_f64_expansions_are_accurate(case: tuple) -> None:
    op, function, precise, (low, high), bound = case
    x = _arguments(np.float64, low, high, 250)
    with np.errstate(all="ignore"):
        truth = _exact(function, precise, (x,))
        _check(_run_expanded(op, x), truth, (x,), bound)
