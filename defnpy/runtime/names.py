"""Modules of public functions: what they hold, and what they say they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defnpy.base.errors import DefnAttributeError, did_you_mean
from defnpy.base.synonyms import meant_by
from defnpy.runtime.eager import PublicFunction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


def public(module: str, builders: Mapping[str, Callable[..., Any]]) -> dict[str, Any]:
    """Return the public functions of a module, made from their builders."""
    return {
        name: PublicFunction(f"{module}.{name}", builder, builder.__doc__ or "")
        for name, builder in builders.items()
    }


def absent(module: str, name: str, known: Iterable[str]) -> AttributeError:
    """Return the error about a name that a module does not have."""
    if name.startswith("__"):
        return AttributeError(f"module {module!r} has no attribute {name!r}")
    hint = did_you_mean(name, known)
    if module == "defnpy" or hint is None:
        hint = meant_by(name) or hint
    return DefnAttributeError(f"{module} has no {name!r}", hint=hint)
