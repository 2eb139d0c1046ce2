"""Scalar expressions to instructions: iterative, and each computed once.

A value that reads no memory holds for the rest of its block and the blocks inside
it; one that does holds for its statement only.  An op without an instruction is
replaced by the expansion its record gives.

A sum with a product is contracted here, so that the bits of a result depend on the
program alone and not on what LLVM made of its surroundings.  Expansions are left as
they are: they are written to be rounded so.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from defnpy.backends.llvm import complexes, halves
from defnpy.backends.llvm.convert import bitcast, convert
from defnpy.backends.llvm.distant import FAR_PREFIX, distant
from defnpy.backends.llvm.intrinsics import uniform
from defnpy.backends.llvm.native import native
from defnpy.backends.llvm.types import is_narrow, literal, register_type, wide
from defnpy.base.dtypes import BOOL, F32, F64
from defnpy.base.errors import InternalError
from defnpy.ir.kernel import LOAD, VAR
from defnpy.ir.op import Missing
from defnpy.ops.family import convert as cast
from defnpy.ops.family import native as is_native
from defnpy.ops.leaf import CONST, SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from defnpy.backends.llvm.memory import Memory
    from defnpy.backends.llvm.target import Target
    from defnpy.backends.llvm.writer import Writer
    from defnpy.base.dtypes import DType
    from defnpy.ir.expr import Expr, Scope


class Scalars:
    """The values of expressions where the writer stands."""

    def __init__(self, w: Writer, memory: Memory, target: Target, made: Scope) -> None:
        """Start with no values; `made` is the scope that expansions are made in."""
        self._w, self._memory, self._target, self._made = w, memory, target, made
        self._blocks: list[dict[Expr, str]] = [{}]
        self._statement: dict[Expr, str] = {}
        self._expansions: dict[Expr, Expr] = {}
        self._products: dict[Expr, tuple[str, str]] = {}
        self.reassociated: set[Expr] = set()

    @contextmanager
    def block(self) -> Iterator[None]:
        """Forget, at the end, what was computed inside."""
        self._blocks.append({})
        self._statement = {}
        try:
            yield
        finally:
            self._blocks.pop()
            self._statement = {}

    def begin(self) -> None:
        """Begin a statement: what was read before may have changed."""
        self._statement = {}

    def bind(self, var: Expr, value: str) -> None:
        """Give a variable its value for the rest of the block."""
        self._blocks[-1][var] = value

    def let(self, var: Expr, value: Expr) -> None:
        """Give a variable the value of an expression for the rest of the block."""
        self.bind(var, self.emit(value))
        product = self._product(value)
        if product is not None:
            self._products[var] = product

    def emit(self, root: Expr) -> str:
        """Return the value of `root`, writing what it needs."""
        stack = [root]
        while stack:
            node = stack[-1]
            if self._find(node) is not None:
                stack.pop()
                continue
            expansion = self._expansion(node)
            needed = node.operands if expansion is None else (expansion,)
            missing = [each for each in needed if self._find(each) is None]
            if missing:
                stack.extend(reversed(missing))
                continue
            values = [self._value(each) for each in needed]
            made = values[0] if expansion is not None else self._node(node, values)
            self._place(node, needed)[node] = made
        return self._value(root)

    def _place(self, node: Expr, needed: tuple[Expr, ...]) -> dict[Expr, str]:
        if node.op is CONST or node.op is SIZE:
            return self._blocks[0]
        if node.op is LOAD or any(each in self._statement for each in needed):
            return self._statement
        return self._blocks[-1]

    def _find(self, node: Expr) -> str | None:
        found = self._statement.get(node)
        if found is not None:
            return found
        for block in reversed(self._blocks):
            if node in block:
                return block[node]
        return None

    def _value(self, node: Expr) -> str:
        found = self._find(node)
        assert found is not None
        return found

    def _expansion(self, node: Expr) -> Expr | None:
        lower = node.op.lower
        if node.op.family != "elementwise" or lower is is_native:
            return None
        if isinstance(lower, Missing):
            raise InternalError(f"{node.op.name} in a kernel: {lower.reason}")
        if node not in self._expansions:
            self._expansions[node] = _expand(node, lower)
        return self._expansions[node]

    def _node(self, node: Expr, values: list[str]) -> str:
        name, dtypes = node.op.name, [each.dtype for each in node.operands]
        if node.op is CONST:
            return literal(node.attrs["value"].item(), node.dtype)
        if node.op is SIZE:
            return self._memory.extents.value(node.attrs["dim"])
        if node.op is LOAD:
            return self._memory.load(self._w, node.attrs["buffer"], values)
        if node.op is VAR:
            raise InternalError(f"{node.attrs['name']} is used where it is not bound")
        if name == "select":
            type = register_type(node.dtype)
            p, a, b = values
            return self._w.value(f"select i1 {p}, {type} {a}, {type} {b}")
        if name == "convert":
            return convert(self._w, values[0], dtypes[0], node.dtype)
        if name == "bitcast":
            return bitcast(self._w, values[0], dtypes[0], node.dtype)
        return self._elementwise(node, values)

    def _elementwise(self, node: Expr, values: list[str]) -> str:
        w, dtype = self._w, node.operands[0].dtype
        if dtype.kind == "c" or node.dtype.kind == "c":
            return complexes.native(w, node, values)
        if is_narrow(dtype):
            values = [halves.widen(w, value, dtype) for value in values]
        used = wide(dtype)
        made = self._contracted(node, values)
        called = used.is_float and node.op.name in self._target.called
        if made is None and not called:
            made = native(w, node.op.name, used, values, self._flags(node))
        if made is None:
            made = self._call(node.op.name, used, values)
        if is_narrow(dtype) and node.dtype != BOOL:
            return halves.narrow(w, made, used, dtype)
        return made

    def _contracted(self, node: Expr, values: list[str]) -> str | None:
        """Return a sum or difference of which one part is a product, else None."""
        name = node.op.name
        if name not in ("add", "subtract") or not _may_contract(node, self._made):
            return None
        first, second = values
        a, b = (self._product(each) for each in node.operands)
        type, w = register_type(node.dtype), self._w
        if a is not None:
            rest = second if name == "add" else w.value(f"fneg {type} {second}")
            factors = a
        elif b is not None:
            rest, factors = first, b
            if name == "subtract":
                factors = (w.value(f"fneg {type} {b[0]}"), b[1])
        else:
            return None
        return uniform(w, "fmuladd", type, *factors, rest, flags=self._flags(node))

    def _product(self, node: Expr) -> tuple[str, str] | None:
        """Return the factors of a product, by whatever name it goes."""
        if node.op.name == "multiply" and _may_contract(node, self._made):
            a, b = node.operands
            return self._value(a), self._value(b)
        return self._products.get(node)

    def _call(self, op: str, dtype: DType, values: list[str]) -> str:
        w, type = self._w, register_type(dtype)
        if op.startswith(FAR_PREFIX):
            return distant(w, self._target, op, dtype, values)
        symbol = self._target.math_symbol(op, dtype)
        name = w.module.declare(symbol, type, ", ".join([type] * len(values)))
        return w.call(type, name, *(f"{type} {value}" for value in values))

    def _flags(self, node: Expr) -> str:
        return "reassoc" if node in self.reassociated else ""


def _may_contract(node: Expr, made: Scope) -> bool:
    return node.dtype in (F32, F64) and node.scope is not made


def _expand(node: Expr, lower: Callable[..., Expr]) -> Expr:
    """Return the expansion of `node`; one of halves is computed in f32."""
    dtype = node.operands[0].dtype
    if not is_narrow(dtype):
        return lower(node.attrs, *node.operands)
    made = lower(node.attrs, *(cast(each, wide(dtype)) for each in node.operands))
    return made if node.dtype == BOOL else cast(made, dtype, weak=node.tensor.weak)
