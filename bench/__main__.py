"""``python -m bench``: run every workload, or those that are named."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from bench import (
    accuracy,
    arranging,
    calls,
    coffee,
    convolutions,
    filters,
    grids,
    growth,
    learning,
    loops,
    networks,
    reductions,
    rows,
    sequences,
    starts,
    vectors,
)
from bench.limits import limits
from bench.report import Report
from bench.workload import OURS, Row, Workload, measure

MODULES = (
    *(loops, grids, filters, learning, vectors, rows, reductions, arranging),
    *(networks, convolutions, sequences, calls),
)
WORKLOADS: dict[str, Workload] = {
    workload.name: workload for module in MODULES for workload in module.WORKLOADS
}
WIDTH = 175  # of the table, wherever it is printed
HERE = Path(__file__).parent
PAGE, LAST = HERE.parent / "build" / "bench.html", HERE / "last.md"
GROWTH, STARTS, ACCURACY = "growth", "starts", "accuracy"
USUAL = (*WORKLOADS, coffee.NAME, GROWTH, STARTS)
KNOWN = (*USUAL, ACCURACY)


def main() -> None:
    """Run what the command line names."""
    given = _arguments()
    names = given.names or USUAL
    found: list[Row] = []
    for name in names:
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            row = _run(name, given.save)
        except Exception as error:  # the others run all the same
            row = Row(name, name, {}, failures={OURS: repr(error)})
        found += [] if row is None else [row]
    if not found:
        return
    report = Report(found, limits(found))
    Console(width=WIDTH).print(report.text())
    if given.report:
        given.report.parent.mkdir(parents=True, exist_ok=True)
        given.report.write_text(report.page(), "utf-8")
    if given.save:
        LAST.write_text(report.markdown(), "utf-8")


def _run(name: str, save: bool) -> Row | None:
    """Return what was measured, or print a table where it has one of its own."""
    if name in WORKLOADS:
        return measure(WORKLOADS[name])
    if name == coffee.NAME:
        return coffee.measure()
    if name == GROWTH:
        growth.main()
    elif name == STARTS:
        starts.main()
    else:
        accuracy.main(save)
    return None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="workload", help=", ".join(KNOWN))
    parser.add_argument(
        "--report",
        nargs="?",
        const=PAGE,
        type=Path,
        metavar="page",
        help="write a page of HTML, build/bench.html if none is named",
    )
    parser.add_argument("--save", action="store_true", help="keep the tables in bench/")
    given = parser.parse_args()
    for name in given.names:
        if name not in KNOWN:
            parser.error(f"no workload '{name}'; there are {', '.join(KNOWN)}")
    return given


if __name__ == "__main__":
    main()
