"""What names can hold besides tensors and Python objects, and what is static."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base import tree
from defnpy.base.dims import Dim
from defnpy.base.errors import DefnError, DefnTypeError, DefnUnboundLocalError
from defnpy.ir.expr import Expr, freeze
from defnpy.ir.types import TensorType
from defnpy.ops.leaf import const, scalar_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.frontend.frame import Frame
    from defnpy.frontend.source import Code

NUMBERS = (bool, int, float, complex)
CONTAINERS = (list, dict, set)
_SHOWN = 4  # items of a container that an error shows


@dataclass(eq=False)
class Look:
    """One look at the body of a loop, to find what it carries.

    Attributes:
        unreached: why a side of a branch was left out of it, if one was.
    """

    unreached: UnreachedError | None = None
    __defnpy_leaf__ = True


class UnreachedError(Exception):
    """A name was read whose type the first look at a loop does not know yet.

    The side of a branch that reads it is left out of that look.
    """

    def __init__(self, error: DefnError, look: Look) -> None:
        """Keep the error to raise if it is read unconditionally."""
        super().__init__(error.message)
        self.error, self.look = error, look


@dataclass(frozen=True, eq=False)
class Poison:
    """The value of a name that has none; reading it raises.

    Attributes:
        error: what reading it raises.
        candidate: what one path assigned to it, if any.
        early: the first look at a loop that is going on; reading the name only
            leaves out of it the branch that does.
    """

    error: DefnError
    candidate: Any = None
    early: Look | None = None
    __defnpy_leaf__ = True


# The value of a name that no path from here on reads.
DEAD = Poison(DefnUnboundLocalError("a value was read that seemed not to be needed"))


@dataclass(frozen=True, eq=False)
class Maybe:
    """The value of a name that is bound only where `assigned` holds."""

    value: Any
    assigned: Any


tree.register_dataclass(Maybe)


@dataclass(frozen=True, eq=False)
class Closure:
    """A function defined inside a function of the language.

    Attributes:
        code: its syntax.
        frame: where it was defined; its free names are read there when called.
        defaults: values of defaults by parameter name.
        memory: what the defaults share memory with, see `memory`.
    """

    code: Code
    frame: Frame
    defaults: dict[str, Any]
    memory: frozenset[Any]
    __defnpy_leaf__ = True

    @property
    def __name__(self) -> str:
        """The name it was defined with."""
        return self.code.name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Raise: only the interpreter can call it."""
        raise DefnTypeError(
            f"`{self.__name__}` is called by a Python function that is not compiled"
        )


@dataclass(frozen=True)
class TensorMethod:
    """A method of a tensor, not yet called."""

    x: Expr | Ragged
    name: str
    __defnpy_leaf__ = True


@dataclass(frozen=True, eq=False)
class Counting:
    """A range, whose bounds may be tensors, and how it is to be unrolled."""

    start: Any
    stop: Any
    step: Any
    unroll: bool | int = False
    __defnpy_leaf__ = True


@dataclass(frozen=True, eq=False)
class Rows:
    """Something iterated by position: `length` items, each made by `get`."""

    length: Any
    get: Callable[[Any], Any]
    __defnpy_leaf__ = True


@dataclass(frozen=True, eq=False)
class Ragged:
    """A slice of run-time length.

    Attributes:
        x: a tensor that begins with it along `axis`.
        axis: the axis of run-time length.
        length: its size, a strong i64 scalar.
    """

    x: Expr
    axis: int
    length: Expr
    __defnpy_leaf__ = True

    @property
    def from_right(self) -> int:
        """The place of the axis, counted from the last one, which is 1."""
        return self.x.tensor.rank - self.axis


@dataclass(frozen=True, eq=False)
class Picked(Ragged):
    """What a mask selects of an array, as a slice of run-time length of axis 0.

    Attributes:
        full: the array.
        mask: of its leading axes.
    """

    full: Expr
    mask: Expr


@dataclass(frozen=True, eq=False)
class Text:
    """A text that shows tensors: for each part a value, a conversion and a format.

    The last two may be left out.
    """

    parts: tuple[tuple[Any, ...], ...]
    __defnpy_leaf__ = True


