"""Why vectors do not give what Nx gives: the table, by vector."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

_TABLE = Path(__file__).parent / "reasons.toml"
# Functions that an error may name: they are to come.
_TO_COME = {"dn.random.multivariate_normal"}
_UNKNOWN = re.compile(
    r"(defnpy[.\w]*)'? has no (?:attribute )?[`'](\w+)|No module named '(defnpy\.\w+)'"
)


@dataclass(frozen=True)
class Reason:
    """One sentence, and whether the vector is so that it cannot be run."""

    why: str
    never_run: bool = False


def _load() -> dict[str, Reason]:
    found: dict[str, Reason] = {}
    for entry in tomllib.loads(_TABLE.read_text("utf-8"))["reason"]:
        reason = Reason(entry["why"], entry.get("never_run", False))
        for vector in entry["vectors"]:
            assert vector not in found, f"{vector} is listed twice"
            found[vector] = reason
    return found


REASONS = _load()


def to_come(detail: str) -> str | None:
    """Return what is said of an error that names a function which is to come."""
    found = _UNKNOWN.search(detail)
    if found is None:
        return None
    module, name, whole = found.groups()
    full = (whole or f"{module}.{name}").replace("defnpy", "dn", 1)
    return f"there is no {full} yet" if full in _TO_COME else None
