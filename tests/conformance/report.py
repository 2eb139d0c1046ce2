"""Tables of what became of the vectors."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table

from conformance.records import AREAS
from conformance.running import FAILED, LISTED, PASSED, Outcome


def report(outcomes: Sequence[Outcome]) -> RenderableType:
    """Return the vectors by area and status, and the reasons by their number."""
    return Group(_by_area(outcomes), _by_reason(outcomes), *_failures(outcomes))


def _by_area(outcomes: Sequence[Outcome]) -> Table:
    table = Table(title="Vectors of Nx, run call by call and compiled")
    table.add_column("area")
    for status in (PASSED, LISTED, FAILED, "all"):
        table.add_column(status, justify="right")
    counts = Counter((each.vector.area, each.status) for each in outcomes)
    for area in AREAS:
        row = [counts[area, status] for status in (PASSED, LISTED, FAILED)]
        table.add_row(area, *map(str, row), str(sum(row)))
    table.add_section()
    total = Counter(each.status for each in outcomes)
    row = [total[status] for status in (PASSED, LISTED, FAILED)]
    table.add_row("all", *map(str, row), str(sum(row)))
    return table


def _by_reason(outcomes: Sequence[Outcome]) -> Table:
    table = Table(title="Why a vector is listed rather than passed")
    table.add_column("vectors", justify="right")
    table.add_column("reason")
    table.add_column("for example", no_wrap=True)
    listed = [each for each in outcomes if each.status == LISTED]
    first = {each.why: each.vector.id for each in reversed(listed)}
    for why, count in Counter(each.why for each in listed).most_common():
        table.add_row(str(count), why, first[why])
    return table


def _failures(outcomes: Sequence[Outcome]) -> list[str]:
    failed = [each for each in outcomes if each.status == FAILED]
    return [f"{each.vector.id}: {each.why}\n{each.source}" for each in failed]
