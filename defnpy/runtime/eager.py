"""Public functions outside a program: built, evaluated by NumPy and returned at once.

``dn.exp`` is a `PublicFunction` around the builder the compiler uses too, so there is
one definition of what it means.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base import tree
from defnpy.base.dtypes import DType, as_dtype
from defnpy.ir.expr import Expr, make_param, scope
from defnpy.ir.function import Function
from defnpy.ir.types import TensorType
from defnpy.ops.building import built
from defnpy.ops.unsized import Unsized
from defnpy.runtime.arguments import as_array, is_array
from defnpy.runtime.boundary import plain

if TYPE_CHECKING:
    from collections.abc import Callable


class PublicFunction:
    """A function on tensors; outside a program it takes and returns NumPy arrays."""

    def __init__(self, name: str, builder: Callable[..., Any], doc: str) -> None:
        """Keep the builder, which works on expressions."""
        functools.update_wrapper(self, builder, updated=())
        self.__name__ = self.__qualname__ = name
        self.__doc__ = doc
        self.__module__ = "defnpy"
        self.__defnpy_builder__ = builder

    @property
    def __signature__(self) -> inspect.Signature:
        """The signature, for `help`; made when asked for."""
        return inspect.signature(self.__defnpy_builder__)

    def __repr__(self) -> str:
        """Return the name."""
        return f"<function dn.{self.__name__}>"

    def __reduce__(self) -> str:
        """Pickle by name."""
        return self.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the result at once, or an expression of expressions."""
        leaves, treedef = tree.flatten((args, kwargs))
        if any(isinstance(leaf, Expr) for leaf in leaves):
            return self.__defnpy_builder__(*args, **kwargs)
        try:
            builder = self.__defnpy_builder__
            if isinstance(builder, Unsized) and not builder.is_sized(kwargs):
                return _outside(builder, leaves, treedef)
            return _run(self, leaves, treedef)
        except Exception as error:
            __tracebackhide__ = True  # for pytest and IPython
            raise plain(error) from None


def _outside(function: Unsized, leaves: list[Any], treedef: Any) -> Any:
    """Run what only NumPy can: its result's shape depends on the values."""
    ready = [as_array(leaf) if is_array(leaf) else leaf for leaf in leaves]
    args, kwargs = tree.unflatten(treedef, ready)
    return function.outside(*args, **kwargs)


def _run(called: PublicFunction, leaves: list[Any], treedef: Any) -> Any:
    from defnpy.backends.reference import evaluate

    arrays = [_array(leaf) for leaf in leaves]
    with scope(isolated=True) as region:
        operands = [
            leaf if array is None else _param(array)
            for leaf, array in zip(leaves, arrays, strict=True)
        ]
        params = tuple(operand for operand in operands if isinstance(operand, Expr))
        args, kwargs = tree.unflatten(treedef, operands)
        results, resultdef = tree.flatten(
            built(called.__name__, called.__defnpy_builder__, args, kwargs)
        )
        asked = tuple(each for each in results if isinstance(each, Expr))
        function = Function(called.__name__, params, asked, tuple(region.effects))
    values = iter(evaluate(function, [a for a in arrays if a is not None]))
    return tree.unflatten(
        resultdef,
        [
            _own(next(values), r.tensor.weak) if isinstance(r, Expr) else _static(r)
            for r in results
        ],
    )


def _array(leaf: Any) -> np.ndarray | None:
    """Return an array as NumPy's; numbers, NumPy's too, stay what they are."""
    if isinstance(leaf, np.generic) or not is_array(leaf):
        return None
    return as_array(leaf)


def _param(array: np.ndarray) -> Expr:
    return make_param("x", TensorType(as_dtype(array.dtype), array.shape))


def _own(array: np.ndarray, weak: bool) -> Any:
    """Return an array, a NumPy scalar, or for a weak scalar a Python number.

    So what is computed of Python numbers alone adapts to the next array it meets,
    as it does inside a program.
    """
    if array.ndim:
        return array
    return array.item() if weak else array[()]


def _static(value: Any) -> Any:
    return value.numpy if isinstance(value, DType) else value
