"""Where buffers live, and how their elements are reached.

Parameters and results are arguments that do not overlap.  Small local buffers are
on the stack, where LLVM turns them into registers; the others share one arena,
whose layout is decided here: buffers of blocks that are never open together take
the same place.  Buffers that do not overlap are told apart to LLVM by scopes.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from defnpy.backends.llvm.types import alignment, array_type, memory_type
from defnpy.base.dtypes import BOOL
from defnpy.base.errors import InternalError
from defnpy.ir.kernel import Alloc
from defnpy.ir.statements import blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from defnpy.backends.llvm.writer import Module, Writer
    from defnpy.ir.kernel import Block, Buffer

LINE = 64  # bytes; the arena and what lies in it are aligned to it

WRITTEN = 16384  # bytes up to which a constant is written into the code


@dataclass(slots=True)
class Plan:
    """What is on the stack, and where the rest is in the arena.

    Attributes:
        stack: buffers on the stack.
        offsets: places in the arena, in bytes.
        size: bytes of the arena.
    """

    stack: list[Buffer] = field(default_factory=list)
    offsets: dict[Buffer, int] = field(default_factory=dict)
    size: int = 0


def plan(body: Block, frame: int) -> Plan:
    """Place the local buffers of a kernel, at most `frame` bytes on the stack."""
    made = Plan()
    made.size = _place(body, made, frame, 0)
    return made


def _place(block: Block, made: Plan, frame: int, offset: int) -> int:
    """Place what `block` makes from `offset` on, and return the end reached."""
    end = offset
    for statement in block:
        if isinstance(statement, Alloc):
            buffer = statement.buffer
            used = sum(each.bytes for each in made.stack)
            if used + buffer.bytes <= frame and buffer.bytes <= frame // 4:
                made.stack.append(buffer)
            else:
                made.offsets[buffer] = offset
                offset += -(-buffer.bytes // LINE) * LINE
                end = max(end, offset)
        for inner in blocks(statement):
            end = max(end, _place(inner, made, frame, offset))
    return end


class Memory:
    """The pointers of buffers."""

    def __init__(self, module: Module) -> None:
        """Know no buffers yet; constants are put into `module`."""
        self._module = module
        self._pointers: dict[Buffer, str] = {}
        self._tails: dict[Buffer, str] = {}
        self._group = ""

    def add(self, buffer: Buffer, pointer: str, tail: str = "") -> None:
        """Give the pointer of a buffer, and the metadata of what reaches it."""
        self._pointers[buffer], self._tails[buffer] = pointer, tail

    def pointer(self, buffer: Buffer) -> str:
        """Return the pointer to the first element."""
        root = buffer.base or buffer
        if root not in self._pointers:
            if root.value is None:
                raise InternalError(f"buffer {root.name} is used but not allocated")
            self.add(root, self._constant(root.value))
        return self._pointers[root]

    def _constant(self, value: np.ndarray) -> str:
        if value.nbytes > WRITTEN:
            return self._module.outside(value)
        return self._module.constant(_bytes(value), LINE)

    def tail(self, buffer: Buffer) -> str:
        """Return the metadata for an access to a buffer."""
        return self._tails.get(buffer.base or buffer, "") + self._group

    @contextmanager
    def grouped(self, group: str) -> Iterator[None]:
        """Have every access inside belong to a group, given by its metadata."""
        self._group = f", !llvm.access.group {group}"
        try:
            yield
        finally:
            self._group = ""

    def element(self, w: Writer, buffer: Buffer, index: list[str]) -> str:
        """Return the address of an element."""
        if len(index) != len(buffer.shape):
            raise InternalError(f"{buffer.name} of {buffer.shape} has index {index}")
        pointer = self.pointer(buffer)
        if not index:
            return pointer
        at = ", ".join(f"i64 {each}" for each in ("0", *index))
        return w.value(
            f"getelementptr inbounds {array_type(buffer)}, ptr {pointer}, {at}"
        )

    def load(self, w: Writer, buffer: Buffer, index: list[str]) -> str:
        """Return an element."""
        address = self.element(w, buffer, index)
        type, align = memory_type(buffer.dtype), alignment(buffer.dtype)
        value = w.value(f"load {type}, ptr {address}, align {align}{self.tail(buffer)}")
        return w.value(f"icmp ne i8 {value}, 0") if buffer.dtype == BOOL else value

    def store(self, w: Writer, buffer: Buffer, index: list[str], value: str) -> None:
        """Replace an element."""
        address = self.element(w, buffer, index)
        type, align = memory_type(buffer.dtype), alignment(buffer.dtype)
        if buffer.dtype == BOOL:
            value = w.value(f"zext i1 {value} to i8")
        place = f"ptr {address}, align {align}{self.tail(buffer)}"
        w.line(f"store {type} {value}, {place}")


def scopes(module: Module, offsets: dict[Buffer, int]) -> dict[Buffer, str]:
    """Return the metadata that tells apart arena buffers that do not overlap."""
    domain = module.metadata("distinct !{{self}}")
    own = {b: module.metadata(f"distinct !{{{{self}}, {domain}}}") for b in offsets}
    tails = {}
    for buffer in offsets:
        others = ", ".join(own[b] for b in offsets if not _overlap(buffer, b, offsets))
        scope, apart = (module.metadata(f"!{{{s}}}") for s in (own[buffer], others))
        tails[buffer] = f", !alias.scope {scope}, !noalias {apart}"
    return tails


def _overlap(a: Buffer, b: Buffer, offsets: dict[Buffer, int]) -> bool:
    return offsets[a] < offsets[b] + max(b.bytes, 1) and offsets[b] < offsets[a] + max(
        a.bytes, 1
    )


def _bytes(value: np.ndarray) -> str:
    """Return the elements of a constant as LLVM reads them, with their type."""
    raw = value.tobytes().hex().upper()
    text = "".join(f"\\{raw[place : place + 2]}" for place in range(0, len(raw), 2))
    return f'[{len(raw) // 2} x i8] c"{text}"'
