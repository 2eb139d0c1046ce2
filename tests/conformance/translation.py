"""From an expression of Nx calls to a Python function of `dn` calls.

Tensors become arguments, so that nothing is known of them when the function is
compiled; everything else becomes Python text.  Names of axes become their positions
where the operand says what they are, and are dropped from results.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from conformance import lanes, records

HEAD = "import math\n\nimport defnpy as dn\n\n\n"
_NUMBERS = {"nan": "dn.nan", "infinity": "dn.inf", "neg_infinity": "-dn.inf"}


class UntranslatableError(Exception):
    """A vector that says nothing of defnpy; the text says why, in one sentence."""


@dataclass(frozen=True)
class Translation:
    """A function named `vector`, and what it is called with."""

    source: str
    arrays: list[np.ndarray]
    outside: bool = False  # whether it calls what is for use outside programs only


def translate(expr: Any) -> Translation:
    """Return the function of an expression."""
    writer = Writer()
    result = writer.mapped(expr) if lanes.has_lanes(expr) else writer.expr(expr)
    lines = [*writer.lines, f"return {result}"]
    names = ", ".join(f"a{k}" for k in range(len(writer.arrays)))
    body = "".join(f"    {line}\n" for line in lines)
    source = f"{HEAD}def vector({names}):\n{body}"
    return Translation(source, writer.arrays, "to_batched" in source)


@dataclass
class Writer:
    """The text of one function while it is written.

    Expressions are returned as text; what needs a statement goes to `lines`.
    """

    lines: list[str] = field(default_factory=list)
    arrays: list[np.ndarray] = field(default_factory=list)
    count: int = 0

    def fresh(self, prefix: str) -> str:
        """Return a name that is not used yet."""
        self.count += 1
        return f"{prefix}{self.count}"

    def named(self, node: Any) -> str:
        """Return a name for an expression that is used more than once."""
        name = self.fresh("v")
        self.lines.append(f"{name} = {self.expr(node)}")
        return name

    def argument(self, literal: dict[str, Any]) -> str:
        """Return the parameter that stands for a literal tensor."""
        if records.numpy_dtype(literal["dtype"]) is None:
            raise UntranslatableError(no_dtype(literal["dtype"]))
        self.arrays.append(records.array(literal))
        return f"a{len(self.arrays) - 1}"

    def expr(self, node: Any) -> str:
        """Return the text of an expression."""
        if isinstance(node, bool | int | float | str) or node is None:
            return repr(node)
        if isinstance(node, list):
            return "[" + ", ".join(map(self.expr, node)) + "]"
        for key, write in _NODES.items():
            if key in node:
                return write(self, node)
        raise AssertionError(f"no rule for {node}")

    def call(self, node: dict[str, Any]) -> str:
        """Return the text of a call, by the table of its function."""
        from conformance.calls import CALLS

        name, args = node["call"], list(node["args"])
        options = dict(node.get("opts", {}))
        for k, arg in enumerate(args):  # options that stand before a function
            if isinstance(arg, dict) and "kw" in arg and "fn" in str(args[k + 1 :]):
                options |= dict(args.pop(k)["kw"])
                break
        for ignored in ("names", "name", "backend"):
            if name not in ("Nx.tensor", "Nx.template") or ignored != "backend":
                options.pop(ignored, None)
        if name not in CALLS:
            raise UntranslatableError(unknown(name))
        made = CALLS[name](self, args, options)
        assert not options, f"{name} leaves {options}"
        return made

    def mapped(self, expr: Any) -> str:
        """Return the text of an expression with vectorised axes."""
        try:
            found = lanes.taken_out(expr)
        except lanes.MixedError as error:
            raise UntranslatableError(str(error)) from None
        if not found.marked:
            raise UntranslatableError(unknown("Nx.vectorize"))
        arguments = [self.named(each.node) for each in found.marked]
        params = [f"lane{k}" for k in range(len(arguments))]
        one = self.function({"fn": {"params": params, "body": found.body}})
        text, arranged = lanes.mapped(one, found)
        ready = []
        for x, (order, gone) in zip(arguments, arranged, strict=True):
            if order != sorted(order):
                x = f"dn.moveaxis({x}, {order}, {list(range(len(order)))})"
            ready.append(f"{x}[{', '.join('0' * gone)}]" if gone else x)
        result = self.fresh("v")
        self.lines.append(f"{result} = {text}({', '.join(ready)})")
        return found.ask.format(result, len(found.names))

    def function(self, node: dict[str, Any], wrap: str = "{}") -> str:
        """Define a function and return its name."""
        if "fun" in node:
            return self._reference(node, wrap)
        name, params = self.fresh("f"), node["fn"]["params"]
        inner = Writer(arrays=self.arrays, count=self.count)
        result = inner.expr(node["fn"]["body"])
        self.count = inner.count
        body = [*inner.lines, f"return {wrap.format(result)}"]
        self.lines.append(f"def {name}({', '.join(params)}):")
        self.lines += [f"    {line}" for line in body]
        return name

    def _reference(self, node: dict[str, Any], wrap: str) -> str:
        params = [self.fresh("p") for _ in range(node["arity"])]
        call = {"call": node["fun"], "args": [{"var": p} for p in params]}
        return self.function({"fn": {"params": params, "body": call}}, wrap)

    def axes(self, given: Any, operand: Any) -> Any:
        """Return axes as numbers, as many as are given."""
        if isinstance(given, list):
            return [self.axes(axis, operand) for axis in given]
        if isinstance(given, dict) and "tuple" in given:
            return [self.axes(axis, operand) for axis in given["tuple"]]
        if isinstance(given, dict) and "atom" in given:
            names = names_of(operand)
            if given["atom"] not in names:
                raise UntranslatableError("axes have no names here")
            return names.index(given["atom"])
        return given


def names_of(node: Any) -> list[str | None]:
    """Return the names of an operand's axes, none where it does not say."""
    if isinstance(node, dict) and "tensor" in node:
        return node["tensor"]["names"] or []
    if isinstance(node, dict) and "names" in node.get("opts", {}):
        given = node["opts"]["names"]
        return [n["atom"] if isinstance(n, dict) else n for n in given]
    return []


