"""What is done after each epoch of a training.

A handler is a value that starts a function for each run; the function takes the
`Report` of an epoch and may return the state to stop with.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import defnpy as dn
from defnpy.nn.state import ModelState


@dataclass(frozen=True)
class Report:
    """An epoch that is over.

    Attributes:
        epoch: its number, from 1.
        epochs: how many there will be.
        metrics: the loss, the metrics and the seconds by name.
        state: the model's arrays.
    """

    epoch: int
    epochs: int
    metrics: Mapping[str, float]
    state: ModelState

    def __str__(self) -> str:
        """Return the numbers in one line."""
        shown = (f"{k}: {v:.4g}" for k, v in self.metrics.items())
        return f"epoch {self.epoch}/{self.epochs}, {', '.join(shown)}"


Started = Callable[[Report], ModelState | None]


class Handler(Protocol):
    """What a trainer keeps for the ends of its epochs."""

    @property
    def monitor(self) -> str | None:
        """Return the metric that is looked at, if any."""
        ...

    def start(self) -> Started:
        """Return what is called after each epoch of one run."""
        ...


class Best:
    """The best value of a metric so far."""

    def __init__(self, monitor: str, mode: str | None) -> None:
        """Start without a value."""
        self._monitor, self._sign = monitor, _sign(monitor, mode)
        self._value: float | None = None

    def improves(self, report: Report) -> bool:
        """Return whether this epoch is better than all before; NaN never is."""
        value = self._sign * report.metrics[self._monitor]
        if value != value or (self._value is not None and value >= self._value):
            return False
        self._value = value
        return True


@dataclass(frozen=True)
class EarlyStop:
    """Stop once a metric has not improved for some epochs."""

    monitor: str
    patience: int
    mode: str | None
    restore_best: bool

    def start(self) -> Started:
        """Return what counts the epochs of one run."""
        best, waited = Best(self.monitor, self.mode), 0
        best_state: ModelState | None = None

        def after(report: Report) -> ModelState | None:
            nonlocal waited, best_state
            if best.improves(report):
                waited, best_state = 0, report.state
                return None
            waited += 1
            if waited < self.patience:
                return None
            kept = best_state if self.restore_best else None
            return report.state if kept is None else kept

        return after


@dataclass(frozen=True)
class Checkpoint:
    """Save the state after each epoch, or after each that is the best so far."""

    path: str
    monitor: str | None
    mode: str | None

    def start(self) -> Started:
        """Return what saves the epochs of one run."""
        best = None if self.monitor is None else Best(self.monitor, self.mode)

        def after(report: Report) -> None:
            if best is None or best.improves(report):
                path = Path(self.path.format(epoch=report.epoch))
                path.parent.mkdir(parents=True, exist_ok=True)
                report.state.save(path)

        return after


@dataclass(frozen=True)
class Each:
    """Call a function with the report of every so many epochs and of the last."""

    function: Callable[[Report], Any]
    every: int
    monitor: str | None = None

    def start(self) -> Started:
        """Return what is called in one run."""

        def after(report: Report) -> None:
            if report.epoch % self.every == 0 or report.epoch == report.epochs:
                self.function(report)

        return after


def checkpoint(
    path: str | os.PathLike[str], monitor: str | None, mode: str | None
) -> Checkpoint:
    """Return the handler that saves, with its options checked."""
    text = os.fspath(path)
    try:
        text.format(epoch=1)
    except (KeyError, IndexError, ValueError):
        raise dn.DefnValueError(
            f"'{text}' is no path", hint="'{epoch}' stands for the number of the epoch"
        ) from None
    if monitor is not None:
        _sign(monitor, mode)
    return Checkpoint(text, monitor, mode)


def early_stop(
    monitor: str, patience: int, mode: str | None, restore_best: bool
) -> EarlyStop:
    """Return the handler that stops, with its options checked."""
    if not isinstance(patience, int) or patience < 1:
        raise dn.DefnValueError(f"patience is a number of epochs, not {patience!r}")
    _sign(monitor, mode)
    return EarlyStop(monitor, patience, mode, restore_best)


def _sign(monitor: str, mode: str | None) -> int:
    """Return 1 where less is better; losses and errors are told by their names."""
    if mode not in ("min", "max", None):
        raise dn.DefnValueError(f"mode is 'min' or 'max', not {mode!r}")
    if mode is None:
        return 1 if monitor.endswith(("loss", "error")) else -1
    return 1 if mode == "min" else -1
