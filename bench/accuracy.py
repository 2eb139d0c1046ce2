"""How fast and how exact the functions of mathematics are, beside their peers.

Times are of one core, on arrays that caches hold.  Errors are the largest over
arguments of all exponents, denormal and huge ones too, in units in the last place of
what mpmath finds.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
from rich.console import Console
from rich.table import Table

import defnpy as dn
from bench.report import markdown
from bench.timing import Contender, race
from bench.workload import JAX, NUMPY, OURS, TORCH
from defnpy import defn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Arrays = tuple[np.ndarray, ...]

TIMED, DRAWN, NEAR = 1 << 20, 800, 400
BUDGET = 0.05  # seconds for each contender and function
SPREADS = (0.1, 1.5, 20.0, 800.0)
PLACES = {
    NUMPY: ("numpy", "scipy.special"),
    JAX: ("jax.numpy", "jax.nn", "jax.scipy.special"),
    TORCH: ("torch", "torch.special", "torch.nn.functional"),
}
ALIASES = {(NUMPY, "sigmoid"): "expit"}
CONTENDERS = (OURS, *PLACES)
HEADINGS = ("function", *(text for name in CONTENDERS for text in (name, "ulp")))
CAPTION = (
    "ns for an element and the largest error in ulp; "
    "✗ is NaN or an infinity for something else, or the reverse"
)
KEPT = Path(__file__).parent / "accuracy.md"


@dataclass(frozen=True)
class Case:
    """A function.

    Attributes:
        name: of it, everywhere but in `ALIASES`.
        precise: computes it with many digits.
        domain: the arguments it is tried with.
        timed: the arguments it is timed with.
        operands: how many it has.
    """

    name: str
    precise: Callable[..., Any]
    domain: tuple[float, float] = (-inf, inf)
    timed: tuple[float, float] = (-10, 10)
    operands: int = 1


def _cbrt(x: Any) -> Any:
    return mpmath.sign(x) * mpmath.cbrt(abs(x))


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + mpmath.exp(-x))


def _softplus(x: Any) -> Any:
    # Below -100 the next term of the series has no digit in common with the first.
    return mpmath.exp(x) if x < -100 else mpmath.log1p(mpmath.exp(x))


def _erfc(x: Any) -> Any:
    return mpmath.mpf(0) if x > 1000 else mpmath.erfc(x)  # far below every float


POSITIVE, UNIT = (0.0, inf), (-1.0, 1.0)
CASES = (
    Case("exp", mpmath.exp),
    Case("exp2", lambda x: mpmath.power(2, x)),
    Case("expm1", mpmath.expm1),
    Case("log", mpmath.log, POSITIVE, (0.1, 10)),
    Case("log2", lambda x: mpmath.log(x) / mpmath.log(2), POSITIVE, (0.1, 10)),
    Case("log10", mpmath.log10, POSITIVE, (0.1, 10)),
    Case("log1p", mpmath.log1p, (-1.0, inf), (0, 10)),
    Case("sin", mpmath.sin),
    Case("cos", mpmath.cos),
    Case("tan", mpmath.tan),
    Case("asin", mpmath.asin, UNIT, UNIT),
    Case("acos", mpmath.acos, UNIT, UNIT),
    Case("atan", mpmath.atan),
    Case("sinh", mpmath.sinh),
    Case("cosh", mpmath.cosh),
    Case("tanh", mpmath.tanh),
    Case("asinh", mpmath.asinh),
    Case("acosh", mpmath.acosh, (1.0, inf), (1, 10)),
    Case("atanh", mpmath.atanh, UNIT, UNIT),
    Case("sigmoid", _sigmoid),
    Case("softplus", _softplus),
    Case("erf", mpmath.erf, timed=(-3, 3)),
    Case("erfc", _erfc, timed=(-3, 3)),
    Case("erfinv", mpmath.erfinv, UNIT, UNIT),
    Case("gammaln", mpmath.loggamma, POSITIVE, (0.1, 10)),
    Case("digamma", mpmath.digamma, POSITIVE, (0.1, 10)),
    Case("sqrt", mpmath.sqrt, POSITIVE, (0.1, 10)),
    Case("cbrt", _cbrt),
    Case("pow", mpmath.power, POSITIVE, (0.1, 10), operands=2),
    Case("atan2", mpmath.atan2, operands=2),
    Case("hypot", mpmath.hypot, operands=2),
)


@defn
def apply(function: Any, *args: Any) -> Any:
    return function(*args)


def main(save: bool) -> None:
    """Measure every function, in f32 and in f64; print two tables, or keep them."""
    pages = [f"# Functions of mathematics\n\n{__doc__}"]
    for dtype in (np.float32, np.float64):
        cells = _alone(dtype)
        pages.append(f"## {np.dtype(dtype)}\n\n{markdown(HEADINGS, cells)}")
        table = Table(*HEADINGS, title=f"{np.dtype(dtype)}: {CAPTION}")
        for row in cells:
            table.add_row(*row)
        Console(width=110).print(table)
    if save:
        KEPT.write_text("\n\n".join([*pages, f"{CAPTION}\n"]), "utf-8")


def _alone(dtype: type) -> list[list[str]]:
    """Return the rows of the table, measured on one core."""
    cores = os.sched_getaffinity(0)
    threads, dn.config.threads = dn.config.threads, 1
    os.sched_setaffinity(0, [min(cores)])
    try:
        return [_row(case, dtype) for case in CASES]
    finally:
        os.sched_setaffinity(0, cores)
        dn.config.threads = threads


def _row(case: Case, dtype: type) -> list[str]:
    found = measure(case, dtype)
    pairs = (found.get(name, ("", "")) for name in CONTENDERS)
    return [case.name, *(text for pair in pairs for text in pair)]


def measure(case: Case, dtype: type) -> dict[str, tuple[str, str]]:
    """Return what each contender that has the function takes, and its error."""
    given = _timed(case, dtype)
    tried = _arguments(case, dtype)
    high, low = _truth(case, tried)
    entrants = dict(_entrants(case))
    seconds = race(
        [Contender(name, run(*given)) for name, run in entrants.items()], BUDGET
    )
    found = {}
    with np.errstate(all="ignore"):
        for name, run in entrants.items():
            made = np.asarray(run(*tried)())
            worst = np.max(_ulps(made, high, low))
            error = "✗" if np.isinf(worst) else f"{worst:.2f}"
            if 1e3 <= worst < inf:
                error = f"{worst:.0e}"
            found[name] = (f"{seconds[name] / TIMED * 1e9:.2f}", error)
    return found


def _entrants(case: Case) -> Iterator[tuple[str, Callable[..., Callable[[], Any]]]]:
    """Give for each contender what binds arguments to its function."""
    ours = getattr(dn, case.name)
    yield OURS, lambda *args: lambda: apply(ours, *args)
    if (numpy := _peer(NUMPY, case.name)) is not None:
        yield NUMPY, lambda *args: lambda: numpy(*args)
    if (function := _peer(JAX, case.name)) is not None:
        yield JAX, lambda *args: _bound_in_jax(function, args)
    if (torch := _peer(TORCH, case.name)) is not None:
        yield TORCH, lambda *args: _bound_in_torch(torch, args)


@cache
def _peer(name: str, function: str) -> Callable[..., Any] | None:
    """Return a peer's function, if it is there and has it."""
    for place in PLACES[name]:
        try:
            module = import_module(place)
        except ImportError:
            return None
        found = getattr(module, ALIASES.get((name, function), function), None)
        if found is not None:
            return found
    return None


