"""How many threads compiled programs use."""

from __future__ import annotations


def set_threads(count: int) -> None:
    """Use that many threads from now on; 0 stands for every core."""
    from defnpy.backends.cpu import pool

    pool.set_threads(count)
