"""A kernel to a module of LLVM: the entry, and the body it calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from defnpy.backends.llvm.body import NO_MEMORY, Body
from defnpy.backends.llvm.extents import Extents
from defnpy.backends.llvm.memory import LINE, Memory, Plan, plan, scopes
from defnpy.backends.llvm.types import alignment, array_type
from defnpy.backends.llvm.writer import Module, Writer, clean
from defnpy.base.dims import Dim
from defnpy.ir.expr import scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from defnpy.backends.llvm.target import Target
    from defnpy.ir.kernel import Buffer, Kernel


@dataclass(frozen=True, slots=True)
class Emitted:
    """LLVM of a kernel.

    Attributes:
        name: the entry's symbol, ``i32 (ptr table, ptr fault)``.  The table holds
            a pointer for each parameter, then for each result; it returns 0, or 1
            and the site of a fault, or -1 where memory could not be had, or -2
            where printing failed.
        text: the module.
        symbols: outside functions it calls.
        data: outside arrays it reads, by symbol.
    """

    name: str
    text: str
    symbols: tuple[str, ...]
    data: Mapping[str, np.ndarray]


def emit(kernel: Kernel, target: Target) -> Emitted:
    """Return the LLVM of `kernel` for `target`."""
    name, module = f"defnpy_{clean(kernel.name)}", Module()
    placed = plan(kernel.body, target.frame)
    module.functions[name] = _entry(kernel, name, placed, module, target)
    module.functions[f"{name}.body"] = _body(kernel, name, placed, module, target)
    return Emitted(name, module.text(), module.declared, module.data)


def _entry(
    kernel: Kernel, name: str, placed: Plan, module: Module, target: Target
) -> str:
    """Return the function that unpacks the table and makes the arena.

    The body is a function of its own because only an argument can be said to
    overlap no other.
    """
    w = Writer(module)
    given = []
    for place, _ in enumerate((*kernel.params, *kernel.results)):
        slot = w.value(f"getelementptr inbounds ptr, ptr %table, i64 {place}")
        given.append(f"ptr {w.value(f'load ptr, ptr {slot}')}")
    raw = ""
    if placed.has_arena:
        raw, arena = _arena(w, _arena_size(w, kernel, placed))
        given.append(f"ptr {arena}")
    code = w.value(f"call i32 @{name}.body({', '.join([*given, 'ptr %fault'])})")
    if raw:
        w.line(f"call void {module.declare('free', 'void', 'ptr')}(ptr {raw})")
    w.line(f"ret i32 {code}")
    return (
        f"define i32 @{name}(ptr noalias %table, ptr noalias %fault) "
        f"{target.attributes} {{\n{w.body()}\n}}\n"
    )


def _arena_size(w: Writer, kernel: Kernel, placed: Plan) -> str:
    """Return the bytes to ask for, of which the first may have to be left out."""
    pointer = ""
    if kernel.symbols:
        slot = f"getelementptr inbounds ptr, ptr %table, i64 {len(kernel.params) - 1}"
        pointer = w.head(f"load ptr, ptr {w.head(slot, 'slot')}", "sizes")
    extents, size = Extents(w, pointer, kernel.symbols), str(placed.size + LINE)
    for buffer in placed.moving:
        size = extents.total(size, extents.padded(buffer.bytes, LINE))
    return size


def _arena(w: Writer, size: str) -> tuple[str, str]:
    malloc = w.module.declare("malloc", "noalias ptr", "i64")
    raw = w.value(f"call ptr {malloc}(i64 {size})")
    full, good = w.fresh("full"), w.fresh("good")
    w.branch(w.value(f"icmp eq ptr {raw}, null"), full, good)
    w.open(full)
    w.line(f"ret i32 {NO_MEMORY}")
    w.open(good)
    ahead = w.value(f"getelementptr inbounds i8, ptr {raw}, i64 {LINE - 1}")
    mask = w.module.declare("llvm.ptrmask.p0.i64", "ptr", "ptr, i64")
    return raw, w.value(f"call ptr {mask}(ptr {ahead}, i64 -{LINE})")


def _body(
    kernel: Kernel, name: str, placed: Plan, module: Module, target: Target
) -> str:
    w = Writer(module)
    buffers = (*kernel.params, *kernel.results)
    pointers = [f"%{w.fresh(buffer.name)}" for buffer in buffers]
    given = [f"{_argument(b)} {p}" for b, p in zip(buffers, pointers, strict=True)]
    sizes = pointers[len(kernel.params) - 1] if kernel.symbols else ""
    memory = Memory(module, Extents(w, sizes, kernel.symbols))
    for buffer, pointer in zip(buffers, pointers, strict=True):
        memory.add(buffer, pointer)
    if placed.has_arena:
        known = f"dereferenceable({placed.size})" if placed.size else ""
        given.append(f"ptr noalias align {LINE} {known} %arena")
    _locals(w, memory, placed)
    with scope(isolated=True) as made:
        Body(w, memory, target, made, name).finish(kernel.body, kernel.tapes)
    arguments = ", ".join([*given, "ptr noalias %fault"])
    return (
        f"define internal i32 @{name}.body({arguments}) "
        f"noinline {target.attributes} {{\n{w.body()}\n}}\n"
    )


def _argument(buffer: Buffer) -> str:
    """Return the type and attributes of a buffer's argument."""
    parts = ["ptr noalias"]
    if buffer.role == "param":
        parts.append("readonly")
    if isinstance(buffer.bytes, Dim):
        parts.append(f"nonnull align {alignment(buffer.dtype)}")
    elif buffer.bytes:
        parts.append(f"nonnull align {alignment(buffer.dtype)}")
        parts.append(f"dereferenceable({buffer.bytes})")
    return " ".join(parts)


def _locals(w: Writer, memory: Memory, placed: Plan) -> None:
    for buffer in placed.stack:
        wide = LINE if buffer.bytes >= LINE else alignment(buffer.dtype)
        instruction = f"alloca {array_type(buffer)}, align {wide}"
        memory.add(buffer, w.head(instruction, buffer.name))
    tails = scopes(w.module, placed) if placed.has_arena else {}
    offsets = {buffer: str(offset) for buffer, offset in placed.offsets.items()}
    end, extents = str(placed.size), memory.extents
    for buffer in placed.moving:
        offsets[buffer] = end
        end = extents.total(end, extents.padded(buffer.bytes, LINE))
    for buffer, offset in offsets.items():
        place = f"getelementptr inbounds i8, ptr %arena, i64 {offset}"
        memory.add(buffer, w.head(place, buffer.name), tails[buffer])
