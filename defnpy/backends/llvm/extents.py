"""Sizes that are known when the kernel runs, as values of the code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defnpy.base.dims import Dim
from defnpy.base.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defnpy.backends.llvm.writer import Writer


class Extents:
    """The values of sizes, computed at the start of the function.

    Args:
        w: writes the function.
        pointer: to the sizes of the symbols, one i64 after another.
        symbols: their names.
    """

    def __init__(self, w: Writer, pointer: str, symbols: Sequence[str]) -> None:
        """Write nothing yet."""
        self._w, self.pointer, self.symbols = w, pointer, tuple(symbols)
        self._places = {name: place for place, name in enumerate(symbols)}
        self._known: dict[Any, str] = {}

    def value(self, size: int | Dim) -> str:
        """Return a size as an operand of type i64."""
        return self._sum(size.key) if isinstance(size, Dim) else str(size)

    def padded(self, size: int | Dim, line: int) -> str:
        """Return a size rounded up to a multiple of `line`, a power of two."""
        if not isinstance(size, Dim):
            return str(-(-size // line) * line)
        return self._head("and", self._head("add", self.value(size), line - 1), -line)

    def total(self, first: str, second: str) -> str:
        """Return the sum of two values."""
        return self._head("add nsw", first, second)

    def _head(self, word: str, first: Any, second: Any) -> str:
        return self._w.head(f"{word} i64 {first}, {second}", "size")

    def _sum(self, key: Any) -> str:
        if key not in self._known:
            made = ""
            for monomial, factor in key:
                term = self._product(monomial, factor)
                made = self.total(made, term) if made else term
            self._known[key] = made or "0"
        return self._known[key]

    def _product(self, monomial: Any, factor: int) -> str:
        made = str(factor) if factor != 1 or not monomial else ""
        for atom in monomial:
            value = self._atom(atom)
            made = self._head("mul nsw", made, value) if made else value
        return made

    def _atom(self, atom: Any) -> str:
        if atom not in self._known:
            self._known[atom] = (
                self._symbol(atom[0])
                if len(atom) == 1
                # Neither side is negative, and the second is not 0.
                else self._head("udiv", self._sum(atom[1]), self._sum(atom[2]))
            )
        return self._known[atom]

    def _symbol(self, name: str) -> str:
        if name not in self._places:
            raise InternalError(f"the size {name} is not known")
        place = f"getelementptr i64, ptr {self.pointer}, i64 {self._places[name]}"
        address = self._w.head(place, "place")
        return self._w.head(f"load i64, ptr {address}, align 8", name)
