"""The inner part of a matrix product: a tile of the result, kept in registers.

For each k the tile takes a row of B, in vectors, and one element of A for each of
its own rows: every product is one instruction that also adds.  An element's terms
are added in the order of k, whatever the tile's height, so results do not depend on
how a product is divided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from defnpy.backends.llvm.integers import least, sub
from defnpy.backends.llvm.intrinsics import SUFFIX
from defnpy.backends.llvm.types import register_type
from defnpy.backends.llvm.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from defnpy.backends.llvm.target import Target
    from defnpy.backends.llvm.writer import Module
    from defnpy.base.dtypes import DType

GROUP = 4  # rows that share a pointer; the least tile has as many


@dataclass(frozen=True, slots=True)
class Tiles:
    """The tiles of one dtype on one machine.

    Attributes:
        dtype: of the elements.
        lanes: of a vector.
        vectors: across a tile.
        heights: of the tiles there are, the tallest first; each but the last is a
            full tile always.
    """

    dtype: DType
    lanes: int
    vectors: int
    heights: tuple[int, ...]

    @property
    def columns(self) -> int:
        """Width of a tile."""
        return self.lanes * self.vectors

    @property
    def vector(self) -> str:
        """The type of a vector."""
        return f"<{self.lanes} x {register_type(self.dtype)}>"

    @property
    def suffix(self) -> str:
        """How that type is spelled in an intrinsic's name."""
        return f"v{self.lanes}{SUFFIX[register_type(self.dtype)]}"


def tiles(dtype: DType, target: Target) -> Tiles:
    """Return the tiles that fill the registers: 32 of 64 bytes, or 16 of fewer."""
    lanes = target.lanes[dtype.name][0]
    wide = lanes * dtype.bytes == 64
    return Tiles(dtype, lanes, 2, (12, 8, 4)) if wide else Tiles(dtype, lanes, 3, (4,))


# What a tile's function takes; strides are in bytes.
PARAMETERS = (
    "ptr %c, i64 %c_row, ptr %a, i64 %a_row, i64 %a_col, ptr %b, i64 %b_row, "
    "i64 %k, i64 %rows, i64 %columns, i1 %more"
)


def write_tile(module: Module, shape: Tiles, height: int, attributes: str) -> str:
    """Write C = A·B, or C += A·B where `more`, for a tile; return its name.

    The last of the heights takes any number of rows from 1 to its own; `columns`
    says how many there are of C's, while B has them all.
    """
    tile = _Tile(Writer(module), shape, height, partial=height == shape.heights[-1])
    name = f"tile.{height}"
    module.functions[name] = (
        f"define internal void @{name}({PARAMETERS}) noinline {attributes} "
        f"{{\n{tile.write()}\n}}\n"
    )
    return name


