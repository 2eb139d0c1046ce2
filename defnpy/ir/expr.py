"""The one node of programs, its only constructor, and scopes.

An expression is frozen and typed when it is made.  Inside a `scope` equal
expressions are one object, so identity is equality; scopes nest as regions of
the program do, and tell which expressions a region only captures.
"""

from __future__ import annotations

import itertools
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from defnpy.base.dims import Dim
from defnpy.base.errors import DefnError, InternalError
from defnpy.ir.op import Missing, Op
from defnpy.ir.types import TensorType, Type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from defnpy.base.span import Span

_serial = itertools.count()


def _operator(name: str, *, swapped: bool = False) -> Callable[..., Expr]:
    def apply(self: Expr, *others: Any) -> Expr:
        operands = (*others, self) if swapped else (self, *others)
        return Expr.operators[name](*operands)

    return apply


class Expr:
    """One value of the program: an op applied to operands.

    Attributes:
        op: the operation's record.
        operands: the expressions it is applied to.
        attrs: static options; never changed after construction.
        type: what it is.
        span: where the user wrote it; not part of its identity.
        serial: its place in the order of construction.
        scope: the region it was made in, None outside any.
    """

    __slots__ = ("attrs", "op", "operands", "scope", "serial", "span", "type")

    # What Python's operators mean is knowledge of `ops`, which fills this table.
    operators: ClassVar[dict[str, Callable[..., Any]]] = {}

    # NumPy must leave ``array * expr`` to Expr.
    __array_ufunc__ = None
    __hash__ = object.__hash__

    def __init__(
        self,
        op: Op,
        operands: tuple[Expr, ...],
        attrs: Mapping[str, Any],
        type: Type,
        span: Span | None,
        scope: Scope | None,
    ) -> None:
        """Use `make`; this only fills the fields."""
        self.op, self.operands, self.attrs, self.type = op, operands, attrs, type
        self.span, self.scope, self.serial = span, scope, next(_serial)

    def __repr__(self) -> str:
        """Return the type, which is all that an error's text may show."""
        return str(self.type)

    __add__ = _operator("add")
    __radd__ = _operator("add", swapped=True)
    __sub__ = _operator("subtract")
    __rsub__ = _operator("subtract", swapped=True)
    __mul__ = _operator("multiply")
    __rmul__ = _operator("multiply", swapped=True)
    __truediv__ = _operator("divide")
    __rtruediv__ = _operator("divide", swapped=True)
    __floordiv__ = _operator("floor_divide")
    __rfloordiv__ = _operator("floor_divide", swapped=True)
    __mod__ = _operator("remainder")
    __rmod__ = _operator("remainder", swapped=True)
    __pow__ = _operator("power")
    __rpow__ = _operator("power", swapped=True)
    __and__ = _operator("bitwise_and")
    __rand__ = _operator("bitwise_and", swapped=True)
    __or__ = _operator("bitwise_or")
    __ror__ = _operator("bitwise_or", swapped=True)
    __xor__ = _operator("bitwise_xor")
    __rxor__ = _operator("bitwise_xor", swapped=True)
    __lshift__ = _operator("left_shift")
    __rlshift__ = _operator("left_shift", swapped=True)
    __rshift__ = _operator("right_shift")
    __rrshift__ = _operator("right_shift", swapped=True)
    __matmul__ = _operator("matmul")
    __rmatmul__ = _operator("matmul", swapped=True)
    __neg__ = _operator("negative")
    __abs__ = _operator("abs")
    __invert__ = _operator("bitwise_invert")

    @property
    def dtype(self) -> Any:
        """The element type of a tensor."""
        return self.tensor.dtype

    @property
    def shape(self) -> tuple[Any, ...]:
        """The sizes of a tensor's axes."""
        return self.tensor.shape

    @property
    def tensor(self) -> TensorType:
        """The type, where it must be a tensor's."""
        if not isinstance(self.type, TensorType):
            raise InternalError(f"{self!r} is used as a tensor")
        return self.type


class Scope:
    """A region under construction: its expressions, and its effects in order."""

    __slots__ = ("depth", "effects", "parent", "table")

    def __init__(self, parent: Scope | None) -> None:
        """Open a scope inside `parent`."""
        self.parent = parent
        self.depth: int = parent.depth + 1 if parent else 0
        self.table: dict[Any, Expr] = {}
        self.effects: list[Expr] = []

    def find(self, key: Any) -> Expr | None:
        """Return the expression of this key here or further out."""
        scope: Scope | None = self
        while scope is not None:
            found = scope.table.get(key)
            if found is not None:
                return found
            scope = scope.parent
        return None

    def contains(self, inner: Scope | None) -> bool:
        """Whether `inner` is this scope or inside it."""
        while inner is not None:
            if inner is self:
                return True
            inner = inner.parent
        return False


