"""A workload: the same work by every contender, checked and then timed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import defnpy as dn
from bench.timing import Contender, first_run, race
from defnpy import defn

if TYPE_CHECKING:
    from collections.abc import Callable

OURS, NUMBA, JAX, NUMPY = "defnpy", "Numba", "JAX", "NumPy"


@dataclass(frozen=True)
class Workload:
    """What is computed, by whom, and what must come out.

    Attributes:
        name: on the command line.
        title: in the table.
        arguments: makes the arguments.
        expected: computes the results in float64, from the arguments.
        ours: the `@defn` function.
        numba: makes a function that Numba compiles.
        jax: makes a function that `jax.jit` compiles.
        numpy: the same with NumPy.
        tolerance: by how much results may differ, relative to the largest.
        summary: what of a result is compared.
        wide: whether JAX is told to use 64 bits.
        rounds: how often everyone is timed.
    """

    name: str
    title: str
    arguments: Callable[[], tuple[Any, ...]]
    expected: Callable[..., Any]
    ours: Callable[..., Any]
    numba: Callable[[], Callable[..., Any]] | None = None
    jax: Callable[[], Callable[..., Any]] | None = None
    numpy: Callable[..., Any] | None = None
    tolerance: float = 1e-4
    summary: Callable[[Any], Any] = lambda result: result
    wide: bool = False
    rounds: int = 15


@dataclass(frozen=True)
class Row:
    """The seconds of a workload: in the steady state, and of first calls."""

    title: str
    seconds: dict[str, float]
    first: dict[str, float]


def measure(workload: Workload) -> Row:
    """Check the results of every contender, then time them in turns."""
    _prepare()
    args = workload.arguments()
    expected = workload.expected(*args)
    contenders, first = [], {}
    for name, function, given in _entrants(workload, args):
        contender = _contender(name, function, given)
        first[name] = first_run(contender)
        _check(workload, name, expected, function(*given))
        contenders.append(contender)
    return Row(workload.title, race(contenders, workload.rounds), first)


def _contender(
    name: str, function: Callable[..., Any], args: tuple[Any, ...]
) -> Contender:
    def run() -> None:
        function(*args)

    def run_jax() -> None:
        import jax

        jax.block_until_ready(function(*args))

    return Contender(name, run_jax if name == JAX else run)


def _entrants(
    workload: Workload, args: tuple[Any, ...]
) -> list[tuple[str, Callable[..., Any], tuple[Any, ...]]]:
    found = [(OURS, workload.ours, args)]
    if workload.numba is not None:
        found.append((NUMBA, workload.numba(), args))
    if workload.jax is not None:
        import jax

        jax.config.update("jax_enable_x64", workload.wide)
        found.append((JAX, jax.jit(workload.jax()), jax.device_put(args)))
    if workload.numpy is not None:
        found.append((NUMPY, workload.numpy, args))
    return found


def _check(workload: Workload, name: str, expected: Any, found: Any) -> None:
    """Raise unless the results are right."""
    wanted, made = (dn.tree.leaves(workload.summary(e)) for e in (expected, found))
    for a, b in zip(wanted, made, strict=True):
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        if a.shape != b.shape:
            raise AssertionError(f"{workload.name}, {name}: {b.shape} for {a.shape}")
        error = np.max(np.abs(a - b), initial=0) / max(np.max(np.abs(a), initial=0), 1)
        if not error <= workload.tolerance:
            raise AssertionError(f"{workload.name}, {name}: is off by {error:.3g}")


def _prepare() -> None:
    """Have the compilers loaded, so that first calls are of the workload alone.

    Nothing is kept on disk, or taken from there.
    """
    import jax

    dn.config.cache = False
    tiny = np.ones(3, np.float32)
    defn(lambda x: x + 1.5)(tiny)
    jax.jit(lambda x: x + 1.5)(tiny)
