"""One run of a trainer, from checked data to a trained state."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import defnpy as dn
from defnpy.nn import batches, graph, program, shapes
from defnpy.nn.batches import Batch, Batches
from defnpy.nn.handlers import Handler, Report
from defnpy.nn.measures import Measures, add
from defnpy.nn.progress import ProgressBar
from defnpy.nn.state import History, ModelState
from defnpy.nn.training import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.nn.graph import Model
    from defnpy.nn.measures import Measures


@dataclass(frozen=True)
class Options:
    """The options of a run; see `loop.Trainer.run`."""

    epochs: int
    batch_size: int | None
    seed: int
    shuffle: bool
    progress: bool | None

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not isinstance(self.epochs, int) or self.epochs < 0:
            raise dn.DefnValueError(f"epochs is a whole number, not {self.epochs!r}")
        size = self.batch_size
        if size is not None and (not isinstance(size, int) or size < 1):
            raise dn.DefnValueError(f"batch_size is a positive number, not {size!r}")


class Run:
    """A training under way: its data, and what the steps have changed so far."""

    def __init__(
        self,
        model: Model,
        data: Batch | Batches,
        state: ModelState | None,
        options: Options,
    ) -> None:
        """Make the arrays that are missing."""
        self.data, self.options = data, options
        self.first = data if isinstance(data, Batch) else data.first
        self.key = dn.random.key(options.seed)
        layers = shapes.layers(model, batches.first_row(self.first))
        self.state = program.complete(layers, dn.random.fold_in(self.key, 0), state)
        self.batch_size = min(options.batch_size or 32, self.first.rows)
        frozen = self.state.frozen
        self.fixed = {k: v for k, v in self.state.data.items() if k in frozen}

    def begin(self, measures: Measures, step: Any, epoch: Any, optimizer: Any) -> None:
        """Take what is compiled for this run, and start the optimizer."""
        self.measures, self.step, self.epoch = measures, step, epoch
        trained, frozen = self.state.trainable, self.state.frozen
        gathered = self.state.statistics.items()
        statistics = {k: v for k, v in gathered if k not in frozen}
        self.progress = Progress(trained, statistics, optimizer.init(trained))

    def run_epoch(self, number: int) -> dict[str, float]:
        """Train for an epoch and return the loss and the metrics."""
        run = self._run_arrays if isinstance(self.data, Batch) else self._run_batches
        return self.measures.named(run(self.data, number))

    def compile(self) -> None:
        """Compile what an epoch calls, so that it is found in the first one."""
        batch = self.first
        arguments = (self.progress, self.fixed, batch.x, batch.y, self.key)
        if isinstance(self.data, Batch):
            self.epoch.lower(*arguments, 1, **self._epoch_options()).compile()
        else:
            self.step.lower(*arguments).compile()

    def _epoch_options(self) -> dict[str, Any]:
        return {"batch_size": self.batch_size, "shuffle": self.options.shuffle}

    def _run_arrays(self, data: Any, number: int) -> Any:
        self.progress, values = self.epoch(
            *(self.progress, self.fixed, data.x, data.y, self.key, number),
            **self._epoch_options(),
        )
        return values

    def _run_batches(self, data: Any, number: int) -> Any:
        key, totals = dn.random.fold_in(self.key, number), None
        for place, batch in enumerate(data):
            batch_key = dn.random.fold_in(key, place)
            arguments = (self.progress, self.fixed, batch.x, batch.y, batch_key)
            self.progress, sums = self.step(*arguments)
            totals = add(totals, sums)
        return self.measures.finish(totals)

    def current(self) -> ModelState:
        """Return the state the steps have led to."""
        trained, statistics, _ = self.progress
        return replace(
            self.state,
            parameters={**self.state.parameters, **trained},
            statistics={**self.state.statistics, **statistics},
        )


def train(
    run: Run,
    validate: Callable[[ModelState], dict[str, float]] | None,
    handlers: tuple[Handler, ...],
) -> ModelState:
    """Run the epochs and return the state, with their history."""
    names = list(run.measures.names)
    if validate is not None:
        names += [f"validation_{name}" for name in names]
    check_monitors(handlers, names)
    history = History({name: [] for name in (*names, "seconds")})
    after = [handler.start() for handler in handlers]
    epochs, state = run.options.epochs, run.current()
    try:
        began = time.perf_counter()
        if epochs > 0:
            run.compile()
        history.compile_seconds = time.perf_counter() - began
        with ProgressBar(epochs, run.options.progress) as bar:
            for number in range(1, epochs + 1):
                began = time.perf_counter()
                numbers = run.run_epoch(number)
                seconds = time.perf_counter() - began
                state = run.current()
                if validate is not None:
                    found = validate(state)
                    numbers |= {f"validation_{k}": v for k, v in found.items()}
                numbers["seconds"] = seconds
                for name, value in numbers.items():
                    history[name].append(value)
                report = Report(number, epochs, numbers, state)
                bar.epoch(report)
                stopped = [each for f in after if (each := f(report)) is not None]
                if stopped:
                    state = stopped[0]
                    break
    except KeyboardInterrupt:
        done = len(history["seconds"])
        print(f"training interrupted after {done} epochs", file=sys.stderr)
    return replace(state, history=history)


def check_monitors(handlers: tuple[Handler, ...], names: list[str]) -> None:
    """Raise unless what handlers look at is measured."""
    for handler in handlers:
        if handler.monitor is not None and handler.monitor not in names:
            raise dn.DefnValueError(
                f"'{handler.monitor}' is not measured; there are {', '.join(names)}",
                hint=graph.nearest(handler.monitor, names),
            )
