"""What a call is specialised for: the types of arrays, the values of the rest."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base import tree
from defnpy.base.dtypes import BOOL, C128, F64, I64, as_dtype
from defnpy.base.errors import DefnOverflowError, DefnTypeError
from defnpy.ir.expr import freeze
from defnpy.ir.types import TensorType
from defnpy.runtime.arguments import as_array, is_array
from defnpy.runtime.template import Template

if TYPE_CHECKING:
    from collections.abc import Callable

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


class Binder:
    """Takes calls of one function apart.

    Args:
        function: whose signature tells which arguments are static.
        static: names of positional parameters that are static.
    """

    def __init__(self, function: Callable[..., Any], static: tuple[str, ...]) -> None:
        """Read the signature."""
        self._signature = inspect.signature(function)
        kinds = self._signature.parameters
        for name in static:
            if name not in kinds:
                raise DefnTypeError(f"{name!r} is no parameter of {function.__name__}")
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
        types = [_leaf(leaf, arrays) for leaf in leaves]
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
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise DefnTypeError(str(error)) from None
        return bound.args, bound.kwargs


def _leaf(leaf: Any, arrays: list[Any]) -> Any:
    """Return the type of a tensor, whose array is appended; or the static value."""
    kind = type(leaf)
    if kind is np.ndarray and leaf.dtype.kind in "biufc":
        array = _ready(leaf)
    elif kind in _WEAK:
        arrays.append(_number(leaf))
        return TensorType(_WEAK[kind], (), weak=True)
    elif isinstance(leaf, Template):
        arrays.append(None)
        return TensorType(as_dtype(leaf.dtype), leaf.shape)
    elif is_array(leaf):
        array = _ready(as_array(leaf))
    else:
        return leaf
    arrays.append(array)
    return TensorType(as_dtype(array.dtype), array.shape)


def _number(value: Any) -> np.ndarray:
    try:
        return np.array(value, _WEAK[type(value)].numpy)
    except OverflowError:
        raise DefnOverflowError(f"{value} does not fit in i64") from None


def _ready(array: np.ndarray) -> np.ndarray:
    """Return the array, or a copy, in native byte order and row-major."""
    native = array.dtype.newbyteorder("=")
    return np.require(array, native, ("C", "A"))


def _key(leaf: Any) -> Any:
    return leaf if isinstance(leaf, TensorType) else freeze(leaf)
