"""From a target and the types of its arguments to a program."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from defnpy.base import tree
from defnpy.base.errors import DefnTypeError, InternalError
from defnpy.frontend import interpreter as interpreter
from defnpy.frontend.closing import INSIDE
from defnpy.frontend.frame import Frame
from defnpy.frontend.linearization import Pullback
from defnpy.frontend.session import Capture, Session
from defnpy.frontend.source import Code, code_of
from defnpy.frontend.target import DefnTarget, TransformTarget, target_of
from defnpy.frontend.values import Ragged, UnreachedError, describe
from defnpy.ir.expr import Expr, make_param, scope
from defnpy.ir.function import Function
from defnpy.ir.types import TensorType
from defnpy.ops import operators as operators

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from defnpy.base.span import Span

# Each call that is interpreted takes some thirty frames of Python's stack.
_RECURSION_LIMIT = 100_000


@dataclass(frozen=True)
class ResultSlot:
    """Stands for the result number `index` of the function."""

    index: int
    __defnpy_leaf__ = True


@dataclass(frozen=True, eq=False)
class Program:
    """A function of the user's, specialised.

    Attributes:
        function: its parameters are the tensor leaves of the arguments, in the
            order of the tree, then the captured arrays.
        result: the tree it returns, with a `ResultSlot` for each tensor.
        captures: arrays of globals and closures, read at each call.
        guards: hold while the statics it captured are unchanged.
        check_nan: whether it is to raise where the first NaN is made.
    """

    function: Function
    result: Any
    captures: tuple[Capture, ...]
    guards: tuple[Callable[[], bool], ...]
    check_nan: bool = False


def specialize(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Program:
    """Return the program of a target for arguments of these types.

    Args:
        target: a DefnTarget or TransformTarget, or what has one.
        args: trees whose tensor leaves are TensorTypes; other leaves are static.
        kwargs: likewise.
    """
    target = target_of(target)
    leaves, treedef = tree.flatten((tuple(args), dict(kwargs)))
    with scope(isolated=True) as root, _deep_stack():
        session = Session(root)
        params = [
            make_param(f"a{k}", leaf) if isinstance(leaf, TensorType) else leaf
            for k, leaf in enumerate(leaves)
        ]
        given, options = session.own(tree.unflatten(treedef, params))
        frame = _outermost(session)
        try:
            value = frame.call(target, given, options)
        except UnreachedError as reason:
            raise InternalError(f"a look escaped its loop: {reason}") from reason
        results, result = _split(value, session.left or _place(target))
    own = tuple(param for param in params if isinstance(param, Expr))
    function = Function(
        _name(target), (*own, *session.params), results, tuple(root.effects)
    )
    captures, guards = tuple(session.captures), tuple(session.guards)
    return Program(function, result, captures, guards, session.check_nan)


def _outermost(session: Session) -> Frame:
    """Return the frame that calls the target; it has no syntax of its own."""
    return Frame(_NOWHERE, session, _nowhere)  # pyright: ignore


def _nowhere() -> None:
    """Stand for the caller outside the language."""


_NOWHERE = Code("", None, None)  # pyright: ignore


def _split(value: Any, place: Span | None) -> tuple[tuple[Expr, ...], Any]:
    """Return the tensors of a result, and the tree that says where they go."""
    leaves, treedef = tree.flatten(value)
    results = tuple(leaf for leaf in leaves if isinstance(leaf, Expr))
    made: list[Any] = []
    count = 0
    for leaf in leaves:
        if isinstance(leaf, (*INSIDE, Pullback)):
            raise DefnTypeError(
                f"{describe(leaf)} cannot be returned",
                span=place,
                hint="its size is not known when compiling; `np.where` keeps all"
                if isinstance(leaf, Ragged)
                else None,
            )
        made.append(ResultSlot(count) if isinstance(leaf, Expr) else leaf)
        count += isinstance(leaf, Expr)
    return results, tree.unflatten(treedef, made)


def _place(target: Any) -> Span | None:
    """Return where a target is defined, if it is a function."""
    if not isinstance(target, DefnTarget):
        return None
    code = code_of(target.function)
    return code.source.span(code.node)


def _name(target: Any) -> str:
    if isinstance(target, DefnTarget):
        return target.function.__name__
    if isinstance(target, TransformTarget):
        return f"{target.kind}_{_name(target_of(target.target))}"
    return getattr(target, "__name__", "function")


@contextmanager
def _deep_stack() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _RECURSION_LIMIT))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
