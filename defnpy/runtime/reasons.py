"""Why a function was compiled for a call: what the call has that none before had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from defnpy.base import tree
from defnpy.base.flags import CODE_FLAGS
from defnpy.ir.types import TensorType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from defnpy.runtime.signature import Call

FIRST = "it is the first call"
_SHOWN = 4  # differences that are told
_WIDE = 40  # longest static value that is shown whole


@dataclass(frozen=True, slots=True)
class VariantInfo:
    """One specialisation of a function.

    Attributes:
        signature: the types of tensors, and the values of the rest, by argument.
        why: what made it necessary.
        compilations: how often this signature was compiled; more than once where
            something the function captures changed.
    """

    signature: str
    why: str
    compilations: int


def described(call: Call, names: Sequence[str]) -> dict[str, str]:
    """Return the type, or the static value, of each part of a call by its path."""
    found: dict[str, str] = {}
    positional = zip(names, call.args, strict=False)
    for name, value in (*positional, *call.kwargs.items()):
        for path, leaf in zip(tree.paths(value, name), tree.leaves(value), strict=True):
            found[path] = _shown(leaf)
        found |= {path: _shown(each) for path, each in tree.fixed(value, name)}
    return found


def _shown(leaf: Any) -> str:
    if isinstance(leaf, TensorType):
        return str(leaf)
    text = getattr(leaf, "__qualname__", None) or repr(leaf)
    return text if len(text) <= _WIDE else f"{text[: _WIDE - 1]}…"


def signature_text(leaves: Mapping[str, str]) -> str:
    """Return a signature on one line."""
    return ", ".join(f"{path}: {leaf}" for path, leaf in leaves.items())


def settings_text(settings: Sequence[Any]) -> dict[str, str]:
    """Return the settings that change code, as leaves of a call."""
    pairs = zip(CODE_FLAGS, settings, strict=True)
    return {f"config.{name}": repr(value) for name, value in pairs}


def why(new: Mapping[str, str], before: Sequence[Mapping[str, str]]) -> str:
    """Return what tells a call from the most similar one of those before.

    >>> why({"x": "f32[3]", "n": "2"}, [{"x": "f32[2]", "n": "2"}])
    '`x` is f32[3], not f32[2]'
    """
    if not before:
        return FIRST
    nearest = min((_differences(new, each) for each in before), key=len)
    shown = nearest[:_SHOWN]
    if len(nearest) > _SHOWN:
        shown.append(f"{len(nearest) - _SHOWN} more differ")
    return ", ".join(shown) or "an argument is built of other containers"


def _differences(new: Mapping[str, str], old: Mapping[str, str]) -> list[str]:
    found = [
        f"`{path}` is {leaf}, not {old[path]}" if path in old else f"`{path}` is new"
        for path, leaf in new.items()
        if old.get(path) != leaf
    ]
    return found + [f"`{path}` is missing" for path in old if path not in new]
