"""`for` and `while`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from defnpy.base.dtypes import I64
from defnpy.base.errors import DefnError, DefnShapeError, DefnStaticError, DefnTypeError
from defnpy.frontend import carries
from defnpy.frontend.branches import choose, guard
from defnpy.frontend.carries import Settled, ran_name
from defnpy.frontend.frame import BROKEN, CONTINUED, FLAGS, RESULT, RETURNED
from defnpy.frontend.iteration import Count, plan, stepping
from defnpy.frontend.liveness import assigned_in
from defnpy.frontend.memory import iterating, memory_of
from defnpy.frontend.operators import strong, truth
from defnpy.frontend.statements import assign
from defnpy.frontend.values import tensors_in
from defnpy.ir.expr import Expr, make_param
from defnpy.ir.types import TensorType
from defnpy.ops.bounds import bounds_of
from defnpy.ops.control import close_for, close_while
from defnpy.ops.elementwise import (
    greater,
    less,
    logical_and,
    logical_not,
    where,
)
from defnpy.ops.family import convert
from defnpy.ops.leaf import as_expr, const, scalar_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from defnpy.frontend.frame import Frame

# How many iterations are expanded where nobody asked for it.
EXPAND_LIMIT = 10_000


def for_(frame: Frame, node: ast.For) -> None:
    """Run a `for`."""
    value = frame.evaluate(node.iter)
    planned = plan(frame, value)
    outer = {flag: frame.env.get(flag, False) for flag in (BROKEN, CONTINUED)}
    with iterating(frame, node.iter, value):
        if isinstance(planned, list):
            _expand(frame, node, planned)
        else:
            _count(frame, node, planned)
    _else(frame, node, outer)


def _else(frame: Frame, node: ast.For | ast.While, outer: dict[str, Any]) -> None:
    """Run the `else` of a loop unless it was left by `break` or `return`.

    `outer` has the flags of the loop around this one, which the `else` may set.
    """
    stop, broken = _stopped(frame), truth(frame.env.get(BROKEN, False))
    frame.env |= outer
    if not node.orelse or stop is True:
        return
    if not isinstance(stop, Expr):
        frame.execute(node.orelse)
        return
    returned = isinstance(frame.env.get(RETURNED), Expr)

    def skip() -> None:
        if returned and broken is False:
            frame.env[RETURNED] = True

    def run() -> None:
        frame.env[RETURNED] = False
        frame.execute(node.orelse)

    choose(frame, stop, skip, run)


def _iterate(frame: Frame, node: ast.For, item: Any) -> None:
    assign(frame, node.target, item, memory_of(frame, node.iter, None))
    frame.execute(node.body)
    frame.env[CONTINUED] = False


def _expand(frame: Frame, node: ast.For, items: list[Any]) -> None:
    """Run the body for each item, now."""
    for k, item in enumerate(items):
        _iterate(frame, node, item)
        stop = _stopped(frame)
        if stop is True:
            return
        if isinstance(stop, Expr):
            rest = items[k + 1 :]
            if rest:
                guard(frame, stop, lambda rest=rest: _expand(frame, node, rest), None)
            return


def _stopped(frame: Frame) -> Any:
    """Return whether `break` or `return` was met."""
    flags = [truth(frame.env.get(flag, False)) for flag in (BROKEN, RETURNED)]
    if True in [flag for flag in flags if not isinstance(flag, Expr)]:
        return True
    tensors = [flag for flag in flags if isinstance(flag, Expr)]
    if not tensors:
        return False
    return tensors[0] if len(tensors) == 1 else tensors[0] | tensors[1]


def _count(frame: Frame, node: ast.For, count: Count) -> None:
    counted = count.range
    if count.unroll is True:
        if counted is None:
            raise DefnStaticError(
                "unroll=True needs bounds that are known when compiling",
                hint="`unroll=4` takes four steps at a time, whatever the bounds are",
            )
        _expand(frame, node, [count.get(index) for index in counted])
        return
    if counted is not None and len(counted) <= 1:
        _expand(frame, node, [count.get(index) for index in counted])
        return
    before = frame.env
    try:
        frame.env = dict(before)
        if count.unroll is not False and count.unroll > 1:
            _blocks(frame, node, count)
        else:
            _native(frame, node, count, lambda item: _iterate(frame, node, item))
    except DefnStaticError:
        if counted is None or len(counted) > EXPAND_LIMIT:
            raise
        frame.env = before
        _expand(frame, node, [count.get(index) for index in counted])


def _blocks(frame: Frame, node: ast.For, count: Count) -> None:
    """Run a loop over blocks of `unroll` items, then what is left over."""
    size = int(count.unroll)
    length = _length(frame, count)
    whole = length // size if isinstance(length, int) else as_expr(length) // size

    def item(index: Any) -> Any:
        return count.get(index * count.step + count.start)

    def block(first: Any) -> None:
        _expand(frame, node, [item(first * size + k) for k in range(size)])

    def rest() -> None:
        remainder = Count(whole * size, length, 1, item)
        if remainder.range is not None:
            _expand(frame, node, [item(k) for k in remainder.range])
        else:
            _native(frame, node, remainder, lambda x: _iterate(frame, node, x))

    _native(frame, node, Count(0, whole, 1, lambda index: index), block)
    stop = _stopped(frame)
    if isinstance(stop, Expr):
        guard(frame, stop, rest, None)
    elif not stop:
        rest()


def _length(frame: Frame, count: Count) -> Any:
    if count.range is not None:
        return len(count.range)
    if count.step != 1:
        raise DefnTypeError("unroll=k of a range of run-time length needs a step of 1")
    distance = as_expr(count.stop) - as_expr(count.start)
    return where(greater(distance, 0), distance, 0)


def _native(
    frame: Frame, node: ast.For, count: Count, run: Callable[[Any], None]
) -> None:
    """Make one loop of the program."""
    bounds = _bounds(frame, count)
    counted = count.range
    if counted is not None and len(counted) == 0:
        return
    assigned = assigned_in([*node.body, node.target])
    names = _carried_names(frame, node, assigned, counted is None)
    entering = frame.code.liveness.live_into(node)
    known = _index_range(frame, count)

    def body(index: Expr) -> None:
        if known is not None:
            frame.session.ranges[index] = known
        frame.env |= dict.fromkeys(FLAGS, False)
        frame.env[ran_name(node)] = True
        run(count.get(convert(index, I64, weak=True)))

    def head() -> Expr:
        return make_param("i", TensorType(I64))

    found = carries.settle(frame, names, entering, head, body)
    if _may_stop(found):
        _stoppable(frame, node, names, entering, bounds, body, assigned)
        return
    init = carries.starting(frame, found.slots)
    params = (found.made, *found.params)
    outputs = close_for(bounds, init, found.region, params, found.results)
    carries.finish(frame, found, outputs, assigned, ran_name(node))


def _may_stop(found: Settled) -> bool:
    slots = [found.slots.get(flag) for flag in (BROKEN, RETURNED)]
    return any(slot is not None and slot.types for slot in slots)


def _stoppable(
    frame: Frame,
    node: ast.For,
    names: list[str],
    entering: frozenset[str],
    bounds: tuple[Expr, Expr, Expr],
    body: Callable[[Expr], None],
    assigned: frozenset[str],
) -> None:
    """Make a counted loop that `break` or `return` may leave: a `while`."""
    start, stop, step = bounds
    counter = f"%index{node.lineno}:{node.col_offset}"
    frame.env[counter] = start

    def test() -> Expr:
        index = frame.env[counter]
        forward = scalar_of(step)
        if forward is not None:
            inside = less(index, stop) if forward > 0 else greater(index, stop)
        else:
            up, down = less(index, stop), greater(index, stop)
            inside = where(greater(step, 0), up, down)
        return logical_and(inside, logical_not(_stop_flag(frame)))

    def step_on(made: Any) -> None:
        index = frame.env[counter]
        body(index)
        frame.env[counter] = convert(index + step, I64)

    _while(
        frame, node, [counter, *names], entering | {counter}, test, step_on, assigned
    )
    frame.env.pop(counter, None)


def _stop_flag(frame: Frame) -> Expr:
    stop = _stopped(frame)
    return (
        stop if isinstance(stop, Expr) else const(bool(stop), strong(const(True)).dtype)
    )


def _while(
    frame: Frame,
    node: ast.For | ast.While,
    names: list[str],
    entering: frozenset[str],
    test: Callable[[], Expr],
    body: Callable[[Any], None],
    assigned: frozenset[str],
) -> None:
    def head() -> Any:
        with frame.session.open() as region:
            holds = strong(test())
        return region, (holds,)

    found = carries.settle(frame, names, entering, head, body)
    init = carries.starting(frame, found.slots)
    made = (found.region, found.results)
    outputs = close_while(init, found.params, found.made, made)
    carries.finish(frame, found, outputs, assigned, ran_name(node))


def _bounds(frame: Frame, count: Count) -> tuple[Expr, Expr, Expr]:
    start, stop, step = (
        convert(as_expr(bound), I64) for bound in (count.start, count.stop, count.step)
    )
    return start, stop, stepping(frame, step)


def _index_range(frame: Frame, count: Count) -> tuple[int, int] | None:
    """Return inclusive bounds of the counter, where they are known."""
    if count.range is not None:
        values = count.range
        return (min(values[0], values[-1]), max(values[0], values[-1]))
    if not isinstance(count.step, int):
        return None
    ranges = frame.session.ranges
    start = bounds_of(as_expr(count.start), ranges)
    stop = bounds_of(as_expr(count.stop), ranges)
    if start is None or stop is None:
        return None
    if count.step > 0:
        return start[0], stop[1] - 1
    return stop[0] + 1, start[1]


def _carried_names(
    frame: Frame, node: ast.For | ast.While, assigned: frozenset[str], may_skip: bool
) -> list[str]:
    """Return the names that a loop carries, in a fixed order."""
    live = frame.code.liveness
    wanted = assigned & (live.live_into(node) | live.live_after(node))
    names = sorted(wanted)
    if may_skip and any(name not in frame.env for name in names):
        names.append(ran_name(node))
        frame.env[ran_name(node)] = False
    frame.env |= {BROKEN: False, CONTINUED: False, RETURNED: False}
    leaves = {type(each) for each in _own_statements(node.body)}
    if ast.Break in leaves:
        names.append(BROKEN)
    if ast.Return in leaves:
        frame.env.pop(RESULT, None)
        names += [RETURNED, RESULT]
    return names


def _own_statements(body: Iterable[ast.stmt]) -> Iterable[ast.AST]:
    """Return all nodes of a body but those of nested functions."""
    stack: list[ast.AST] = list(body)
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.Lambda):
            stack.extend(ast.iter_child_nodes(node))


def while_(frame: Frame, node: ast.While) -> None:
    """Run a `while`."""
    outer = {flag: frame.env.get(flag, False) for flag in (BROKEN, CONTINUED)}
    test = _first_test(frame, node)
    if isinstance(test, Expr) or (test and not _is_static(frame, node)):
        before = dict(frame.env)
        try:
            _while_native(frame, node)
        except (DefnStaticError, DefnShapeError):
            if isinstance(test, Expr):
                raise
            frame.env = before
            _while_expanded(frame, node)
    elif test:
        _while_expanded(frame, node)
    else:
        frame.evaluate(node.test)
        frame.env[BROKEN] = False
    _else(frame, node, outer)


def _first_test(frame: Frame, node: ast.While) -> Any:
    """Return the test before the first iteration, leaving no trace."""
    before = frame.env
    frame.env = dict(before)
    try:
        with frame.session.trial():
            return frame.test(node.test)
    finally:
        frame.env = before


def _is_static(frame: Frame, node: ast.While) -> bool:
    """Whether one iteration leaves the names it assigns, and its test, static."""
    before = frame.env
    frame.env = dict(before)
    try:
        with frame.session.trial():
            frame.evaluate(node.test)
            frame.execute(node.body)
            assigned = assigned_in(node.body)
            values = [frame.env.get(name) for name in (*assigned, *FLAGS, RESULT)]
            if any(tensors_in(value) for value in values):
                return False
            return _stopped(frame) is True or not isinstance(
                frame.test(node.test), Expr
            )
    except DefnError:
        return True  # the iteration fails: let it, in its place
    finally:
        frame.env = before


def _while_expanded(frame: Frame, node: ast.While) -> None:
    """Run the iterations now, as long as the test is static and they are few."""
    before = dict(frame.env)
    for _ in range(EXPAND_LIMIT):
        test = frame.test(node.test)
        if isinstance(test, Expr):
            _while_native(frame, node)
            return
        if not test:
            return
        frame.execute(node.body)
        frame.env[CONTINUED] = False
        stop = _stopped(frame)
        if stop is True:
            return
        if isinstance(stop, Expr):
            guard(frame, stop, lambda: _while_expanded(frame, node), None)
            return
    frame.env = before
    _while_native(frame, node)


def _while_native(frame: Frame, node: ast.While) -> None:
    """Make one loop of the program."""
    assigned = assigned_in([node.test, *node.body])
    names = _carried_names(frame, node, assigned, True)
    entering = frame.code.liveness.live_into(node)
    binds = bool(assigned_in([node.test]))

    def test() -> Expr:
        holds = frame.test(node.test)
        stop = _stopped(frame)
        holds = as_expr(holds)
        return holds if stop is False else logical_and(holds, logical_not(stop))

    def body(made: Any) -> None:
        frame.env |= dict.fromkeys(FLAGS, False)
        frame.env[ran_name(node)] = True
        if binds:
            frame.evaluate(node.test)
        frame.execute(node.body)
        frame.env[CONTINUED] = False

    _while(frame, node, names, entering, test, body, assigned)
    if binds:
        frame.evaluate(node.test)
