"""Check that a program is well formed; what is not is a fault of ours.

Run between all passes in tests.  A Function's types are inferred again; in a
Kernel every name is bound, and every index and store fits its buffer.  What is
wrong is shown with the program around it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from defnpy.base.dims import Dim
from defnpy.base.dtypes import BOOL, I64
from defnpy.base.errors import DefnError, InternalError
from defnpy.ir.expr import PARAM, Expr
from defnpy.ir.function import Function, check_closed
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
from defnpy.ir.op import Missing
from defnpy.ir.printer import MARK, kernel_text, text
from defnpy.ir.rewrite import postorder, users
from defnpy.ir.types import TapeType, TensorType, TupleType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from defnpy.base.dtypes import DType
    from defnpy.ir.kernel import Block, Kernel, Statement
    from defnpy.ir.op import Op

_NEAR = 20  # lines of the program shown on each side of a fault


class _FaultError(Exception):
    """What is wrong, and the expression it is about."""

    def __init__(self, message: str, node: Expr | None = None) -> None:
        super().__init__(message)
        self.node = node


def verify(function: Function) -> None:
    """Raise InternalError unless the function is well formed, bodies included."""
    try:
        _verify_function(function)
    except _FaultError as fault:
        shown = _around(text(function, mark=fault.node))
        raise InternalError(f"{fault}\nin\n{shown}") from None


def _around(program: str) -> str:
    """Return the lines near the mark, or the program where it is short."""
    lines = program.splitlines()
    if len(lines) <= 2 * _NEAR:
        return program
    places = (k for k, line in enumerate(lines) if line.lstrip() == MARK)
    place = next(places, 0)
    return "\n".join(lines[max(place - _NEAR, 0) : place + _NEAR])


def _verify_function(function: Function) -> None:
    if len(set(function.params)) != len(function.params):
        raise _FaultError(f"{function.name} has one parameter twice")
    nodes = function.nodes()
    for node in nodes:
        try:
            _verify_node(node)
        except InternalError as error:
            raise _FaultError(str(error), node) from None
        for body in _functions(node):
            _verify_function(body)
    _verify_closed(function)
    for effect in function.effects:
        if not (effect.op.effect or _functions(effect)):
            raise _FaultError(f"{effect!r} is no effect", effect)
    _verify_tapes(function, nodes)


def _verify_closed(function: Function) -> None:
    try:
        check_closed(function)
    except InternalError as error:
        raise _FaultError(str(error)) from None


def _functions(node: Expr) -> list[Function]:
    return [value for value in node.attrs.values() if isinstance(value, Function)]


def _verify_node(node: Expr) -> None:
    for operand in node.operands:
        if not isinstance(operand, Expr):
            raise InternalError(f"{node!r} has the operand {operand!r}")
    if node.op is PARAM:
        return
    if isinstance(node.op.infer, Missing):
        raise InternalError(f"{node!r} has no type rule: {node.op.infer.reason}")
    try:
        type = node.op.infer(node.attrs, *(operand.type for operand in node.operands))
    except DefnError as error:
        raise InternalError(f"{node!r}: {error}") from None
    if type != node.type:
        raise InternalError(f"{node!r} should have the type {type}")


def _verify_tapes(function: Function, nodes: list[Expr]) -> None:
    """Raise unless each tape goes to one place: an operand, or a result."""
    found = users(nodes)
    for node in nodes:
        after = found.get(node, [])
        if isinstance(node.type, TapeType):
            count = sum(user.operands.count(node) for user in after)
            if count + function.results.count(node) > 1:
                raise _FaultError(f"{node!r} is used twice", node)
        elif isinstance(node.type, TupleType):
            if any(user.op.name != "item" for user in after):
                raise _FaultError(f"{node!r} is used without taking an item", node)
            for place, item in enumerate(node.type.items):
                taken = [user for user in after if user.attrs["index"] == place]
                if isinstance(item, TapeType) and len(taken) > 1:
                    raise _FaultError(f"a tape of {node!r} is used twice", node)


def verify_kernel(kernel: Kernel) -> None:
    """Raise InternalError unless the kernel is well formed."""
    _KernelVerifier(kernel).block(kernel.body)


class _KernelVerifier:
    """What is bound at a place of a kernel, and the rules for what stands there."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.bound: set[Expr] = set()
        self.memory: set[Buffer] = {*kernel.params, *kernel.results}
        self.statement: Statement | None = None
        # Part of a kernel may be given what the whole one makes.
        for buffers, roles in (
            (kernel.params, ("param", "constant")),
            (kernel.results, ("result", "local")),
        ):
            for buffer in buffers:
                if buffer.role not in roles or buffer.base is not None:
                    self.fail(f"{buffer.name} is a {buffer.role}, not a {roles[0]}")

    def fail(self, message: str) -> NoReturn:
        shown = _around(kernel_text(self.kernel, mark=self.statement))
        raise InternalError(f"{message}\nin\n{shown}")

    def block(self, block: Block) -> None:
        """Verify statements; what they bind ends with them."""
        bound, memory = self.bound.copy(), self.memory.copy()
        for statement in block:
            self.statement = statement
            _STATEMENTS[type(statement)](self, statement)
        self.bound, self.memory = bound, memory

    def expr(self, root: Expr, dtype: DType | None = None) -> None:
        """Verify a scalar of `dtype`."""
        if root.shape != ():
            self.fail(f"{root!r} is not a scalar")
        if dtype is not None and root.dtype != dtype:
            self.fail(f"{root!r} should be of {dtype}")
        for node in postorder([root]):
            if node.op is VAR:
                if node not in self.bound:
                    self.fail(f"variable {node.attrs['name']} is not bound")
                continue
            if node.op is LOAD:
                self.place(node.attrs["buffer"], node.operands)
            elif node.op.family not in ("elementwise", "leaf") or node.op is PARAM:
                self.fail(f"{node!r} does not belong in a kernel")
            self.retype(node)

    def retype(self, node: Expr) -> None:
        try:
            _verify_node(node)
        except InternalError as error:
            self.fail(str(error))

    def read(self, buffer: Buffer) -> None:
        """Verify that a buffer has memory."""
        root = buffer.base or buffer
        if buffer.size != root.size or buffer.dtype != root.dtype:
            self.fail(f"{buffer.name} is shown as {buffer.dtype}{buffer.shape}")
        if root.role == "constant":
            if root.value is None or root.value.shape != root.shape:
                self.fail(f"{buffer.name} has no value of its shape")
        elif root not in self.memory:
            self.fail(f"buffer {buffer.name} has no memory")

    def write(self, buffer: Buffer) -> None:
        """Verify that a buffer has memory that may be written."""
        self.read(buffer)
        if buffer.role not in ("result", "local"):
            self.fail(f"{buffer.role} buffer {buffer.name} is written")

    def place(self, buffer: Buffer, index: tuple[Expr, ...]) -> None:
        self.read(buffer)
        if len(index) != len(buffer.shape):
            self.fail(f"{len(index)} indices for {buffer.name}{list(buffer.shape)}")
        for each in index:
            if (each.dtype, each.shape) != (I64, ()):
                self.fail(f"{buffer.name} is indexed by {each!r}")

    def tape(self, number: int, buffers: tuple[Buffer, ...]) -> None:
        if not 0 <= number < self.kernel.tapes:
            self.fail(f"there is no tape {number}")
        for buffer in buffers:
            self.read(buffer)


