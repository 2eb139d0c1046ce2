"""The product of two matrices, as a function of LLVM that one thread runs.

``void product(ptr c, ptr a, ptr b, i64 m, i64 n, i64 k, i64 ldc, i64 rsa, i64 csa,
i64 rsb, i64 csb, i1 more, ptr rows, ptr places)`` computes C = A · B, or C += A · B
where there is `more`: C has m rows and n columns, and the sums have k terms.  A
distance between rows is called ``ld`` or ``rs``, one between columns ``cs``; all are
in elements, and any are good but that columns of C lie side by side, and of B either
columns or rows do.  Or `rows` and `places`, null otherwise, are tables of where B's
rows and columns are: an element is at the sum of both, and `rsb` and `csb` are 0.  C
overlaps neither.  Any thread may call it at any time, it cannot fail, and takes some
40 KB of stack; its symbol is ``target.product[dtype.name]``.  Kernels call it for a
block of a product by `Call("gemm", ..., block=...)`.

As many terms as keep a panel of B, as wide as a tile, in the first cache are summed
at a time.  Elements of A are read where they are: each is used for a whole row of a
tile, so they need not come fast.  Panels that many tiles share, that end beside the
matrix or whose columns lie apart are copied first.

Each element of C is the same sum in the same order, whatever part of a product it is
computed with: parts may be shared among threads in any way.  No element is skipped,
and nothing outside of the matrices is read or written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from defnpy.backends.llvm import matvec, panels, tiles
from defnpy.backends.llvm.tiles import (
    LOW,
    Grain,
    address,
    least,
    steps,
    times,
)
from defnpy.backends.llvm.writer import Module, Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.backends.llvm.target import Target
    from defnpy.base.dtypes import DType

PANEL = 32768  # bytes of a panel of B
SHARED = 24  # rows of C from which on panels are copied

PARAMS = (
    "ptr %c, ptr %a, ptr %b, i64 %m, i64 %n, i64 %k, i64 %ldc, i64 %rsa, i64 %csa, "
    "i64 %rsb, i64 %csb, i1 zeroext %more, ptr %rows, ptr %places"
)
_PLACE = "ptr %c, i64 %ldc, ptr %tile, i64 %rows, i64 %columns, i1 %more"


def product_text(dtype: DType, target: Target) -> str:
    """Return the module of the target's product for `dtype`."""
    module, grain = Module(), tiles.grain(dtype, target)
    writing = _Writing(module, grain, target.attributes)
    for height in (grain.rows, LOW):
        writing.define(f"tile{height}", tiles.PARAMS, _tile(height))
    writing.define("place", _PLACE, tiles.place)
    writing.define("copy", panels.COPY, panels.copy)
    writing.define("rows", matvec.PARAMS, matvec.rows)
    writing.define("left", matvec.LEFT_PARAMS, matvec.left)
    writing.define("turn", panels.TURN, panels.turn)
    writing.define("spread", panels.SPREAD, panels.spread)
    writing.define(target.product[dtype.name], PARAMS, _product, linkage="")
    return module.text()


@dataclass(frozen=True, slots=True)
class _Writing:
    """A module in the making."""

    module: Module
    grain: Grain
    attributes: str

    def define(
        self,
        name: str,
        params: str,
        write: Callable[[Writer, Grain], None],
        linkage: str = "internal ",
    ) -> None:
        """Add a function."""
        w = Writer(self.module)
        write(w, self.grain)
        self.module.functions[name] = (
            f"define {linkage}void @{name}({params}) {self.attributes} "
            f"{{\n{w.body()}\n}}\n"
        )


def _tile(height: int) -> Callable[[Writer, Grain], None]:
    return lambda w, grain: tiles.tile(w, grain, height)


def _product(w: Writer, grain: Grain) -> None:
    """Write the product: with a vector on one side as such, else by panels."""
    single = w.value("icmp eq i64 %n, 1")
    close = [w.value(f"icmp eq i64 {distance}, 1") for distance in ("%csa", "%rsb")]
    beside = w.value(f"and i1 {close[0]}, {close[1]}")
    w.branch(w.value(f"and i1 {single}, {beside}"), "vector", "other")
    w.open("vector")
    given = "ptr %c, i64 %ldc, ptr %a, i64 %rsa, ptr %b, i64 %k, i64 %m, i1 %more"
    w.line(f"call void @rows({given})")
    w.line("ret void")
    w.open("other")
    single = w.value("icmp eq i64 %m, 1")
    close = w.value("icmp eq i64 %csb, 1")
    w.branch(w.value(f"and i1 {single}, {close}"), "row", "matrix")
    w.open("row")
    given = "ptr %c, ptr %a, i64 %csa, ptr %b, i64 %rsb, i64 %k, i64 %n, i1 %more"
    w.line(f"call void @left({given})")
    w.line("ret void")
    w.open("matrix")
    _panels(w, grain)


