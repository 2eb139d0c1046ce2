"""A model as two functions: one makes its arrays, one predicts with them."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import defnpy as dn
from defnpy.nn import graph, initializers, shapes, source, state
from defnpy.nn.graph import Model
from defnpy.nn.state import ModelState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Predict:
    """A model's prediction: call it with a state and a batch.

    It is compiled once for each signature.  Inside a function of the language it
    takes the parameters as a dict of dicts and may be differentiated.
    """

    def __init__(self, model: Model) -> None:
        """Write the model out; nothing is compiled before the first call."""
        self._model = model
        self.function = source.predict_function(model)
        self._params = {
            name: [param.name for param in node.params]
            for node, name in graph.names(model).items()
            if node.params
        }

    @classmethod
    def of(cls, model: Model) -> Predict:
        """Return the prediction of a model, made once.

        A class method is run when a function that calls it is compiled, so that
        `predict` may be called inside of one.
        """
        if "predict" not in model.derived:
            model.derived["predict"] = cls(model)
        return model.derived["predict"]

    @property
    def __defnpy_target__(self) -> Any:
        """The function that the compiler reads."""
        return self.function.__defnpy_target__

    def __call__(self, state: ModelState | Mapping[str, Any], inputs: Any) -> Any:
        """Return the outputs for a batch."""
        params = state.data if isinstance(state, ModelState) else state
        batch = shapes.as_inputs(self._model, inputs)
        self._check(params)
        return self.function(params, batch)

    def _check(self, params: Mapping[str, Any]) -> None:
        for layer, names in self._params.items():
            for name in names:
                if layer not in params or name not in params[layer]:
                    raise dn.DefnKeyError(
                        f"the state has no '{name}' of layer '{layer}'",
                        hint="make a state with model.init, or train one",
                    )


def build(model: Model) -> tuple[Callable[..., ModelState], Predict]:
    """Return ``(init_fn, predict_fn)`` of a model.

    ``init_fn(template_or_batch, key=0, state=ModelState.empty())`` makes the
    arrays that the state does not have; ``predict_fn(state, batch)`` returns the
    outputs.

    >>> model = dn.nn.input("input", shape=(None, 2)).dense(3)
    >>> init_fn, predict_fn = dn.nn.build(model)
    >>> predict_fn(init_fn(dn.template((1, 2), "f32")), dn.zeros((4, 2))).shape
    (4, 3)
    """

    def init_fn(inputs: Any = None, **options: Any) -> ModelState:
        return init(model, inputs, **options)

    return init_fn, Predict.of(model)


def init(
    model: Model, inputs: Any = None, *, key: Any = 0, state: ModelState | None = None
) -> ModelState:
    """Return the arrays of a model.

    Args:
        model: what they are for.
        inputs: a batch or a template; by default the declared shapes.
        key: a random key or a seed.
        state: arrays to keep; only those it lacks are made.
    """
    return complete(shapes.layers(model, inputs), key, state)


Model.init = init  # pyright: ignore[reportAttributeAccessIssue]


def complete(
    layers: Mapping[Model, shapes.Layer], key: Any, given: ModelState | None
) -> ModelState:
    """Return the arrays that layers want, those of a given state among them."""
    kept = given if isinstance(given, ModelState) else ModelState(given or {})
    wanted = state.specs(layers)
    _check_kept(wanted, kept)
    missing = dict.fromkeys(
        (layer.name, param.name, _initializer(param), *_spec(layer.params[param.name]))
        for layer in layers.values()
        for param in layer.node.params
        if param.name not in kept.data.get(layer.name, {})
    )
    seeded = dn.random.key(key) if isinstance(key, int) else key
    made = source.initial_function(tuple(missing))(seeded) if missing else {}

    def filled(tree: state.Arrays) -> dict[str, dict[str, Any]]:
        return {
            layer: {
                name: kept.data.get(layer, {}).get(name, made.get(layer, {}).get(name))
                for name in params
            }
            for layer, params in tree.items()
        }

    return replace(
        kept,
        parameters=filled(wanted.parameters),
        statistics=filled(wanted.statistics),
    )


def predict(model: Model, state: ModelState | Mapping[str, Any], inputs: Any) -> Any:
    """Return the outputs of a model for a batch.

    >>> model = dn.nn.input("input", shape=(None, 2)).dense(1, name="out")
    >>> ones = {"out": {"kernel": dn.ones((2, 1)), "bias": dn.zeros(1)}}
    >>> dn.nn.predict(model, ones, dn.tensor([[1.0, 2.0]]))
    array([[3.]], dtype=float32)
    """
    return Predict.of(model)(state, inputs)


def _spec(array: shapes.Array) -> tuple[tuple[int, ...], str]:
    return array.shape, shapes.dtype_name(array.dtype)


def _initializer(param: graph.Param) -> Callable[..., Any]:
    wanted = param.initializer
    return wanted if callable(wanted) else _initializer_named(wanted)


@functools.cache
def _initializer_named(name: str) -> Callable[..., Any]:
    """Return the initializer of a name; one and the same each time."""
    if name not in initializers.BY_NAME:
        raise dn.DefnValueError(
            f"there is no initializer '{name}'",
            hint=graph.nearest(name, initializers.BY_NAME),
        )
    return initializers.BY_NAME[name]()


def _check_kept(wanted: ModelState, kept: ModelState) -> None:
    """Raise unless each array of a given state is one that the model wants."""
    known = {
        layer: {k: v for k, v in params.items() if k in kept.data.get(layer, {})}
        for layer, params in wanted.data.items()
        if layer in kept.data
    }
    state.check_matches(ModelState(known), ModelState(kept.data), "the state")