def _let(out: _KernelVerifier, s: Let) -> None:
    out.expr(s.value, s.var.dtype)
    _bind(out, s.var)


def _bind(out: _KernelVerifier, var: Expr) -> None:
    if var.op is not VAR or var in out.bound:
        out.fail(f"{var!r} is bound twice")
    out.bound.add(var)


def _alloc(out: _KernelVerifier, s: Alloc) -> None:
    if s.buffer.role != "local" or s.buffer.base is not None:
        out.fail(f"{s.buffer.role} buffer {s.buffer.name} is allocated")
    out.memory.add(s.buffer)


def _store(out: _KernelVerifier, s: Store) -> None:
    out.write(s.buffer)
    out.place(s.buffer, s.index)
    for each in s.index:
        out.expr(each, I64)
    out.expr(s.value, s.buffer.dtype)


def _loop(out: _KernelVerifier, s: Loop) -> None:
    for bound in (s.start, s.stop, s.step):
        out.expr(bound, I64)
    if s.worthwhile is not None:
        out.expr(s.worthwhile, BOOL)
    if s.var.type != TensorType(I64):
        out.fail(f"the loop's variable is {s.var.type}")
    before = out.bound.copy()
    _bind(out, s.var)
    out.block(s.body)
    out.bound = before


def _while(out: _KernelVerifier, s: While) -> None:
    # The condition may read what the test binds, so it is verified inside it.
    bound, memory = out.bound.copy(), out.memory.copy()
    for statement in s.test:
        out.statement = statement
        _STATEMENTS[type(statement)](out, statement)
    out.statement = s
    out.expr(s.condition, BOOL)
    out.bound, out.memory = bound, memory
    out.block(s.body)


