"""The memory that is kept for results and temporaries to come."""

from __future__ import annotations


def set_limit(mebibytes: int) -> None:
    """Keep at most that much from now on."""
    from defnpy.backends.cpu import recycling

    recycling.set_limit(mebibytes)


def release() -> int:
    """Give back what is kept; return how many bytes that was."""
    from defnpy.backends.cpu import recycling

    return recycling.release()
