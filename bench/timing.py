"""How everything here is timed, and the table it is shown in."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Contender:
    """One implementation of a workload.

    Attributes:
        name: who it is.
        run: does the work and returns when it is done, or returns the seconds
            it took where only a part of what it does counts.
    """

    name: str
    run: Callable[[], float | None]


def race(contenders: list[Contender], rounds: int) -> dict[str, float]:
    """Return the least seconds of each, taken in turns so that noise is shared.

    The first run of each compiles and is not counted.
    """
    for contender in contenders:
        contender.run()
    best = {contender.name: float("inf") for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            start = time.perf_counter()
            counted = contender.run()
            elapsed = time.perf_counter() - start if counted is None else counted
            best[contender.name] = min(best[contender.name], elapsed)
    return best


def show(title: str, seconds: dict[str, float], ours: str) -> None:
    """Print the times, and how many times faster `ours` is than each."""
    table = Table(title=title)
    for heading in ("implementation", "milliseconds", "ours is faster by"):
        table.add_column(heading, justify="left" if heading[0] == "i" else "right")
    for name, value in sorted(seconds.items(), key=lambda item: item[1]):
        ratio = "" if name == ours else f"{value / seconds[ours]:.2f}×"
        table.add_row(name, f"{value * 1e3:.2f}", ratio)
    Console().print(table)
