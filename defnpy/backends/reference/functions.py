"""Run a Function by NumPy, one expression after another.

A tensor's value is an array of exactly its type's dtype and shape, an expression
with several results has a tuple of values, and a tape is a tuple ``(below,
values)`` that nothing changes, so each value may be read at any later time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base import errors
from defnpy.base.errors import InternalError
from defnpy.base.flags import flags
from defnpy.ir.expr import PARAM, Expr
from defnpy.ir.kernel import PrintSite
from defnpy.ir.op import Missing
from defnpy.ir.types import TensorType, TupleType, Type
from defnpy.ops.control import (
    CHECK,
    CHECKPOINT,
    COND,
    FOR,
    ITEM,
    TAPE_NEW,
    TAPE_POP,
    TAPE_PUSH,
    WHILE,
)
from defnpy.ops.leaf import CONST
from defnpy.ops.printing import PRINT

if TYPE_CHECKING:
    from defnpy.ir.function import Function

Step = Callable[["_Run", Expr, list[Any]], Any]


def evaluate(function: Function, arguments: Sequence[Any]) -> list[np.ndarray]:
    """Return the results of `function` as new arrays.

    Effects run in their order, also those no result depends on.
    """
    given = [
        _argument(param, value)
        for param, value in zip(function.params, arguments, strict=True)
    ]
    with np.errstate(all="ignore"):
        results = _Run().call(function, given)
    return [np.array(r) if isinstance(r, np.ndarray) else r for r in results]


def _argument(param: Expr, value: Any) -> Any:
    if not isinstance(param.type, TensorType):
        return value
    array = np.asarray(value)
    _verify(param, param.type, array)
    return array


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """The order in which a Function is computed; values live in numbered slots."""

    start: list[Any]  # constants in their slots, None elsewhere
    params: list[int]
    steps: list[tuple[Step, Expr, list[int], int]]
    results: list[int]


def _plan(function: Function) -> _Plan:
    nodes = list(dict.fromkeys((*function.params, *function.nodes())))
    slot = {node: k for k, node in enumerate(nodes)}
    steps: list[tuple[Step, Expr, list[int], int]] = []
    start: list[Any] = [None] * len(nodes)
    for node in nodes:
        if node.op is CONST:
            start[slot[node]] = node.attrs["value"]
        elif node.op is not PARAM:
            operands = [slot[operand] for operand in node.operands]
            steps.append((_STEPS.get(node.op, _apply), node, operands, slot[node]))
    params = [slot[param] for param in function.params]
    return _Plan(start, params, steps, [slot[r] for r in function.results])


class _Run:
    """One evaluation; the plan of each function it meets is made once."""

    def __init__(self) -> None:
        self.plans: dict[Function, _Plan] = {}

    def call(self, function: Function, arguments: Sequence[Any]) -> list[Any]:
        plan = self.plans.get(function)
        if plan is None:
            plan = self.plans[function] = _plan(function)
        values = plan.start.copy()
        for slot, argument in zip(plan.params, arguments, strict=True):
            values[slot] = argument
        for step, node, operands, slot in plan.steps:
            value = step(self, node, [values[k] for k in operands])
            if flags.verify:
                _verify(node, node.type, value)
            values[slot] = value
        return [values[k] for k in plan.results]


def _verify(node: Expr, type: Type, value: Any) -> None:
    """Raise unless the value is what the type says."""
    if isinstance(type, TupleType):
        for item, part in zip(type.items, value, strict=True):
            _verify(node, item, part)
    elif isinstance(type, TensorType):
        if value.dtype != type.dtype.numpy or value.shape != type.shape:
            found = f"{value.dtype}{list(value.shape)}"
            raise InternalError(f"{node!r} evaluates to {found}")
    elif not isinstance(value, tuple):
        raise InternalError(f"{node!r} evaluates to {value!r}")


def _apply(run: _Run, node: Expr, values: list[Any]) -> Any:
    rule = node.op.eval
    if isinstance(rule, Missing):
        raise InternalError(f"{node.op.name} cannot be evaluated: {rule.reason}")
    made = rule(node.attrs, *values)
    return made if isinstance(made, tuple) else np.asarray(made)


def _cond(run: _Run, node: Expr, values: list[Any]) -> tuple[Any, ...]:
    taken = node.attrs["then"] if values[0] else node.attrs["orelse"]
    return tuple(run.call(taken, values[1:]))


def _checkpoint(run: _Run, node: Expr, values: list[Any]) -> tuple[Any, ...]:
    return tuple(run.call(node.attrs["body"], values))


def _for(run: _Run, node: Expr, values: list[Any]) -> tuple[Any, ...]:
    body, count = node.attrs["body"], node.attrs["count"]
    carried, captures = values[3 : 3 + count], values[3 + count :]
    for index in range(*(int(bound) for bound in values[:3])):
        carried = run.call(body, [np.array(index, np.int64), *carried, *captures])
    return tuple(carried)


def _while(run: _Run, node: Expr, values: list[Any]) -> tuple[Any, ...]:
    condition, body = node.attrs["condition"], node.attrs["body"]
    count = node.attrs["count"]
    carried, captures = values[:count], values[count:]
    while run.call(condition, [*carried, *captures])[0]:
        carried = run.call(body, [*carried, *captures])
    return tuple(carried)


def _item(run: _Run, node: Expr, values: list[Any]) -> Any:
    return values[0][node.attrs["index"]]


def _check(run: _Run, node: Expr, values: list[Any]) -> Any:
    value, ok, *shown = values
    if not ok:
        text = node.attrs["message"].format(*(each.item() for each in shown))
        raise errors.fault(node.attrs["error"], text, node.span)
    return value


def _print(run: _Run, node: Expr, values: list[Any]) -> tuple[Any, ...]:
    weak = tuple(operand.tensor.weak for operand in node.operands)
    PrintSite(node.attrs["text"], weak).write(values)
    return ()


def _tape_new(run: _Run, node: Expr, values: list[Any]) -> tuple[Any, ...]:
    return ()


def _tape_push(run: _Run, node: Expr, values: list[Any]) -> tuple[Any, ...]:
    below, *pushed = values
    return below, tuple(pushed)


def _tape_pop(run: _Run, node: Expr, values: list[Any]) -> tuple[Any, ...]:
    (tape,) = values
    if not tape:
        raise InternalError("pop of an empty tape")
    below, popped = tape
    return *popped, below


_STEPS: dict[Any, Step] = {
    COND: _cond,
    CHECKPOINT: _checkpoint,
    FOR: _for,
    WHILE: _while,
    ITEM: _item,
    CHECK: _check,
    TAPE_NEW: _tape_new,
    TAPE_PUSH: _tape_push,
    TAPE_POP: _tape_pop,
    PRINT: _print,
}
