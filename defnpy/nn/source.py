"""From the graph of a model to a function of the language.

A model is written out as the straight-line function a person would write for
it, one line a layer, and decorated: the compiler reads it like any other.

    def predict(params, inputs):
        input_ = inputs
        layer1 = dense(input_, params["layer1"]["kernel"], params["layer1"]["bias"])
        sigmoid_0 = sigmoid(layer1)
        return sigmoid_0
"""

from __future__ import annotations

import builtins
import functools
import hashlib
import keyword
import linecache
import re
import zlib
from typing import TYPE_CHECKING, Any

import defnpy as dn
from defnpy import defn
from defnpy.nn import graph
from defnpy.nn.graph import Key, Model, Param

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping


def predict_function(model: Model) -> Any:
    """Return ``predict(params, inputs) -> outputs``, a function of the language.

    `params` are all arrays of the model, `inputs` an array, or a dict of arrays
    where the model has several inputs.
    """
    writer = _Writer(model)
    for node in writer.named:
        writer.line(node, writer.expression(node, lambda _: "params"))
    return writer.compiled("predict(params, inputs)", writer.variables[model])


def forward_function(model: Model, frozen: Collection[str]) -> Any:
    """Return the model while training, a function of the language.

    ``forward(trained, statistics, fixed, inputs, key) -> outputs, statistics``
    takes the parameters in three parts: those that are trained, the statistics
    that layers gather, and all arrays of `frozen` layers, which run as they do
    at inference.
    """
    writer = _Writer(model)
    gathered = {}
    for node, name in writer.named.items():
        if name in frozen:
            writer.line(node, writer.expression(node, lambda _: "fixed"))
            continue
        statistics = [p.name for p in node.params if p.kind == "statistic"]
        news = {each: writer.fresh(f"{name}_{each}") for each in statistics}
        writer.line(node, writer.expression(node, _part, training=True), news.values())
        if news:
            gathered[name] = news
        writer.renewed |= {(name, each): new for each, new in news.items()}
    header = "forward(trained, statistics, fixed, inputs, key)"
    return writer.compiled(header, f"{writer.variables[model]}, {_dict_of(gathered)}")


@functools.lru_cache(maxsize=256)
def initial_function(specs: tuple[tuple[Any, ...], ...]) -> Any:
    """Return ``initialize(key) -> params`` for specs of arrays.

    A spec is ``(layer, name, initializer, shape, dtype)``.  Each array has a key of
    its own, made from its name, so that its values stay when layers are added
    before it.
    """
    names = _Names()
    fold_in = names.constant("fold_in", dn.random.fold_in)
    layers: dict[str, dict[str, str]] = {}
    for layer, name, function, shape, dtype in specs:
        called = names.constant("initializer", function)
        key = f"{fold_in}(key, {zlib.crc32(f'{layer}.{name}'.encode())})"
        code = f"{called}({key}, {shape!r}, {dtype!r})"
        layers.setdefault(layer, {})[name] = code
    lines = [f"    return {_dict_of(layers)}"]
    return _compiled("initialize(key)", lines, names.globals)


def _part(param: Param) -> str:
    return "trained" if param.kind == "parameter" else "statistics"


class _Names:
    """The names of a function that is written: its variables and globals."""

    def __init__(self) -> None:
        self.globals: dict[str, Any] = {}
        self._constants: dict[int, str] = {}
        self._taken = {"predict", "forward", "initialize"}
        self._taken |= {"params", "inputs", "trained", "statistics", "fixed", "key"}

    def fresh(self, wanted: str) -> str:
        """Return an identifier like `wanted` that means nothing else."""
        name = re.sub(r"\W", "_", wanted) or "_"
        if name[0].isdigit():
            name = f"_{name}"
        while name in self._taken or keyword.iskeyword(name) or hasattr(builtins, name):
            name += "_"
        self._taken.add(name)
        return name

    def constant(self, wanted: str, value: Any) -> str:
        """Return the global name of `value`, which is the same for the same one."""
        if id(value) not in self._constants:
            name = self._constants[id(value)] = self.fresh(wanted)
            self.globals[name] = value
        return self._constants[id(value)]


