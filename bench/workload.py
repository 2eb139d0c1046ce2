"""A workload: the same work by every contender, checked and then timed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

import defnpy as dn
from bench.timing import Contender, first_run, race
from defnpy import defn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Maker = Callable[[], Callable[..., Any]]

OURS, NUMBA, JAX, NUMPY = "defnpy", "Numba", "JAX", "NumPy"
TORCH, TORCH_COMPILE = "torch", "torch.compile"
PEERS = (NUMBA, JAX, NUMPY, TORCH, TORCH_COMPILE)


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
        torch: makes a function of tensors, given what compiles functions: nothing
            is done by eager torch, the other one is `torch.compile`.
        tolerance: by how much results may differ, relative to the largest.
        summary: what of a result is compared.
        wide: whether JAX is told to use 64 bits.
    """

    name: str
    title: str
    arguments: Callable[[], tuple[Any, ...]]
    expected: Callable[..., Any]
    ours: Any
    numba: Maker | None = None
    jax: Maker | None = None
    numpy: Callable[..., Any] | None = None
    torch: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None
    tolerance: float = 1e-4
    summary: Callable[[Any], Any] = lambda result: result
    wide: bool = False


@dataclass(frozen=True)
class Row:
    """What was measured of a workload.

    Attributes:
        name: of the workload.
        title: of the workload.
        seconds: of each contender in the steady state.
        first: seconds of each one's first call.
        cost: the scalar operations (``flops``) and ``bytes`` of our program.
        failures: why a contender is not among them.
        wide: whether it computes in 64 bits.
    """

    name: str
    title: str
    seconds: dict[str, float]
    first: dict[str, float] = field(default_factory=dict)
    cost: dict[str, int] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    wide: bool = False


def measure(workload: Workload) -> Row:
    """Check the results of every contender, then time them in turns.

    One that cannot run, or whose results are wrong, is left out and told.
    """
    _prepare()
    args = workload.arguments()
    expected = workload.expected(*args)
    contenders, first, failures = [], {}, {}
    for name, make in _entrants(workload):
        try:
            function, given = make(args)
            contender = _contender(name, function, given)
            first[name] = first_run(contender)
            _check(workload, expected, function(*given))
            contenders.append(contender)
        except Exception as error:
            failures[name] = f"{type(error).__name__}: {error}".splitlines()[0]
    cost = {} if OURS in failures else _cost(workload, args)
    return Row(
        workload.name,
        workload.title,
        race(contenders),
        {name: first[name] for name in first if name not in failures},
        cost,
        failures,
        workload.wide,
    )


def in_f64(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function of NumPy arrays, computed in float64."""

    def expected(*args: Any) -> Any:
        return function(*dn.tree.map(_widened, args))

    return expected


def by_jax_in_f64(make: Maker) -> Callable[..., Any]:
    """Return what JAX computes in float64, where gradients by hand are long."""

    def expected(*args: Any) -> Any:
        import jax

        with jax.enable_x64(True):
            return dn.tree.map(np.asarray, make()(*dn.tree.map(_widened, args)))

    return expected


def matrix(*shape: int) -> Callable[[], tuple[np.ndarray]]:
    """Return what draws a matrix of f32 numbers, as the only argument."""

    def arguments() -> tuple[np.ndarray]:
        return (np.random.default_rng(0).standard_normal(shape, np.float32),)

    return arguments


def njit(function: Callable[..., Any]) -> Maker:
    """Return what gives the same source to Numba."""

    def make() -> Any:
        import numba

        return numba.njit(function)

    return make


def _widened(leaf: Any) -> Any:
    leaf = np.asarray(leaf)
    return leaf.astype(np.float64) if leaf.dtype == np.float32 else leaf


def _contender(
    name: str, function: Callable[..., Any], args: tuple[Any, ...]
) -> Contender:
    def run() -> None:
        function(*args)

    def run_jax() -> None:
        import jax

        jax.block_until_ready(function(*args))

    return Contender(name, run_jax if name == JAX else run)


def _entrants(workload: Workload) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Give each contender's name and what makes its function and arguments."""
    yield OURS, lambda args: (workload.ours, args)
    if workload.numba is not None:
        numba = workload.numba
        yield NUMBA, lambda args: (numba(), args)
    if workload.jax is not None:
        yield JAX, lambda args: _for_jax(workload, args)
    if workload.numpy is not None:
        yield NUMPY, lambda args: (workload.numpy, args)
    if workload.torch is not None:
        yield TORCH, lambda args: _for_torch(workload, args, lambda function: function)
        yield TORCH_COMPILE, lambda args: _for_torch(workload, args, _torch_compile)


def _for_jax(workload: Workload, args: Any) -> tuple[Callable[..., Any], Any]:
    import jax

    assert workload.jax is not None
    jax.config.update("jax_enable_x64", workload.wide)
    return jax.jit(workload.jax()), jax.device_put(args)


def _for_torch(
    workload: Workload, args: Any, jit: Callable[..., Any]
) -> tuple[Callable[..., Any], Any]:
    import torch

    assert workload.torch is not None
    tensors = dn.tree.map(lambda leaf: torch.from_numpy(np.array(leaf)), args)
    return workload.torch(jit), tensors


def _torch_compile(function: Callable[..., Any]) -> Callable[..., Any]:
    import torch

    return torch.compile(function, dynamic=False)


def _check(workload: Workload, expected: Any, found: Any) -> None:
    """Raise unless the results are right."""
    wanted, made = (
        [np.asarray(leaf, np.float64) for leaf in dn.tree.leaves(workload.summary(e))]
        for e in (expected, dn.tree.map(np.asarray, found))
    )
    for a, b in zip(wanted, made, strict=True):
        if a.shape != b.shape:
            raise AssertionError(f"its result is {b.shape}, not {a.shape}")
        error = np.max(np.abs(a - b), initial=0) / max(np.max(np.abs(a), initial=0), 1)
        if not error <= workload.tolerance:
            raise AssertionError(f"its result is off by {error:.3g}")


def _cost(workload: Workload, args: Any) -> dict[str, int]:
    return workload.ours.lower(*args).compile().cost


def _prepare() -> None:
    """Have the compilers loaded, so that first calls are of the workload alone.

    Nothing is kept on disk, or taken from there.
    """
    import jax

    dn.config.cache = False
    tiny = np.ones(3, np.float32)
    defn(lambda x: x + 1.5)(tiny)
    jax.jit(lambda x: x + 1.5)(tiny)
