"""What a process and a call cost before and beside the work, and the goals for it.

Every start is a process of its own.  The training step is that of `networks`; where
it is warm, both compilers find it where they kept it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.timing import Contender, race
from defnpy import defn

ROOT = Path(__file__).resolve().parent.parent
TRIES = 5
Environment = dict[str, str]
LEAVES = 64
IMPORT = """
import time
start = time.perf_counter()
import {module}
print(time.perf_counter() - start)
"""
OURS_STEP = """
import time
from bench.networks import _training, train
args = _training()
start = time.perf_counter()
train(*args)
print(time.perf_counter() - start)
"""
JAX_STEP = """
import os, time
import jax
from bench.networks import _train_jax, _training
jax.config.update("jax_compilation_cache_dir", os.environ["DEFNPY_CACHE_DIR"])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
args = jax.device_put(_training())
step = jax.jit(_train_jax())
start = time.perf_counter()
jax.block_until_ready(step(*args))
print(time.perf_counter() - start)
"""


@defn
def added(x: Any, y: Any, z: Any) -> Any:
    return x + y * z


@defn
def scaled(leaves: Any) -> Any:
    return [2 * leaf for leaf in leaves]


def main() -> None:
    """Measure all of them, and print one line for each."""
    table = Table(title="starts and calls, milliseconds")
    for heading in ("figure", "defnpy", "JAX", "goal"):
        table.add_column(heading, justify="left" if heading == "figure" else "right")
    for title, ours, jax, goal in _figures():
        table.add_row(title, f"{ours * 1e3:#.3g}", f"{jax * 1e3:#.3g}", goal)
    Console().print(table)


def _figures() -> list[tuple[str, float, float, str]]:
    calls = _calls()
    with TemporaryDirectory() as place:  # where modules are kept compiled
        environment = os.environ | {"PYTHONPYCACHEPREFIX": place}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        imports = [_import(module, environment) for module in ("defnpy", "jax")]
        steps = [_step(code, environment) for code in (OURS_STEP, JAX_STEP)]
    cold, warm = zip(*steps, strict=True)
    return [
        ("import", *imports, "150"),
        ("training step, first in a process, cold", *cold, "a third of JAX's"),
        ("training step, first in a process, warm", *warm, "20"),
        ("call with 3 arrays of 10", *calls[0], "0.0005"),
        (f"call with {LEAVES} leaves of 10", *calls[1], "0.005"),
    ]


def _import(module: str, environment: Environment) -> float:
    code = IMPORT.format(module=module)
    return min(_run(code, environment) for _ in range(TRIES))


def _step(code: str, environment: Environment) -> tuple[float, float]:
    """Return the seconds of the first call in a new process: cold, and warm."""
    with TemporaryDirectory() as place:
        kept = environment | {"DEFNPY_CACHE_DIR": place}
        warm = min(_run(code, kept) for _ in range(TRIES))
    with TemporaryDirectory() as place:
        return _run(code, environment | {"DEFNPY_CACHE_DIR": place}), warm


def _run(code: str, environment: Environment) -> float:
    command = [sys.executable, "-c", code]
    return float(subprocess.check_output(command, env=environment, cwd=ROOT))


def _calls() -> list[tuple[float, float]]:
    """Return the seconds of a call with three arrays, and with many leaves."""
    import jax

    arrays = [np.ones(10, np.float32) for _ in range(LEAVES)]
    placed = jax.device_put(arrays)
    added_jax, scaled_jax = jax.jit(added.python), jax.jit(scaled.python)
    found = race(
        [
            Contender("ours 3", lambda: added(*arrays[:3])),
            Contender("JAX 3", lambda: added_jax(*placed[:3]).block_until_ready()),
            Contender("ours many", lambda: scaled(arrays)),
            Contender("JAX many", lambda: jax.block_until_ready(scaled_jax(placed))),
        ]
    )
    return [(found[f"ours {n}"], found[f"JAX {n}"]) for n in ("3", "many")]
