"""Taking trees of arguments apart by code made for their structure.

The general way asks each node what it is.  Where the structure is known, a few
tests of types and lengths, in a function written for it, take a tenth of that.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from defnpy.base import tree

if TYPE_CHECKING:
    from collections.abc import Callable

_KEYS = (str, int)  # whose equality and text say all about them


@dataclass(frozen=True, slots=True)
class _Leaf:
    place: int


class _UnknownNodeError(Exception):
    """A container, key or leaf that there is no code for."""


class _Writer:
    """Writes the tests of a structure, and the names of what is in it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.leaves: dict[int, str] = {}
        self.known: dict[str, Any] = {}
        self._count = 0

    def name(self) -> str:
        self._count += 1
        return f"v{self._count}"

    def refuse_if(self, test: str) -> None:
        self.lines.append(f"if {test}: return NotImplemented")

    def add(self, value: Any, name: str) -> None:
        """Write what takes apart the variable `name`, which is like `value`."""
        kind = type(value)
        if kind is _Leaf:
            self.leaves[value.place] = name
        elif value is None:
            self.refuse_if(f"{name} is not None")
        elif kind is dict:
            self._add_dict(value, name)
        elif kind in (tuple, list) or (
            issubclass(kind, tuple) and hasattr(kind, "_fields")
        ):
            self._add_type(kind, name, f" or len({name}) != {len(value)}")
            names = [self.name() for _ in value]
            if names:
                self.lines.append(f"{', '.join(names)}, = {name}")
            for each, inner in zip(value, names, strict=True):
                self.add(each, inner)
        elif is_dataclass(kind):
            self._add_type(kind, name)
            for field in fields(kind):
                self._add_part(getattr(value, field.name), f"{name}.{field.name}")
        else:
            raise _UnknownNodeError

    def _add_dict(self, value: dict[Any, Any], name: str) -> None:
        if any(type(key) not in _KEYS for key in value):
            raise _UnknownNodeError
        self._add_type(dict, name, f" or len({name}) != {len(value)}")
        for key, each in value.items():
            self._add_part(each, f"{name}[{key!r}]")

    def _add_type(self, kind: type, name: str, more: str = "") -> None:
        known = f"t_{id(kind)}"
        self.known[known] = kind
        self.refuse_if(f"type({name}) is not {known}{more}")

    def _add_part(self, value: Any, read: str) -> None:
        name = self.name()
        self.lines.append(f"{name} = {read}")
        self.add(value, name)


def unpacked(
    call: Callable[..., Any],
    args: tuple[Any, ...],
    is_passed: Callable[[Any], bool],
    packed: Callable[[Any], Any] | None,
) -> Callable[..., Any] | None:
    """Return a function that passes the leaves of its arguments on to `call`.

    It returns `NotImplemented` for arguments of another structure, as `call` does
    for those that it is not for.

    Args:
        call: takes leaves.
        args: arguments of the structure.
        is_passed: whether a leaf of `args` is; others must be ``None``.
        packed: makes what is returned of what `call` returns, if that differs.

    Returns:
        ``None`` where there is no code for a node.
    """
    leaves, treedef = tree.flatten(args)
    marked = [_Leaf(k) if is_passed(leaf) else leaf for k, leaf in enumerate(leaves)]
    w = _Writer()
    try:
        w.add(tree.unflatten(treedef, marked), "args")
    except _UnknownNodeError:
        return None
    passed = ", ".join(w.leaves[place] for place in sorted(w.leaves))
    lines = "\n        ".join(w.lines)
    text = f"""def unpack(*args):
    try:
        {lines}
    except (KeyError, AttributeError):
        return NotImplemented
    made = call({passed})
    return {"made" if packed is None else _PACKED}
"""
    space = {"call": call, "packed": packed, **w.known}
    exec(compile(text, "<defnpy: arguments>", "exec"), space)
    return space["unpack"]


_PACKED = "made if made is NotImplemented else packed(made)"
