"""The graph of a model: immutable nodes, each a layer with what feeds it.

A `Model` is the node of its last layer; everything else is reached through
`operands`.  Nothing is computed here: a graph becomes a function of the
language in `defnpy.nn.source` and arrays in `defnpy.nn.state`.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import defnpy as dn

Shape = tuple[int, ...]
Initializer = Callable[..., Any]


@dataclass(frozen=True, eq=False)
class Param:
    """An array that a layer owns.

    Args:
        name: its key among the layer's parameters.
        shape: sizes, or a function from the shapes of the layer's inputs to them.
        initializer: a name of `nn.initializers` or a function of
            ``(key, shape, dtype)``.
        kind: ``"parameter"`` for what is trained, ``"statistic"`` for what the
            layer itself keeps up to date while training.
        dtype: its dtype; ``None`` for that of the layer's first float input.
    """

    name: str
    shape: Shape | Callable[..., Shape]
    initializer: str | Initializer
    kind: Literal["parameter", "statistic"] = "parameter"
    dtype: Any = None


@dataclass(frozen=True, eq=False)
class Key:
    """An operand that stands for a fresh random key at each training step."""


@dataclass(frozen=True, eq=False)
class Block:
    """What layers with the same parameters belong to."""

    name: str | None


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """A layer and, through its operands, the whole graph that ends in it.

    Attributes:
        op: what it does, such as ``"dense"``.
        operands: layers, parameters and keys, in the order of its arguments.
        function: the layer in the language.  Where it has an option `training`
            it is told so; with statistics it then returns their new values
            after the output.
        options: keyword arguments of the function.
        given_name: the name the user gave.
        structure: for a container, a tree of positions in `operands`.
        block: what it shares its parameters with, by the name in there.
        derived: what has been made from this model and is used again.
    """

    op: str
    operands: tuple[Any, ...] = ()
    function: Callable[..., Any] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    given_name: str | None = None
    structure: Any = None
    block: Block | None = None
    derived: dict[str, Any] = field(default_factory=dict, init=False)
    __defnpy_leaf__: ClassVar[bool] = True  # in a tree of models, not a tree itself

    @property
    def parents(self) -> tuple[Model, ...]:
        """The layers that feed this one."""
        return tuple(each for each in self.operands if isinstance(each, Model))

    @property
    def params(self) -> tuple[Param, ...]:
        """The arrays this layer owns, in the order of its arguments."""
        return tuple(each for each in self.operands if isinstance(each, Param))

    def arguments(self, training: bool) -> dict[str, Any]:
        """Return the options, and whether the model trains where that matters."""
        known = inspect.signature(self.function).parameters if self.function else ()
        return {
            **self.options,
            **({"training": training} if "training" in known else {}),
        }

    def __repr__(self) -> str:
        """Return the inputs, the name of the output and the number of layers."""
        named = names(self)
        inputs = ", ".join(
            f"{name}: {node.options['shape']}"
            for node, name in named.items()
            if node.op == "input"
        )
        return f"<Model {named[self]}, inputs {inputs}, {len(named)} nodes>"


def method(layer: Callable[..., Model]) -> Callable[..., Any]:
    """Make a function of a model a method of `Model` too.

    Called without a model the function returns what awaits it, so that
    ``dense(3)`` can be written in a `sequential`.
    """
    setattr(Model, layer.__name__, layer)

    @functools.wraps(layer)
    def made(*arguments: Any, **options: Any) -> Any:
        if arguments and _is_list_of_models(arguments[0]):
            arguments = (*arguments[0], *arguments[1:])
        if arguments and isinstance(arguments[0], Model):
            return layer(*arguments, **options)
        return lambda model: layer(model, *arguments, **options)

    return made


def _is_list_of_models(value: Any) -> bool:
    listed = isinstance(value, list | tuple)
    return listed and bool(value) and all(isinstance(each, Model) for each in value)


def input(
    name: str = "input",
    shape: tuple[int | None, ...] | None = None,
    dtype: Any = None,
) -> Model:
    """Return the place where a batch enters a model.

    Args:
        name: its key where a model has several inputs.
        shape: sizes of a batch, ``None`` where any size will do, or for all.
        dtype: what float arrays are converted to, ``None`` for the default
            float; parameters that meet the input have it too.

    >>> dn.nn.input("input", shape=(None, 2)).dense(3, name="layer1")
    <Model layer1, inputs input: (None, 2), 2 nodes>
    """
    if shape is not None and not isinstance(shape, tuple | list):
        raise dn.DefnTypeError(f"the shape of input '{name}' is a tuple, not {shape!r}")
    sizes = None if shape is None else tuple(shape)
    for size in sizes or ():
        if size is not None and (not isinstance(size, int) or size < 0):
            raise dn.DefnValueError(
                f"a size of input '{name}' is {size!r}; it is a number or None"
            )
    options = {"shape": sizes, "dtype": dtype}
    return Model("input", options=options, given_name=name)


def param(
    name: str,
    shape: Shape | Callable[..., Shape],
    *,
    initializer: str | Initializer = "glorot_uniform",
    kind: Literal["parameter", "statistic"] = "parameter",
    dtype: Any = None,
) -> Param:
    """Describe an array that a custom layer owns; see `layer`."""
    return Param(name, shape, initializer, kind, dtype)


def layer(
    function: Callable[..., Any],
    *operands: Any,
    name: str | None = None,
    op: str | None = None,
    **options: Any,
) -> Model:
    """Return a layer made of a function of the language.

    Args:
        function: called with `operands` in their order, layers and parameters
            being arrays, and with `options` by keyword.
        operands: layers and `param`s.
        name: the layer's name; made from `op` where it is not given.
        op: what to call the kind of layer; the function's name by default.
        options: static keyword arguments.

    A function with an option `training` gets it too.  A layer with statistics
    then returns a tuple of its output and their new values.

    >>> nn = dn.nn
    >>> def scaled(x, scale):
    ...     return x * scale
    >>> scale = nn.param("scale", lambda shape: shape[-1:], initializer="ones")
    >>> nn.layer(scaled, nn.input(shape=(None, 2)), scale)
    <Model scaled_0, inputs input: (None, 2), 2 nodes>
    """
    if not any(isinstance(each, Model) for each in operands):
        raise dn.DefnTypeError("a layer has at least one layer as its input")
    for each in operands:
        if not isinstance(each, Model | Param | Key):
            raise dn.DefnTypeError(
                f"an operand of a layer is {each!r}",
                hint="arrays are passed as options, layers and params as operands",
            )
    _check_distinct("parameter", [e.name for e in operands if isinstance(e, Param)])
    made = op or getattr(function, "__name__", "layer").strip("<>")
    return Model(made, operands, function, options, name)


def container(outputs: Any, *, name: str | None = None) -> Model:
    """Return a model with several outputs: a tree of models.

    The prediction has the same structure, with arrays in place of models.
    """
    models, treedef = dn.tree.flatten(outputs)
    for each in models:
        if not isinstance(each, Model):
            raise dn.DefnTypeError(f"a container holds models, not {each!r}")
    structure = dn.tree.unflatten(treedef, range(len(models)))
    return Model("container", tuple(models), structure=structure, given_name=name)


def postorder(model: Model) -> list[Model]:
    """Return every node once, each after those that feed it."""
    order: dict[Model, None] = {}
    stack: list[tuple[Model, Iterator[Model]]] = [(model, iter(model.parents))]
    open_nodes = {model}
    while stack:
        node, parents = stack[-1]
        parent = next((p for p in parents if p not in open_nodes), None)
        if parent is None:
            order[node] = None
            stack.pop()
        else:
            open_nodes.add(parent)
            stack.append((parent, iter(parent.parents)))
    return list(order)


def names(model: Model) -> dict[Model, str]:
    """Return the name of every node, in the order of `postorder`.

    What has no name is called after its kind and number: ``sigmoid_0``.  Layers of
    a block have one name wherever it is used.
    """
    order = postorder(model)
    blocks = dict.fromkeys(node.block for node in order if node.block is not None)
    given = [node.given_name for node in order if node.given_name and not node.block]
    given += [block.name for block in blocks if block.name]
    _check_distinct("layer", given)
    seen: Counter[str] = Counter()
    prefixes = {b: b.name or _free_name("block", seen, set(given)) for b in blocks}
    named = {}
    for node in order:
        if node.block is not None:
            named[node] = f"{prefixes[node.block]}.{node.given_name}"
        else:
            named[node] = node.given_name or _free_name(node.op, seen, set(given))
    return named


def _free_name(op: str, seen: Counter[str], taken: set[str]) -> str:
    while True:
        name = f"{op}_{seen[op]}"
        seen[op] += 1
        if name not in taken:
            return name


def inputs(model: Model) -> dict[str, Model]:
    """Return the inputs of a model by name, in the order they are reached."""
    return {
        node.given_name or "": node for node in postorder(model) if node.op == "input"
    }


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the hint that names the known word most like `word`, if any is."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"did you mean '{found[0]}'?" if found else None


def _check_distinct(what: str, given: list[str]) -> None:
    for name, count in Counter(given).items():
        if count > 1:
            raise dn.DefnValueError(
                f"{count} {what}s are named '{name}'; names are keys of the parameters"
            )