class _Writer(_Names):
    """A function of a model that is being written, a line for each layer."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.named = graph.names(model)
        for node in self.named:
            if node.function is not None:
                self.constant(node.op, node.function)
        self.variables = {n: self.fresh(name) for n, name in self.named.items()}
        # Where a statistic has been renewed by an earlier use of its layer.
        self.renewed: dict[tuple[str, str], str] = {}
        self._inputs = graph.inputs(model)
        self._lines: list[str] = []

    def line(self, layer: Model, code: str, more: Iterable[str] = ()) -> None:
        """Assign an expression to the variable of a layer, and `more`."""
        targets = ", ".join([self.variables[layer], *more])
        self._lines.append(f"    {targets} = {code}")

    def expression(
        self, node: Model, part: Callable[[Param], str], training: bool = False
    ) -> str:
        """Return the call of a layer; `part` says where a parameter is found."""
        if node.op == "input":
            single = len(self._inputs) == 1
            return "inputs" if single else f"inputs[{node.given_name!r}]"
        if node.function is None:
            return self._tree(node.structure, node)
        layer = self.named[node]
        arguments = [self._operand(o, layer, part, training) for o in node.operands]
        options = node.arguments(training)
        arguments += [f"{k}={self._literal(k, v)}" for k, v in options.items()]
        return f"{self.constant(node.op, node.function)}({', '.join(arguments)})"

    def compiled(self, header: str, result: str) -> Any:
        """Return the function whose lines have been written."""
        lines = [*self._lines, f"    return {result}"]
        return _compiled(header, lines, self.globals)

    def _operand(
        self, operand: Any, layer: str, part: Callable[[Param], str], training: bool
    ) -> str:
        if isinstance(operand, Model):
            return self.variables[operand]
        if isinstance(operand, Key):
            if not training:
                return "None"
            fold_in = self.constant("fold_in", dn.random.fold_in)
            return f"{fold_in}(key, {zlib.crc32(layer.encode())})"
        found = f"{part(operand)}[{layer!r}][{operand.name!r}]"
        return self.renewed.get((layer, operand.name), found)

    def _literal(self, name: str, value: Any) -> str:
        return repr(value) if _is_literal(value) else self.constant(name, value)

    def _tree(self, structure: Any, node: Model) -> str:
        if isinstance(structure, int):
            return self.variables[node.parents[structure]]
        if isinstance(structure, dict):
            items = (f"{k!r}: {self._tree(v, node)}" for k, v in structure.items())
            return f"{{{', '.join(items)}}}"
        if type(structure) in (tuple, list):
            inner = "".join(f"{self._tree(each, node)}, " for each in structure)
            return f"({inner})" if isinstance(structure, tuple) else f"[{inner}]"
        raise dn.DefnTypeError(
            f"a container is a tuple, list or dict, not a {type(structure).__name__}"
        )


def _is_literal(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(_is_literal(each) for each in value)
    if type(value) is float:
        return value - value == 0  # inf and nan have no literal
    return value is None or type(value) in (bool, int, str)


def _dict_of(names: Mapping[str, Mapping[str, str]]) -> str:
    layers = []
    for layer, entries in names.items():
        inner = ", ".join(f"{name!r}: {value}" for name, value in entries.items())
        layers.append(f"{layer!r}: {{{inner}}}")
    return f"{{{', '.join(layers)}}}"


def _compiled(header: str, lines: list[str], names: dict[str, Any]) -> Any:
    """Make a function of the language of a text, registered as its source."""
    text = "\n".join([f"def {header}:", *lines, ""])
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    filename = f"<model {digest}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    namespace = {"__name__": f"defnpy.model_{digest}", **names}
    exec(compile(text, filename, "exec"), namespace)
    return defn(namespace[header.split("(")[0]])