def _if(out: _KernelVerifier, s: If) -> None:
    out.expr(s.condition, BOOL)
    out.block(s.then)
    out.block(s.orelse)


def _copy(out: _KernelVerifier, s: Copy) -> None:
    out.write(s.target)
    out.read(s.source)
    if (s.target.dtype, s.target.size) != (s.source.dtype, s.source.size):
        out.fail(f"{s.target.name} and {s.source.name} differ")


def _call(out: _KernelVerifier, s: Call) -> None:
    if s.op is not None:
        _routine(out, s, s.op)
        return
    if s.name != "gemm":
        out.fail(f"there is no routine called {s.name}")
    m, n, k, batch = (s.attrs[name] for name in ("m", "n", "k", "batch"))
    if len(s.block) not in (0, 5):
        out.fail(f"a block is given by {len(s.block)} numbers")
    for each in s.block:
        out.expr(each, I64)
    out.write(s.buffers[0])
    for buffer in s.buffers:
        out.read(buffer)
        if buffer.dtype != s.buffers[0].dtype:
            out.fail(f"{buffer.name} does not fit the product")
    if s.buffers[0].size != m * n * batch:
        out.fail(f"{s.buffers[0].name} does not fit the product")
    for buffer, sizes, word in zip(s.buffers[1:], ((m, k), (k, n)), "ab", strict=True):
        _places(out, buffer, (batch, *sizes), s.attrs[word])


def _places(
    out: _KernelVerifier, buffer: Buffer, sizes: Sequence[Any], places: Sequence[Any]
) -> None:
    """Verify that the last place of matrices is in their buffer, where it is known."""
    if any(isinstance(each, Dim) for each in (*sizes, *places, buffer.size)):
        return
    last, steps = places[0], places[1:]
    for size, step in zip(sizes, steps, strict=True):
        if size == 0:
            return
        last += (size - 1) * step if isinstance(step, int) else int(max(step))
        if not isinstance(step, int) and len(step) != size:
            out.fail(f"a product has {size} places, not {len(step)}")
    if not 0 <= last < buffer.size:
        out.fail(f"{buffer.name} is too small for the product")


def _routine(out: _KernelVerifier, s: Call, op: Op) -> None:
    """Verify the call of an op: the operands' types make those of the results."""
    for buffer in s.buffers:
        out.read(buffer)
    end = s.results + s.operands
    for buffer in (*s.buffers[: s.results], *s.buffers[end:]):
        out.write(buffer)
    types = [TensorType(buffer.dtype, buffer.shape) for buffer in s.buffers[:end]]
    assert not isinstance(op.infer, Missing)
    made = op.infer(s.attrs, *types[s.results :])
    results = made.items if isinstance(made, TupleType) else (made,)
    if tuple(types[: s.results]) != results:
        out.fail(f"{s.name} makes {made}")


def _fault(out: _KernelVerifier, s: Fault) -> None:
    out.expr(s.ok, BOOL)
    for each in s.shown:
        out.expr(each)
    if not 0 <= s.site < len(out.kernel.faults):
        out.fail(f"there is no fault {s.site}")


def _tape_clear(out: _KernelVerifier, s: TapeClear) -> None:
    out.tape(s.tape, ())


def _tape_push(out: _KernelVerifier, s: TapePush) -> None:
    out.tape(s.tape, s.buffers)


def _tape_pop(out: _KernelVerifier, s: TapePop) -> None:
    out.tape(s.tape, s.buffers)
    for buffer in s.buffers:
        out.write(buffer)


def _print(out: _KernelVerifier, s: Print) -> None:
    for buffer in s.buffers:
        out.read(buffer)
    if not 0 <= s.site < len(out.kernel.prints):
        out.fail(f"there is no print {s.site}")
    if len(out.kernel.prints[s.site].weak) != len(s.buffers):
        out.fail(f"print {s.site} is given {len(s.buffers)} buffers")


_STATEMENTS: dict[type, Callable[[_KernelVerifier, Any], None]] = {
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
