"""Parts of the operands of a matrix product, put into the order they are read in.

A tile reads one element of each of its rows, and one row of its columns, for each k.
Packed, what it reads lies in as few lines and pages of memory as can be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.backends.llvm.heap import copy
from defnpy.backends.llvm.integers import Number, add, least, mul, steps, sub
from defnpy.backends.llvm.tile import below, load_masked, store_masked
from defnpy.backends.llvm.types import register_type
from defnpy.backends.llvm.writer import Writer

if TYPE_CHECKING:
    from defnpy.backends.llvm.tile import Tiles
    from defnpy.backends.llvm.writer import Module


def place(w: Writer, shape: Tiles, pointer: str, *terms: tuple[Number, Number]) -> str:
    """Return the address of an element; `terms` are products, which add up."""
    index: Number = 0
    for a, b in terms:
        index = add(w, index, mul(w, a, b))
    type = register_type(shape.dtype)
    return w.value(f"getelementptr {type}, ptr {pointer}, i64 {index}")


def write_packing(module: Module, shape: Tiles, attributes: str) -> None:
    """Write the functions that pack; sizes and strides are in elements."""
    made = {
        "pack.rows": (_rows, "i64 %stride, i64 %row, i64 %k, i64 %count"),
        "pack.strip": (_strip, "i64 %stride, i64 %row, i64 %k, i64 %count"),
        "pack.turned": (_turned, "i64 %column, i64 %k, i64 %count"),
        "pack.single": (
            _single,
            "i64 %stride, i64 %row, i64 %column, i64 %k, i64 %count",
        ),
    }
    for name, (write, sizes) in made.items():
        w = Writer(module)
        write(w, shape)
        w.line("ret void")
        module.functions[name] = (
            f"define internal void @{name}(ptr noalias %to, ptr noalias %from, {sizes})"
            f" noinline {attributes} {{\n{w.body()}\n}}\n"
        )


def _rows(w: Writer, shape: Tiles) -> None:
    """Copy `count` rows of `k` elements, in one piece each."""
    size = mul(w, "%k", shape.dtype.bytes)
    with steps(w, 0, "%count") as i:
        target = place(w, shape, "%to", (i, "%stride"))
        copy(w, target, place(w, shape, "%from", (i, "%row")), str(size))


def _strip(w: Writer, shape: Tiles) -> None:
    """Copy `k` runs of `count` elements, no more than a tile is wide."""
    numbers = range(0, shape.columns, shape.lanes)
    masks = [below(w, shape.lanes, str(sub(w, "%count", n))) for n in numbers]
    with steps(w, 0, "%k") as i:
        for n, mask in zip(numbers, masks, strict=True):
            source = place(w, shape, "%from", (i, "%row"), (n, 1))
            value = load_masked(w, shape, source, mask)
            target = place(w, shape, "%to", (i, "%stride"), (n, 1))
            store_masked(w, shape, target, mask, value)


def _single(w: Writer, shape: Tiles) -> None:
    """Copy `k` runs of `count` elements one by one."""
    with steps(w, 0, "%k") as i, steps(w, 0, "%count") as j:
        _one(
            w,
            shape,
            place(w, shape, "%to", (i, "%stride"), (j, 1)),
            place(w, shape, "%from", (i, "%row"), (j, "%column")),
        )


def _turned(w: Writer, shape: Tiles) -> None:
    """Copy `k` rows of a tile's width from `count` columns, in one piece each.

    Squares of as many rows as a vector has lanes are turned in registers.  Columns
    that are not there are taken to be the last one.
    """
    lanes, width = shape.lanes, shape.columns
    align = shape.dtype.bytes
    rest = w.value(f"urem i64 %k, {lanes}")
    whole, last = sub(w, "%k", rest), sub(w, "%count", 1)
    with steps(w, 0, whole, lanes) as i, steps(w, 0, "%count", lanes) as j:
        columns = [least(w, add(w, j, lane), last) for lane in range(lanes)]
        square = []
        for column in columns:
            source = place(w, shape, "%from", (column, "%column"), (i, 1))
            square.append(w.value(f"load {shape.vector}, ptr {source}, align {align}"))
        for lane, vector in enumerate(_transposed(w, shape, square)):
            target = place(w, shape, "%to", (add(w, i, lane), width), (j, 1))
            w.line(f"store {shape.vector} {vector}, ptr {target}, align {align}")
    with steps(w, whole, "%k") as i, steps(w, 0, "%count") as j:
        _one(
            w,
            shape,
            place(w, shape, "%to", (i, width), (j, 1)),
            place(w, shape, "%from", (j, "%column"), (i, 1)),
        )


def _transposed(w: Writer, shape: Tiles, square: list[str]) -> list[str]:
    """Return the columns of a square, by exchanging ever larger blocks of it."""
    lanes, vector = shape.lanes, shape.vector
    made, block = list(square), 1
    while block < lanes:
        upper = [n + lanes - block if n & block else n for n in range(lanes)]
        lower = [n + lanes if n & block else n + block for n in range(lanes)]
        for i in (i for i in range(lanes) if not i & block):
            pair = f"{vector} {made[i]}, {vector} {made[i | block]}"
            for number, chosen in ((i, upper), (i | block, lower)):
                mask = ", ".join(f"i32 {n}" for n in chosen)
                made[number] = w.value(
                    f"shufflevector {pair}, <{lanes} x i32> <{mask}>"
                )
        block *= 2
    return made


def _one(w: Writer, shape: Tiles, to: str, source: str) -> None:
    type, align = register_type(shape.dtype), shape.dtype.bytes
    value = w.value(f"load {type}, ptr {source}, align {align}")
    w.line(f"store {type} {value}, ptr {to}, align {align}")
