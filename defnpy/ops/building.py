"""Calls of public functions, and what is said where the arguments do not fit."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from defnpy.base import tree
from defnpy.base.errors import (
    DefnError,
    DefnStaticError,
    DefnTypeError,
    DefnValueError,
)
from defnpy.base.signatures import bind, shown
from defnpy.ir.expr import Expr

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_ABOUT_ARGUMENTS = (TypeError, ValueError, OverflowError, IndexError)


def built(
    name: str,
    builder: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> Any:
    """Return what `builder` makes; `name` is what the user calls it.

    Arguments it was not written for are the user's mistake; that is told without
    the words of our own code.
    """
    try:
        return builder(*args, **kwargs)
    except DefnError:
        raise
    except _ABOUT_ARGUMENTS as error:
        signature = _signature(builder)
        if signature is not None:
            bind(name, signature, args, kwargs)
        raise _misuse(name, signature, (args, kwargs), error) from error


def _signature(builder: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(builder)
    except (TypeError, ValueError):
        return None


def _misuse(
    name: str,
    signature: inspect.Signature | None,
    given: tuple[Sequence[Any], Mapping[str, Any]],
    error: Exception,
) -> DefnError:
    args, kwargs = given
    texts = [_text(each) for each in args]
    texts += [f"{key}={_text(value)}" for key, value in kwargs.items()]
    reason = f": {error}" if isinstance(error, ValueError | OverflowError) else ""
    tensors = any(_is_index(each) for each in (*args, *kwargs.values()))
    if isinstance(error, TypeError) and tensors:
        return DefnStaticError(
            f"{name}({', '.join(texts)}) has an argument that must be known when"
            " compiling"
        )
    kind = DefnValueError if isinstance(error, ValueError) else DefnTypeError
    return kind(
        f"{name} cannot take ({', '.join(texts)}){reason}",
        hint=f"call it as `{shown(name, signature)}`" if signature else None,
    )


def _text(value: Any) -> str:
    leaves = tree.leaves(value)
    plain = all(isinstance(leaf, Expr | int | float | str | None) for leaf in leaves)
    return repr(value) if plain and len(leaves) < 5 else f"a {type(value).__name__}"


def _is_index(value: Any) -> bool:
    return isinstance(value, Expr) and value.dtype.is_integer
