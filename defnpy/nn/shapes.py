"""The arrays that go through a model, and what each layer makes of them.

Shapes are found by running each layer once in CPython on zeros of the sizes
asked for: there is one definition of a layer, and shapes follow from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import defnpy as dn
from defnpy.nn import graph
from defnpy.nn.graph import Key, Model, Param


@dataclass(frozen=True)
class Array:
    """The shape and dtype of an array."""

    shape: tuple[int, ...]
    dtype: np.dtype
    __defnpy_leaf__: ClassVar[bool] = True

    def __str__(self) -> str:
        """Return them as ``f32[2,3]``."""
        return f"{dtype_name(self.dtype)}[{','.join(map(str, self.shape))}]"

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """The size in bytes."""
        return self.size * self.dtype.itemsize


@dataclass(frozen=True)
class Layer:
    """A layer in a model whose input sizes are known.

    Attributes:
        node: the layer in the graph.
        name: its name.
        output: the shape and dtype of its result; of a container, a tree.
        params: those of the arrays it owns, by name.
    """

    node: Model
    name: str
    output: Any
    params: Mapping[str, Array]


def layers(model: Model, inputs: Any = None) -> dict[Model, Layer]:
    """Return every layer with its shapes, in the order of the graph.

    `inputs` are arrays or templates as `predict` takes them; without them the
    declared shapes are used, with 1 for each ``None``.
    """
    given = _declared(model) if inputs is None else named_inputs(model, inputs)
    found: dict[Model, Layer] = {}
    for node, name in graph.names(model).items():
        if node.op == "input":
            found[node] = Layer(node, name, _input_array(node, given[name]), {})
        elif node.function is None:
            outputs = [found[parent].output for parent in node.parents]
            tree = dn.tree.map(lambda k, outputs=outputs: outputs[k], node.structure)
            found[node] = Layer(node, name, tree, {})
        else:
            found[node] = _inferred(node, name, found)
    return found


def named_inputs(model: Model, value: Any) -> dict[str, Any]:
    """Return what is given for each input of a model, by its name.

    A model with one input takes an array; with several, a dict by name or a
    tuple in the order in which the graph reaches them.
    """
    wanted = list(graph.inputs(model))
    if isinstance(value, Mapping):
        for name in value:
            if name not in wanted:
                raise dn.DefnKeyError(
                    f"the model has no input '{name}'; it has {_listed(wanted)}",
                    hint=graph.nearest(str(name), wanted),
                )
        for name in wanted:
            if name not in value:
                raise dn.DefnKeyError(f"input '{name}' of the model is not given")
        return dict(value)
    if len(wanted) == 1:
        return {wanted[0]: value}
    if not isinstance(value, tuple) or len(value) != len(wanted):
        raise dn.DefnTypeError(
            f"the model has inputs {_listed(wanted)}; give a dict with these keys"
        )
    return dict(zip(wanted, value, strict=True))


def as_inputs(model: Model, value: Any, *, rows: bool = True) -> Any:
    """Return the arrays for a model's compiled functions, checked and converted.

    Float arrays take the dtype of their input; integers stay.  `rows` says that
    the declared sizes hold for the whole arrays.
    """
    nodes = graph.inputs(model)
    arrays = {
        name: _converted(nodes[name], each)
        for name, each in named_inputs(model, value).items()
    }
    if rows:
        for name, array in arrays.items():
            _check_declared(nodes[name], array.shape)
    return next(iter(arrays.values())) if len(arrays) == 1 else arrays


def shape_text(output: Any) -> str:
    """Return the shape of a result, or a tree of the shapes of several."""
    if isinstance(output, Array):
        return str(output.shape)
    return str(dn.tree.map(lambda array: array.shape, output))


def dtype_name(dtype: Any) -> str:
    """Return the short name of a dtype.

    >>> dtype_name(np.dtype("float32"))
    'f32'
    """
    made = np.dtype(dtype)
    if made.kind == "b":
        return "bool"
    prefix = made.kind if made.kind in "iufc" else "bf"
    return f"{prefix}{made.itemsize * 8}"


def float_dtype(node: Model) -> np.dtype:
    """Return the dtype that float arrays of an input are converted to."""
    return dn.zeros((), dtype=node.options["dtype"] or dn.config.default_float).dtype


def _declared(model: Model) -> dict[str, Any]:
    given = {}
    for name, node in graph.inputs(model).items():
        shape = node.options["shape"]
        if shape is None:
            raise dn.DefnValueError(
                f"input '{name}' declares no shape",
                hint="give a batch or a template: dn.template((1, 2), 'f32')",
            )
        sizes = tuple(1 if size is None else size for size in shape)
        given[name] = Array(sizes, float_dtype(node))
    return given


def _input_array(node: Model, value: Any) -> Array:
    if not hasattr(value, "shape") or not hasattr(value, "dtype"):
        value = dn.asarray(value)
    shape = tuple(int(size) for size in value.shape)
    _check_declared(node, shape)
    dtype = _numpy_dtype(value.dtype)
    return Array(shape, float_dtype(node) if _is_float(dtype) else dtype)


def _numpy_dtype(dtype: Any) -> np.dtype:
    try:
        return np.dtype(dtype)
    except TypeError:
        return dn.zeros((), dtype=dtype).dtype


def _converted(node: Model, value: Any) -> Any:
    array = dn.asarray(value)
    if _is_float(array.dtype) and array.dtype != float_dtype(node):
        return array.astype(float_dtype(node))
    return array


def _is_float(dtype: np.dtype) -> bool:
    return dtype.kind == "f" or dtype_name(dtype) == "bf16"


def _check_declared(node: Model, shape: tuple[int, ...]) -> None:
    wanted = node.options["shape"]
    if wanted is None:
        return
    fits = len(wanted) == len(shape) and all(
        size is None or size == got for size, got in zip(wanted, shape, strict=True)
    )
    if not fits:
        raise dn.DefnShapeError(
            f"input '{node.given_name}' has shape {wanted}, not {shape}"
        )


def _inferred(node: Model, name: str, found: Mapping[Model, Layer]) -> Layer:
    parents = [found[parent].output for parent in node.parents]
    shapes = [each.shape for each in parents]
    dtype = next((each.dtype for each in parents if _is_float(each.dtype)), None)
    params = {p.name: _param_array(p, name, shapes, dtype) for p in node.params}
    operands = [_zeros(operand, params, found) for operand in node.operands]
    function: Any = getattr(node.function, "python", node.function)
    try:
        result = np.asarray(function(*operands, **node.arguments(training=False)))
    except Exception as error:
        raise _layer_error(node, name, parents, error) from None
    return Layer(node, name, Array(result.shape, result.dtype), params)


def _zeros(operand: Any, params: Mapping[str, Array], found: Any) -> Any:
    if isinstance(operand, Key):
        return None
    known = (
        params[operand.name] if isinstance(operand, Param) else found[operand].output
    )
    return np.zeros(known.shape, known.dtype)


def _param_array(
    param: Param, layer: str, shapes: list[tuple[int, ...]], dtype: np.dtype | None
) -> Array:
    shape = param.shape
    try:
        sizes = shape(*shapes) if callable(shape) else shape
        sizes = tuple(int(size) for size in sizes)
    except Exception as error:
        raise dn.DefnShapeError(
            f"parameter '{param.name}' of layer '{layer}' has no shape for inputs of "
            f"{_listed(shapes)}: {error}"
        ) from None
    wanted = param.dtype or dtype or dn.config.default_float
    return Array(sizes, _numpy_dtype(wanted))


def _layer_error(node: Model, name: str, parents: list[Any], error: Exception) -> Any:
    given = ", ".join(str(each) for each in parents)
    reason = str(getattr(error, "message", error)).strip()
    return dn.DefnShapeError(
        f"layer '{name}' ({node.op}) cannot take {given}: {reason}"
    )


def _listed(values: Any) -> str:
    return ", ".join(f"'{v}'" if isinstance(v, str) else str(v) for v in values)
