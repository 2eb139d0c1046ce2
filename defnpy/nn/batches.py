"""The data of a training or evaluation, checked before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

import defnpy as dn
from defnpy.nn import graph, shapes

if TYPE_CHECKING:
    from defnpy.nn.graph import Model


@dataclass(frozen=True)
class Batch:
    """Rows of inputs and their labels, as the compiled functions take them."""

    x: Any
    y: Any
    rows: int


class Batches:
    """Batches of ``(x, y)``, handed out once an epoch.

    What can be iterated only once is kept in the first epoch.
    """

    def __init__(self, model: Model, data: Iterable[Any]) -> None:
        """Look at the first batch."""
        self._model = model
        self._once = isinstance(data, Iterator)
        self._data, self._kept = data, []
        self._rest: Iterator[Any] | None = iter(data)
        self._output: Any = None
        first = self._next(self._rest)
        if first is None:
            raise dn.DefnValueError("the data has no batches")
        self.first = first

    def __iter__(self) -> Iterator[Batch]:
        """Iterate over the batches of an epoch."""
        if self._rest is None:
            if self._once:
                yield from self._kept
                return
            rest = iter(self._data)
            batch = self._next(rest)
        else:
            rest, batch = self._rest, self.first
        self._rest = None
        while batch is not None:
            if self._once:
                self._kept.append(batch)
            yield batch
            batch = self._next(rest)

    def _next(self, rest: Iterator[Any]) -> Batch | None:
        pair = next(rest, None)
        if pair is None:
            return None
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise dn.DefnTypeError(
                f"the data hands out pairs (x, y), not a {type(pair).__name__}"
            )
        batch = as_batch(self._model, *pair)
        if self._output is None:
            self._output = output_of(self._model, batch)
        return _with_columns(batch, self._output)


def of_data(model: Model, data: Any, batch_size: int | None) -> Batch | Batches:
    """Return the data of a run: whole arrays ``(x, y)``, or batches of them."""
    if _is_whole(data, batch_size):
        batch = as_batch(model, *data)
        return _with_columns(batch, output_of(model, batch))
    if batch_size is not None:
        raise dn.DefnTypeError("batch_size goes with arrays (x, y)")
    if not isinstance(data, Iterable):
        raise dn.DefnTypeError(
            "data is a tuple (x, y) of arrays, or an iterable of such batches, not a "
            f"{type(data).__name__}"
        )
    return Batches(model, data)


def as_batch(model: Model, x: Any, y: Any) -> Batch:
    """Return inputs and labels converted for a model and checked."""
    inputs = shapes.as_inputs(model, x)
    dtype = shapes.float_dtype(next(iter(graph.inputs(model).values())))
    labels = dn.tree.map(lambda leaf: _label(leaf, dtype), y)
    named = {"x": inputs, "y": labels}
    rows = {
        (name, np.shape(leaf)[0] if np.ndim(leaf) else None)
        for name, tree in named.items()
        for leaf in dn.tree.leaves(tree)
    }
    sizes = {size for _, size in rows}
    if None in sizes:
        raise dn.DefnShapeError("x and y have rows along axis 0; a scalar has none")
    if len(sizes) != 1:
        shown = ", ".join(f"{name} has {size}" for name, size in sorted(rows))
        raise dn.DefnShapeError(f"x and y differ in rows: {shown}")
    (size,) = sizes
    if size == 0:
        raise dn.DefnValueError("the data has no rows")
    return Batch(inputs, labels, int(size or 0))


def output_of(model: Model, batch: Batch) -> Any:
    """Return the shape and dtype of what a model makes of one row of a batch."""
    return shapes.layers(model, first_row(batch))[model].output


def first_row(batch: Batch) -> Any:
    """Return the inputs of the first row alone."""
    return dn.tree.map(lambda array: array[:1], batch.x)


def _with_columns(batch: Batch, output: Any) -> Batch:
    """Make labels [n] a column [n, 1] where the model's output is one."""
    y = batch.y
    if isinstance(y, np.ndarray) and isinstance(output, shapes.Array):
        if output.shape[-1:] == (1,) and y.ndim + 1 == len(output.shape):
            return replace(batch, y=y[..., None])
    return batch


def _is_whole(data: Any, batch_size: int | None) -> bool:
    """Say whether data is one ``(x, y)``; two batches in a tuple look alike."""
    if not isinstance(data, tuple) or len(data) != 2:
        return False
    pairs = all(isinstance(each, tuple | list) and len(each) == 2 for each in data)
    return batch_size is not None or not pairs


def _label(leaf: Any, dtype: np.dtype) -> Any:
    array = dn.asarray(leaf)
    floats = array.dtype.kind == "f"
    return array.astype(dtype) if floats and array.dtype != dtype else array
