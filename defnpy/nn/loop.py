"""Training and evaluation, built up step by step and then run.

trained = (
    nn.loop.trainer(model, "binary_cross_entropy", optimizers.adam(0.01))
    .metric("accuracy")
    .run((x, y), epochs=10, batch_size=32, seed=0)
)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import defnpy as dn
from defnpy import losses, metrics, optimizers
from defnpy.nn import batches, graph, handlers, run, source, training
from defnpy.nn.batches import Batch, Batches
from defnpy.nn.measures import Measures, add
from defnpy.nn.run import Options, Run
from defnpy.nn.training import Parts

if TYPE_CHECKING:
    import os

    from defnpy.nn.graph import Model
    from defnpy.nn.handlers import Handler, Report
    from defnpy.nn.state import ModelState

Function = Callable[..., Any]
EVALUATION_ROWS = 1024


def trainer(
    model: Model, loss: str | Function, optimizer: str | optimizers.Optimizer
) -> Trainer:
    """Return a training that can be given metrics and then run.

    Args:
        model: what to train.
        loss: a name of `defnpy.losses`, or a function ``(y, outputs)`` of the
            language that returns a mean over the rows.
        optimizer: one of `defnpy.optimizers`, or its name for the defaults.
    """
    made = _named(optimizers.OPTIMIZERS, optimizer, "optimizer")
    if isinstance(optimizer, str):
        made = made()
    return Trainer(model, _named(losses.LOSSES, loss, "loss"), made)


def evaluator(model: Model) -> Evaluator:
    """Return an evaluation that can be given metrics and then run."""
    return Evaluator(model)


@dataclass(frozen=True, eq=False)
class Evaluator:
    """Metrics of a model over data; see `evaluator`."""

    model: Model
    metrics: Mapping[str, Function] = field(default_factory=dict)
    _made: dict[Any, Any] = field(default_factory=dict, init=False)

    def metric(self, metric: str | Function, name: str | None = None) -> Evaluator:
        """Add a metric: a function ``(y, outputs)`` or its name.

        Names are those of `defnpy.metrics` and of `defnpy.losses`.
        """
        return replace(self, metrics=_with_metric(self.metrics, metric, name, ()))

    def run(
        self, data: Any, state: ModelState, *, batch_size: int | None = None
    ) -> dict[str, float]:
        """Return the mean of each metric over the rows of the data.

        Data are arrays ``(x, y)`` or an iterable of batches of them.
        """
        found = batches.of_data(self.model, data, batch_size)
        return self.measure_of(found, batch_size or EVALUATION_ROWS)(state)

    def measure_of(
        self, data: Batch | Batches, batch_size: int
    ) -> Callable[[ModelState], dict[str, float]]:
        """Return what measures a state on data that has been checked."""
        measures = _once(self._made, "measures", lambda: Measures(self.metrics))
        first = data if isinstance(data, Batch) else data.first
        counts = measures.counts(self.model, first)
        predict = _once(
            self._made, "predict", lambda: source.predict_function(self.model)
        )
        evaluate = _once(
            *(self._made, counts),
            lambda: training.evaluate_function(predict, measures.sums, counts),
        )

        def measured(state: ModelState) -> dict[str, float]:
            totals = None
            for batch in [data] if isinstance(data, Batch) else data:
                size = min(batch_size, batch.rows)
                sums = evaluate(state.data, batch.x, batch.y, batch_size=size)
                totals = add(totals, sums)
            return measures.named(measures.finish(totals))

        return measured


@dataclass(frozen=True, eq=False)
class Trainer:
    """A training that is built up: each method returns a changed copy."""

    model: Model
    loss: Function
    optimizer: optimizers.Optimizer
    metrics: Mapping[str, Function] = field(default_factory=dict)
    validation: tuple[Any, int | None] | None = None
    handlers: tuple[Handler, ...] = ()
    _made: dict[Any, Any] = field(default_factory=dict, init=False)

    def metric(self, metric: str | Function, name: str | None = None) -> Trainer:
        """Add a metric: a function ``(y, outputs)`` or its name.

        Names are those of `defnpy.metrics` and of `defnpy.losses`.  A function of
        your own is a mean over rows.  Rows are seen before the update they make.
        """
        taken = ("loss", "seconds")
        return replace(self, metrics=_with_metric(self.metrics, metric, name, taken))

    def validate(self, data: Any, *, batch_size: int | None = None) -> Trainer:
        """Measure the loss and the metrics on other data after each epoch.

        They are called ``validation_loss`` and so on.
        """
        return replace(self, validation=(data, batch_size))

    def early_stop(
        self,
        monitor: str = "validation_loss",
        *,
        patience: int = 3,
        mode: str | None = None,
        restore_best: bool = False,
    ) -> Trainer:
        """Stop after `patience` epochs in which a metric has not improved.

        `mode` says whether ``"min"`` or ``"max"`` is better; by default less is
        for what ends in "loss" or "error".  With `restore_best` the state of the
        best epoch is returned, else the last.
        """
        return self._with(handlers.early_stop(monitor, patience, mode, restore_best))

    def checkpoint(
        self,
        path: str | os.PathLike[str],
        *,
        monitor: str | None = None,
        mode: str | None = None,
    ) -> Trainer:
        """Save the state after each epoch, or with `monitor` after the best so far.

        ``{epoch}`` in the path stands for the number of the epoch.
        """
        return self._with(handlers.checkpoint(path, monitor, mode))

    def log(
        self, function: Callable[[Report], Any] = print, *, every: int = 1
    ) -> Trainer:
        """Call a function with the `Report` of an epoch; by default print it."""
        return self._with(handlers.Each(function, every))

    def run(
        self,
        data: Any,
        state: ModelState | None = None,
        *,
        epochs: int = 1,
        batch_size: int | None = None,
        seed: int = 0,
        shuffle: bool = True,
        progress: bool | None = None,
    ) -> ModelState:
        """Train and return the state, with the `history` of the epochs.

        Args:
            data: arrays ``(x, y)``, of which each epoch is one compiled call; or
                an iterable of batches ``(x, y)``, of which each is.  What can be
                iterated only once is kept in the first epoch.
            state: where to start; arrays that it lacks are made from the seed.
            epochs: how often to go through the data.
            batch_size: rows of a batch, 32 by default; for arrays only.  A last
                batch may be shorter and counts by its rows.
            seed: decides on initial values, the order of rows and dropout.
            shuffle: whether arrays are taken in another order each epoch.
            progress: whether to draw a bar; by default on a terminal.

        An interrupt from the keyboard ends the training with the state of the
        last whole epoch.
        """
        options = Options(epochs, batch_size, seed, shuffle, progress)
        found = batches.of_data(self.model, data, batch_size)
        made = Run(self.model, found, state, options)
        made.begin(*self._functions(made), self.optimizer)
        return run.train(made, self._validate(), self.handlers)

    def _with(self, handler: Handler) -> Trainer:
        return replace(self, handlers=(*self.handlers, handler))

    def _measured(self) -> dict[str, Function]:
        return {"loss": self.loss, **self.metrics}

    def _functions(self, made: Run) -> tuple[Measures, Any, Any]:
        """Return what is compiled for a run, made once for each frozen set."""
        measures = _once(self._made, "measures", lambda: Measures(self._measured()))
        frozen, counts = made.state.frozen, measures.counts(self.model, made.first)

        def functions() -> tuple[Any, Any]:
            forward = source.forward_function(self.model, frozen)
            update, sums = self.optimizer.update, measures.sums
            parts = Parts(forward, self.loss, update, sums, counts, measures.finish)
            return training.step_function(parts), training.epoch_function(parts)

        return measures, *_once(self._made, (frozen, counts), functions)

    def _validate(self) -> Callable[[ModelState], dict[str, float]] | None:
        if self.validation is None:
            return None
        evaluator = _once(
            self._made, "evaluator", lambda: Evaluator(self.model, self._measured())
        )
        found = batches.of_data(self.model, *self.validation)
        return evaluator.measure_of(found, EVALUATION_ROWS)


def _once(made: dict[Any, Any], key: Any, make: Callable[[], Any]) -> Any:
    """Return what has been made for a key, or make it."""
    if key not in made:
        made[key] = make()
    return made[key]


def _with_metric(
    known: Mapping[str, Function],
    metric: str | Function,
    name: str | None,
    taken: tuple[str, ...],
) -> dict[str, Function]:
    function = _named({**losses.LOSSES, **metrics.METRICS}, metric, "metric")
    made = name or (metric if isinstance(metric, str) else metric.__name__)
    if made in known or made in taken:
        raise dn.DefnValueError(
            f"there is a metric '{made}' already", hint="name it: metric(f, name=...)"
        )
    return {**known, made: function}


def _named(known: Mapping[str, Any], value: Any, what: str) -> Any:
    """Return what is known by a name; other values as they are."""
    if not isinstance(value, str):
        return value
    if value not in known:
        raise dn.DefnValueError(
            f"there is no {what} '{value}'; there are {', '.join(known)}",
            hint=graph.nearest(value, known),
        )
    return known[value]
