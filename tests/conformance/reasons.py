"""Why vectors do not give what Nx gives: the table, by vector."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

_TABLE = Path(__file__).parent / "reasons.toml"


@dataclass(frozen=True)
class Reason:
    """Why a vector does not give what Nx gives.

    Attributes:
        why: one sentence.
        never_run: whether it cannot be run at all.
        ways_differ: whether it gives another thing at once than compiled.
    """

    why: str
    never_run: bool = False
    ways_differ: bool = False


def _load() -> dict[str, Reason]:
    found: dict[str, Reason] = {}
    for entry in tomllib.loads(_TABLE.read_text("utf-8"))["reason"]:
        vectors = entry.pop("vectors")
        reason = Reason(**entry)
        for vector in vectors:
            assert vector not in found, f"{vector} is listed twice"
            found[vector] = reason
    return found


REASONS = _load()
