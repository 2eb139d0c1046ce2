"""Run a Kernel statement by statement, on NumPy arrays.

Slow and strict: an index outside its buffer, a store of another dtype or into a
parameter, and a name that is not bound are faults of ours and raise.  Memory that
nothing has written yet holds values that show: NaN, and large integers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base import errors
from defnpy.base.errors import InternalError
from defnpy.ir.expr import Expr
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
from defnpy.ir.printer import statement_text
from defnpy.ir.rewrite import postorder

if TYPE_CHECKING:
    from defnpy.ir.kernel import Block, Kernel
    from defnpy.ir.op import Op

Step = tuple[Callable[..., Any], Expr, list[int]]
Plan = tuple[list[Step], list[int]]


def run_kernel(
    kernel: Kernel, params: Sequence[np.ndarray], results: Sequence[np.ndarray]
) -> None:
    """Run `kernel` on arrays of its buffers' dtypes and shapes; fill `results`."""
    machine = _Machine(kernel)
    for buffer, array in zip(kernel.params, params, strict=True):
        machine.place(buffer, array)
    for buffer, array in zip(kernel.results, results, strict=True):
        machine.place(buffer, array)
        _poison(array)
    with np.errstate(all="ignore"):
        machine.block(kernel.body)


class _Machine:
    """Memory, variables and tapes of one run."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.memory: dict[Buffer, np.ndarray] = {}
        self.variables: dict[Expr, np.ndarray] = {}
        self.tapes: dict[int, list[np.ndarray]] = {}
        self.plans: dict[tuple[Expr, ...], Plan] = {}

    def place(self, buffer: Buffer, array: np.ndarray) -> None:
        """Use `array` as the memory of `buffer`."""
        if array.dtype != buffer.dtype.numpy or array.shape != buffer.shape:
            found = f"{array.dtype}{list(array.shape)}"
            raise InternalError(f"buffer {buffer.name} is given {found}")
        if not array.flags.c_contiguous:
            raise InternalError(f"buffer {buffer.name} is given strided memory")
        self.memory[buffer] = array

    def array(self, buffer: Buffer) -> np.ndarray:
        """Return the memory of `buffer` in its shape."""
        found = self.memory.get(buffer)
        if found is None:
            root = buffer.base or buffer
            found = buffer.value if root.role == "constant" else self.memory.get(root)
            if found is None:
                raise InternalError(f"buffer {buffer.name} has no memory")
            if root is not buffer:
                return found.reshape(buffer.shape)
        return found

    def target(self, buffer: Buffer) -> np.ndarray:
        """Return the memory of a buffer that may be written."""
        if buffer.role not in ("result", "local"):
            raise InternalError(f"{buffer.role} buffer {buffer.name} is written")
        return self.array(buffer)

    def block(self, block: Block) -> None:
        for statement in block:
            _STATEMENTS[type(statement)](self, statement)

    def values(self, *roots: Expr) -> list[np.ndarray]:
        """Return the values of expressions here and now."""
        plan = self.plans.get(roots)
        if plan is None:
            plan = self.plans[roots] = _plan(roots)
        steps, places = plan
        values: list[Any] = []
        for step, node, operands in steps:
            values.append(step(self, node, [values[k] for k in operands]))
        return [values[k] for k in places]

    def holds(self, condition: Expr) -> bool:
        return bool(self.values(condition)[0])


def _plan(roots: tuple[Expr, ...]) -> Plan:
    nodes = postorder(roots)
    slot = {node: k for k, node in enumerate(nodes)}
    rules = {LOAD: _load, VAR: _variable}
    steps = [
        (rules.get(node.op, _apply), node, [slot[operand] for operand in node.operands])
        for node in nodes
    ]
    return steps, [slot[root] for root in roots]


def _apply(machine: _Machine, node: Expr, values: list[Any]) -> np.ndarray:
    rule = node.op.eval
    if isinstance(rule, Missing):
        raise InternalError(f"{node.op.name} in a kernel: {rule.reason}")
    return np.asarray(rule(node.attrs, *values))


def _variable(machine: _Machine, node: Expr, values: list[Any]) -> np.ndarray:
    found = machine.variables.get(node)
    if found is None:
        raise InternalError(f"variable {node.attrs['name']} is not bound")
    return found


def _load(machine: _Machine, node: Expr, values: list[Any]) -> np.ndarray:
    buffer = node.attrs["buffer"]
    return np.asarray(machine.array(buffer)[_place(buffer, values)])


def _place(buffer: Buffer, values: Sequence[Any]) -> tuple[int, ...]:
    place = tuple(map(int, values))
    inside = (0 <= i < size for i, size in zip(place, buffer.shape, strict=True))
    if not all(inside):
        raise InternalError(
            f"index {place} is outside buffer {buffer.name} of shape {buffer.shape}"
        )
    return place


def _poison(array: np.ndarray) -> None:
    if array.dtype.kind in "biu":
        array.reshape(-1).view(np.uint8)[...] = 1 if array.dtype.kind == "b" else 0x5A
    else:  # ml_dtypes' bfloat16 has kind V
        array[...] = np.nan


def _let(machine: _Machine, s: Let) -> None:
    (value,) = machine.values(s.value)
    if value.dtype != s.var.dtype.numpy:
        raise InternalError(f"{value.dtype} is bound by {statement_text(s)}")
    machine.variables[s.var] = value


def _alloc(machine: _Machine, s: Alloc) -> None:
    array = np.empty(s.buffer.shape, s.buffer.dtype.numpy)
    _poison(array)
    machine.memory[s.buffer] = array


def _store(machine: _Machine, s: Store) -> None:
    *index, value = machine.values(*s.index, s.value)
    array = machine.target(s.buffer)
    if value.dtype != array.dtype:
        raise InternalError(f"{value.dtype} is stored by {statement_text(s)}")
    array[_place(s.buffer, index)] = value


def _loop(machine: _Machine, s: Loop) -> None:
    bounds = machine.values(s.start, s.stop, s.step)
    for index in range(*map(int, bounds)):
        machine.variables[s.var] = np.array(index, np.int64)
        machine.block(s.body)


def _while(machine: _Machine, s: While) -> None:
    while True:
        machine.block(s.test)
        if not machine.holds(s.condition):
            return
        machine.block(s.body)


def _if(machine: _Machine, s: If) -> None:
    machine.block(s.then if machine.holds(s.condition) else s.orelse)


def _copy(machine: _Machine, s: Copy) -> None:
    target, source = machine.target(s.target), machine.array(s.source)
    if target.dtype != source.dtype or target.size != source.size:
        raise InternalError(f"buffers differ: {statement_text(s)}")
    target.reshape(-1)[...] = source.reshape(-1)


def _call(machine: _Machine, s: Call) -> None:
    if s.op is not None:
        _routine(machine, s, s.op)
        return
    if s.name != "gemm":
        raise InternalError(f"there is no routine called {s.name}")
    m, n, k, batch = (s.attrs[name] for name in ("m", "n", "k", "batch"))
    target, *factors = s.buffers
    found: list[np.ndarray] = []
    for buffer, size, word in zip(factors, ((m, k), (k, n)), "ab", strict=True):
        start, *places = s.attrs[word]
        index = start + sum(np.ix_(*map(_spread, places, (batch, *size))))
        found.append(machine.array(buffer).reshape(-1)[index])
    made = machine.target(target).reshape(batch, m, n)
    if s.block:
        item, row, rows, column, columns = map(int, machine.values(*s.block))
        down, across = _within(row, rows, m), _within(column, columns, n)
        made[item, down, across] = found[0][item, down] @ found[1][item][:, across]
    else:
        made[...] = found[0] @ found[1]


def _spread(places: int | np.ndarray, count: int) -> np.ndarray:
    """Return the place of each, also where they are evenly apart."""
    if isinstance(places, np.ndarray):
        return places
    return np.arange(count, dtype=np.int64) * places


def _within(start: int, count: int, size: int) -> slice:
    """Return the slice of so many elements from `start` on, of a size."""
    if not 0 <= start <= start + count <= size:
        raise InternalError(f"{start} to {start + count} are not in {size}")
    return slice(start, start + count)


def _routine(machine: _Machine, s: Call, op: Op) -> None:
    """Run the routine of an op by its evaluation."""
    assert not isinstance(op.eval, Missing)
    given = s.buffers[s.results : s.results + s.operands]
    made = op.eval(s.attrs, *(machine.array(buffer) for buffer in given))
    results = made if isinstance(made, tuple) else (made,)
    for buffer, value in zip(s.buffers[: s.results], results, strict=True):
        array = machine.target(buffer)
        if (value.dtype, value.shape) != (array.dtype, array.shape):
            raise InternalError(f"{value.dtype} is made by {statement_text(s)}")
        array[...] = value


def _fault(machine: _Machine, s: Fault) -> None:
    if not machine.holds(s.ok):
        site = machine.kernel.faults[s.site]
        shown = (value.item() for value in machine.values(*s.shown))
        raise errors.fault(site.error, site.message.format(*shown), site.span)


def _tape_clear(machine: _Machine, s: TapeClear) -> None:
    machine.tapes[s.tape] = []


def _tape_push(machine: _Machine, s: TapePush) -> None:
    machine.tapes[s.tape] += (machine.array(each).copy() for each in s.buffers)


def _tape_pop(machine: _Machine, s: TapePop) -> None:
    tape = machine.tapes[s.tape]
    for buffer in reversed(s.buffers):
        array = machine.target(buffer)
        if not tape or (tape[-1].dtype, tape[-1].size) != (array.dtype, array.size):
            raise InternalError(f"nothing such is on top: {statement_text(s)}")
        array.reshape(-1)[...] = tape.pop().reshape(-1)


def _print(machine: _Machine, s: Print) -> None:
    arrays = [machine.array(buffer) for buffer in s.buffers]
    machine.kernel.prints[s.site].write(arrays)


_STATEMENTS: dict[type, Callable[[_Machine, Any], None]] = {
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
