"""Print both languages: Functions one expression a line, Kernels like Python.

A Function prints as assignments with types; constants stand where they are used
and the bodies of loops and branches are indented below them.  In a Kernel, what a
statement uses several times is computed on a line of its own just before it.
"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base.dtypes import DType
from defnpy.ir.expr import PARAM, Expr
from defnpy.ir.function import Function
from defnpy.ir.kernel import (
    LOAD,
    VAR,
    Alloc,
    Buffer,
    Call,
    Copy,
    Fault,
    If,
    Let,
    Loop,
    Print,
    Store,
    TapeClear,
    TapePop,
    TapePush,
    While,
)
from defnpy.ir.rewrite import postorder
from defnpy.ir.types import TensorType, TupleType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from defnpy.ir.kernel import Block, Kernel, Statement
    from defnpy.ir.types import Type

_INDENT = "    "
_SHOWN = 8  # longest constant array whose elements are shown
MARK = "# here:"
_WIDE = 60  # longest expression of a kernel that is not given a name


class _Names:
    """Names of objects: the one wished for, with a number where it is taken."""

    def __init__(self) -> None:
        self.names: dict[Any, str] = {}
        self.taken: set[str] = set()

    def add(self, what: Any, wish: str) -> str:
        name, count = wish, 1
        while name in self.taken:
            count += 1
            name = f"{wish}_{count}"
        self.taken.add(name)
        self.names[what] = name
        return name

    def several(self, what: Sequence[Any]) -> str:
        return ", ".join(self.names[each] for each in what)

    def get(self, what: Any, wish: str) -> str:
        return self.names.get(what) or self.add(what, wish)


def text(function: Function, *, spans: bool = False, mark: Expr | None = None) -> str:
    """Return the function as text.

    Args:
        function: what to print.
        spans: whether each line says where it comes from.
        mark: an expression to point at.
    """
    return "\n".join(_Printer(spans, mark).function(function))


class _Printer:
    """Lines of Functions, under the options of one call."""

    def __init__(self, spans: bool, mark: Expr | None) -> None:
        self.spans, self.mark = spans, mark

    def function(self, function: Function) -> list[str]:
        names, numbers = _Names(), itertools.count()
        params = ", ".join(
            f"{names.add(param, param.attrs['name'])}: {_type(param.type)}"
            for param in function.params
        )
        lines: list[str] = []
        for node in function.nodes():
            if node.op.name == "const":
                names.names[node] = _constant(node)
            elif node.op is PARAM:
                names.get(node, f"foreign {node.attrs['name']}")
            else:
                names.names[node] = f"%{next(numbers)}"
                lines += self.node(node, names)
        if function.effects:
            lines.append(f"effects {names.several(function.effects)}")
        lines.append(f"return {names.several(function.results)}".rstrip())
        title = f"{function.name}({params}):"
        return [title, *(_INDENT + line for line in lines)]

    def node(self, node: Expr, names: _Names) -> list[str]:
        parts = [names.names[operand] for operand in node.operands]
        bodies: list[Function] = []
        for name, value in node.attrs.items():
            if isinstance(value, Function):
                bodies.append(value)
            elif name != "serial":  # it keeps tapes apart and differs between runs
                parts.append(f"{name}={_attr(value)}")
        made = f"{node.op.name}({', '.join(parts)}): {_type(node.type)}"
        line = f"{names.names[node]} = {made}"
        if self.spans and node.span is not None:
            line += f"  # {node.span}{' backward' if node.span.backward else ''}"
        lines = [MARK, line] if node is self.mark else [line]
        for body in bodies:
            lines += [_INDENT + inner for inner in self.function(body)]
        return lines


def _attr(value: Any) -> str:
    if isinstance(value, DType | Buffer):
        return str(value) if isinstance(value, DType) else value.name
    if isinstance(value, tuple):
        shown = ", ".join(map(_attr, value))
        return f"({shown},)" if len(value) == 1 else f"({shown})"
    if isinstance(value, np.ndarray):
        return _array(value)
    return str(value) if hasattr(value, "__defnpy_leaf__") else repr(value)


def _constant(node: Expr) -> str:
    return _array(node.attrs["value"]) + ("*" if node.tensor.weak else "")


def _array(value: np.ndarray) -> str:
    if value.size > _SHOWN:
        return f"<{value.dtype}[{','.join(map(str, value.shape))}]>"
    return str(value.tolist())


def kernel_text(kernel: Kernel, *, mark: Statement | None = None) -> str:
    """Return the kernel as text that reads like Python, a statement pointed at."""
    return "\n".join(_KernelPrinter(kernel, mark).lines)


def statement_text(statement: Statement) -> str:
    """Return one statement as text, for messages about it."""
    printer = _KernelPrinter(None, None)
    printer.statement(statement)
    return "\n".join(printer.lines)


_INFIX = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "floor_divide": "//",
    "remainder": "%",
    "equal": "==",
    "not_equal": "!=",
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
    "bitwise_and": "&",
    "bitwise_or": "|",
    "bitwise_xor": "^",
    "bitwise_left_shift": "<<",
    "bitwise_right_shift": ">>",
}
_PREFIX = {"negative": "-", "bitwise_invert": "~"}


class _KernelPrinter:
    """The lines of a kernel, written in order."""

    def __init__(self, kernel: Kernel | None, mark: Statement | None) -> None:
        self.names, self.lines, self.depth = _Names(), list[str](), 0
        self.mark = mark
        self.sites = kernel.faults if kernel else ()
        self.prints = kernel.prints if kernel else ()
        if kernel is not None:
            buffers = (*kernel.params, *kernel.results)
            shown = ", ".join(f"{self.buffer(b)}: {_buffer_type(b)}" for b in buffers)
            self.line(f"def {kernel.name}({shown}):")
            self.block(kernel.body)

    def line(self, text: str) -> None:
        self.lines.append(_INDENT * self.depth + text)

    def block(self, block: Block) -> None:
        self.depth += 1
        for statement in block:
            self.statement(statement)
        if not block:
            self.line("pass")
        self.depth -= 1

    def statement(self, statement: Statement) -> None:
        if statement is self.mark:
            self.line(MARK)
        _STATEMENTS[type(statement)](self, statement)

    def buffer(self, buffer: Buffer) -> str:
        if buffer.base is None:
            return self.names.get(buffer, buffer.name)
        root = self.names.get(buffer.base, buffer.base.name)
        return f"{root}.view({', '.join(map(str, buffer.shape))})"

    def buffers(self, buffers: Sequence[Buffer]) -> str:
        return ", ".join(map(self.buffer, buffers))

    def exprs(self, *roots: Expr) -> list[str]:
        """Return the texts of expressions, after lines for what they share."""
        nodes = postorder(roots)
        uses = Counter(operand for node in nodes for operand in node.operands)
        uses.update(roots)
        shown: dict[Expr, str] = {}
        for node in nodes:
            made = self.expr(node, [shown[operand] for operand in node.operands])
            shared = node.operands and uses[node] > 1
            if shared or (len(made) > _WIDE and node not in roots):
                name = self.names.get(node, "t")
                self.line(f"{name} = {_bare(made)}")
                made = name
            shown[node] = made
        return [_bare(shown[root]) for root in roots]

    def expr(self, node: Expr, operands: list[str]) -> str:
        name = node.op.name
        if node.op is VAR:
            return self.names.get(node, node.attrs["name"])
        if node.op is LOAD:
            index = ", ".join(map(_bare, operands)) or "()"
            return f"{self.buffer(node.attrs['buffer'])}[{index}]"
        if name == "const":
            return _constant(node)
        if name in _INFIX:
            return f"({operands[0]} {_INFIX[name]} {operands[1]})"
        if name in _PREFIX:
            return _PREFIX[name] + operands[0]
        operands = [_bare(operand) for operand in operands]
        if name == "convert":
            return f"{node.dtype}({operands[0]})"
        attrs = [f"{key}={_attr(value)}" for key, value in node.attrs.items()]
        return f"{name}({', '.join((*operands, *attrs))})"


def _type(type: Type) -> str:
    if isinstance(type, TupleType):
        return f"({', '.join(map(_type, type.items))})"
    return type.text if isinstance(type, TensorType) else str(type)


def _buffer_type(buffer: Buffer) -> str:
    return f"{buffer.dtype}[{','.join(map(str, buffer.shape))}]"


def _bare(text: str) -> str:
    """Return `text` without parentheses around the whole of it."""
    if not text.startswith("("):
        return text
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return text[1:-1] if place == len(text) - 1 else text
    return text


def _let(out: _KernelPrinter, s: Let) -> None:
    (value,) = out.exprs(s.value)
    name = out.names.get(s.var, s.var.attrs["name"])
    out.line(f"{name}: {s.var.dtype} = {value}")


def _alloc(out: _KernelPrinter, s: Alloc) -> None:
    out.line(f"{out.buffer(s.buffer)} = empty({_buffer_type(s.buffer)})")


def _store(out: _KernelPrinter, s: Store) -> None:
    *index, value = out.exprs(*s.index, s.value)
    out.line(f"{out.buffer(s.buffer)}[{', '.join(index) or '()'}] = {value}")


def _loop(out: _KernelPrinter, s: Loop) -> None:
    start, stop, step = out.exprs(s.start, s.stop, s.step)
    bounds = [start, stop, step] if step != "1" else [start, stop]
    bounds = [stop] if bounds == ["0", stop] else bounds
    words = ("parallel", "reassociate", "independent")
    notes = [word for word in words if getattr(s, word)]
    name = out.names.get(s.var, s.var.attrs["name"])
    note = f"  # {', '.join(notes)}" if notes else ""
    out.line(f"for {name} in range({', '.join(bounds)}):{note}")
    out.block(s.body)


def _while(out: _KernelPrinter, s: While) -> None:
    out.line("while True:")
    if s.test:
        out.block(s.test)
    out.depth += 1
    (condition,) = out.exprs(s.condition)
    out.line(f"if not ({condition}): break")
    out.depth -= 1
    if s.body:
        out.block(s.body)


def _if(out: _KernelPrinter, s: If) -> None:
    (condition,) = out.exprs(s.condition)
    out.line(f"if {condition}:")
    out.block(s.then)
    if s.orelse:
        out.line("else:")
        out.block(s.orelse)


def _copy(out: _KernelPrinter, s: Copy) -> None:
    out.line(f"{out.buffer(s.target)}[...] = {out.buffer(s.source)}")


def _call(out: _KernelPrinter, s: Call) -> None:
    attrs = [f"{key}={_attr(value)}" for key, value in s.attrs.items()]
    attrs += [f"block=({', '.join(out.exprs(*s.block))})"] if s.block else []
    out.line(f"{s.name}({', '.join((out.buffers(s.buffers), *attrs))})")


def _fault(out: _KernelPrinter, s: Fault) -> None:
    ok, *shown = out.exprs(s.ok, *s.shown)
    what = f"fault {s.site}"
    if s.site < len(out.sites):
        what = f"{out.sites[s.site].error}({out.sites[s.site].message!r})"
    tail = f".format({', '.join(shown)})" if shown else ""
    out.line(f"if not ({ok}): raise {what}{tail}")


def _tape_clear(out: _KernelPrinter, s: TapeClear) -> None:
    out.line(f"tape{s.tape}.clear()")


def _tape_push(out: _KernelPrinter, s: TapePush) -> None:
    out.line(f"tape{s.tape}.push({out.buffers(s.buffers)})")


def _tape_pop(out: _KernelPrinter, s: TapePop) -> None:
    out.line(f"{out.buffers(s.buffers)} = tape{s.tape}.pop()")


def _print(out: _KernelPrinter, s: Print) -> None:
    parts = [out.buffer(buffer) for buffer in s.buffers]
    if s.site < len(out.prints):
        parts.insert(0, repr(out.prints[s.site].text))
    out.line(f"print({', '.join(parts)})")


_STATEMENTS: dict[type, Callable[[_KernelPrinter, Any], None]] = {
    Let: _let,
    Alloc: _alloc,
    Store: _store,
    Loop: _loop,
    While: _while,
    If: _if,
    Copy: _copy,
    Call: _call,
    Fault: _fault,
    TapeClear: _tape_clear,
    TapePush: _tape_push,
    TapePop: _tape_pop,
    Print: _print,
}