def dtype(node: Any) -> str:
    """Return a dtype as it is written here."""
    name = node["dtype"] if "dtype" in node else _spelled(node)
    if records.numpy_dtype(name) is None:
        raise UntranslatableError(no_dtype(name))
    return repr(name.replace("s", "i"))


def _spelled(node: Any) -> str:
    """Return ``u8`` of ``:u8`` and ``{:u, 8}``."""
    if "atom" in node:
        return node["atom"]
    kind, bits = node["tuple"]
    return f"{kind['atom']}{bits}"


def no_dtype(name: str) -> str:
    """Say why a vector with such a dtype is listed."""
    bits = "".join(digit for digit in name[:3] if digit.isdigit())[:1]
    assert bits in ("2", "4", "8"), name
    return "dtypes of 2 and 4 bits, and floats of 8, do not exist here"


def unknown(name: str) -> str:
    """Say why a vector with such a call is listed."""
    from conformance.calls import ABSENT

    for prefix, why in ABSENT.items():
        if name.startswith(prefix):
            return why
    raise AssertionError(f"{name} is neither in CALLS nor in ABSENT")


def _access(writer: Writer, node: dict[str, Any]) -> str:
    x, index = node["access"]
    if isinstance(index, dict) and "kw" in index:
        index = _by_name(index["kw"], names_of(x))
    parts = index if isinstance(index, list) else [index]
    text = ", ".join(_index(writer, part) for part in parts)
    return f"{writer.expr(x)}[{text}]"


