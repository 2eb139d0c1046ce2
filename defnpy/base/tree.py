"""Trees of values: tuples, lists, dicts, NamedTuples and dataclasses.

A leaf is anything else; ``None`` is a leaf too, so that a structure keeps it.
Dictionaries keep their insertion order out of the comparison: two dicts with
the same keys have one structure.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import optree

from defnpy.base.errors import DefnValueError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NAMESPACE = "defnpy"
TreeDef = optree.PyTreeSpec


def flatten(value: Any) -> tuple[list[Any], TreeDef]:
    """Return the leaves of `value`, in order, and its structure.

    >>> flatten({"b": 1, "a": (2, 3)})[0]
    [2, 3, 1]
    """
    leaves, treedef = optree.tree_flatten(
        value, none_is_leaf=True, namespace=NAMESPACE, is_leaf=_is_plain_dataclass
    )
    if any(_is_plain_dataclass(leaf) for leaf in leaves):
        for leaf in leaves:
            if _is_plain_dataclass(leaf):
                register_dataclass(type(leaf))
        return flatten(value)
    return leaves, treedef


def unflatten(treedef: TreeDef, leaves: Iterable[Any]) -> Any:
    """Rebuild the value of structure `treedef` from its leaves."""
    return optree.tree_unflatten(treedef, leaves)


def leaves(value: Any) -> list[Any]:
    """Return the leaves of `value`, in order.

    >>> leaves([1, (2, None)])
    [1, 2, None]
    """
    return flatten(value)[0]


def paths(value: Any, name: str) -> list[str]:
    """Return, for each leaf of `value`, how it is reached from `name`.

    >>> paths({"w": [1, 2], "b": 3}, "p")
    ["p['b']", "p['w'][0]", "p['w'][1]"]
    """
    flatten(value)  # dataclasses are registered when they are first met
    accessors = optree.tree_accessors(value, none_is_leaf=True, namespace=NAMESPACE)
    return [accessor.codify(name) for accessor in accessors]


def fixed(value: Any, name: str) -> list[tuple[str, Any]]:
    """Return what in `value` is no leaf, with how it is reached from `name`.

    These are the static fields of dataclasses.
    """
    flatten(value)
    if optree.all_leaves([value], none_is_leaf=True, namespace=NAMESPACE):
        return []
    children, kept, entries, _ = optree.tree_flatten_one_level(
        value, none_is_leaf=True, namespace=NAMESPACE
    )
    found: list[tuple[str, Any]] = []
    is_record = type(value) in _REGISTERED
    if is_record:
        found += [(f"{name}.{field}", each) for field, each in kept]  # pyright: ignore
    fields = entries if is_record else getattr(value, "_fields", ())
    for k, (child, entry) in enumerate(zip(children, entries, strict=True)):
        found += fixed(child, f"{name}.{fields[k]}" if fields else f"{name}[{entry!r}]")
    return found


def map(function: Callable[..., Any], first: Any, *rest: Any) -> Any:
    """Apply `function` to corresponding leaves of trees of one structure.

    >>> map(lambda a, b: a + b, (1, {"x": 2}), (10, {"x": 20}))
    (11, {'x': 22})
    """
    firsts, treedef = flatten(first)
    others = [_alike(first, treedef, tree) for tree in rest]
    return unflatten(
        treedef, [function(*each) for each in zip(firsts, *others, strict=True)]
    )


def _alike(first: Any, treedef: TreeDef, tree: Any) -> list[Any]:
    """Return the leaves of a tree that has at least the structure of `first`."""
    try:
        return treedef.flatten_up_to(tree)
    except (ValueError, TypeError):
        ours, theirs = paths(first, ""), paths(tree, "")
        extra = [path for path in theirs if path not in ours][:3]
        missing = [path for path in ours if path not in theirs][:3]
        parts = [f"{', '.join(extra)} in it alone"] if extra else []
        parts += [f"{', '.join(missing)} missing"] if missing else []
        raise DefnValueError(
            "a tree differs from the first in structure: "
            + ("; ".join(parts) or "its containers are of other kinds")
        ) from None


def register_dataclass(cls: type | None = None, *, static: Iterable[str] = ()) -> Any:
    """Make a dataclass a tree; the fields named in `static` are not leaves.

    Usable as a decorator, with or without options.
    """
    if cls is None:
        return lambda made: register_dataclass(made, static=tuple(static))
    names = [f.name for f in dataclasses.fields(cls)]
    fixed = tuple(name for name in names if name in set(static))
    free = tuple(name for name in names if name not in fixed)

    def split(value: Any) -> tuple[tuple[Any, ...], Any, tuple[str, ...]]:
        kept = tuple((name, getattr(value, name)) for name in fixed)
        return tuple(getattr(value, name) for name in free), kept, free

    def join(kept: Any, children: Iterable[Any]) -> Any:
        made = object.__new__(cls)
        for name, child in (*kept, *zip(free, children, strict=True)):
            object.__setattr__(made, name, child)
        return made

    optree.register_pytree_node(cls, split, join, namespace=NAMESPACE)
    _REGISTERED.add(cls)
    return cls


_REGISTERED: set[type] = set()


def _is_plain_dataclass(value: Any) -> bool:
    cls = type(value)
    return (
        dataclasses.is_dataclass(cls)
        and cls not in _REGISTERED
        and getattr(cls, "__defnpy_leaf__", False) is False
    )
