"""Memory that grows: tapes, and copies to and from them.

A tape is three slots of the frame: its memory, its size and its capacity in bytes.
LLVM keeps them in registers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from defnpy.backends.llvm.intrinsics import uniform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defnpy.backends.llvm.body import Body
    from defnpy.backends.llvm.writer import Writer
    from defnpy.ir.kernel import Buffer

FIRST = 4096  # bytes of a tape that holds anything


@dataclass(frozen=True, slots=True)
class Tape:
    """The slots of a tape."""

    data: str
    size: str
    capacity: str


def new_tape(w: Writer) -> Tape:
    """Write an empty tape."""
    tape = Tape(
        w.head("alloca ptr", "tape"),
        w.head("alloca i64", "size"),
        w.head("alloca i64", "capacity"),
    )
    w.line(f"store ptr null, ptr {tape.data}")
    w.line(f"store i64 0, ptr {tape.size}")
    w.line(f"store i64 0, ptr {tape.capacity}")
    return tape


def free_tape(w: Writer, tape: Tape) -> None:
    """Write the end of a tape."""
    free = w.module.declare("free", "void", "ptr")
    w.line(f"call void {free}(ptr {w.value(f'load ptr, ptr {tape.data}')})")


def clear_tape(w: Writer, tape: Tape) -> None:
    """Empty a tape; its memory is kept."""
    w.line(f"store i64 0, ptr {tape.size}")


def push(body: Body, tape: Tape, buffers: Sequence[Buffer]) -> None:
    """Put the elements of buffers on a tape that grows as needed."""
    w, memory = body.w, body.memory
    added = memory.bytes(*buffers)
    if added == "0":
        return
    size = w.value(f"load i64, ptr {tape.size}")
    needed = w.value(f"add nuw nsw i64 {size}, {added}")
    _reserve(body, tape, needed)
    data = w.value(f"load ptr, ptr {tape.data}")
    offset = size
    for buffer in buffers:
        top = w.value(f"getelementptr inbounds i8, ptr {data}, i64 {offset}")
        copy(w, top, memory.pointer(buffer), memory.bytes(buffer))
        offset = w.value(f"add nuw nsw i64 {offset}, {memory.bytes(buffer)}")
    w.line(f"store i64 {needed}, ptr {tape.size}")


def _reserve(body: Body, tape: Tape, needed: str) -> None:
    w = body.w
    capacity = w.value(f"load i64, ptr {tape.capacity}")
    grow, ready = w.fresh("grow"), w.fresh("ready")
    fits = w.value(f"icmp ule i64 {needed}, {capacity}")
    w.branch(fits, ready, grow, body.likely())
    w.open(grow)
    doubled = w.value(f"shl i64 {capacity}, 1")
    wanted = uniform(
        w, "umax", "i64", uniform(w, "umax", "i64", doubled, needed), str(FIRST)
    )
    realloc = w.module.declare("realloc", "noalias ptr", "ptr, i64")
    before = w.value(f"load ptr, ptr {tape.data}")
    data = w.value(f"call ptr {realloc}(ptr {before}, i64 {wanted})")
    body.fail_without_memory(data)  # the old memory is freed on leaving
    w.line(f"store ptr {data}, ptr {tape.data}")
    w.line(f"store i64 {wanted}, ptr {tape.capacity}")
    w.jump(ready)
    w.open(ready)


def pop(body: Body, tape: Tape, buffers: Sequence[Buffer]) -> None:
    """Take the elements of buffers from a tape, where they were put together."""
    w, memory = body.w, body.memory
    taken = memory.bytes(*buffers)
    if taken == "0":
        return
    size = w.value(f"load i64, ptr {tape.size}")
    offset = w.value(f"sub nuw nsw i64 {size}, {taken}")
    w.line(f"store i64 {offset}, ptr {tape.size}")
    data = w.value(f"load ptr, ptr {tape.data}")
    for buffer in buffers:
        place = w.value(f"getelementptr inbounds i8, ptr {data}, i64 {offset}")
        copy(w, memory.pointer(buffer), place, memory.bytes(buffer))
        offset = w.value(f"add nuw nsw i64 {offset}, {memory.bytes(buffer)}")


def copy(w: Writer, target: str, source: str, size: str) -> None:
    """Write a copy of `size` bytes."""
    if size != "0":
        name = w.module.declare("llvm.memcpy.p0.p0.i64", "void", "ptr, ptr, i64, i1")
        w.line(f"call void {name}(ptr {target}, ptr {source}, i64 {size}, i1 false)")
