"""From a call to the program that serves it: one for each signature."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base import tree
from defnpy.base.dtypes import as_dtype
from defnpy.base.errors import DefnError, InternalError
from defnpy.base.flags import CODE_FLAGS, flags
from defnpy.frontend import ResultSlot
from defnpy.runtime.arguments import as_array
from defnpy.runtime.pipeline import Stages

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.runtime.signature import Binder, Call


class Variant:
    """One specialisation, and how it is called."""

    def __init__(self, stages: Stages, statics: Call) -> None:
        """Keep the stages; `statics` keeps alive what the key names by identity."""
        self.stages, self._statics = stages, statics
        program = stages.program
        self._given = len(statics.arrays)
        self._hidden = [
            (capture, param.tensor)
            for capture, param in zip(
                program.captures, program.function.params[self._given :], strict=True
            )
        ]
        leaves, self._treedef = tree.flatten(program.result)
        self._leaves = [
            leaf.index if isinstance(leaf, ResultSlot) else (leaf,) for leaf in leaves
        ]
        self._is_single = program.result == ResultSlot(0)
        self._results = [
            (result.dtype.numpy, result.shape) for result in program.function.results
        ]

    def captured(self) -> list[np.ndarray] | None:
        """Return the captured arrays as they are now; None if this is outdated."""
        if not all(guard() for guard in self.stages.program.guards):
            return None
        found = []
        for capture, type in self._hidden:
            array = np.require(as_array(capture.read()), requirements=("C", "A"))
            if (as_dtype(array.dtype), array.shape) != (type.dtype, type.shape):
                return None
            found.append(array)
        return found

    def run(self, arrays: list[np.ndarray]) -> Any:
        """Run the machine code and return its results as the user wrote them."""
        results = [np.empty(shape, dtype) for dtype, shape in self._results]
        self.stages.compiled.run(arrays, results)
        return self.returned(results)

    def returned(self, results: list[np.ndarray]) -> Any:
        """Return results in the structure the function returns."""
        if self._is_single:
            return _own(results[0])
        values = [
            _own(results[leaf]) if isinstance(leaf, int) else leaf[0]
            for leaf in self._leaves
        ]
        return tree.unflatten(self._treedef, values)


def _own(array: np.ndarray) -> Any:
    return array if array.ndim else array[()]


class Dispatcher:
    """The specialisations of one function or transform of one.

    Args:
        target: what is compiled.
        binder: takes its calls apart.
    """

    def __init__(self, target: Any, binder: Callable[[], Binder]) -> None:
        """Compile nothing yet."""
        self._target, self._make_binder = target, binder
        self._binder: Binder | None = None
        self._variants: dict[Any, list[Variant]] = {}
        self._lock = threading.Lock()
        self._building: dict[Any, threading.Lock] = {}

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the function, compiling it first if this signature is new."""
        variant, arrays = self.variant(args, kwargs)
        return variant.run(arrays)

    def variant(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Variant, list[Any]]:
        """Return the program for a call, and its arrays with captured ones."""
        call = self.taken_apart(args, kwargs)
        settings = tuple(getattr(flags, name) for name in CODE_FLAGS)
        key = (call.key, settings)
        found = self._current(key)
        if found is None:
            with self._lock:
                building = self._building.setdefault(key, threading.Lock())
            with building:  # others of this signature wait, then find it
                found = self._current(key) or self._build(key, call)
        variant, captured = found
        return variant, [*call.arrays, *captured]

    def taken_apart(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """Return the parts of a call."""
        if self._binder is None:
            self._binder = self._make_binder()
        return self._binder.call(args, kwargs)

    def _current(self, key: Any) -> tuple[Variant, list[np.ndarray]] | None:
        for variant in self._variants.get(key, ()):
            captured = variant.captured()
            if captured is not None:
                return variant, captured
        return None

    def _build(self, key: Any, call: Call) -> tuple[Variant, list[np.ndarray]]:
        variant = Variant(Stages(self._target, call.args, call.kwargs), call)
        captured = variant.captured()
        if captured is None:
            raise InternalError("what a program captures changed while it was made")
        self._variants.setdefault(key, []).insert(0, variant)
        return variant, captured


def shown_to_users(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` with errors that show no frames of the compiler."""

    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except DefnError as error:
            if flags.traceback == "full":
                raise
            raise error.with_traceback(None) from None

    return guarded
