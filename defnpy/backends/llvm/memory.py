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
from defnpy.base.dims import Dim, product
from defnpy.base.dtypes import BOOL
from defnpy.base.errors import InternalError
from defnpy.ir.kernel import Alloc
from defnpy.ir.statements import blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from defnpy.backends.llvm.extents import Extents
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
        moving: buffers whose size is not known yet, which come after it.
    """

    stack: list[Buffer] = field(default_factory=list)
    offsets: dict[Buffer, int] = field(default_factory=dict)
    size: int = 0
    moving: list[Buffer] = field(default_factory=list)

    @property
    def has_arena(self) -> bool:
        """Whether there is anything in the arena."""
        return bool(self.size or self.moving)


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
            if isinstance(buffer.bytes, Dim):
                made.moving.append(buffer)
            elif used + buffer.bytes <= frame and buffer.bytes <= frame // 4:
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

    def __init__(self, module: Module, extents: Extents) -> None:
        """Know no buffers yet; constants are put into `module`."""
        self._module, self.extents = module, extents
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
        if any(isinstance(size, Dim) for size in buffer.shape[1:]):
            place = self._place(w, buffer, index)
            type = memory_type(buffer.dtype)
            return w.value(f"getelementptr inbounds {type}, ptr {pointer}, i64 {place}")
        at = ", ".join(f"i64 {each}" for each in ("0", *index))
        return w.value(
            f"getelementptr inbounds {array_type(buffer)}, ptr {pointer}, {at}"
        )

    def _place(self, w: Writer, buffer: Buffer, index: list[str]) -> str:
        """Return the number of an element, where rows have no known size."""
        made = ""
        for axis, each in enumerate(index, 1):
            stride = self.extents.value(product(buffer.shape[axis:]))
            term = each if stride == "1" else w.value(f"mul nsw i64 {each}, {stride}")
            made = w.value(f"add nsw i64 {made}, {term}") if made else term
        return made

    def bytes(self, *buffers: Buffer) -> str:
        """Return how many bytes buffers take together."""
        return self.extents.value(sum(buffer.bytes for buffer in buffers))

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


def scopes(module: Module, placed: Plan) -> dict[Buffer, str]:
    """Return the metadata that tells apart arena buffers that do not overlap."""
    domain, offsets = module.metadata("distinct !{{self}}"), placed.offsets
    all = (*offsets, *placed.moving)
    own = {b: module.metadata(f"distinct !{{{{self}}, {domain}}}") for b in all}
    tails = {}
    for buffer in all:
        others = ", ".join(own[b] for b in all if not _overlap(buffer, b, offsets))
        scope, apart = (module.metadata(f"!{{{s}}}") for s in (own[buffer], others))
        tails[buffer] = f", !alias.scope {scope}, !noalias {apart}"
    return tails


def _overlap(a: Buffer, b: Buffer, offsets: dict[Buffer, int]) -> bool:
    if a not in offsets or b not in offsets:
        return a is b
    return offsets[a] < offsets[b] + max(b.bytes, 1) and offsets[b] < offsets[a] + max(
        a.bytes, 1
    )


def _bytes(value: np.ndarray) -> str:
    """Return the elements of a constant as LLVM reads them, with their type."""
    raw = value.tobytes().hex().upper()
    text = "".join(f"\\{raw[place : place + 2]}" for place in range(0, len(raw), 2))
    return f'[{len(raw) // 2} x i8] c"{text}"'
