"""A progress bar for a training; silent where nobody watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rich.console
import rich.progress

if TYPE_CHECKING:
    from types import TracebackType

    from defnpy.nn.handlers import Report


class ProgressBar:
    """A bar of epochs, drawn on a terminal or in a notebook only."""

    def __init__(self, epochs: int, shown: bool | None) -> None:
        """Draw where `shown` says so, or where somebody can see it."""
        console = rich.console.Console(stderr=True)
        watched = console.is_terminal or console.is_jupyter
        self._bar = rich.progress.Progress(
            rich.progress.TextColumn("epoch"),
            rich.progress.MofNCompleteColumn(),
            rich.progress.BarColumn(),
            rich.progress.TimeElapsedColumn(),
            rich.progress.TextColumn("{task.fields[numbers]}"),
            console=console,
            disable=not (watched if shown is None else shown),
        )
        self._task = self._bar.add_task("epoch", total=epochs, numbers="")

    def __enter__(self) -> ProgressBar:
        """Start drawing."""
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop drawing; the last line stays."""
        self._bar.stop()

    def epoch(self, report: Report) -> None:
        """Show an epoch that is over."""
        numbers: Any = (
            f"{name}: {value:.4g}"
            for name, value in report.metrics.items()
            if name != "seconds"
        )
        self._bar.update(self._task, completed=report.epoch, numbers="  ".join(numbers))