def _panels(w: Writer, grain: Grain) -> None:
    terms = PANEL // (grain.columns * grain.bytes)
    room = PANEL + grain.lanes * grain.columns * grain.bytes  # see `panels.turn`
    panel = w.head(f"alloca [{room} x i8], align 64", "panel")
    scratch = w.head(
        f"alloca [{grain.rows * grain.columns} x {grain.type}], align 64", "scratch"
    )
    # What has no terms is written once, too.
    stop = w.value(f"call i64 {_larger(w)}(i64 %k, i64 1)")
    with steps(w, stop, terms) as first:
        count = least(w, w.value(f"sub i64 %k, {first}"), terms)
        more = w.value(f"or i1 %more, {w.value(f'icmp sgt i64 {first}, 0')}")
        left = address(w, grain, "%a", times(w, first, "%csa"))
        right = address(w, grain, "%b", times(w, first, "%rsb"))
        with steps(w, "%n", grain.columns) as column:
            columns = least(w, w.value(f"sub i64 %n, {column}"), grain.columns)
            source = address(w, grain, right, times(w, column, "%csb"))
            tables = tuple(
                w.value(f"getelementptr i64, ptr {table}, i64 {number}")
                for table, number in (("%rows", first), ("%places", column))
            )
            b, ldb = _panel(w, grain, (panel, source, count, columns), tables)
            c = address(w, grain, "%c", column)
            part = f"ptr {b}, i64 {ldb}, i64 {count}"
            _rows(w, grain, (c, left, part, columns, more, scratch))
    w.line("ret void")


def _larger(w: Writer) -> str:
    return w.module.declare("llvm.smax.i64", "i64", "i64, i64")


def _panel(
    w: Writer,
    grain: Grain,
    given: tuple[str, str, str, str],
    tables: tuple[str, ...],
) -> tuple[str, str]:
    """Return the address of a panel of B, and the distance between its rows."""
    panel, source, terms, columns = given
    spread, even, turn, test, copy, end = (
        w.fresh(e) for e in ("spread", "even", "turn", "test", "copy", "end")
    )
    w.branch(w.value("icmp eq ptr %rows, null"), even, spread)
    w.open(even)
    w.branch(w.value("icmp ne i64 %csb, 1"), turn, test)
    w.open(test)
    shared = w.value(f"icmp sge i64 %m, {SHARED}")
    ends = w.value(f"icmp slt i64 {columns}, {grain.columns}")
    w.branch(w.value(f"or i1 {shared}, {ends}"), copy, end)
    there, sizes = f"ptr {panel}, ptr {source}", f"i64 {terms}, i64 {columns}"
    rows, places = (f"ptr {table}" for table in tables)
    for label, call in (
        (turn, f"@turn({there}, i64 %csb, {sizes}, ptr null)"),
        (copy, f"@copy({there}, i64 %rsb, {sizes})"),
        (spread, f"@spread({there}, {rows}, {places}, {sizes})"),
    ):
        w.open(label)
        w.line(f"call void {call}")
        w.jump(end)
    w.open(end)
    copied = ", ".join(f"[{panel}, %{label}]" for label in (turn, copy, spread))
    b = w.value(f"phi ptr [{source}, %{test}], {copied}")
    width = ", ".join(f"[{grain.columns}, %{label}]" for label in (turn, copy, spread))
    return b, w.value(f"phi i64 [%rsb, %{test}], {width}")


def _rows(w: Writer, grain: Grain, given: tuple[str, str, str, str, str, str]) -> None:
    """Write the tiles below each other: high ones, and low ones for what is left."""
    c, a, part, columns, more, scratch = given
    high = times(w, w.value(f"udiv i64 %m, {grain.rows}"), grain.rows)
    is_whole = w.value(f"icmp eq i64 {columns}, {grain.columns}")
    for height, start, stop in ((grain.rows, "0", high), (LOW, high, "%m")):
        with steps(w, stop, height, start) as row:
            rows = least(w, w.value(f"sub i64 %m, {row}"), height)
            to = address(w, grain, c, times(w, row, "%ldc"))
            x = address(w, grain, a, times(w, row, "%rsa"))
            fits = w.value(f"icmp eq i64 {rows}, {height}")
            whole, some, end = (w.fresh(e) for e in ("whole", "some", "end"))
            rest = f"ptr {x}, i64 %rsa, i64 %csa, {part}, i64 {rows}"
            w.branch(w.value(f"and i1 {fits}, {is_whole}"), whole, some)
            w.open(whole)
            w.line(f"call void @tile{height}(ptr {to}, i64 %ldc, {rest}, i1 {more})")
            w.jump(end)
            w.open(some)
            there = f"ptr {scratch}, i64 {grain.columns}"
            w.line(f"call void @tile{height}({there}, {rest}, i1 false)")
            w.line(
                f"call void @place(ptr {to}, i64 %ldc, ptr {scratch}, i64 {rows}, "
                f"i64 {columns}, i1 {more})"
            )
            w.jump(end)
            w.open(end)
