"""The roofline: how fast each workload computes, beside what the machine allows."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from bench.workload import OURS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.limits import Limits
    from bench.workload import Row

INTENSITIES = (1 / 64, 1024.0)  # operations for each byte, where the plot ends


def roofline(rows: Sequence[Row], limits: Limits) -> str:
    """Return a picture as SVG, one point for each row, numbered from 1.

    To the right is more arithmetic for each byte of arguments and results.  Under the
    slope bytes are what limits a program, under the flat part arithmetic is.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6), layout="constrained")
    axes = figure.add_subplot(
        xscale="log", yscale="log", xlim=INTENSITIES, ylim=(1e8, 2 * limits.rate)
    )
    ridge = limits.rate / limits.bandwidth
    roof = [limits.bandwidth * INTENSITIES[0], limits.rate, limits.rate]
    axes.plot([INTENSITIES[0], ridge, INTENSITIES[1]], roof, color="black")
    for number, row in enumerate(rows, 1):
        if OURS in row.seconds and row.cost.get("flops"):
            x = row.cost["flops"] / max(row.cost["bytes"], 1)
            y = row.cost["flops"] / row.seconds[OURS]
            axes.plot(x, y, "o", color="tab:blue", alpha=0.3, markersize=15)
            axes.annotate(str(number), (x, y), ha="center", va="center", fontsize=8)
    axes.set_xlabel("operations for each byte of arguments and results")
    axes.set_ylabel("operations in a second")
    axes.grid(which="both", alpha=0.2)
    made = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none"}):
        figure.savefig(made, format="svg")
    return made.getvalue()[made.getvalue().index("<svg") :]