class _Current(threading.local):
    scope: Scope | None = None
    span: Span | None = None
    called: Span | None = None


_current = _Current()


@contextmanager
def scope(*, isolated: bool = False) -> Iterator[Scope]:
    """Open a scope; `isolated` hides the ones around it."""
    before = _current.scope
    made = Scope(None if isolated else before)
    _current.scope = made
    try:
        yield made
    finally:
        _current.scope = before


@contextmanager
def reenter(region: Scope) -> Iterator[None]:
    """Make expressions in `region`, a scope that was left or is around this one."""
    before = _current.scope
    _current.scope = region
    try:
        yield
    finally:
        _current.scope = before


class at:  # noqa: N801 - it is used like a function
    """Give `span` to every expression made inside."""

    __slots__ = ("_before", "_span")

    def __init__(self, span: Span | None) -> None:
        """Keep the span; a class is half the cost of a generator here."""
        self._span = span

    def __enter__(self) -> None:
        """Begin."""
        self._before = _current.span
        _current.span = self._span

    def __exit__(self, *exception: object) -> None:
        """End."""
        _current.span = self._before


def current_span() -> Span | None:
    """Return the span that new expressions get."""
    return _current.span


@contextmanager
def called_at(span: Span | None) -> Iterator[Span | None]:
    """Note that what is made inside belongs to a function called at `span`.

    Yields that place, with the calls around it; None leaves what is noted.
    """
    before = _current.called
    if span is not None:
        _current.called = span.within(before)
    try:
        yield _current.called
    finally:
        _current.called = before


def whole_span() -> Span | None:
    """Return the current span, with the calls around it."""
    span = _current.span
    return None if span is None else span.within(_current.called)


def make(op: Op, operands: tuple[Expr, ...] = (), **attrs: Any) -> Expr:
    """Return the expression `op` of `operands`: typed, and shared in its scope."""
    if isinstance(op.infer, Missing):
        raise InternalError(f"{op.name} has no type rule: {op.infer.reason}")
    scope = _current.scope
    key = (op.name, *map(id, operands), *map(_key, attrs.items()))
    if scope is not None:
        found = scope.find(key)
        if found is not None:
            return found
    try:
        type = op.infer(attrs, *[operand.type for operand in operands])
    except DefnError as error:
        raise error.at(_current.span) from None
    made = Expr(op, operands, attrs, type, _current.span, scope)
    if scope is not None:
        scope.table[key] = made
        if op.effect or any(map(_has_effects, attrs.values())):
            scope.effects.append(made)
    return made


def _has_effects(attr: Any) -> bool:
    """Whether an attribute is a Function that does more than compute results."""
    return bool(getattr(attr, "effects", ()))


def make_param(name: str, type: Type, **attrs: Any) -> Expr:
    """Return a fresh parameter; no two are the same expression."""
    return Expr(PARAM, (), {"name": name, **attrs}, type, _current.span, _current.scope)


def _key(attr: tuple[str, Any]) -> Any:
    name, value = attr
    return name, freeze(value)


def freeze(value: Any) -> Any:
    """Return a hashable key that keeps 0.0/-0.0, True/1 and NaNs apart."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is tuple or kind is list:
        return (kind, *map(freeze, value))
    if kind is float:
        return float, value.hex()
    if kind is Dim:
        return kind, value.key
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        return ("array", array.dtype.str, array.shape, array.tobytes())
    if kind is dict:
        return tuple((name, freeze(item)) for name, item in value.items())
    try:
        hash(value)
    except TypeError:
        return id(value)
    return kind, value


_PLAIN = (str, type(None))


def _infer_param(attrs: Mapping[str, Any]) -> Type:
    raise InternalError("parameters are made by make_param")


_NONE = Missing("a parameter stands for a value given at the call")
PARAM = Op(
    name="param",
    infer=_infer_param,
    eval=_NONE,
    vjp=_NONE,
    jvp=_NONE,
    batch=_NONE,
    lower=_NONE,
    doc="A parameter of a function.",
    family="leaf",
    samples=_NONE,
)
