"""How everything here is timed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

LEAST = 2e-3  # seconds that a measurement lasts at least
SETTLE = 2e-2  # seconds in which the threads of the contender before fall asleep
ROUNDS = (5, 25)  # how often a contender is timed, at least and at most
BUDGET = 0.4  # seconds after which a contender is not timed more often than it must


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


def race(contenders: list[Contender], budget: float = BUDGET) -> dict[str, float]:
    """Return the least seconds of each, taken in turns so that noise is shared.

    The first run of each compiles and is not counted.

    Args:
        contenders: whose runs are timed.
        budget: the seconds after which one is timed no more often than it must.
    """
    for contender in contenders:
        contender.run()
    calls = {each.name: _calls(each) for each in contenders}
    best = {contender.name: float("inf") for contender in contenders}
    spent = dict.fromkeys(best, 0.0)
    least, most = ROUNDS
    for turn in range(most):
        for contender in contenders:
            name = contender.name
            if turn >= least and spent[name] > budget:
                continue
            time.sleep(SETTLE)
            if calls[name] > 1:
                contender.run()  # wakes its own threads, fills the caches
            taken = _seconds(contender, calls[name])
            best[name] = min(best[name], taken)
            spent[name] += taken * calls[name]
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
