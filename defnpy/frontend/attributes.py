"""Attributes of tensors and of static objects."""

from __future__ import annotations

import math
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base import tree
from defnpy.base.dtypes import I64
from defnpy.base.errors import DefnAttributeError, did_you_mean
from defnpy.frontend import methods
from defnpy.frontend.values import (
    Closure,
    Counting,
    Ragged,
    Rows,
    TensorMethod,
    describe,
    is_array,
    is_number,
    wrap,
)
from defnpy.ir.expr import Expr
from defnpy.ops.family import convert

if TYPE_CHECKING:
    from defnpy.frontend.frame import Frame

_PLAIN = (str, bytes, tuple, list, dict, set, frozenset, range, slice)
# Modules whose names, and those of whose classes, are not rebound.
_FIXED = frozenset({"numpy", "math", "defnpy", "builtins", "operator", "functools"})


def attribute(frame: Frame, base: Any, name: str) -> Any:
    """Return ``base.name``."""
    if isinstance(base, Expr):
        return _of_tensor(base, name)
    if isinstance(base, Ragged):
        return _of_ragged(base, name)
    if isinstance(base, Closure | Rows | Counting | TensorMethod):
        raise DefnAttributeError(f"a function or an iterator has no `{name}` here")
    if is_number(base) or base is None or isinstance(base, _PLAIN):
        _check(base, name)
        return frame.static(getattr, base, name)
    made = getattr(type(base), name, None)
    if isinstance(made, property) and made.fget is not None:
        return frame.call(made.fget, [base], {})
    _check(base, name)
    value = getattr(base, name)
    if isinstance(value, ModuleType | Expr):
        return value
    if _is_fixed(base):
        return wrap(value)
    if _is_method(base, name, value):
        cls = type(base)
        frame.session.capture(cls, name, lambda: getattr(cls, name))
        return wrap(value)
    if _is_own_tree(base) and not any(map(is_array, tree.leaves(value))):
        return wrap(value)
    return frame.session.capture(base, name, lambda: getattr(base, name))


def _check(base: Any, name: str) -> None:
    """Raise unless a static value has an attribute."""
    try:
        getattr(base, name)
    except DefnAttributeError:
        raise  # a module of ours knows what was meant
    except AttributeError:
        pass
    else:
        return
    hint = did_you_mean(name, dir(base))
    if hint is None and isinstance(base, list | tuple) and hasattr(np.ndarray, name):
        hint = "`dn.tensor(...)` makes an array of numbers in a list"
    raise DefnAttributeError(f"{_called(base)} has no attribute `{name}`", hint=hint)


def _of_ragged(part: Ragged, name: str) -> Any:
    sizes: list[Any] = list(part.x.shape)
    sizes[part.axis] = convert(part.length, I64, weak=True)
    if name == "shape":
        return tuple(sizes)
    if name == "size":
        return math.prod(sizes)
    if name in ("ndim", "dtype"):
        return methods.PROPERTIES[name](part.x)
    if name in methods.METHODS:
        return TensorMethod(part, name)
    raise DefnAttributeError(f"{describe(part)} has no attribute `{name}`")


def _called(base: Any) -> str:
    if type(base) in (list, tuple, dict):
        return f"a {type(base).__name__}"
    if isinstance(base, tuple):
        return f"a {type(base).__name__}"
    return describe(base)


def _is_fixed(base: Any) -> bool:
    """Whether nobody binds the names of `base`, a module or what a class made, anew."""
    owner = base if isinstance(base, ModuleType | type) else type(base)
    module = owner.__name__ if isinstance(owner, ModuleType) else owner.__module__
    return module.split(".")[0] in _FIXED


def _is_method(base: Any, name: str, value: Any) -> bool:
    """Whether an attribute is a function of the class of `base`."""
    return (
        callable(value)
        and not isinstance(base, type | ModuleType)
        and (name not in getattr(base, "__dict__", {}) and hasattr(type(base), name))
    )


def _is_own_tree(base: Any) -> bool:
    """Whether `base` is a tree of fields, so that it was guarded as a whole."""
    return hasattr(base, "__dataclass_fields__")


def _of_tensor(x: Expr, name: str) -> Any:
    if name in methods.PROPERTIES:
        return methods.PROPERTIES[name](x)
    if name in methods.METHODS:
        return TensorMethod(x, name)
    if name in methods.IN_PLACE:
        raise DefnAttributeError(
            f"`.{name}` changes an array in place; {methods.IN_PLACE[name]}"
        )
    raise DefnAttributeError(
        f"{describe(x)} has no attribute `{name}`",
        hint=did_you_mean(name, (*methods.PROPERTIES, *methods.METHODS)),
    )
