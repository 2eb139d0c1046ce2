"""What was measured, as a table of text, of Markdown or of HTML."""

from __future__ import annotations

import html
from dataclasses import dataclass
from statistics import geometric_mean
from typing import TYPE_CHECKING

from rich.table import Table

from bench.roofline import roofline
from bench.workload import JAX, OURS, PEERS, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.limits import Limits

HEADINGS = (
    *("workload", OURS, *PEERS),
    *("best peer / ours", f"{JAX} / ours", "of the limit"),
    *("first call", f"first, {JAX}"),
)
FAILED = "failed"
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 84rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .15rem .6rem; text-align: right; border-bottom: 1px solid #ddd }
th:nth-child(2), td:nth-child(2) { text-align: left }
th { position: sticky; top: 0; background: #fff }
.slow { background: #fde3df } .fast { background: #e2f3e4 }
svg { width: 100%; height: auto }
"""


@dataclass(frozen=True)
class Report:
    """The rows of one run on one machine, and its limits."""

    rows: Sequence[Row]
    limits: Limits

    def cells(self, row: Row) -> list[str]:
        """Return what the table says of a workload, as many as `HEADINGS`."""
        best, jax = best_ratio(row), ratio(row.seconds, JAX)
        share = self.limits.share(row, OURS)
        return [
            row.title,
            *(_time(row, name) for name in (OURS, *PEERS)),
            *("" if each is None else f"{each:.2f}×" for each in (best, jax)),
            "" if share is None else f"{share[0]:.0%} {share[1]}",
            *(_milliseconds(row.first, name) for name in (OURS, JAX)),
        ]

    def summary(self) -> list[str]:
        """Return the means over all workloads, and the limits they are held to."""
        rows = self.rows
        lines = [
            _mean("best peer / ours", map(best_ratio, rows)),
            _mean(f"{JAX} / ours", (ratio(row.seconds, JAX) for row in rows)),
            _mean(f"first call, {JAX} / ours", (ratio(row.first, JAX) for row in rows)),
        ]
        lines.append(
            f"limits: {self.limits.bandwidth / 1e9:.1f} GB/s copied, "
            f"{self.limits.rate / 1e9:.0f} GFLOP/s in a product of f32"
        )
        return lines

    def failures(self) -> list[str]:
        """Return one line for each contender that is missing."""
        lines: dict[str, None] = {}
        for row in self.rows:
            for name, why in row.failures.items():
                if why.startswith("ModuleNotFoundError"):
                    lines[f"{name}: skipped, {why}"] = None
                else:
                    lines[f"{name}: failed in {row.name}, {why}"] = None
        return list(lines)

    def text(self) -> Table:
        """Return the table for a terminal."""
        made = Table(
            title="milliseconds, the least of several runs in turns",
            caption="\n".join([*self.summary(), *self.failures()]),
        )
        for place, heading in enumerate(HEADINGS):
            made.add_column(heading, justify="right" if place else "left")
        for row in self.rows:
            made.add_row(*self.cells(row))
        return made

    def markdown(self) -> str:
        """Return the table for the repository."""
        table = markdown(HEADINGS, [self.cells(row) for row in self.rows])
        notes = "\n".join(f"- {line}" for line in [*self.summary(), *self.failures()])
        return (
            "# The last table\n\nMilliseconds, the least of several runs in turns; "
            f"`python -m bench --save` writes it anew.\n\n{table}\n\n{notes}\n"
        )

    def page(self) -> str:
        """Return one page of HTML with the table and the roofline."""
        heads = "".join(f"<th>{html.escape(each)}</th>" for each in ("", *HEADINGS))
        body = "\n".join(
            f'<tr class="{_class(row)}"><td>{number}</td>'
            + "".join(f"<td>{html.escape(cell)}</td>" for cell in self.cells(row))
            + "</tr>"
            for number, row in enumerate(self.rows, 1)
        )
        notes = "".join(
            f"<li>{html.escape(line)}</li>"
            for line in [*self.summary(), *self.failures()]
        )
        return (
            '<!doctype html><html lang="en"><meta charset="utf-8">'
            f"<title>defnpy beside its peers</title><style>{STYLE}</style>"
            f"<h1>defnpy beside its peers</h1><p>Milliseconds, the least of several "
            f"runs in turns.</p><ul>{notes}</ul>"
            f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
            "<h2>How near to the machine's limits</h2><p>One point for each workload, "
            f"numbered as in the table.</p>{roofline(self.rows, self.limits)}</html>"
        )


def markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose first column is text and whose others are numbers."""
    lines = [headings, (":--", *("--:" for _ in headings[1:])), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def ratio(seconds: dict[str, float], peer: str) -> float | None:
    """Return how many times longer a peer takes than we do."""
    if OURS in seconds and peer in seconds:
        return seconds[peer] / seconds[OURS]
    return None


def best_ratio(row: Row) -> float | None:
    """Return how many times longer the fastest peer takes than we do."""
    ratios = [ratio(row.seconds, peer) for peer in PEERS]
    return min((each for each in ratios if each is not None), default=None)


def _mean(what: str, ratios: Iterable[float | None]) -> str:
    known = [each for each in ratios if each is not None]
    if not known:
        return f"{what}: unknown"
    below = sum(each < 1 for each in known)
    return (
        f"{what}: {geometric_mean(known):.2f}× in the geometric mean of "
        f"{len(known)}, {min(known):.2f}× at least, {below} below 1×"
    )


def _time(row: Row, name: str) -> str:
    why = row.failures.get(name)
    if why is not None and not why.startswith("ModuleNotFoundError"):
        return FAILED
    return _milliseconds(row.seconds, name)


def _milliseconds(seconds: dict[str, float], name: str) -> str:
    return f"{seconds[name] * 1e3:#.3g}" if name in seconds else ""


def _class(row: Row) -> str:
    found = best_ratio(row)
    return "slow" if found is None or found < 1 else "fast" if found >= 2 else ""
