"""What this machine can do at best: bytes moved and products made in a second."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.timing import Contender, race

if TYPE_CHECKING:
    from bench.workload import Row

COPIED = 64_000_000  # numbers, many times what caches hold
SIDE = 1024
PRODUCT = f"product{SIDE}"


@dataclass(frozen=True)
class Limits:
    """The machine's limits.

    Attributes:
        bandwidth: bytes a second, read and written, of copying large arrays.
        rate: operations a second in f32 of the fastest large matrix product.
    """

    bandwidth: float
    rate: float

    def seconds(self, cost: dict[str, int], wide: bool) -> tuple[float, float]:
        """Return the least seconds that moving and computing take."""
        rate = self.rate / 2 if wide else self.rate
        return cost["bytes"] / self.bandwidth, cost["flops"] / rate

    def share(self, row: Row, name: str) -> tuple[float, str] | None:
        """Return the share of the nearer limit that a contender reaches, and which."""
        if not row.cost or name not in row.seconds:
            return None
        moving, computing = self.seconds(row.cost, row.wide)
        nearer = max((moving, "bytes"), (computing, "flops"))
        return nearer[0] / row.seconds[name], nearer[1]


def limits(rows: list[Row]) -> Limits:
    """Measure the limits; a large product among the rows counts as well."""
    taken = [_product()]
    taken += [min(row.seconds.values()) for row in rows if row.name == PRODUCT]
    return Limits(2 * 4 * COPIED / _copy(), 2 * SIDE**3 / min(taken))


def _copy() -> float:
    """Return the seconds of copying, by as many threads as there are cores."""
    parts = len(os.sched_getaffinity(0))
    source, target = np.ones(COPIED, np.float32), np.empty(COPIED, np.float32)
    pairs = list(
        zip(np.array_split(target, parts), np.array_split(source, parts), strict=True)
    )
    with ThreadPoolExecutor(parts) as pool:

        def run() -> None:
            list(pool.map(lambda pair: np.copyto(*pair), pairs))

        return race([Contender("copy", run)])["copy"]


def _product() -> float:
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((SIDE, SIDE), np.float32) for _ in range(2))
    return race([Contender("product", lambda: a @ b)])["product"]
