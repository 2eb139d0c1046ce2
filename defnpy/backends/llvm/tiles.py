"""Tiles: the small products, held in registers, that matrix products are made of.

A tile is a few rows of C times a few vectors of its columns.  For each term of the
sums, the vectors of a row of B are loaded, and each element of a column of A is
spread over a vector and multiplied with them.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from defnpy.backends.llvm.intrinsics import SUFFIX
from defnpy.backends.llvm.types import register_type

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defnpy.backends.llvm.target import Target
    from defnpy.backends.llvm.writer import Writer
    from defnpy.base.dtypes import DType

VECTORS = 2  # of a row of a tile
LOW = 4  # rows of the tiles that are left: enough sums to keep two adders busy


@dataclass(frozen=True, slots=True)
class Grain:
    """What tiles are made of on one machine, for one dtype.

    Attributes:
        type: of an element.
        bytes: of an element.
        lanes: elements of a vector.
        rows: of a tile.
    """

    type: str
    bytes: int
    lanes: int
    rows: int

    @property
    def vector(self) -> str:
        """The type of a vector."""
        return f"<{self.lanes} x {self.type}>"

    @property
    def mask(self) -> str:
        """The type of a mask of a vector."""
        return f"<{self.lanes} x i1>"

    @property
    def columns(self) -> int:
        """The columns of a tile."""
        return self.lanes * VECTORS

    @property
    def suffix(self) -> str:
        """How a vector is spelled inside the name of an intrinsic."""
        return f"v{self.lanes}{SUFFIX[self.type]}"


def grain(dtype: DType, target: Target) -> Grain:
    """Return the tiles of a dtype whose sums fill most registers.

    There are 32 registers of 64 bytes, or 16 of fewer.
    """
    lanes, size = target.lanes[dtype.name][0], dtype.bytes
    return Grain(register_type(dtype), size, lanes, 12 if lanes * size == 64 else 6)


@contextmanager
def steps(w: Writer, stop: str, step: int, start: str = "0") -> Iterator[str]:
    """Write what is inside for each number of ``range(start, stop, step)``."""
    test, inside, end = (w.fresh(each) for each in ("test", "inside", "end"))
    number, following = f"%{w.fresh('number')}", f"%{w.fresh('next')}"
    before, latch = w.block, w.fresh("latch")
    w.jump(test)
    w.open(test)
    w.line(f"{number} = phi i64 [{start}, %{before}], [{following}, %{latch}]")
    w.branch(w.value(f"icmp slt i64 {number}, {stop}"), inside, end)
    w.open(inside)
    yield number
    w.jump(latch)
    w.open(latch)
    w.line(f"{following} = add nsw i64 {number}, {step}")
    w.jump(test)
    w.open(end)


def least(w: Writer, x: str | int, y: str | int) -> str:
    """Return the smaller of two numbers."""
    symbol = w.module.declare("llvm.smin.i64", "i64", "i64, i64")
    return w.value(f"call i64 {symbol}(i64 {x}, i64 {y})")


def times(w: Writer, x: str | int, y: str | int) -> str:
    """Return the product of two numbers."""
    return w.value(f"mul nsw i64 {x}, {y}")


def address(w: Writer, grain: Grain, pointer: str, index: str | int) -> str:
    """Return the address of an element."""
    return w.value(f"getelementptr {grain.type}, ptr {pointer}, i64 {index}")


def vectors(w: Writer, grain: Grain, row: str) -> list[str]:
    """Return the addresses of the vectors of a row."""
    return [address(w, grain, row, v * grain.lanes) for v in range(VECTORS)]


def spread(w: Writer, vector: str, type: str, value: str) -> str:
    """Return a vector whose elements are all `value`."""
    lanes = vector[1:].split()[0]
    first = w.value(f"insertelement {vector} poison, {type} {value}, i64 0")
    return w.value(
        f"shufflevector {vector} {first}, {vector} poison, "
        f"<{lanes} x i32> zeroinitializer"
    )


def masks(w: Writer, grain: Grain, count: str) -> list[str]:
    """Return for each vector of a row which of its elements are below `count`."""
    type = f"<{grain.lanes} x i64>"
    limit, made = spread(w, type, "i64", count), list[str]()
    for first in range(0, grain.columns, grain.lanes):
        numbers = ", ".join(f"i64 {first + lane}" for lane in range(grain.lanes))
        made.append(w.value(f"icmp slt {type} <{numbers}>, {limit}"))
    return made


def load(w: Writer, grain: Grain, pointer: str, mask: str = "") -> str:
    """Return a vector from memory, zero where the mask is false."""
    vector, size = grain.vector, grain.bytes
    if not mask:
        return w.value(f"load {vector}, ptr {pointer}, align {size}")
    name = f"llvm.masked.load.{grain.suffix}.p0"
    symbol = w.module.declare(name, vector, f"ptr, i32, {grain.mask}, {vector}")
    return w.value(
        f"call {vector} {symbol}(ptr {pointer}, i32 {size}, {grain.mask} {mask}, "
        f"{vector} zeroinitializer)"
    )


def store(w: Writer, grain: Grain, value: str, pointer: str, mask: str = "") -> None:
    """Write the elements of a vector to memory for which the mask is true."""
    vector, size = grain.vector, grain.bytes
    if not mask:
        w.line(f"store {vector} {value}, ptr {pointer}, align {size}")
        return
    name = f"llvm.masked.store.{grain.suffix}.p0"
    symbol = w.module.declare(name, "void", f"{vector}, ptr, i32, {grain.mask}")
    w.line(
        f"call void {symbol}({vector} {value}, ptr {pointer}, i32 {size}, "
        f"{grain.mask} {mask})"
    )


def multiply_add(
    w: Writer, grain: Grain, name: str, values: tuple[str, str, str]
) -> str:
    """Write a product of two vectors that is added to a third, and return its name."""
    vector = grain.vector
    types = ", ".join([vector] * len(values))
    fma = w.module.declare(f"llvm.fmuladd.{grain.suffix}", vector, types)
    given = ", ".join(f"{vector} {each}" for each in values)
    w.line(f"{name} = call {vector} {fma}({given})")
    return name


PARAMS = (
    "ptr %c, i64 %ldc, ptr %a, i64 %rsa, i64 %csa, ptr %b, i64 %ldb, i64 %terms, "
    "i64 %rows, i1 %more"
)


def tile(w: Writer, grain: Grain, height: int) -> None:
    """Write the function of a tile, whose parameters are `PARAMS`.

    They are the distances between rows of C, rows and columns of A and rows of B,
    how many terms the sums have, and whether C is added to.  Of A only `rows` rows
    are read, at least one; in place of those that are missing the last is taken.
    """
    sums = _sums(w, grain, height)
    row = "%c"
    for i, values in enumerate(sums):
        if i:
            row = address(w, grain, row, "%ldc")
        for value, place in zip(values, vectors(w, grain, row), strict=True):
            store(w, grain, _total(w, grain, value, load(w, grain, place)), place)
    w.line("ret void")


def _total(w: Writer, grain: Grain, value: str, old: str) -> str:
    """Return a sum, and what it is added to if there is `more`."""
    vector = grain.vector
    start = w.value(f"select i1 %more, {vector} {old}, {vector} zeroinitializer")
    return w.value(f"fadd {vector} {start}, {value}")


def place(w: Writer, grain: Grain) -> None:
    """Write the function that puts a part of a tile where it belongs.

    Its parameters are ``c, ldc, tile, rows, columns, more``.
    """
    found = masks(w, grain, "%columns")
    with steps(w, "%rows", 1) as row:
        to = address(w, grain, "%c", times(w, row, "%ldc"))
        source = address(w, grain, "%tile", times(w, row, grain.columns))
        each = zip(vectors(w, grain, to), vectors(w, grain, source), found, strict=True)
        for there, here, mask in each:
            made = _total(w, grain, load(w, grain, here), load(w, grain, there, mask))
            store(w, grain, made, there, mask)
    w.line("ret void")


def _sums(w: Writer, grain: Grain, height: int) -> list[list[str]]:
    """Write the loop over the terms, and return the sums: vectors of each row."""
    vector, loop, end = grain.vector, w.fresh("loop"), w.fresh("end")
    offsets, before = _offsets(w, height), w.block
    w.branch(w.value("icmp sgt i64 %terms, 0"), loop, end)
    w.open(loop)
    names = [f"%{w.fresh('sum')}" for _ in range(height * VECTORS)]
    moving = (("%term", "i64", "0", "1"), ("%x", "ptr", "%a", "%csa"))
    moving += (("%y", "ptr", "%b", "%ldb"),)
    for name, type, start, _ in moving:
        w.line(f"{name} = phi {type} [{start}, %{before}], [{name}.next, %{loop}]")
    for name in names:
        values = f"[zeroinitializer, %{before}], [{name}.next, %{loop}]"
        w.line(f"{name} = phi {vector} {values}")
    right = [load(w, grain, each) for each in vectors(w, grain, "%y")]
    remaining = iter(names)
    for offset in offsets:
        x = w.value(f"load {grain.type}, ptr {address(w, grain, '%x', offset)}")
        left = spread(w, vector, grain.type, x)
        for each, name in zip(right, remaining, strict=False):
            multiply_add(w, grain, f"{name}.next", (left, each, name))
    w.line("%term.next = add nuw nsw i64 %term, 1")
    for name, type, _, step in moving[1:]:
        w.line(f"{name}.next = getelementptr {grain.type}, {type} {name}, i64 {step}")
    w.branch(w.value("icmp eq i64 %term.next, %terms"), end, loop)
    w.open(end)
    made = [
        w.value(f"phi {vector} [zeroinitializer, %{before}], [{name}.next, %{loop}]")
        for name in names
    ]
    return [made[i : i + VECTORS] for i in range(0, len(made), VECTORS)]


def _offsets(w: Writer, height: int) -> list[str]:
    """Return how far each row of A is from the first."""
    last = w.value("sub i64 %rows, 1")
    return ["0", *(times(w, least(w, i, last), "%rsa") for i in range(1, height))]
