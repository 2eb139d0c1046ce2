"""Losses and metrics over many batches, exact whatever the batches' sizes.

A metric is a function of sums over rows: batches are added up and the metric is
taken of the totals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

import defnpy as dn
from defnpy import metrics
from defnpy.nn import batches, shapes, training

if TYPE_CHECKING:
    from defnpy.nn.batches import Batch
    from defnpy.nn.graph import Model

Function = Callable[..., Any]


class Measures:
    """Metrics by name; made once, so that they are compiled once.

    Attributes:
        names: the names of the metrics.
        sums: for each a function ``(y, outputs) -> sums`` over rows.
        finish: all metrics of all their sums, a function of the language.
    """

    def __init__(self, functions: Mapping[str, Function]) -> None:
        """Take the sums of each metric; a function of the user's is a mean."""
        streams = [metrics.stream(each) for each in functions.values()]
        self.names = tuple(functions)
        self.sums = tuple(stream.sums for stream in streams)
        self.finish = training.finish_function(
            tuple(stream.finish for stream in streams)
        )

    def counts(self, model: Model, batch: Batch) -> tuple[int, ...]:
        """Return how many sums each metric has, tried on the first row."""
        output = batches.output_of(model, batch)
        zeros = dn.tree.map(lambda array: np.zeros(array.shape, array.dtype), output)
        labels = dn.tree.map(lambda array: array[:1], batch.y)
        counts = []
        for name, sums in zip(self.names, self.sums, strict=True):
            tried: Any = getattr(sums, "python", sums)
            try:
                counts.append(len(tried(labels, zeros)))
            except dn.DefnError as error:
                shown = dn.tree.map(lambda array: array.shape, labels)
                raise dn.DefnShapeError(
                    f"'{name}' does not fit a row with labels {shown} and outputs "
                    f"{shapes.shape_text(output)}: {error.message}"
                ) from None
        return tuple(counts)

    def named(self, values: Any) -> dict[str, float]:
        """Return the values of the metrics by their names."""
        return {k: float(v) for k, v in zip(self.names, values, strict=True)}


def add(totals: Any, sums: Any) -> Any:
    """Return the totals after one more batch; None before the first."""
    made = dn.tree.map(float, sums)
    if totals is None:
        return made
    return dn.tree.map(lambda total, each: total + each, totals, made)
