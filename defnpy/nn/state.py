"""The arrays of a model: parameters, statistics, and which layers are frozen."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors
import safetensors.numpy

import defnpy as dn
from defnpy.nn import graph, shapes
from defnpy.nn.shapes import Array

if TYPE_CHECKING:
    from defnpy.nn.graph import Model

Arrays = Mapping[str, Mapping[str, Any]]
FORMAT = "defnpy.ModelState 1"


class History(dict[str, list[float]]):
    """The numbers of each epoch, a list per quantity.

    Attributes:
        compile_seconds: what compiling took, before the first epoch.
    """

    compile_seconds: float = 0.0

    # A fixed field of a tree is hashed; one history is one value.
    __hash__ = object.__hash__  # pyright: ignore[reportAssignmentType]


@dataclass(frozen=True, repr=False)
class ModelState:
    """The arrays of a model; methods return a changed copy.

    Attributes:
        parameters: ``{layer: {name: array}}``, what training changes.
        statistics: the same for what layers gather, such as running means.
        frozen: names of layers that training leaves alone.
        history: of the last training, a list per quantity with one number per
            epoch, such as ``history["loss"]``; it is not saved.
    """

    parameters: Arrays = field(default_factory=dict)
    statistics: Arrays = field(default_factory=dict)
    frozen: frozenset[str] = frozenset()
    history: History = field(default_factory=lambda: History(), compare=False)

    @classmethod
    def empty(cls) -> ModelState:
        """Return a state without arrays; training fills it in."""
        return cls()

    @property
    def data(self) -> dict[str, dict[str, Any]]:
        """Parameters and statistics together, as the model reads them."""
        layers = dict.fromkeys((*self.parameters, *self.statistics))
        return {
            name: {**self.parameters.get(name, {}), **self.statistics.get(name, {})}
            for name in layers
        }

    @property
    def trainable(self) -> dict[str, Mapping[str, Any]]:
        """The parameters of the layers that are not frozen."""
        return {k: v for k, v in self.parameters.items() if k not in self.frozen}

    def __getitem__(self, layer: str) -> Mapping[str, Any]:
        """Return the arrays of one layer by name."""
        if layer not in self.data:
            raise dn.DefnKeyError(
                f"the state has no layer '{layer}'",
                hint=graph.nearest(layer, self.data),
            )
        return self.data[layer]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the layers."""
        return iter(self.data)

    def __repr__(self) -> str:
        """Return the number of parameters and of those that are trained."""
        total, trained = _count(self.parameters), _count(self.trainable)
        return f"<ModelState {total} parameters, {trained} trainable>"

    def freeze(self, *layers: str | Callable[[str], bool]) -> ModelState:
        """Return a state in which layers are left alone by training.

        Layers are named, or chosen by a function of the name; without any, all
        are meant.  Statistics of a frozen layer stay too.
        """
        return replace(self, frozen=self.frozen | self._chosen(layers))

    def unfreeze(self, *layers: str | Callable[[str], bool]) -> ModelState:
        """Return a state in which layers are trained again; see `freeze`."""
        return replace(self, frozen=self.frozen - self._chosen(layers))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the arrays and the frozen names to a safetensors file.

        The file appears whole or not at all.
        """
        kinds = {"parameters": self.parameters, "statistics": self.statistics}
        arrays = {
            f"{kind}/{layer}/{name}": np.ascontiguousarray(array)
            for kind, tree in kinds.items()
            for layer, params in tree.items()
            for name, array in params.items()
        }
        notes = {"format": FORMAT, "frozen": json.dumps(sorted(self.frozen))}
        target = Path(path)
        handle, made = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        os.close(handle)
        try:
            safetensors.numpy.save_file(arrays, made, metadata=notes)
            os.replace(made, target)
        except BaseException:
            os.unlink(made)
            raise

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], like: Model | ModelState | None = None
    ) -> ModelState:
        """Read a state that `save` has written.

        With `like`, a model with declared shapes or a state, each array must be
        there with the same shape and dtype, and no other.
        """
        state = _read(path)
        if like is not None:
            wanted = like if isinstance(like, ModelState) else _specs_of(like)
            check_matches(wanted, state, f"'{os.fspath(path)}'")
        return state

    def _chosen(self, layers: tuple[str | Callable[[str], bool], ...]) -> set[str]:
        known = self.data
        chosen: set[str] = set() if layers else set(known)
        for each in layers:
            if callable(each):
                chosen |= {name for name in known if each(name)}
            elif each in known:
                chosen.add(each)
            else:
                raise dn.DefnKeyError(
                    f"the state has no layer '{each}'", hint=graph.nearest(each, known)
                )
        return chosen


dn.tree.register_dataclass(ModelState, static=("frozen", "history"))


def specs(layers: Mapping[Any, shapes.Layer]) -> ModelState:
    """Return a state whose arrays are the shapes and dtypes the layers want."""
    kinds: dict[str, dict[str, dict[str, Any]]] = {"parameter": {}, "statistic": {}}
    for layer in layers.values():
        for param in layer.node.params:
            own = kinds[param.kind].setdefault(layer.name, {})
            array = layer.params[param.name]
            if own.setdefault(param.name, array) != array:
                raise dn.DefnShapeError(
                    f"'{param.name}' of the shared layer '{layer.name}' would be "
                    f"{own[param.name]} in one place and {array} in another"
                )
    return ModelState(kinds["parameter"], kinds["statistic"])


def check_matches(wanted: ModelState, state: ModelState, where: str) -> None:
    """Raise unless `state` has exactly the arrays of `wanted`, by shape and dtype."""
    expected, found = _flat(wanted), _flat(state)
    problems = [f"{key} is missing" for key in expected if key not in found]
    problems += [f"{key} is not expected" for key in found if key not in expected]
    problems += [
        f"{key} is {_array(found[key])}, not {_array(expected[key])}"
        for key in expected
        if key in found and _array(found[key]) != _array(expected[key])
    ]
    if problems:
        raise dn.DefnValueError(f"{where} does not fit: {'; '.join(problems)}")


def _specs_of(model: Model) -> ModelState:
    return specs(shapes.layers(model))


def _read(path: str | os.PathLike[str]) -> ModelState:
    shown = f"'{os.fspath(path)}'"
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            notes = file.metadata() or {}
            arrays = {key: file.get_tensor(key) for key in file.keys()}
    except safetensors.SafetensorError as error:
        raise dn.DefnValueError(
            f"{shown} is not a whole safetensors file: {error}"
        ) from None
    if notes.get("format") != FORMAT:
        raise dn.DefnValueError(f"{shown} was not written by ModelState.save")
    kinds: dict[str, dict[str, dict[str, Any]]] = {"parameters": {}, "statistics": {}}
    for key, array in arrays.items():
        kind, rest = key.split("/", 1)
        layer, name = rest.rsplit("/", 1)
        kinds[kind].setdefault(layer, {})[name] = array
    frozen = frozenset(json.loads(notes["frozen"]))
    return ModelState(kinds["parameters"], kinds["statistics"], frozen)


def _flat(state: ModelState) -> dict[str, Any]:
    return {
        f"{layer}.{name}": array
        for layer, params in state.data.items()
        for name, array in params.items()
    }


def _array(value: Any) -> Array:
    return Array(tuple(value.shape), np.dtype(value.dtype))


def _count(tree: Arrays) -> int:
    return sum(int(np.size(a)) for params in tree.values() for a in params.values())
