"""How the gradient of a loop grows with its length."""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import defnpy as dn
from bench.timing import Contender, race
from defnpy import defn

LENGTHS = tuple(1024 << k for k in range(7))


@defn
def walk(x: Any, n: Any) -> Any:
    """Take n steps with a `while` whose length is known only when it runs."""
    k = 0
    while k < n:
        x = x + 0.01 * np.sin(x)
        k += 1
    return x


def _contender(slope: Any, n: int) -> Contender:
    def run() -> None:
        slope(0.5, n)

    return Contender(str(n), run)


def main() -> dict[int, float]:
    """Time the gradient for each length, and print how it grows."""
    slope = dn.grad(walk)
    for n in (0, 5):
        h = 1e-6
        wanted = (walk(0.5 + h, n) - walk(0.5 - h, n)) / (2 * h)
        if abs(slope(0.5, n) - wanted) > 1e-8:
            raise AssertionError(f"the gradient of {n} steps is {slope(0.5, n)}")
    found = race([_contender(slope, n) for n in LENGTHS])
    seconds = {n: found[str(n)] for n in LENGTHS}
    table = Table(title="gradient of a `while` of n steps")
    for heading in ("n", "milliseconds", "ns per step", "over half the steps"):
        table.add_column(heading, justify="right")
    for n, taken in seconds.items():
        half = seconds.get(n // 2)
        ratio = "" if half is None else f"{taken / half:.2f}×"
        table.add_row(f"{n:,}", f"{taken * 1e3:.4g}", f"{taken / n * 1e9:.3g}", ratio)
    Console().print(table)
    return seconds
