"""How the expansions of transcendental functions are run, and their error measured."""

from collections.abc import Callable

import mpmath
import numpy as np

from defnpy.backends.reference import evaluate
from defnpy.base.dtypes import as_dtype
from defnpy.ir.expr import Expr, make_param, scope
from defnpy.ir.function import Function
from defnpy.ir.op import Missing
from defnpy.ir.rewrite import postorder, substitute
from defnpy.ir.types import TensorType
from defnpy.ops.family import Elementwise, native

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