def _bound_in_jax(function: Callable[..., Any], args: Arrays) -> Callable[[], Any]:
    import jax

    jax.config.update("jax_enable_x64", True)
    compiled, placed = jax.jit(function), jax.device_put(args)
    return lambda: jax.block_until_ready(compiled(*placed))


def _bound_in_torch(function: Callable[..., Any], args: Arrays) -> Callable[[], Any]:
    import torch

    torch.set_num_threads(1)
    tensors = [torch.from_numpy(a) for a in args]
    return lambda: function(*tensors)


def _timed(case: Case, dtype: type) -> Arrays:
    rng = np.random.default_rng(0)
    made = (rng.uniform(*case.timed, TIMED) for _ in range(case.operands))
    return tuple(a.astype(dtype) for a in made)


def _arguments(case: Case, dtype: type) -> Arrays:
    """Return numbers of all exponents, and common ones, of the function's domain."""
    rng = np.random.default_rng(1)
    unsigned = np.uint32 if dtype is np.float32 else np.uint64
    n, limit = case.operands, np.iinfo(unsigned).max
    spreads = [rng.uniform(-w, w, (n, NEAR)).astype(dtype) for w in SPREADS]
    drawn = rng.integers(0, limit, (n, DRAWN), unsigned).view(dtype)
    made = np.concatenate([*spreads, drawn], axis=1)
    low, high = case.domain
    inside = np.isfinite(made) & (low < made) & (made < high)
    return tuple(np.ascontiguousarray(a) for a in made[:, inside.all(0)])


def _truth(case: Case, args: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """Return the values as f64, and what their rounding leaves."""
    high, low = np.empty(args[0].shape), np.zeros(args[0].shape)
    with mpmath.workprec(160):
        for i, values in enumerate(zip(*args, strict=True)):
            value = case.precise(*map(mpmath.mpf, map(float, values)))
            high[i] = float(value)
            if np.isfinite(high[i]):
                low[i] = float(value - mpmath.mpf(high[i]))
    return high, low


def _ulps(made: np.ndarray, high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Return the distances from ``high + low``, infinite where kinds differ."""
    wide, rounded = made.astype(np.float64), high.astype(made.dtype)
    limit = np.finfo(made.dtype).max  # overflow may begin an ulp early or late
    edge = (np.abs(made) >= limit) & (np.abs(rounded) >= limit)
    finite = np.isfinite(made) & np.isfinite(rounded)
    step = np.spacing(np.where(finite, np.abs(rounded), 1)).astype(np.float64)
    apart = np.abs((np.where(finite, wide - high, 0)) - low) / step
    return np.where(edge, 0, np.where(finite, apart, inf))
