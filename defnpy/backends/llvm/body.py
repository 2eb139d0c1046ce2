"""Statements of a kernel to blocks of instructions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.backends.llvm import counted, heap, parallel, routines
from defnpy.backends.llvm.accumulate import accumulated
from defnpy.backends.llvm.convert import convert
from defnpy.backends.llvm.scalars import Scalars
from defnpy.base.dtypes import F64, I64
from defnpy.base.errors import InternalError
from defnpy.ir import kernel as k
from defnpy.ops.leaf import scalar_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.backends.llvm.memory import Memory
    from defnpy.backends.llvm.target import Target
    from defnpy.backends.llvm.writer import Writer
    from defnpy.base.dtypes import DType
    from defnpy.ir.expr import Expr, Scope

SHOWN = k.SHOWN  # values a fault hands on, 8 bytes each
# What the entry returns where memory could not be had, and where printing failed.
NO_MEMORY, NOT_PRINTED = -1, -2
PRINT = "defnpy_print"  # i32 (i64 site, ptr pointers): 0 if it went well


class Body:
    """The statements of one kernel, written where the writer stands.

    It leaves by the block ``leave``, having stored what the kernel returns.
    """

    def __init__(
        self, w: Writer, memory: Memory, target: Target, made: Scope, name: str
    ) -> None:
        """Start with nothing written; `name` is the kernel's."""
        self.w, self.memory, self.target, self.name = w, memory, target, name
        self.scalars = Scalars(w, memory, target, made)
        self.loops: list[k.Loop] = []
        self.lets: dict[Expr, Expr] = {}
        self.tapes: list[heap.Tape] = []
        self._code = w.head("alloca i32", "code")
        self._write: dict[type, Callable[..., None]] = {
            k.Let: self._let,
            k.Alloc: self._alloc,
            k.Store: self._store,
            k.Loop: self._loop,
            k.While: self._while,
            k.If: self._if,
            k.Copy: self._copy,
            k.Call: self._call,
            k.Fault: self._fault,
            k.TapeClear: self._tape_clear,
            k.TapePush: self._tape_push,
            k.TapePop: self._tape_pop,
            k.Print: self._print,
        }

    def finish(self, statements: k.Block, tapes: int) -> None:
        """Write the whole body, up to its return."""
        self.tapes = [heap.new_tape(self.w) for _ in range(tapes)]
        self.block(statements)
        self.leave(0)
        self.w.open("leave")
        for tape in self.tapes:
            heap.free_tape(self.w, tape)
        self.w.line(f"ret i32 {self.w.value(f'load i32, ptr {self._code}')}")

    def leave(self, code: int) -> None:
        """End the block by returning `code`."""
        self.w.line(f"store i32 {code}, ptr {self._code}")
        self.w.jump("leave")

    def block(self, statements: k.Block) -> None:
        """Write statements, and forget what they computed."""
        with self.scalars.block():
            self.statements(statements)

    def statements(self, statements: k.Block) -> None:
        """Write statements in the block that is open."""
        for statement in statements:
            self.scalars.begin()
            self._write[type(statement)](statement)

    def likely(self) -> str:
        """Return the metadata of a branch that goes to its first label."""
        return f", !prof {self.w.module.likely()}"

    def _let(self, let: k.Let) -> None:
        self.lets[let.var] = let.value
        self.scalars.let(let.var, let.value)

    def _alloc(self, alloc: k.Alloc) -> None:
        self.memory.pointer(alloc.buffer)  # placed before anything is written

    def _store(self, store: k.Store) -> None:
        self.scalars.reassociated = accumulated(store, self.loops, self.lets)
        index = [self.scalars.emit(each) for each in store.index]
        value = self.scalars.emit(store.value)
        self.memory.store(self.w, store.buffer, index, value)

    def _loop(self, loop: k.Loop) -> None:
        if parallel.is_outlined(self, loop):
            parallel.write(self, loop)
        else:
            counted.write(self, loop)

    def _while(self, loop: k.While) -> None:
        w = self.w
        test, body, end = (w.fresh(each) for each in ("test", "body", "end"))
        w.jump(test)
        w.open(test)
        with self.scalars.block():
            self.statements(loop.test)
            self.scalars.begin()
            w.branch(self.scalars.emit(loop.condition), body, end)
            w.open(body)
            self.block(loop.body)  # the test's values hold in it too
            w.jump(test)
        w.open(end)

    def _if(self, branch: k.If) -> None:
        known = scalar_of(branch.condition)
        if known is not None:
            self.block(branch.then if known else branch.orelse)
            return
        w = self.w
        then, orelse, end = (w.fresh(each) for each in ("then", "else", "end"))
        condition = self.scalars.emit(branch.condition)
        w.branch(condition, then, orelse if branch.orelse else end)
        w.open(then)
        self.block(branch.then)
        w.jump(end)
        if branch.orelse:
            w.open(orelse)
            self.block(branch.orelse)
            w.jump(end)
        w.open(end)

    def _copy(self, copy: k.Copy) -> None:
        target, source = copy.target, copy.source
        if target.dtype != source.dtype or target.size != source.size:
            raise InternalError(f"copy of {source.name} to {target.name}")
        to, where = self.memory.pointer(target), self.memory.pointer(source)
        heap.copy(self.w, to, where, self.memory.bytes(target))

    def _call(self, call: k.Call) -> None:
        routines.call(self, call)

    def _fault(self, fault: k.Fault) -> None:
        if scalar_of(fault.ok) is True:
            return
        w, shown = self.w, fault.shown[:SHOWN]
        good, bad = w.fresh("good"), w.fresh("fault")
        w.branch(self.scalars.emit(fault.ok), good, bad, self.likely())
        w.open(bad)
        with self.scalars.block():
            for place, value in enumerate(shown):
                self._show(place, self.scalars.emit(value), value.dtype)
            self.leave(1 + fault.site)
        w.open(good)

    def _show(self, place: int, value: str, dtype: DType) -> None:
        word = F64 if dtype.is_float else I64
        type = "double" if dtype.is_float else "i64"
        made = convert(self.w, value, dtype, word)
        address = self.w.value(f"getelementptr i64, ptr %fault, i64 {place}")
        self.w.line(f"store {type} {made}, ptr {address}")

    def fail_without_memory(self, pointer: str) -> None:
        """Leave where `pointer` is null."""
        w = self.w
        good, bad = w.fresh("good"), w.fresh("full")
        w.branch(w.value(f"icmp ne ptr {pointer}, null"), good, bad, self.likely())
        w.open(bad)
        self.leave(NO_MEMORY)
        w.open(good)

    def _print(self, show: k.Print) -> None:
        w = self.w
        table = w.head(f"alloca [{max(len(show.buffers), 1)} x ptr]", "printed")
        for place, buffer in enumerate(show.buffers):
            at = w.value(f"getelementptr ptr, ptr {table}, i64 {place}")
            w.line(f"store ptr {self.memory.pointer(buffer)}, ptr {at}")
        name = w.module.declare(PRINT, "i32", "i64, ptr")
        code = w.call("i32", name, f"i64 {show.site}", f"ptr {table}")
        good, bad = w.fresh("good"), w.fresh("unprinted")
        w.branch(w.value(f"icmp eq i32 {code}, 0"), good, bad, self.likely())
        w.open(bad)
        self.leave(NOT_PRINTED)
        w.open(good)

    def _tape_clear(self, clear: k.TapeClear) -> None:
        heap.clear_tape(self.w, self.tapes[clear.tape])

    def _tape_push(self, push: k.TapePush) -> None:
        heap.push(self, self.tapes[push.tape], push.buffers)

    def _tape_pop(self, pop: k.TapePop) -> None:
        heap.pop(self, self.tapes[pop.tape], pop.buffers)
