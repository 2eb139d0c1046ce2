"""From a call to the program that serves it: one for each signature."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base import flags as flag_state
from defnpy.base import tree
from defnpy.base.dims import Decisions, Dim, NeedsSizeError, substitute
from defnpy.base.dtypes import as_dtype
from defnpy.base.errors import InternalError
from defnpy.base.flags import CODE_FLAGS, flags
from defnpy.ir.types import TensorType
from defnpy.runtime import reasons
from defnpy.runtime.arguments import as_array
from defnpy.runtime.family import (
    MOST,
    Family,
    Fit,
    axes_of,
    bound,
    family_key,
    sizes_of,
    with_sizes,
)
from defnpy.runtime.reasons import VariantInfo
from defnpy.runtime.unpacking import unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from defnpy.runtime.pipeline import Stages
    from defnpy.runtime.signature import Binder, Call


_NO_SIZES: Mapping[str, int] = {}
_ATTEMPTS = 8  # programs that are tried with ever fewer symbols


class Variant:
    """One specialisation, and how it is called."""

    def __init__(self, stages: Stages, call: Call, why: str = "") -> None:
        """Keep the stages; `call` keeps alive what the key names by identity.

        `why` tells what made this specialisation necessary.
        """
        from defnpy.frontend.specialize import ResultSlot

        self.stages, self.first, self.why = stages, replace(call, arrays=[]), why
        self.fit: Fit | None = None
        self.quick: Quick | None = None
        program = stages.program
        self._given = len(call.arrays)
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

    def changed(self) -> list[str]:
        """Return the names of what was captured and is no longer what it was."""
        guards = self.stages.program.guards
        names = [guard.__name__ for guard in guards if not guard()]
        return list(dict.fromkeys(names))

    def fast(self, call: Call) -> Callable[..., Any] | None:
        """Return a quick function for calls like `call`, None if there is none.

        It serves calls whose tensors are the program's parameters one for one.
        It returns `NotImplemented` for arguments of other types, and on faults.
        """
        leaves = [leaf for leaf in tree.leaves(call.args) if leaf is not None]
        kinds = [_kind(leaf) for leaf in leaves]
        if call.kwargs or self._hidden or not all(kinds):
            return None
        run = self.stages.compiled.fast(kinds, single=self._is_single)  # pyright: ignore
        if run is None:
            return None
        packed = None if self._is_single else self._packing()
        is_flat = len(leaves) == len(call.args)
        if packed is None and is_flat and all(map(_is_tensor, call.args)):
            return run
        return unpacked(run, call.args, _is_tensor, packed)

    def _packing(self) -> Callable[[tuple[Any, ...]], Any] | None:
        """Return what makes the returned of a tuple of results, if it differs."""
        every = list(range(len(self._results)))
        if self._leaves != every:
            return self._packed
        is_plain = self._treedef == tree.flatten(tuple(every))[1]
        return None if is_plain else self._treedef.unflatten

    def _packed(self, results: tuple[Any, ...]) -> Any:
        """Return what the function returns, given results that are as users see."""
        return tree.unflatten(
            self._treedef,
            [
                results[leaf] if isinstance(leaf, int) else leaf[0]
                for leaf in self._leaves
            ],
        )

    def run(self, arrays: list[np.ndarray]) -> Any:
        """Run the machine code and return its results as the user wrote them."""
        from defnpy.backends.cpu.recycling import empty

        sizes = self.fit.sizes(arrays[-1].tolist()) if self.fit else _NO_SIZES
        results = [
            empty(substitute(shape, sizes) if sizes else shape, dtype)
            for dtype, shape in self._results
        ]
        self.stages.compiled.run(arrays, results)
        return self.returned(results, sizes)

    def returned(
        self, results: list[np.ndarray], sizes: Mapping[str, int] = _NO_SIZES
    ) -> Any:
        """Return results in the structure the function returns."""
        if self._is_single:
            return _own(results[0])
        values = [
            _own(results[leaf]) if isinstance(leaf, int) else substitute(leaf[0], sizes)
            for leaf in self._leaves
        ]
        return tree.unflatten(self._treedef, values)


def _kind(leaf: Any) -> str | None:
    """Return how the fast call is to take an argument, None if it cannot."""
    if not isinstance(leaf, TensorType):
        return None
    kinds = {"f": "float", "i": "int", "b": "bool"}
    return kinds.get(leaf.dtype.kind) if leaf.weak else "array"


def _is_tensor(leaf: Any) -> bool:
    return isinstance(leaf, TensorType)


def _own(array: np.ndarray) -> Any:
    return array if array.ndim else array[()]


@dataclass(slots=True)
class Quick:
    """The builtin function of the program that was called last.

    Attributes:
        run: see `Variant.fast`.
        guards: hold while what the program captured is unchanged.
        changes: how often flags had been set when they were last looked at.
    """

    run: Callable[..., Any]
    guards: tuple[Callable[[], bool], ...]
    changes: int

    def is_current(self) -> bool:
        """Whether the program still means what the source says."""
        if self.changes != flag_state.changes:
            return False
        return not self.guards or all(guard() for guard in self.guards)


def _settings() -> tuple[Any, ...]:
    return tuple(getattr(flags, name) for name in CODE_FLAGS)


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
        self._families: dict[Any, Family] = {}
        self.quick: Quick | None = None

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the function, compiling it first if this signature is new."""
        variant, arrays = self.variant(args, kwargs, exact=False)
        made = variant.run(arrays)
        if variant.quick is not None:
            variant.quick.changes = flag_state.changes
        self.quick = variant.quick
        return made

    def variant(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], *, exact: bool = True
    ) -> tuple[Variant, list[Any]]:
        """Return the program for a call, and its arrays with captured ones.

        Unless it is to be `exact`, it may be one for other sizes too.
        """
        call = self.taken_apart(args, kwargs)
        key = (call.key, _settings())
        found = self._current(key)
        if found is None and not exact:
            found = self._sized(call)
        if found is None:
            with self._building_lock(key):  # others of this signature wait
                found = self._current(key) or self._build(key, call, exact)
        variant, captured = found
        return variant, [*call.arrays, *captured]

    def _building_lock(self, key: Any) -> threading.Lock:
        with self._lock:
            return self._building.setdefault(key, threading.Lock())

    def _sized(self, call: Call) -> tuple[Variant, list[Any]] | None:
        """Return a program with symbols for a call, if there can be one."""
        key = (family_key(call), _settings())
        family = self._families.get(key)
        if family is None or flags.device != "cpu":
            return None
        sizes = sizes_of(call)
        found = _member(family, sizes)
        if found is None:
            with self._building_lock(key):
                found = _member(family, sizes) or self._generalized(family, call, sizes)
        return found

    def _generalized(
        self, family: Family, call: Call, sizes: tuple[Any, ...]
    ) -> tuple[Variant, list[Any]] | None:
        """Return a new program with symbols for the sizes that vary."""
        pattern = family.pattern(sizes)
        for _ in range(_ATTEMPTS):
            symbols = bound(pattern, sizes)
            if not symbols or len(family.members) >= MOST:
                return None
            try:
                variant = self._with_symbols(call, pattern, symbols)
            except NeedsSizeError as needed:
                axes = axes_of(pattern, needed.symbols)
                if needed.lasting:
                    family.fixed |= axes
                pattern = tuple(
                    now if axis in axes else size
                    for axis, (size, now) in enumerate(zip(pattern, sizes, strict=True))
                )
            except Exception:  # the program for these sizes tells what is wrong
                family.suspects = {k for k, s in enumerate(pattern) if type(s) is Dim}
                return None
            else:
                family.members.insert(0, variant)
                family.widen(pattern)
                return _member(family, sizes)
        return None

    def _with_symbols(
        self, call: Call, pattern: tuple[Any, ...], symbols: dict[str, int]
    ) -> Variant:
        from defnpy.runtime.pipeline import Stages

        general, decisions = with_sizes(call, pattern), Decisions(symbols)
        key = ((call.key, pattern), _settings())
        differs = self._why(key, general)
        why = f"{differs}, as its sizes vary" if differs else "its sizes test otherwise"
        stages = Stages(self._target, general.args, general.kwargs, decisions)
        variant = Variant(stages, general, why)
        variant.fit = Fit(pattern, decisions)
        _ = stages.compiled  # every number that is needed is asked for by now
        self._variants.setdefault(key, []).insert(0, variant)
        return variant

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

    def _build(
        self, key: Any, call: Call, exact: bool
    ) -> tuple[Variant, list[np.ndarray]]:
        # The compiler is imported when there is something to compile.
        from defnpy.runtime.pipeline import Stages

        changes, why = flag_state.changes, self._why(key, call)
        if not exact and self._needs_numbers(call):
            why += "; the program needs the number"
        variant = Variant(Stages(self._target, call.args, call.kwargs), call, why)
        run = variant.fast(call)
        if run is not None:
            guards = variant.stages.program.guards
            variant.quick = Quick(run, guards, changes)
        captured = variant.captured()
        if captured is None:
            raise InternalError("what a program captures changed while it was made")
        self._variants.setdefault(key, []).insert(0, variant)
        if not exact:
            self._note(call)
        return variant, captured

    def _needs_numbers(self, call: Call) -> bool:
        """Whether a size of a call would be a symbol if the program let it."""
        family = self._families.get((family_key(call), _settings()))
        if family is None:
            return False
        axes = family.fixed | family.suspects
        return any(
            family.sizes[k] != size
            for k, size in enumerate(sizes_of(call))
            if k in axes
        )

    def _note(self, call: Call) -> None:
        """Keep the sizes of a call that has a program of its own."""
        key = (family_key(call), _settings())
        family = self._families.setdefault(key, Family(sizes_of(call)))
        family.fixed |= family.suspects  # it was their doing
        family.suspects = set()

    def variants(self) -> list[VariantInfo]:
        """Return what exists, in the order it was made."""
        return [
            VariantInfo(
                reasons.signature_text(self.leaves(made[-1].first)),
                "; then ".join(each.why for each in reversed(made)),
                len(made),
            )
            for made in list(self._variants.values())
        ]

    def leaves(self, call: Call) -> dict[str, str]:
        """Return the types and static values of a call, by path."""
        if self._binder is None:
            self._binder = self._make_binder()
        return reasons.described(call, self._binder.names(len(call.args)))

    def _why(self, key: Any, call: Call) -> str:
        """Return why nothing that exists serves a call."""
        existing = list(self._variants.items())
        same = self._variants.get(key)
        if same:
            changed = ", ".join(f"`{name}`" for name in same[0].changed())
            return f"{changed or 'an array'} it captures changed"
        shown = [
            self.leaves(made[0].first) | reasons.settings_text(settings)
            for (_, settings), made in existing
        ]
        _, settings = key
        return reasons.why(self.leaves(call) | reasons.settings_text(settings), shown)


def _member(family: Family, sizes: tuple[Any, ...]) -> tuple[Variant, list[Any]] | None:
    """Return the program of a family that serves a call of these sizes."""
    for variant in list(family.members):
        values = variant.fit.match(sizes)
        if values is None:
            continue
        captured = variant.captured()
        if captured is not None:
            return variant, [*captured, values]
        family.members.remove(variant)
    return None
