"""What users decorate and call."""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from defnpy.base import tree


class Defn:
    """A function of the language; call it like the function it decorates."""

    def __init__(self, function: Callable[..., Any], static: tuple[str, ...]) -> None:
        """Keep the function; nothing is compiled before the first call."""
        functools.update_wrapper(self, function)
        self._function = function
        self._static = static

    def __repr__(self) -> str:
        """Return the name."""
        return f"<defn {self.__name__}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function."""
        return self.python(*args, **kwargs)

    def python(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function undecorated in CPython, on copies of the arrays."""
        args, kwargs = tree.map(_copied, (args, kwargs))
        return self._function(*args, **kwargs)


def _copied(leaf: Any) -> Any:
    return leaf.copy() if isinstance(leaf, np.ndarray) else leaf


def defn(function: Any = None, *, static: tuple[str, ...] = ()) -> Any:
    """Compile a function of the language, specialised for what it is called with.

    Args:
        function: plain Python on arrays.
        static: names of positional parameters that are known when compiling.
    """
    if function is None:
        return lambda made: defn(made, static=static)
    return Defn(function, tuple(static))


def range(*bounds: Any, unroll: bool | int = False) -> Any:
    """Return `builtins.range` of the bounds; `unroll` tells the compiler how."""
    return builtins.range(*bounds)
