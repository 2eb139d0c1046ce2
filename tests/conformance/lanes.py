"""Vectorised axes: what is computed for each of their places, as `dn.vmap` says it.

Nx marks axes of a tensor as vectorised; what is called is then done for each place
along them, and axes of one name go together.  Here a function is mapped: the marked
tensors of an expression become its arguments, and each name one `dn.vmap`.
"""

from dataclasses import dataclass, field
from typing import Any

WHY = "axes are not marked as vectorised here: dn.vmap maps a function over an axis"
_VECTORIZE, _IOTA = "Nx.vectorize", "Nx.iota"
# What asks about, or changes, marks themselves.
_OF_MARKS = {
    *(_VECTORIZE, "Nx.devectorize", "Nx.revectorize", "Nx.reshape_vectors"),
    *("Nx.broadcast_vectors", "Nx.to_flat_list", "Nx.flat_size", "Nx.bit_size"),
}
_QUESTIONS = {"Nx.shape": "{}.shape[{}:]", "Nx.devectorize": "{}"}


class MixedError(Exception):
    """An expression that marks what it has computed, or unmarks it."""


@dataclass(frozen=True)
class Marked:
    """A tensor and the names of its first axes, with their sizes where known."""

    node: Any
    names: list[tuple[str, int | None]]


@dataclass
class Lanes:
    """An expression with its marked tensors taken out.

    Attributes:
        body: the expression; marked tensor k is the variable ``lane{k}``.
        marked: the tensors.
        ask: how the result is asked about, with places for it and for the number
            of names.
    """

    body: Any
    marked: list[Marked] = field(default_factory=list)
    ask: str = "{}"

    @property
    def names(self) -> list[str]:
        """The names in the order in which they appear."""
        return list(
            dict.fromkeys(name for each in self.marked for name, _ in each.names)
        )


def has_lanes(node: Any) -> bool:
    """Whether vectorised axes are in an expression."""
    text = str(node)
    return any(word in text for word in ("ectorize", "vectorized_axes", "_vectors"))


def taken_out(expr: Any) -> Lanes:
    """Return an expression with its marked tensors taken out."""
    made = Lanes(expr)
    if isinstance(expr, dict) and expr.get("call") in _QUESTIONS:
        made.ask = _QUESTIONS[expr["call"]]
        expr = expr["args"][0]
    elif isinstance(expr, dict) and "field" in expr:
        made.ask = "list({}.shape[:{}])"
        expr = expr["field"][0]
    made.body = _body(expr, made)
    return made


def _body(node: Any, made: Lanes) -> Any:
    if isinstance(node, list):
        return [_body(each, made) for each in node]
    if not isinstance(node, dict):
        return node
    found = _marked(node)
    if found is not None:
        made.marked.append(found)
        return {"var": f"lane{len(made.marked) - 1}"}
    if node.get("call") in _OF_MARKS or "field" in node:
        raise MixedError(WHY)
    return {key: _body(value, made) for key, value in node.items()}


def _marked(node: dict[str, Any]) -> Marked | None:
    """Return what a node marks, None if it does not or marks what is computed."""
    options = node.get("opts", {})
    if node.get("call") == _IOTA and "vectorized_axes" in options:
        names = _names(options["vectorized_axes"], ())
        rest = {key: v for key, v in options.items() if key != "vectorized_axes"}
        plain = {**node, "opts": rest}
        sizes = [size for _, size in names]
        shape = {"tuple": [*sizes, *node["args"][0]["tuple"]]}
        return Marked({"call": "Nx.broadcast", "args": [plain, shape]}, names)
    if node.get("call") != _VECTORIZE:
        return None
    inner, spec = node["args"]
    if not isinstance(inner, dict) or not {"call", "tensor", "access"} & set(inner):
        raise MixedError(WHY)  # a tree
    outer = _marked(inner)
    first = outer.names if outer is not None else []
    if outer is None and has_lanes(inner):
        return None
    shape = inner["tensor"]["shape"] if "tensor" in inner else ()
    plain = outer.node if outer is not None else inner
    return Marked(plain, [*first, *_names(spec, shape)])


def _names(spec: Any, shape: Any) -> list[tuple[str, int | None]]:
    if isinstance(spec, list):
        sizes = [*shape, *[None] * len(spec)]
        return [(each["atom"], sizes[k]) for k, each in enumerate(spec)]
    if "kw" in spec:
        return [(name, size) for name, size in spec["kw"]]
    if "atom" not in spec:
        raise MixedError(WHY)
    return [(spec["atom"], shape[0] if shape else None)]


def mapped(name: str, lanes: Lanes) -> tuple[str, list[Any]]:
    """Return the text of a mapped function, and how each argument is arranged.

    Args:
        name: the function of one place.
        lanes: what was taken out of it.

    An argument is arranged by ``(order, gone)``: the order of its axes by name, and
    how many of the first are of size 1 and not mapped.
    """
    arranged = [_arranged(each, lanes) for each in lanes.marked]
    text = name
    for axis in reversed(lanes.names):
        places = tuple(0 if axis in names else None for _, _, names in arranged)
        text = f"dn.vmap({text}, in_axes={places})"
    return text, [(order, gone) for order, gone, _ in arranged]


def _arranged(each: Marked, lanes: Lanes) -> tuple[list[int], int, list[str]]:
    """Return the order of a tensor's named axes, how many are dropped, and the rest.

    An axis of size 1 is the same for all places, if it is longer elsewhere.
    """
    longer = {n for m in lanes.marked for n, size in m.names if size != 1}
    dropped = [k for k, (n, s) in enumerate(each.names) if s == 1 and n in longer]
    kept = [k for k in range(len(each.names)) if k not in dropped]
    kept.sort(key=lambda k: lanes.names.index(each.names[k][0]))
    names = [each.names[k][0] for k in kept]
    return [*dropped, *kept], len(dropped), names
