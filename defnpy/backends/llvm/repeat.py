"""Instructions repeated for each of a number of things, and their addresses."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defnpy.backends.llvm.writer import Writer


@contextmanager
def each(w: Writer, count: int | str) -> Iterator[str]:
    """Write what is inside once, for each number below `count`.

    It is at least 1, or a value of the code.
    """
    if str(count) == "1":
        yield "0"
        return
    slot = w.head("alloca i64", "each")
    loop, end = w.fresh("each"), w.fresh("done")
    w.line(f"store i64 0, ptr {slot}")
    if str(count).isdecimal():
        w.jump(loop)
    else:
        w.branch(w.value(f"icmp sgt i64 {count}, 0"), loop, end)
    w.open(loop)
    number = w.value(f"load i64, ptr {slot}")
    yield number
    following = w.value(f"add nuw nsw i64 {number}, 1")
    w.line(f"store i64 {following}, ptr {slot}")
    w.branch(w.value(f"icmp ult i64 {following}, {count}"), loop, end)
    w.open(end)


def times(w: Writer, number: str, size: int | str) -> str:
    """Return a number times a size."""
    return "0" if number == "0" else w.value(f"mul nuw nsw i64 {number}, {size}")


def element(w: Writer, type: str, pointer: str, index: str) -> str:
    """Return the address of an element of an array."""
    return w.value(f"getelementptr inbounds {type}, ptr {pointer}, i64 {index}")
