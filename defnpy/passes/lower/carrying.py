"""The values that go into and come out of branches and loops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.base.errors import InternalError
from defnpy.ir.kernel import Buffer, load
from defnpy.ir.types import TapeType, TensorType, Type
from defnpy.ops.control import COND, FOR, ITEM, WHILE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defnpy.ir.expr import Expr
    from defnpy.passes.lower.program import Region, Value


def place(region: Region, event: Expr, k: int) -> Value:
    """Return the memory for result `k` of a control event, or its tape."""
    type = _type_of(event, k)
    if isinstance(type, TapeType):
        return region.tape(_tape_operand(event, k))
    if type.rank == 0:
        return region.local(type.dtype, ())
    return region.allocate((event, k))


def _tape_operand(event: Expr, k: int) -> Expr:
    """Return the operand that is the tape of result `k`, before."""
    if event.op is not COND:
        return event.operands[3 + k if event.op is FOR else k]
    side = event.attrs["then"]
    node = side.results[k]
    while node not in side.params:
        if node.op is ITEM and node.operands[0].op in (COND, FOR, WHILE):
            node = _tape_operand(node.operands[0], node.attrs["index"])
        else:  # an item of a pop, a pop or a push
            node = node.operands[0]
    return event.operands[1 + side.params.index(node)]


def _type_of(event: Expr, k: int) -> TensorType | TapeType:
    type: Type = event.type.items[k]  # pyright: ignore
    if not isinstance(type, TensorType | TapeType):
        raise InternalError(f"{event!r} makes a {type}")
    return type


def bind_all(
    outer: Region, inner: Region, params: Sequence[Expr], values: Sequence[Expr]
) -> None:
    """Give parameters of a body the values that operands have outside."""
    for param, value in zip(params, values, strict=True):
        inner.bind(param, outer.value_of(value))


def unbind(region: Region, event: Expr, targets: Sequence[Value]) -> None:
    """Make the results of a control event known; scalars are read from memory."""
    for k, target in enumerate(targets):
        if isinstance(target, Buffer) and target.shape == ():
            target = region.let(load(target, ()))
        region.values[event, k] = target
