"""What becomes of a program when it is lowered, in words."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from math import prod
from typing import TYPE_CHECKING

from defnpy.ir.rewrite import postorder
from defnpy.ir.types import TensorType, TupleType
from defnpy.ops.control import COND, FOR, TAPE_POP, TAPE_PUSH, WHILE
from defnpy.ops.dot import free_axes
from defnpy.ops.leaf import scalar_of
from defnpy.passes.lower.program import Step, lower
from defnpy.passes.lower.storage import is_small_product, space

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from defnpy.ir.expr import Expr
    from defnpy.ir.function import Function
    from defnpy.passes.lower.plan import Plan

_INDENT = "  "
# Ops that are index arithmetic, or nothing at all.
_FREE = frozenset(
    {"broadcast", "reshape", "convert", "const", "param", "item", "check", "transpose"}
)


def explain(function: Function) -> list[str]:
    """Return a line for each loop, product, store and branch of a program, in order.

    What stands on one line of a loop is fused: it is computed in one pass.
    """
    made: list[Step] = []
    lower(function, made)
    lines: list[str] = []
    begun: set[Plan] = set()
    for (plan, depth), found in groupby(made, lambda step: (step.plan, step.depth)):
        if depth and plan not in begun:
            name = plan.function.name.replace("_reverse", ", backward")
            lines.append(f"{_INDENT * (2 * depth - 1)}{name}:")
        begun.add(plan)
        for is_scalar, group in groupby(found, _is_scalar):
            steps = list(group)
            shown = [_scalars(steps)] if is_scalar else map(_text, steps)
            lines += [_INDENT * 2 * depth + text for text in shown if text]
    return lines


def _is_scalar(step: Step) -> bool:
    """Whether a step is arithmetic of scalars."""
    event = step.events[0]
    is_tensor = isinstance(event.type, TensorType) and event.tensor.rank == 0
    return is_tensor and event.op.family in ("elementwise", "movement", "gather")


def _scalars(steps: list[Step]) -> str:
    nodes = [node for step in steps for node in _fused(step)]
    names = _operations(nodes)
    return f"scalars: {names}{_lines(nodes)}" if names else ""


def _text(step: Step) -> str:
    event = step.events[0]
    if step.plan.is_loop(event):
        return _loop(step)
    rule = _BY_OP.get(event.op.name) or _BY_FAMILY.get(event.op.family)
    return rule(step, event) if rule else ""


def _loop(step: Step) -> str:
    nodes, events = _fused(step), step.events
    count = sum(node.op.name not in _FREE for node in nodes)
    fused = f", {count} operations in one pass" if count > 1 else ""
    sizes = "×".join(map(str, space(events[0])))
    made = [
        f"{event.type} in place" if (event, 0) in step.plan.reuse else f"{event.type}"
        for event in events
        if not step.plan.is_transient(event, list(events))
    ]
    names = _operations(nodes) or "copy"
    how = ", in parallel" if step.is_parallel else ""
    if step.joined:
        how += f", {step.joined} by {step.joined} with the one before"
    return f"loop of {sizes}: {names} → {', '.join(made)}{fused}{how}{_lines(nodes)}"


def _product(step: Step, event: Expr) -> str:
    a, b = event.operands
    how = "loops" if is_small_product(event) else _gemm(event)
    how += ", in parallel" if step.is_parallel else ""
    return f"product {a.type} · {b.type} → {event.type} by {how}{_lines([event])}"


def _gemm(event: Expr) -> str:
    a, b = event.operands
    (ca, cb), (ba, bb) = event.attrs["contract"], event.attrs["batch"]
    m, n, k, batch = (
        prod(x.shape[axis] for axis in axes)
        for x, axes in (
            (a, free_axes(a.tensor.rank, ca, ba)),
            (b, free_axes(b.tensor.rank, cb, bb)),
            (a, ca),
            (a, ba),
        )
    )
    return f"{'' if batch == 1 else f'{batch} times '}gemm {m}×{k} · {k}×{n}"


def _routine(step: Step, event: Expr) -> str:
    return f"{event.op.name} by LAPACK{_lines([event])}"


def _store(step: Step, event: Expr) -> str:
    how = "in place"
    if (event, 0) not in step.plan.reuse:
        how = f"into a copy of {event.type}, as the old value is read later"
    return f"{event.op.name} {how}{_lines([event])}"


def _copy(step: Step, event: Expr) -> str:
    return f"{event.op.name} → {event.type}{_lines([event])}"


def _for(step: Step, event: Expr) -> str:
    start, stop, by = map(scalar_of, event.operands[:3])
    times = "as often as run-time bounds say"
    if start is not None and stop is not None and by is not None:
        times = f"{len(range(start, stop, by))} times"
    return f"for loop, {times}{_carried(step, event, 3)}{_lines([event])}"


def _while(step: Step, event: Expr) -> str:
    return f"while loop{_carried(step, event, 0)}{_lines([event])}"


def _carried(step: Step, event: Expr, first: int) -> str:
    """Return which arrays a loop changes in place, and which it copies first."""
    notes: list[str] = []
    for k in range(event.attrs["count"]):
        type = event.operands[first + k].type
        if isinstance(type, TensorType) and type.rank:
            is_ours = (event, k) in step.plan.reuse
            notes.append(f"{type} {'in place' if is_ours else 'copied first'}")
    counted = (f"{n} × {x}" if n > 1 else x for x, n in Counter(notes).items())
    return f", carrying {', '.join(counted)}" if notes else ""


def _cond(step: Step, event: Expr) -> str:
    return f"branch{_lines([event])}"


def _check(step: Step, event: Expr) -> str:
    return f"check, else {event.attrs['error']}{_lines([event])}"


def _print(step: Step, event: Expr) -> str:
    return f"print{_lines([event])}"


def _push(step: Step, event: Expr) -> str:
    types = ", ".join(str(each.type) for each in event.operands[1:])
    return f"save {types} for the gradient"


def _pop(step: Step, event: Expr) -> str:
    assert isinstance(event.type, TupleType)
    return f"take back {', '.join(map(str, event.type.items[:-1]))}"


_BY_OP: dict[str, Callable[[Step, Expr], str]] = {
    FOR.name: _for,
    WHILE.name: _while,
    COND.name: _cond,
    TAPE_PUSH.name: _push,
    TAPE_POP.name: _pop,
}
_BY_FAMILY: dict[str, Callable[[Step, Expr], str]] = {
    "dot": _product,
    "store": _store,
    "copy": _copy,
    "check": _check,
    "print": _print,
    "routine": _routine,
}


def _fused(step: Step) -> list[Expr]:
    """Return what the loops of a step compute: its events, and what has no memory."""
    storage, members = step.plan.storage, set(step.events)

    def is_outside(node: Expr) -> bool:
        return node not in members and (not node.operands or storage.is_event(node))

    nodes = postorder(step.events, is_outside)
    return [node for node in nodes if not is_outside(node)]


def _operations(nodes: Iterable[Expr]) -> str:
    names = Counter(node.op.name for node in nodes if node.op.name not in _FREE)
    return ", ".join(f"{n} × {name}" if n > 1 else name for name, n in names.items())


def _lines(nodes: Sequence[Expr]) -> str:
    """Return the lines of the source that nodes come from."""
    told = [node for node in nodes if node.op.name not in _FREE] or nodes
    spans = [node.span for node in told if node.span is not None]
    if not spans:
        return ""
    lines = sorted({span.line for span in spans})
    shown = f"line {lines[0]}" if len(lines) == 1 else f"lines {_ranges(lines)}"
    backward = ", backward" if all(span.backward for span in spans) else ""
    return f" ({shown}{backward})"


def _ranges(lines: Sequence[int]) -> str:
    """Return sorted numbers as ranges.

    >>> _ranges([3, 4, 5, 9])
    '3-5, 9'
    """
    runs: list[list[int]] = []
    for line in lines:
        if runs and line == runs[-1][-1] + 1:
            runs[-1].append(line)
        else:
            runs.append([line])
    return ", ".join(
        f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs
    )
