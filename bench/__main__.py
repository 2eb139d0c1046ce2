"""``python -m bench``: run every workload, or those that are named."""

import argparse
from statistics import geometric_mean

from rich.console import Console
from rich.table import Table

from bench import calls, coffee, filters, grids, growth, loops, networks, rows, vectors
from bench.workload import JAX, NUMBA, NUMPY, OURS, Row, Workload, measure

WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for module in (loops, grids, filters, vectors, rows, networks, calls)
    for workload in module.WORKLOADS
}
WIDTH = 130  # of the table, wherever it is printed
OTHERS = {"coffee": coffee.main, "growth": growth.main}


def table(found: list[Row]) -> Table:
    """Return one row for each workload: milliseconds, and how we compare."""
    peers = (NUMBA, JAX, NUMPY)
    ratios = [_best(row, peers) / row.seconds[OURS] for row in found]
    made = Table(
        title="milliseconds, the least of several runs in turns",
        caption=f"geometric mean of best peer / ours: {geometric_mean(ratios):.2f}×",
    )
    made.add_column("workload")
    for heading in ("ours", *peers, "best peer / ours", "first call", f"first, {JAX}"):
        made.add_column(heading, justify="right")
    for row, ratio in zip(found, ratios, strict=True):
        made.add_row(
            row.title,
            *(_milliseconds(row.seconds, each) for each in (OURS, *peers)),
            f"{ratio:.2f}×",
            *(_milliseconds(row.first, each) for each in (OURS, JAX)),
        )
    return made


def _best(row: Row, peers: tuple[str, ...]) -> float:
    return min(row.seconds[peer] for peer in peers if peer in row.seconds)


def _milliseconds(seconds: dict[str, float], name: str) -> str:
    return f"{seconds[name] * 1e3:#.3g}" if name in seconds else ""


def main() -> None:
    """Run what the command line names."""
    known = (*WORKLOADS, *OTHERS)
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="workload", help=", ".join(known))
    names = parser.parse_args().names or list(known)
    for name in names:
        if name not in known:
            parser.error(f"no workload '{name}'; there are {', '.join(known)}")
    found = []
    for name in names:
        if name in WORKLOADS:
            found.append(measure(WORKLOADS[name]))
        else:
            OTHERS[name]()
    if found:
        Console(width=WIDTH).print(table(found))


if __name__ == "__main__":
    main()
