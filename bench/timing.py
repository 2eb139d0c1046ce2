"""How everything here is timed, and the table of one race."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

LEAST = 2e-3  # seconds that a measurement lasts at least


@dataclass(frozen=True)
class Contender:
    """One implementation of a workload.

    Attributes:
        name: who it is.
        run: does the work and returns when it is done, or returns the seconds
            it took where only a part of what it does counts.
    """

    name: str
    run: Callable[[], Any]


def race(contenders: list[Contender], rounds: int) -> dict[str, float]:
    """Return the least seconds of each, taken in turns so that noise is shared.

    The first run of each compiles and is not counted.
    """
    for contender in contenders:
        contender.run()
    calls = {each.name: _calls(each) for each in contenders}
    best = {contender.name: float("inf") for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            taken = _seconds(contender, calls[contender.name])
            best[contender.name] = min(best[contender.name], taken)
    return best


def first_run(contender: Contender) -> float:
    """Return the seconds that a run takes which has to compile."""
    return _seconds(contender, 1)


def _calls(contender: Contender) -> int:
    """Return how many runs in a row last long enough to be measured."""
    calls = 1
    while calls < 1 << 16 and _seconds(contender, calls) * calls < LEAST:
        calls *= 2
    return calls


def _seconds(contender: Contender, calls: int) -> float:
    """Return the seconds of one run, of several made in a row."""
    counted, start = None, time.perf_counter()
    for _ in range(calls):
        counted = contender.run()
    elapsed = (time.perf_counter() - start) / calls
    return counted if isinstance(counted, float) else elapsed


def show(title: str, seconds: dict[str, float], ours: str) -> None:
    """Print the times, and how many times faster `ours` is than each."""
    table = Table(title=title)
    for heading in ("implementation", "milliseconds", "ours is faster by"):
        table.add_column(heading, justify="left" if heading[0] == "i" else "right")
    for name, value in sorted(seconds.items(), key=lambda item: item[1]):
        ratio = "" if name == ours else f"{value / seconds[ours]:.2f}×"
        table.add_row(name, f"{value * 1e3:.4g}", ratio)
    Console().print(table)
