"""Parallel loops: the body becomes a function of a range of turns.

What the body uses from outside is handed over in a table of eight-byte slots.  A
second function takes it as arguments, because only an argument can be said to
overlap no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.backends.llvm.counted import is_innermost
from defnpy.backends.llvm.extents import Extents
from defnpy.backends.llvm.memory import Memory
from defnpy.backends.llvm.types import alignment, array_type, register_type
from defnpy.backends.llvm.writer import Writer
from defnpy.base.dims import Dim
from defnpy.ir.expr import scope
from defnpy.ir.kernel import (
    LOAD,
    VAR,
    Alloc,
    Call,
    If,
    Let,
    Loop,
    Store,
    While,
    loop_index,
)
from defnpy.ir.rewrite import postorder
from defnpy.ir.statements import expressions, walk, wholes
from defnpy.ops.leaf import scalar_of

if TYPE_CHECKING:
    from defnpy.backends.llvm.body import Body
    from defnpy.ir.expr import Expr
    from defnpy.ir.kernel import Buffer, Statement

PIECES = 64  # parts of a loop, whatever the number of threads
EVEN = 64  # a multiple of the elements that vectors of one loop hold
FRAME = 1 << 17  # bytes of buffers that one turn may need
_SIMPLE = (Let, Store, Loop, Alloc, While, If)


def is_outlined(body: Body, loop: Loop) -> bool:
    """Whether a loop is to be handed to threads."""
    bounds = [scalar_of(e) for e in (loop.start, loop.stop, loop.step)]
    if not loop.parallel or not body.target.parallel:
        return False
    if None in bounds and (loop.worthwhile is None or bounds[2] != 1):
        return False
    made = [s.buffer for s in walk(loop.body) if isinstance(s, Alloc)]
    if any(isinstance(buffer.bytes, Dim) for buffer in made):
        return False
    simple = all(map(_is_simple, walk(loop.body)))
    return simple and sum(b.bytes for b in made) <= FRAME and (bounds[2] or 0) > 0


def _is_simple(statement: Statement) -> bool:
    """Whether a statement cannot fail, and needs nothing but memory."""
    if isinstance(statement, Call):
        return bool(statement.block)
    return isinstance(statement, _SIMPLE)


def write(body: Body, loop: Loop) -> None:
    """Write the call that runs the turns of a loop, on as many threads as there are."""
    w, module = body.w, body.w.module
    buffers, values = _captured(loop)
    name = f"{body.name}.loop{len(module.functions)}"
    module.functions[name] = ""  # keeps its place in the module's order
    extents = body.memory.extents
    pointers = [body.memory.pointer(buffer) for buffer in buffers]
    pointers += [extents.pointer] if extents.symbols else []
    scalars = [body.scalars.emit(value) for value in values]
    types = ["ptr"] * len(pointers) + [register_type(v.dtype) for v in values]
    table = w.head(f"alloca [{max(len(types), 1)} x i64], align 8", "table")
    for place, (type, value) in enumerate(
        zip(types, (*pointers, *scalars), strict=True)
    ):
        slot = w.value(f"getelementptr inbounds i64, ptr {table}, i64 {place}")
        w.line(f"store {type} {value}, ptr {slot}, align 8")
    _run(body, name, table, loop)
    module.functions[name] = _unpacking(body, name, types)
    turns = f"{name}.body"
    module.functions[turns] = _turns(body, turns, loop, (buffers, values))


def _run(body: Body, name: str, table: str, loop: Loop) -> None:
    """Write the call of the threads, and one without them where there is little."""
    w = body.w
    start, stop = body.scalars.emit(loop.start), body.scalars.emit(loop.stop)
    run = w.module.declare(body.target.parallel, "void", "ptr, ptr, i64, i64, i64")
    end = ""
    if loop.worthwhile is not None:
        many, few, end = (w.fresh(each) for each in ("many", "few", "end"))
        w.branch(body.scalars.emit(loop.worthwhile), many, few)
        w.open(few)
        w.line(f"call void @{name}(ptr {table}, i64 {start}, i64 {stop})")
        w.jump(end)
        w.open(many)
    bounds = [scalar_of(e) for e in (loop.start, loop.stop, loop.step)]
    if None not in bounds:
        first, last, step = (bound or 0 for bound in bounds)
        turns = -(-(last - first) // (PIECES * step))
        piece = str((turns + -turns % _even(loop)) * step)
    else:  # its step is 1
        turns = w.value(f"sub i64 {stop}, {start}")
        piece = w.value(
            f"udiv i64 {w.value(f'add i64 {turns}, {PIECES - 1}')}, {PIECES}"
        )
    w.line(
        f"call void {run}(ptr @{name}, ptr {table}, i64 {start}, i64 {stop},"
        f" i64 {piece})"
    )
    if end:
        w.jump(end)
        w.open(end)


def _unpacking(body: Body, name: str, types: list[str]) -> str:
    w = Writer(body.w.module)
    given = []
    for place, type in enumerate(types):
        slot = w.value(f"getelementptr inbounds i64, ptr %table, i64 {place}")
        given.append(f"{type} {w.value(f'load {type}, ptr {slot}, align 8')}")
    arguments = ", ".join([*given, "i64 %low", "i64 %high", "ptr null"])
    w.value(f"call i32 @{name}.body({arguments})")
    w.line("ret void")
    return (
        f"define internal void @{name}(ptr noalias %table, i64 %low, i64 %high) "
        f"{body.target.attributes} {{\n{w.body()}\n}}\n"
    )


def _turns(
    outer: Body, name: str, loop: Loop, captured: tuple[list[Buffer], list[Expr]]
) -> str:
    """Return the function that runs the turns of a range."""
    buffers, values = captured
    module, target = outer.w.module, outer.target
    w, symbols = Writer(module), outer.memory.extents.symbols
    memory = Memory(module, Extents(w, "%sizes", symbols))
    given = []
    for buffer in buffers:
        pointer = f"%{w.fresh(buffer.name)}"
        memory.add(buffer, pointer)
        given.append(f"ptr noalias nonnull align {alignment(buffer.dtype)} {pointer}")
    if symbols:
        given.append("ptr noalias nonnull align 8 %sizes")
    for statement in walk(loop.body):
        if isinstance(statement, Alloc):
            made = f"alloca {array_type(statement.buffer)}, align 8"
            memory.add(statement.buffer, w.head(made, statement.buffer.name))
    with scope(isolated=True) as expansions:
        body = type(outer)(w, memory, target, expansions, outer.name)
        for value in values:
            argument = f"%{w.fresh('v')}"
            body.scalars.bind(value, argument)
            given.append(f"{register_type(value.dtype)} {argument}")
        low, high = loop_index("low"), loop_index("high")
        body.scalars.bind(low, "%low")
        body.scalars.bind(high, _end(body, _even(loop)))
        body.finish((Loop(loop.var, low, high, loop.step, loop.body),), 0)
    arguments = ", ".join([*given, "i64 %low", "i64 %high", "ptr %fault"])
    return (
        f"define internal i32 @{name}({arguments}) "
        f"noinline {target.attributes} {{\n{w.body()}\n}}\n"
    )


def _even(loop: Loop) -> int:
    """Return a number that divides the turns of every piece: `EVEN`, or 1.

    LLVM then writes no code for turns left over, which may be more than all else.
    Turns of loops around others are not put into vectors.  Few turns, of products'
    blocks say, stay apart, or one thread would have them all.
    """
    start, stop, step = (scalar_of(e) for e in (loop.start, loop.stop, loop.step))
    if start is None or stop is None or step != 1 or not is_innermost(loop):
        return 1
    turns = stop - start
    return EVEN if turns >= PIECES * EVEN and turns % EVEN == 0 else 1


def _end(body: Body, even: int) -> str:
    """Return the end of a piece, in a way that shows what divides its turns.

    There always are some, but LLVM has to see a test of their number to leave out
    the test whether they fill a vector, and the loop for those that do not.
    """
    if even == 1:
        return "%high"
    w = body.w
    distance = w.value("sub i64 %high, %low")
    turns = w.value(f"and i64 {distance}, -{even}")
    none, some = w.fresh("none"), w.fresh("some")
    w.branch(w.value(f"icmp eq i64 {turns}, 0"), none, some)
    w.open(none)
    body.leave(0)
    w.open(some)
    return w.value(f"add nsw i64 %low, {turns}")


def _captured(loop: Loop) -> tuple[list[Buffer], list[Expr]]:
    """Return the buffers and variables that the body uses and does not make."""
    made: set[object] = {loop.var}
    buffers: dict[Buffer, None] = {}
    values: dict[Expr, None] = {}
    for statement in walk(loop.body):
        if isinstance(statement, Alloc):
            made.add(statement.buffer)
        if isinstance(statement, Loop | Let):
            made.add(statement.var)
        if isinstance(statement, Store):
            buffers[statement.buffer.base or statement.buffer] = None
        buffers |= dict.fromkeys(each.base or each for each in wholes(statement))
        for node in postorder(expressions(statement)):
            if node.op is VAR:
                values[node] = None
            elif node.op is LOAD:
                read: Buffer = node.attrs["buffer"]
                buffers[read.base or read] = None
    return (
        [b for b in buffers if b not in made and b.value is None],
        [v for v in values if v not in made],
    )
