"""Calls that do not fit a signature, and what is said of them."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from defnpy.base.errors import DefnTypeError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_PLAIN = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def bind(
    name: str,
    signature: inspect.Signature,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> inspect.BoundArguments:
    """Return the arguments by parameter; a call that does not fit raises.

    >>> bind("f", inspect.signature(lambda x, axis=0: x), [1], {"axes": 1})
    Traceback (most recent call last):
        ...
    defnpy.errors.DefnTypeError: f() has no argument `axes`
      hint: did you mean `axis`?
    """
    try:
        return signature.bind(*args, **kwargs)
    except TypeError as error:
        raise _misfit(name, signature, args, str(error)) from None


def _misfit(
    name: str, signature: inspect.Signature, args: Sequence[Any], said: str
) -> DefnTypeError:
    found = re.search(r"'(\w+)'", said)
    argument = found[1] if found else ""
    parameters = signature.parameters.values()
    hint = f"call it as `{shown(name, signature)}`"
    if "unexpected" in said:
        names = [each.name for each in parameters if each.kind in _NAMED]
        hint = did_you_mean(argument, names) or hint
        return DefnTypeError(f"{name}() has no argument `{argument}`", hint=hint)
    if "multiple" in said:
        return DefnTypeError(f"{name}() is given `{argument}` twice", hint=hint)
    if "missing" in said:
        return DefnTypeError(f"{name}() needs the argument `{argument}`", hint=hint)
    count = sum(each.kind in _PLAIN for each in parameters)
    return DefnTypeError(
        f"{name}() takes {count} positional argument{'' if count == 1 else 's'},"
        f" {len(args)} were given",
        hint=hint,
    )


def shown(name: str, signature: inspect.Signature) -> str:
    """Return a signature without its annotations.

    >>> shown("f", inspect.signature(lambda x, *, axis=0: x))
    'f(x, *, axis=0)'
    """
    empty = inspect.Parameter.empty
    bare = [each.replace(annotation=empty) for each in signature.parameters.values()]
    text = f"{name}{signature.replace(parameters=bare, return_annotation=empty)}"
    return text.replace(", /)", ")").replace("(self, ", "(")