def _by_name(pairs: list[Any], names: list[str | None]) -> list[Any]:
    given = dict(pairs)
    if not set(given) <= set(names):
        raise UntranslatableError("axes have no names here")
    return [given.get(name, {"range": "all"}) for name in names]


def _index(writer: Writer, node: Any) -> str:
    if isinstance(node, dict) and "range" in node:
        return _slice(node["range"])
    return writer.expr(node)


def _slice(bounds: Any) -> str:
    """Return a slice of a range that includes its end."""
    if bounds == "all":
        return ":"
    first, last, step = bounds
    stop = "" if last == -1 else last + 1
    return f"{first}:{stop}" + (f":{step}" if step else "")


def _while(writer: Writer, node: dict[str, Any]) -> str:
    loop = node["while"]
    state = writer.named(loop["init"])
    parts = loop["init"].get("tuple")
    if parts is not None:  # the names of a loop are its variables
        names = [writer.fresh("v") for _ in parts]
        writer.lines.append(f"{', '.join(names)} = {state}")
        state = f"({', '.join(names)})"
    condition, body = writer.function(loop["cond"]), writer.function(loop["body"])
    writer.lines.append(f"while {condition}({state}):")
    writer.lines.append(f"    {state.strip('()')} = {body}({state})")
    return state


def _condition(writer: Writer, node: dict[str, Any]) -> str:
    test, then, otherwise = node["if"]
    return f"({writer.expr(then)} if {writer.expr(test)} else {writer.expr(otherwise)})"


def _atom(writer: Writer, node: dict[str, Any]) -> str:
    name = node["atom"]
    return _NUMBERS.get(name, repr(name))


def _complex(writer: Writer, node: dict[str, Any]) -> str:
    real, imag = (repr(records.number(part)) for part in node["complex"])
    text = f"complex({real}, {imag})"
    return text.replace("nan", "dn.nan").replace("inf", "dn.inf")


def _tuple(writer: Writer, node: dict[str, Any]) -> str:
    parts = [writer.expr(part) for part in node["tuple"]]
    return "(" + ", ".join(parts) + ("," if len(parts) == 1 else "") + ")"


def _map(writer: Writer, node: dict[str, Any]) -> str:
    pairs = (f"{writer.expr(k)}: {writer.expr(v)}" for k, v in node["map"])
    return "{" + ", ".join(pairs) + "}"


def _field(writer: Writer, node: dict[str, Any]) -> str:
    x, name = node["field"]
    if name == "vectorized_axes":
        raise UntranslatableError(unknown("Nx.vectorize"))
    attribute = {"type": "dtype", "shape": "shape"}[name]
    return f"{writer.expr(x)}.{attribute}"


def _nested(key: str) -> Callable[[Writer, dict[str, Any]], str]:
    def write(writer: Writer, node: dict[str, Any]) -> str:
        x, place = node[key]
        return f"{writer.expr(x)}[{writer.expr(place)}]"

    return write


def _absent(name: str) -> Callable[[Writer, dict[str, Any]], str]:
    def write(writer: Writer, node: dict[str, Any]) -> str:
        raise UntranslatableError(unknown(name))

    return write


_NODES: dict[str, Callable[[Writer, dict[str, Any]], str]] = {
    "call": Writer.call,
    "tensor": lambda writer, node: writer.argument(node["tensor"]),
    "atom": _atom,
    "dtype": lambda writer, node: dtype(node),
    "complex": _complex,
    "nonfinite": lambda writer, node: f"float({node['nonfinite']!r})",
    "tuple": _tuple,
    "map": _map,
    "access": _access,
    "elem": _nested("elem"),
    "get": _nested("get"),
    "field": _field,
    "fn": lambda writer, node: writer.function(node),
    "fun": lambda writer, node: writer.function(node),
    "var": lambda writer, node: node["var"],
    "if": _condition,
    "while": _while,
    "bytes": _absent("bytes"),
    "module": _absent("module"),
    "kw": _absent("kw"),
}
