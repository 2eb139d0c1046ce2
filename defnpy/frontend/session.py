"""What one specialisation gathers besides expressions."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base import dtypes, tree
from defnpy.base.errors import DefnStaticError
from defnpy.frontend.values import CONTAINERS, is_array, same, wrap
from defnpy.ir.expr import Expr, Scope, make_param, reenter, scope
from defnpy.ir.types import TensorType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from defnpy.base.span import Span
    from defnpy.frontend.memory import Given


@dataclass(frozen=True)
class Capture:
    """An array of the user's globals or closures, read at each call."""

    name: str
    read: Callable[[], Any]


class Session:
    """The state of one specialisation.

    Attributes:
        root: the scope of the whole function.
        region: the scope that what runs now belongs to.
        captures: arrays that become hidden arguments, with `params` for them.
        guards: hold while captured statics are unchanged.
        ranges: what is known of integers: inclusive bounds.
        depth: how many calls are open.
        check_nan: whether a function asks for checks of NaN.
        tests: how many tests of tensors what runs now stands under.
        stored: tokens of memory that was stored into, see `memory`.
        iterated: tokens of the memory that loops run over now.
        given: what the arguments of the call being made share memory with.
        result: what the functions interpreted for the call being made returned,
            as the memory it shares.
        left: the `return` that was run last.
    """

    def __init__(self, root: Scope) -> None:
        """Start with nothing captured."""
        self.root = self.region = root
        self.captures: list[Capture] = []
        self.params: list[Expr] = []
        self.guards: list[Callable[[], bool]] = []
        self.ranges: dict[Expr, tuple[int, int]] = {}
        self.depth = self.tests = 0
        self.check_nan = False
        self.stored: dict[Any, Any] = {}
        self.iterated: frozenset[Any] = frozenset()
        self.result: Any = None
        self.left: Span | None = None
        self.given: Given | None = None
        self._captured: dict[Any, Any] = {}
        self._owned: dict[int, tuple[Any, Scope]] = {}
        self._journal: list[tuple[Any, Any]] | None = None

    @contextmanager
    def open(self) -> Iterator[Scope]:
        """Open a region: what a branch or a loop body makes."""
        before = self.region
        with scope() as made:
            self.region = made
            try:
                yield made
            finally:
                self.region = before

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Run something and forget it: its expressions and changes to containers."""
        before, self._journal = self._journal, []
        try:
            with scope():
                yield
        finally:
            for container, content in reversed(self._journal):
                container.clear()
                (container.extend if isinstance(container, list) else container.update)(
                    content
                )
            self._journal = before

    def own(self, value: Any) -> Any:
        """Return `value`, its containers noted as made in this region."""
        if isinstance(value, CONTAINERS):
            self._owned.setdefault(id(value), (value, self.region))
        if isinstance(value, list | tuple):
            for item in value:
                self.own(item)
        elif isinstance(value, dict):
            for item in value.values():
                self.own(item)
        return value

    def change(self, container: Any) -> None:
        """Raise unless `container` may be changed here."""
        _, region = self._owned.get(id(container), (None, None))
        if region is not self.region:
            kind = type(container).__name__
            raise DefnStaticError(
                f"a {kind} made before a compiled loop, or before a test of a tensor,"
                " cannot be changed inside"
                if region is not None
                else f"a {kind} that was not made in this function cannot be changed",
                hint="store into an array made before, as in `values[i] = x`"
                if region is not None
                else "make a copy, and return it",
            )
        if self._journal is not None:
            self._journal.append((container, container.copy()))

    def capture(self, holder: Any, name: str, read: Callable[[], Any]) -> Any:
        """Return what the user's name `name` of `holder` stands for."""
        key = (id(holder), name)
        if key not in self._captured:
            self._captured[key] = self._take(name, read, read())
        return self._captured[key]

    def _take(self, name: str, read: Callable[[], Any], value: Any) -> Any:
        if isinstance(value, ModuleType):
            return value
        if not is_array(value) and not _is_tree(value):
            self._guard(name, lambda: _holds(read, lambda now: same(now, value)))
            return wrap(value)
        leaves, treedef = tree.flatten(value)
        snapshot = [_signature(leaf) for leaf in leaves]

        def unchanged(now: Any) -> bool:
            found, structure = tree.flatten(now)
            return structure == treedef and all(
                same(_signature(leaf), kept)
                for leaf, kept in zip(found, snapshot, strict=True)
            )

        self._guard(name, lambda: _holds(read, unchanged))
        if not any(map(is_array, leaves)):
            return tree.map(wrap, value)
        made = [
            self._hidden(name, _leaf_reader(read, k), leaf) if is_array(leaf) else leaf
            for k, leaf in enumerate(leaves)
        ]
        return tree.unflatten(treedef, map(wrap, made))

    def _guard(self, name: str, guard: Callable[[], bool]) -> None:
        """Keep a guard; its name tells what changed where it fails."""
        guard.__name__ = name
        self.guards.append(guard)

    def _hidden(self, name: str, read: Callable[[], Any], value: Any) -> Expr:
        array = np.asarray(value)
        with reenter(self.root):
            param = make_param(
                name, TensorType(dtypes.as_dtype(array.dtype), array.shape)
            )
        self.captures.append(Capture(name, read))
        self.params.append(param)
        return param


def _leaf_reader(read: Callable[[], Any], place: int) -> Callable[[], Any]:
    return lambda: tree.leaves(read())[place]


def _is_tree(value: Any) -> bool:
    return isinstance(value, tuple | list | dict) or (
        not isinstance(value, type)
        and hasattr(value, "__dataclass_fields__")
        and not getattr(type(value), "__defnpy_leaf__", False)
    )


def _signature(leaf: Any) -> Any:
    if is_array(leaf):
        array = np.asarray(leaf)
        return ("array", array.dtype.str, array.shape)
    return leaf


def _holds(read: Callable[[], Any], test: Callable[[Any], bool]) -> bool:
    try:
        return test(read())
    except (NameError, KeyError, ValueError, AttributeError):
        return False