def is_number(value: Any) -> bool:
    """Whether `value` is a static Python number."""
    return isinstance(value, NUMBERS) and not isinstance(value, np.generic)


def is_tensor_like(value: Any) -> bool:
    """Whether `value` can be an operand: a tensor, a number or a size."""
    return isinstance(value, Expr | Dim) or is_number(value)


def is_array(value: Any) -> bool:
    """Whether `value` is an array of the user's, of any library."""
    if isinstance(value, np.ndarray):
        return True
    if isinstance(value, type | Expr | np.generic):
        return False
    return hasattr(value, "__array__") or hasattr(value, "__dlpack__")


def tensors_in(value: Any) -> list[Expr]:
    """Return the tensors among the leaves of `value`."""
    if isinstance(value, Expr):
        return [value]
    if isinstance(value, Ragged):
        return [value.x]
    if isinstance(value, TensorMethod):
        return tensors_in(value.x)
    if is_number(value) or isinstance(value, str) or value is None:
        return []
    if isinstance(value, set | frozenset):
        value = list(value)
    if isinstance(value, slice):
        value = (value.start, value.stop, value.step)
    found: list[Expr] = []
    for leaf in tree.leaves(value):
        if isinstance(leaf, Expr):
            found.append(leaf)
        elif isinstance(leaf, Ragged | TensorMethod):
            found += tensors_in(leaf)
        elif isinstance(leaf, Text):
            found += tensors_in([part[0] for part in leaf.parts])
    return found


def has_tensors(*values: Any) -> bool:
    """Whether any value is a tensor, or a container that holds one."""
    return any(tensors_in(value) for value in values)


def wrap(value: Any) -> Any:
    """Return the result of a Python computation with its arrays as constants."""
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufcV":
        return const(value)
    if isinstance(value, tuple | list) and any(
        isinstance(item, np.ndarray | np.generic) for item in value
    ):
        return tree.map(wrap, value)
    return value


def known(value: Any) -> Any:
    """Return the Python number of a constant scalar; other values unchanged."""
    if isinstance(value, Expr):
        number = scalar_of(value)
        return value if number is None else number
    return value


def same(a: Any, b: Any) -> bool:
    """Whether two static values are equal in every respect."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    return freeze(a) == freeze(b)


def describe(value: Any) -> str:
    """Return how a value is named in an error."""
    if isinstance(value, Expr):
        return str(value.type)
    if isinstance(value, TensorType):
        return str(value)
    if isinstance(value, Picked):
        return f"what a mask selects of {value.full.type}"
    if isinstance(value, Ragged):
        return f"a slice of run-time length of {value.x.type}"
    if isinstance(value, Poison):
        return "nothing"
    if isinstance(value, Counting | Rows):
        return "an iterator"
    if isinstance(value, TensorMethod):
        return f"the method `{value.name}`, which is not called,"
    if isinstance(value, Text):
        return "an f-string of tensors"
    if is_number(value) or value is None or isinstance(value, str):
        return repr(value)
    if isinstance(value, list | tuple | dict):
        return _describe_items(value)
    name = getattr(value, "__name__", None)
    if isinstance(value, np.ndarray):
        return f"{value.dtype}[{','.join(map(str, value.shape))}]"
    if isinstance(value, type):
        return f"the class `{name}`"
    if isinstance(value, ModuleType):
        return f"the module `{name}`"
    if isinstance(value, np.dtype):
        return f"the dtype {value}"
    if name is not None:
        return f"the function `{name}`"
    kind = type(value).__name__
    return f"{'an' if kind[:1] in 'aeiouAEIOU' else 'a'} {kind}"


def _describe_items(value: Any) -> str:
    """Return a container with the types of its first items."""
    if isinstance(value, dict):
        inner = [f"{key!r}: {describe(item)}" for key, item in value.items()]
    else:
        inner = [describe(item) for item in value]
    text = ", ".join(inner[:_SHOWN] + ["…"] * (len(inner) > _SHOWN))
    if isinstance(value, tuple) and len(inner) == 1:
        text += ","
    return {list: "[{}]", dict: "{{{}}}"}.get(type(value), "({})").format(text)
