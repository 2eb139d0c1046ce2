"""Calls that differ in sizes only, and which of these sizes become symbols.

The first call of a family is served by a program for its sizes.  An axis that has
another size in a later call becomes a symbol, one with any other axis that had the
same size in both calls.  Sizes 0 and 1, and those whose number the program needs,
stay numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base import tree
from defnpy.base.dims import LEAST, Decisions, Dim, symbol, symbols_of
from defnpy.ir.types import TensorType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from defnpy.runtime.signature import Call

Sizes = tuple[Any, ...]  # of every axis of every tensor of a call, in order
MOST = 8  # programs with symbols in a family; further sizes have programs of their own


@dataclass(slots=True)
class Family:
    """What is known of the calls that differ in sizes only.

    Attributes:
        sizes: those that never varied, and symbols for the others.
        fixed: axes whose number programs need.
        suspects: axes that were symbols when a program could not be made.
        members: programs with symbols, the latest first.
    """

    sizes: Sizes
    fixed: set[int] = field(default_factory=set)
    suspects: set[int] = field(default_factory=set)
    members: list[Any] = field(default_factory=list)

    def pattern(self, sizes: Sizes) -> Sizes:
        """Return the sizes of a call, with symbols for those that vary."""
        found: dict[Any, Dim] = {}
        made: list[Any] = []
        for axis, (before, now) in enumerate(zip(self.sizes, sizes, strict=True)):
            if before == now or now < LEAST or axis in self.fixed:
                made.append(now)
                continue
            key = (before.key if isinstance(before, Dim) else before, now)
            made.append(found.setdefault(key, symbol(f"n{axis}")))
        return tuple(made)

    def widen(self, pattern: Sizes) -> None:
        """Note which sizes vary."""
        self.sizes = tuple(
            now if isinstance(now, Dim) or not isinstance(before, Dim) else before
            for before, now in zip(self.sizes, pattern, strict=True)
        )


def sizes_of(call: Call) -> Sizes:
    """Return the sizes of the tensors of a call."""
    return tuple(size for type in _types(call) for size in type.shape)


def family_key(call: Call) -> Any:
    """Return what is equal for calls that differ in sizes only."""
    treedef, types, *others = call.key
    loose = tuple(
        (each.dtype, each.rank, each.weak) if isinstance(each, TensorType) else each
        for each in types
    )
    return (treedef, loose, *others)


def with_sizes(call: Call, pattern: Sizes) -> Call:
    """Return the call with other sizes, and without its arrays."""
    waiting = iter(pattern)

    def resized(leaf: Any) -> Any:
        if not isinstance(leaf, TensorType):
            return leaf
        return leaf.with_shape(tuple(next(waiting) for _ in leaf.shape))

    return replace(call, args=tree.map(resized, call.args))


def _types(call: Call) -> list[TensorType]:
    return [leaf for leaf in tree.leaves(call.args) if isinstance(leaf, TensorType)]


def bound(pattern: Sizes, sizes: Sizes) -> dict[str, int] | None:
    """Return the sizes of a pattern's symbols in a call, None if it does not fit."""
    found: dict[str, int] = {}
    for wanted, size in zip(pattern, sizes, strict=True):
        if not isinstance(wanted, Dim):
            if wanted != size:
                return None
        elif size < LEAST or found.setdefault(_name(wanted), size) != size:
            return None
    return found


def symbols_in(pattern: Sizes) -> tuple[str, ...]:
    """Return the names of the symbols of a pattern, in the order of kernels."""
    return tuple(sorted({_name(size) for size in pattern if isinstance(size, Dim)}))


def axes_of(pattern: Sizes, symbols: frozenset[str]) -> set[int]:
    """Return the axes that are among these symbols."""
    return {
        axis
        for axis, size in enumerate(pattern)
        if isinstance(size, Dim) and _name(size) in symbols
    }


def _name(size: Dim) -> str:
    (name,) = symbols_of(size)
    return name


@dataclass(frozen=True, slots=True)
class Fit:
    """Which calls a program with symbols serves.

    Attributes:
        pattern: the sizes of its calls.
        decisions: what the program rests on besides.
    """

    pattern: Sizes
    decisions: Decisions

    def match(self, sizes: Sizes) -> np.ndarray | None:
        """Return the sizes of the symbols in a call, None if it is not served."""
        found = bound(self.pattern, sizes)
        if found is None or not self.decisions.hold(found):
            return None
        return np.array([found[name] for name in symbols_in(self.pattern)], np.int64)

    def sizes(self, values: Sequence[int]) -> Mapping[str, int]:
        """Return the sizes of symbols by name."""
        return dict(zip(symbols_in(self.pattern), values, strict=True))
