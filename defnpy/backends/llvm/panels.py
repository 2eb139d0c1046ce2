"""Panels: columns of B put side by side, as wide as a tile, in the first cache.

Rows of the panel are terms of the sums.  Columns of B lie side by side, or rows do;
or a table says where each column is, and another one each row: those of windows that
slide over an array lie side by side for a while only.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from defnpy.backends.llvm.tiles import (
    Grain,
    address,
    least,
    load,
    masks,
    steps,
    store,
    times,
    vectors,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defnpy.backends.llvm.writer import Writer

COPY = "ptr noalias %panel, ptr %b, i64 %distance, i64 %terms, i64 %columns"
TURN = f"{COPY}, ptr %places"
SPREAD = "ptr noalias %panel, ptr %b, ptr %rows, ptr %places, i64 %terms, i64 %columns"
RUN = 8  # elements side by side that are worth a vector


def copy(w: Writer, grain: Grain) -> None:
    """Write rows of B below each other, with zeros beyond their ends."""
    found = masks(w, grain, "%columns")
    with steps(w, "%terms", 1) as term:
        row = address(w, grain, "%b", times(w, term, "%distance"))
        to = address(w, grain, "%panel", times(w, term, grain.columns))
        places = zip(vectors(w, grain, row), vectors(w, grain, to), found, strict=True)
        for here, there, mask in places:
            store(w, grain, load(w, grain, here, mask), there)
    w.line("ret void")


def turn(w: Writer, grain: Grain) -> None:
    """Write columns of B, each of which lies side by side, as rows.

    They are as far apart as `distance` says, or where `places` does if it is not
    null.  The panel has room for as many terms as fill whole vectors.
    """
    lanes, mask = grain.lanes, grain.mask
    starts = w.head(f"alloca [{lanes} x i64], align 64", "starts")
    with steps(w, str(grain.columns), lanes) as first:
        with steps(w, str(lanes), 1) as lane:
            column = w.value(f"add i64 {first}, {lane}")
            slot = w.value(f"getelementptr i64, ptr {starts}, i64 {lane}")
            w.line(f"store i64 {_start(w, column)}, ptr {slot}")
        with steps(w, "%terms", lanes) as term:
            there, *_ = masks(w, grain, w.value(f"sub i64 %terms, {term}"))
            rows: list[str] = []
            for lane in range(lanes):
                column = w.value(f"add i64 {first}, {lane}")
                known = w.value(f"icmp slt i64 {column}, %columns")
                some = w.value(
                    f"select i1 {known}, {mask} {there}, {mask} zeroinitializer"
                )
                at = w.value(f"add i64 {listed(w, starts, str(lane))}, {term}")
                rows.append(load(w, grain, address(w, grain, "%b", at), some))
            at = w.value(f"add i64 {times(w, term, grain.columns)}, {first}")
            to = address(w, grain, "%panel", at)
            for lane, row in enumerate(_transposed(w, grain, rows)):
                store(w, grain, row, address(w, grain, to, lane * grain.columns))
    w.line("ret void")


def _start(w: Writer, column: str) -> str:
    """Write where a column starts: that of the last one beyond it."""
    there = least(w, column, w.value("sub i64 %columns, 1"))
    even, table, end = (w.fresh(each) for each in ("even", "table", "end"))
    w.branch(w.value("icmp eq ptr %places, null"), even, table)
    w.open(even)
    apart = times(w, there, "%distance")
    w.jump(end)
    w.open(table)
    told = listed(w, "%places", there)
    w.jump(end)
    w.open(end)
    return w.value(f"phi i64 [{apart}, %{even}], [{told}, %{table}]")


def listed(w: Writer, table: str, number: str) -> str:
    """Return an entry of a table."""
    slot = w.value(f"getelementptr i64, ptr {table}, i64 {number}")
    return w.value(f"load i64, ptr {slot}")


def spread(w: Writer, grain: Grain) -> None:
    """Write what lies where two tables say.

    Runs of columns that lie side by side are copied together, if there are few; if
    not, runs of rows that do are turned, and other rows copied element by element.
    """
    count = w.head("alloca i64", "count")
    w.line(f"store i64 0, ptr {count}")
    with _runs(w, "%places", "%columns"):
        more = w.value(f"add i64 {w.value(f'load i64, ptr {count}')}, {RUN}")
        w.line(f"store i64 {more}, ptr {count}")
    many = w.value(f"sub i64 {w.value(f'load i64, ptr {count}')}, {RUN}")
    strips, turns = w.fresh("strips"), w.fresh("turns")
    w.branch(w.value(f"icmp sle i64 {many}, %columns"), strips, turns)
    w.open(strips)
    with _runs(w, "%places", "%columns") as (start, size):
        _strips(w, grain, start, size)
    w.line("ret void")
    w.open(turns)
    with _runs(w, "%rows", "%terms") as (start, size):
        _turns(w, grain, start, size)
    w.line("ret void")


def _strips(w: Writer, grain: Grain, start: str, size: str) -> None:
    """Write a run of columns, of every row."""
    found = masks(w, grain, size)
    source = address(w, grain, "%b", listed(w, "%places", start))
    target = address(w, grain, "%panel", start)
    with steps(w, "%terms", 1) as term:
        row = address(w, grain, source, listed(w, "%rows", term))
        to = address(w, grain, target, times(w, term, grain.columns))
        places = zip(vectors(w, grain, row), vectors(w, grain, to), found, strict=True)
        for here, there, mask in places:
            store(w, grain, load(w, grain, here, mask), there, mask)


def _turns(w: Writer, grain: Grain, start: str, size: str) -> None:
    """Write a run of rows, of every column."""
    source = address(w, grain, "%b", listed(w, "%rows", start))
    target = address(w, grain, "%panel", times(w, start, grain.columns))
    long, short, end = (w.fresh(each) for each in ("long", "short", "end"))
    w.branch(w.value(f"icmp sge i64 {size}, {RUN}"), long, short)
    w.open(long)
    given = f"ptr {target}, ptr {source}, i64 0, i64 {size}, i64 %columns"
    w.line(f"call void @turn({given}, ptr %places)")
    w.jump(end)
    w.open(short)
    with steps(w, size, 1) as term, steps(w, "%columns", 1) as column:
        at = w.value(f"add i64 {term}, {listed(w, '%places', column)}")
        here = address(w, grain, source, at)
        place = w.value(f"add i64 {times(w, term, grain.columns)}, {column}")
        there = address(w, grain, target, place)
        value = w.value(f"load {grain.type}, ptr {here}, align {grain.bytes}")
        w.line(f"store {grain.type} {value}, ptr {there}, align {grain.bytes}")
    w.jump(end)
    w.open(end)


@contextmanager
def _runs(w: Writer, table: str, count: str) -> Iterator[tuple[str, str]]:
    """Write what is inside for each run of places that lie side by side.

    It is told the run's first number, and how many there are.
    """
    first, size = w.head("alloca i64", "first"), w.head("alloca i64", "size")
    test, more, look, body, end = (
        w.fresh(each) for each in ("test", "more", "look", "body", "end")
    )
    w.line(f"store i64 0, ptr {first}")
    w.jump(test)
    w.open(test)
    start = w.value(f"load i64, ptr {first}")
    w.line(f"store i64 1, ptr {size}")
    w.branch(w.value(f"icmp slt i64 {start}, {count}"), more, end)
    w.open(more)
    length = w.value(f"load i64, ptr {size}")
    following = w.value(f"add i64 {start}, {length}")
    w.branch(w.value(f"icmp slt i64 {following}, {count}"), look, body)
    w.open(look)
    expected = w.value(f"add i64 {listed(w, table, start)}, {length}")
    w.line(f"store i64 {w.value(f'add i64 {length}, 1')}, ptr {size}")
    beside = w.value(f"icmp eq i64 {listed(w, table, following)}, {expected}")
    w.branch(beside, more, body)
    w.open(body)
    yield start, length
    w.line(f"store i64 {w.value(f'add i64 {start}, {length}')}, ptr {first}")
    w.jump(test)
    w.open(end)


def _transposed(w: Writer, grain: Grain, rows: list[str]) -> list[str]:
    """Return the columns of a square: its quarters trade places, and theirs."""
    lanes, distance = grain.lanes, grain.lanes // 2
    while distance:
        low = [e + lanes - distance if e & distance else e for e in range(lanes)]
        high = [e + lanes if e & distance else e + distance for e in range(lanes)]
        made = list(rows)
        for i in (i for i in range(lanes) if not i & distance):
            pair = f"{grain.vector} {rows[i]}, {grain.vector} {rows[i + distance]}"
            for place, chosen in ((i, low), (i + distance, high)):
                numbers = ", ".join(f"i32 {e}" for e in chosen)
                made[place] = w.value(
                    f"shufflevector {pair}, <{lanes} x i32> <{numbers}>"
                )
        rows, distance = made, distance // 2
    return rows
