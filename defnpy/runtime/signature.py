"""What a call is specialised for: the types of arrays, the values of the rest."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass
from enum import Enum
from types import EllipsisType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base import tree
from defnpy.base.dtypes import BOOL, C128, F64, I64, DType, as_dtype
from defnpy.base.errors import (
    DefnError,
    DefnOverflowError,
    DefnTypeError,
    did_you_mean,
)
from defnpy.base.signatures import bind
from defnpy.ir.expr import freeze
from defnpy.ir.types import TensorType
from defnpy.runtime.arguments import as_array, is_array
from defnpy.runtime.template import Template

if TYPE_CHECKING:
    from collections.abc import Callable

# What can be an argument besides arrays and numbers, and functions.
_STATIC = (
    *(str, bytes, type(None), Enum, ModuleType, DType, np.dtype, slice, range),
    *(frozenset, EllipsisType),
)
_WEAK = {bool: BOOL, int: I64, float: F64, complex: C128}


@dataclass(frozen=True, slots=True)
class Call:
    """The arguments of one call, taken apart.

    Attributes:
        key: equal for calls that one program serves.
        args: positional arguments, with a type for each tensor.
        kwargs: keyword arguments, likewise.
        arrays: the tensors, in the order of the program's parameters.
    """

    key: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    arrays: list[Any]


def check_static(function: Callable[..., Any], static: tuple[str, ...]) -> None:
    """Raise unless `static` names parameters of `function`."""
    known = inspect.signature(function).parameters if static else {}
    for name in static:
        if name not in known:
            raise DefnTypeError(
                f"{function.__name__} has no parameter `{name}` that could be static",
                hint=did_you_mean(name, known),
            )


class Binder:
    """Takes calls of one function apart.

    Args:
        function: whose signature tells which arguments are static.
        static: names of positional parameters that are static.
    """

    def __init__(self, function: Callable[..., Any], static: tuple[str, ...]) -> None:
        """Read the signature."""
        self._name = function.__name__
        self._signature = inspect.signature(function)
        kinds = self._signature.parameters
        self._positions = [
            place for place, name in enumerate(kinds) if name in set(static)
        ]

    def names(self, count: int) -> list[str]:
        """Return what the first `count` positional arguments are called."""
        made: list[str] = []
        for name, parameter in self._signature.parameters.items():
            if parameter.kind is parameter.VAR_POSITIONAL:
                made += [f"{name}[{k}]" for k in range(count - len(made))]
            else:
                made.append(name)
        return made[:count]

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """Return a call's parts; what cannot be an argument raises."""
        args, kwargs = self._bind(args, kwargs)
        held = [args[place] for place in self._positions if place < len(args)]
        hidden = tuple(
            None if place in self._positions else arg for place, arg in enumerate(args)
        )
        leaves, treedef = tree.flatten(hidden)
        arrays: list[Any] = []
        try:
            types = [_leaf(leaf, arrays) for leaf in leaves]
        except DefnError:
            self._raise_named(hidden)
            raise
        options = tuple(sorted((name, freeze(value)) for name, value in kwargs.items()))
        key = (treedef, tuple(map(_key, types)), freeze(tuple(held)), options)
        typed = list(tree.unflatten(treedef, types))
        for place, value in zip(self._positions, held, strict=False):
            typed[place] = value
        return Call(key, tuple(typed), kwargs, arrays)

    def _bind(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Give positional arguments passed by name their positions."""
        bound = bind(self._name, self._signature, args, kwargs)
        return bound.args, bound.kwargs

    def _raise_named(self, args: tuple[Any, ...]) -> None:
        """Raise for the first leaf that cannot be an argument, with its name."""
        for name, arg in zip(self.names(len(args)), args, strict=True):
            for path, leaf in zip(tree.paths(arg, name), tree.leaves(arg), strict=True):
                try:
                    _leaf(leaf, [])
                except DefnError as error:
                    error.message = f"the argument `{path}` is {error.message}"
                    raise


# Characters of NumPy's dtypes that have ours.
_NUMBERS = frozenset("?bBhHiIlLqQefdFD")


def _leaf(leaf: Any, arrays: list[Any]) -> Any:
    """Return the type of a tensor, whose array is appended; or the static value."""
    kind = type(leaf)
    if (
        kind is np.ndarray
        and leaf.dtype.kind in "biufc"
        and leaf.dtype.char not in "gG"
    ):
        array = _ready(leaf)
    elif kind in _WEAK:
        arrays.append(_number(leaf))
        return TensorType(_WEAK[kind], (), weak=True)
    elif isinstance(leaf, Template):
        arrays.append(None)
        return TensorType(as_dtype(leaf.dtype), leaf.shape)
    elif is_array(leaf):
        array = _ready(as_array(leaf))
    elif callable(leaf) or isinstance(leaf, _STATIC):
        return leaf
    elif isinstance(leaf, int | float | complex):  # of a class derived from them
        number = next(each for each in _WEAK if isinstance(leaf, each))
        return _leaf(number(leaf), arrays)
    else:
        raise DefnTypeError(
            f"{_named(kind)}, not an array, a number or a container of them",
            hint="make it a dataclass of arrays, or a keyword-only parameter",
        )
    arrays.append(array)
    return TensorType(as_dtype(array.dtype), array.shape)


def _named(kind: type) -> str:
    """Return a class as an error names it, with the module of Python's it is from."""
    name, module = kind.__name__, kind.__module__
    if module in sys.stdlib_module_names and module not in ("builtins", "__main__"):
        name = f"{module}.{name}"
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _number(value: Any) -> np.ndarray:
    try:
        return np.array(value, _WEAK[type(value)].numpy)
    except OverflowError:
        raise DefnOverflowError(f"{value}, which does not fit in i64") from None


def _ready(array: np.ndarray) -> np.ndarray:
    """Return the array, or a copy, in native byte order and row-major."""
    native = array.dtype.newbyteorder("=")
    return np.require(array, native, ("C", "A"))


def _key(leaf: Any) -> Any:
    return leaf if isinstance(leaf, TensorType) else freeze(leaf)