class _Tile:
    """One tile function under construction.

    Attributes:
        places: of its vectors: a row and a number across.
    """

    def __init__(self, w: Writer, shape: Tiles, height: int, *, partial: bool) -> None:
        self.w, self.shape, self.height, self.partial = w, shape, height, partial
        self.places = [(r, v) for r in range(height) for v in range(shape.vectors)]

    def write(self) -> str:
        """Return the function's body."""
        w = self.w
        targets, masks = self._targets(), self._masks()
        near = self._near()
        groups = [self._group(number) for number in range(self.height // GROUP)]
        w.branch("%more", "old", "start")
        w.open("old")
        old = {
            at: load_masked(w, self.shape, targets[at], masks[at]) for at in self.places
        }
        w.jump("start")
        w.open("start")
        origins = (("entry", "zeroinitializer"), ("old", old))
        first = {at: self._phi(at, *origins) for at in self.places}
        w.branch(w.value("icmp sgt i64 %k, 0"), "turn", "end")
        last = self._turns(first, near, groups)
        w.open("end")
        origins = (("start", first), ("turn", last))
        sums = {at: self._phi(at, *origins) for at in self.places}
        for at, value in sums.items():
            store_masked(w, self.shape, targets[at], masks[at], value)
        w.line("ret void")
        return w.body()

    def _phi(self, at: tuple[int, int], *origins: tuple[str, Any]) -> str:
        given = (
            f"[{value if isinstance(value, str) else value[at]}, %{block}]"
            for block, value in origins
        )
        return self.w.value(f"phi {self.shape.vector} {', '.join(given)}")

    def _turns(
        self, first: Mapping[tuple[int, int], str], near: list[str], groups: list[str]
    ) -> dict[tuple[int, int], str]:
        """Write the loop over k, and return the sums after a turn."""
        w, vector = self.w, self.shape.vector
        w.open("turn")
        w.line("%i = phi i64 [0, %start], [%i.next, %turn]")
        w.line("%b.now = phi ptr [%b, %start], [%b.next, %turn]")
        for number, start in enumerate(groups):
            at = f"%a{number}"
            w.line(f"{at} = phi ptr [{start}, %start], [{at}.next, %turn]")
        last = {at: f"%sum{at[0]}.{at[1]}" for at in self.places}
        now = {
            at: w.value(f"phi {vector} [{first[at]}, %start], [{last[at]}, %turn]")
            for at in self.places
        }
        self._products(now, last, near)
        w.line("%b.next = getelementptr i8, ptr %b.now, i64 %b_row")
        for number in range(len(groups)):
            w.line(f"%a{number}.next = getelementptr i8, ptr %a{number}, i64 %a_col")
        w.line("%i.next = add nuw nsw i64 %i, 1")
        w.branch(w.value("icmp slt i64 %i.next, %k"), "turn", "end")
        return last

    def _products(
        self,
        now: Mapping[tuple[int, int], str],
        last: Mapping[tuple[int, int], str],
        near: list[str],
    ) -> None:
        w, vector = self.w, self.shape.vector
        type, align = register_type(self.shape.dtype), self.shape.dtype.bytes
        fma = w.module.declare(
            f"llvm.fmuladd.{self.shape.suffix}", vector, ", ".join([vector] * 3)
        )
        rows = [
            w.value(f"load {vector}, ptr {self._across('%b.now', v)}, align {align}")
            for v in range(self.shape.vectors)
        ]
        for r in range(self.height):
            pointer = w.value(
                f"getelementptr i8, ptr %a{r // GROUP}, i64 {near[r % GROUP]}"
            )
            one = w.value(f"load {type}, ptr {pointer}, align {align}")
            first = w.value(f"insertelement {vector} poison, {type} {one}, i64 0")
            same = w.value(
                f"shufflevector {vector} {first}, {vector} poison, "
                f"<{self.shape.lanes} x i32> zeroinitializer"
            )
            for v, row in enumerate(rows):
                at = (r, v)
                operands = (f"{vector} {each}" for each in (same, row, now[at]))
                w.line(f"{last[at]} = call {vector} {fma}({', '.join(operands)})")

    def _near(self) -> list[str]:
        """Return how far the rows of a group are from its first.

        In a tile that is not full, those after the last are taken to be the last.
        """
        w = self.w
        near = ["0"]
        for r in range(1, GROUP):
            row = str(r)
            if self.partial:
                row = str(least(w, r, w.value("sub nsw i64 %rows, 1")))
            near.append(w.value(f"mul nsw i64 %a_row, {row}"))
        return near

    def _group(self, number: int) -> str:
        offset = self.w.value(f"mul nsw i64 %a_row, {number * GROUP}")
        return self.w.value(f"getelementptr i8, ptr %a, i64 {offset}")

    def _across(self, pointer: str, v: int) -> str:
        size = v * self.shape.lanes * self.shape.dtype.bytes
        return self.w.value(f"getelementptr i8, ptr {pointer}, i64 {size}")

    def _targets(self) -> dict[tuple[int, int], str]:
        w = self.w
        rows = [
            w.value(
                f"getelementptr i8, ptr %c, i64 {w.value(f'mul nsw i64 %c_row, {r}')}"
            )
            for r in range(self.height)
        ]
        return {(r, v): self._across(rows[r], v) for r, v in self.places}

    def _masks(self) -> dict[tuple[int, int], str]:
        """Return which elements of C's vectors there are."""
        w, lanes = self.w, self.shape.lanes
        there = [
            below(w, lanes, str(sub(w, "%columns", v * lanes)))
            for v in range(self.shape.vectors)
        ]
        if not self.partial:
            return {(r, v): there[v] for r, v in self.places}
        rows = [w.value(f"icmp sgt i64 %rows, {r}", "row") for r in range(self.height)]
        none = f"<{lanes} x i1> zeroinitializer"
        return {
            (r, v): w.value(
                f"select i1 {rows[r]}, <{lanes} x i1> {there[v]}, {none}", "mask"
            )
            for r, v in self.places
        }


def below(w: Writer, lanes: int, count: str) -> str:
    """Return the mask of the first `count` lanes, of which there may be none."""
    type = f"<{lanes} x i64>"
    first = w.value(f"insertelement {type} poison, i64 {count}, i64 0")
    same = w.value(
        f"shufflevector {type} {first}, {type} poison, <{lanes} x i32> zeroinitializer"
    )
    numbers = ", ".join(f"i64 {lane}" for lane in range(lanes))
    return w.value(f"icmp slt {type} <{numbers}>, {same}")


def load_masked(w: Writer, shape: Tiles, pointer: str, mask: str) -> str:
    """Return a vector, with zeros for the lanes left out, which are not read."""
    masked = f"ptr {pointer}, i32 {shape.dtype.bytes}, <{shape.lanes} x i1> {mask}"
    types = f"ptr, i32, <{shape.lanes} x i1>, {shape.vector}"
    name = f"llvm.masked.load.{shape.suffix}.p0"
    symbol = w.module.declare(name, shape.vector, types)
    return w.value(
        f"call {shape.vector} {symbol}({masked}, {shape.vector} zeroinitializer)"
    )


def store_masked(w: Writer, shape: Tiles, pointer: str, mask: str, value: str) -> None:
    """Write a vector but for the lanes left out."""
    masked = f"ptr {pointer}, i32 {shape.dtype.bytes}, <{shape.lanes} x i1> {mask}"
    types = f"{shape.vector}, ptr, i32, <{shape.lanes} x i1>"
    symbol = w.module.declare(f"llvm.masked.store.{shape.suffix}.p0", "void", types)
    w.line(f"call void {symbol}({shape.vector} {value}, {masked})")
