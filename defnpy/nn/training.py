"""What training computes, written in the language.

One step is one function; an epoch is a counted loop over it, so that a whole
epoch, shuffling included, is one compiled program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import defnpy as dn
from defnpy import defn, optimizers

if TYPE_CHECKING:
    from collections.abc import Callable


class Progress(NamedTuple):
    """What a step changes.

    Attributes:
        trained: the parameters that are trained.
        statistics: what layers gather.
        optimizer: the state of the optimizer.
    """

    trained: Any
    statistics: Any
    optimizer: Any


class Parts(NamedTuple):
    """What a training step is made of.

    Attributes:
        forward: the model while training; see `source.forward_function`.
        loss: ``loss(y, outputs)``, a mean over the rows.
        update: the optimizer's update.
        sums: functions like `loss` that return tuples of sums over a batch.
        counts: how many sums each of them returns.
        finish: the metrics of the sums over all batches.
    """

    forward: Callable[..., Any]
    loss: Callable[..., Any]
    update: Callable[..., Any]
    sums: tuple[Callable[..., Any], ...]
    counts: tuple[int, ...]
    finish: Callable[..., Any]


def step_function(parts: Parts) -> Any:
    """Return ``step(progress, fixed, x, y, key) -> progress, sums``.

    The sums are those of the batch before the update; see `Parts`.
    """
    forward, loss, update, sums = parts[:4]

    def objective(trained: Any, statistics: Any, fixed: Any, batch: Any) -> Any:
        x, y, key = batch
        outputs, _ = forward(trained, statistics, fixed, x, key)
        return loss(y, outputs)

    @defn
    def step(progress: Any, fixed: Any, x: Any, y: Any, key: Any) -> Any:
        trained, statistics, state = progress
        batch = (x, y, key)
        grads = dn.grad(objective)(trained, statistics, fixed, batch)
        # The compiler shares this with the forward half of the gradient.
        outputs, gathered = forward(trained, statistics, fixed, x, key)
        updates, state = update(grads, state, trained)
        trained = optimizers.apply_updates(trained, updates)
        found = tuple([each(y, outputs) for each in sums])
        return Progress(trained, gathered, state), found

    return step


@defn
def shuffled(key: Any, *, rows: int) -> Any:
    """Return the numbers below `rows` in random order.

    Each last place in turn gets one of the numbers that are left (Fisher and
    Yates, by Durstenfeld, 1964): one pass, where `dn.random.permutation` sorts.
    """
    order = dn.arange(rows)
    bits = dn.random.bits(key, (rows,))
    for k in range(rows - 1):
        last = rows - 1 - k
        # 32 random bits, as a fraction of the places that are left.
        wide = dn.astype(bits[last], "u64") * dn.astype(last + 1, "u64")
        place = dn.astype(wide >> 32, "i64")
        chosen = order[place]
        order[place] = order[last]
        order[last] = chosen
    return order


def epoch_function(parts: Parts) -> Any:
    """Return ``epoch(progress, fixed, x, y, key, number) -> progress, metrics``.

    Rows are taken in an order that depends on the key and the number of the
    epoch.  A short last batch counts by its rows.
    """
    step, counts, finish = step_function(parts), parts.counts, parts.finish

    @defn
    def epoch(
        progress: Any,
        fixed: Any,
        x: Any,
        y: Any,
        key: Any,
        number: Any,
        *,
        batch_size: int,
        shuffle: bool,
    ) -> Any:
        rows = dn.tree.leaves(x)[0].shape[0]
        order_key, step_key = dn.random.split(dn.random.fold_in(key, number))
        if shuffle:
            x, y = _taken((x, y), shuffled(order_key, rows=rows))
        totals = _zeros(counts)
        for i in range(rows // batch_size):
            batch_x, batch_y = _sliced((x, y), i * batch_size, batch_size)
            batch_key = dn.random.fold_in(step_key, i)
            progress, sums = step(progress, fixed, batch_x, batch_y, batch_key)
            totals = _added(totals, sums)
        left = rows % batch_size
        if left > 0:
            batch_x, batch_y = _sliced((x, y), rows - left, left)
            batch_key = dn.random.fold_in(step_key, rows // batch_size)
            progress, sums = step(progress, fixed, batch_x, batch_y, batch_key)
            totals = _added(totals, sums)
        return progress, finish(totals)

    return epoch


def evaluate_function(
    predict: Callable[..., Any],
    sums: tuple[Callable[..., Any], ...],
    counts: tuple[int, ...],
) -> Any:
    """Return ``evaluate(params, x, y) -> sums`` over all rows; see `Parts`."""

    def measure(params: Any, x: Any, y: Any) -> Any:
        outputs = predict(params, x)
        return tuple([each(y, outputs) for each in sums])

    @defn
    def evaluate(params: Any, x: Any, y: Any, *, batch_size: int) -> Any:
        rows = dn.tree.leaves(x)[0].shape[0]
        totals = _zeros(counts)
        for i in range(rows // batch_size):
            batch_x, batch_y = _sliced((x, y), i * batch_size, batch_size)
            totals = _added(totals, measure(params, batch_x, batch_y))
        left = rows % batch_size
        if left > 0:
            batch_x, batch_y = _sliced((x, y), rows - left, left)
            totals = _added(totals, measure(params, batch_x, batch_y))
        return totals

    return evaluate


def finish_function(finishes: tuple[Callable[..., Any], ...]) -> Any:
    """Return ``finish(totals) -> metrics``, each of its own sums."""

    @defn
    def finish(totals: Any) -> Any:
        pairs = zip(finishes, totals, strict=True)
        return tuple([finished(*sums) for finished, sums in pairs])

    return finish


def _zeros(counts: Any) -> Any:
    zero = dn.zeros((), dtype="f64")
    return tuple([tuple([zero for _ in range(count)]) for count in counts])


def _added(totals: Any, sums: Any) -> Any:
    return dn.tree.map(lambda total, each: total + each, totals, sums)


def _taken(arrays: Any, rows: Any) -> Any:
    return dn.tree.map(lambda array: dn.take(array, rows, axis=0, mode="clip"), arrays)


def _sliced(arrays: Any, start: Any, count: int) -> Any:
    return dn.tree.map(lambda array: array[start : start + count], arrays)
