"""Tests of tensors: both sides are interpreted, and what they bind is merged."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from defnpy.base import dtypes, tree
from defnpy.base.errors import (
    DefnError,
    DefnUnboundLocalError,
)
from defnpy.frontend import memory
from defnpy.frontend.differences import differ
from defnpy.frontend.frame import BROKEN, FLAGS, RESULT, RETURNED
from defnpy.frontend.memory import SHARES
from defnpy.frontend.operators import truth
from defnpy.frontend.values import (
    DEAD,
    Maybe,
    Poison,
    UnreachedError,
    is_tensor_like,
    same,
)
from defnpy.ir.expr import Expr, Scope, at, current_span, reenter
from defnpy.ir.types import TensorType
from defnpy.ops.axes import full
from defnpy.ops.control import close_cond
from defnpy.ops.elementwise import logical_or
from defnpy.ops.family import convert
from defnpy.ops.leaf import as_expr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from defnpy.frontend.frame import Frame
    from defnpy.frontend.liveness import Ends

_ABSENT = object()


@dataclass(frozen=True, eq=False)
class _Side:
    """What one side of a branch made."""

    region: Scope
    env: dict[str, Any]
    value: Any


@dataclass(frozen=True, eq=False)
class _Chosen:
    """Stands for the result number `place` of the branch."""

    place: int
    __defnpy_leaf__ = True


@dataclass(eq=False)
class _Merge:
    """The pairs of operands that a branch chooses between."""

    first: list[Any] = field(default_factory=list)
    second: list[Any] = field(default_factory=list)
    types: list[TensorType] = field(default_factory=list)

    def join(self, name: str, a: Any, b: Any) -> Any:
        """Return `a` and `b` as one tree; where they differ it holds `_Chosen`."""
        if a is b:
            return a
        if a is DEAD or b is DEAD:
            return self._join_dead(name, a, b)
        a, b = _known_yet(a), _known_yet(b)
        if a is _ABSENT or b is _ABSENT:
            return self._join_absent(name, a, b)
        if isinstance(a, Poison) or isinstance(b, Poison):
            return a if isinstance(a, Poison) else b
        if isinstance(a, Maybe) or isinstance(b, Maybe):
            a, b = _as_maybe(a), _as_maybe(b)
        leaves, treedef = tree.flatten(a)
        others, structure = tree.flatten(b)
        if treedef != structure:
            return _differs(name, a, b, "different structures")
        made = []
        for x, y in zip(leaves, others, strict=True):
            leaf = self._join_leaf(name, x, y)
            if isinstance(leaf, Poison):
                return leaf
            made.append(leaf)
        return tree.unflatten(treedef, made)

    def _join_leaf(self, name: str, x: Any, y: Any) -> Any:
        if isinstance(x, Poison) or isinstance(y, Poison):
            return x if isinstance(x, Poison) else y
        if x is y or (not isinstance(x, Expr) and same(x, y)):
            return x
        if not (is_tensor_like(x) and is_tensor_like(y)):
            return _differs(name, x, y, "values that are not arrays or numbers")
        a, b = type_of(x), type_of(y)
        if a.shape != b.shape:
            return _differs(name, x, y, "different shapes")
        dtype, weak = dtypes.promote((a.dtype, a.weak), (b.dtype, b.weak))
        self.first.append(x)
        self.second.append(y)
        self.types.append(TensorType(dtype, a.shape, weak))
        return _Chosen(len(self.types) - 1)

    def _join_dead(self, name: str, a: Any, b: Any) -> Any:
        """Return what the other side has: any value will do on this one."""
        given = b if a is DEAD else a
        if given is _ABSENT or isinstance(given, Poison):
            return given
        blank = tree.map(_blank, given)
        return self.join(name, *((blank, b) if a is DEAD else (a, blank)))

    def _join_absent(self, name: str, a: Any, b: Any) -> Any:
        given = b if a is _ABSENT else a
        if name == RESULT:
            blank = tree.map(_blank, given)
            return self.join(name, *((blank, b) if a is _ABSENT else (a, blank)))
        if isinstance(given, Poison):
            return given
        if isinstance(given, Maybe):
            blank = Maybe(tree.map(_blank, given.value), False)
            return self.join(name, *((blank, b) if a is _ABSENT else (a, blank)))
        error = DefnUnboundLocalError(
            f"`{name}` is assigned on one side only of the test at {_place()}",
            hint=f"assign `{name}` before it, or on both sides",
        )
        return Poison(error, candidate=given)


def type_of(value: Any) -> TensorType:
    """Return the type of a tensor or a number."""
    if isinstance(value, Expr):
        return value.tensor
    return TensorType(dtypes.of_python(value), (), weak=True)


def cast(value: Any, type: TensorType) -> Expr:
    """Return `value` as an expression of the dtype of `type`."""
    return convert(as_expr(value), type.dtype, weak=type.weak)


def _known_yet(value: Any) -> Any:
    """Return a value; one that the first look at a loop has not found is absent."""
    early = isinstance(value, Poison) and value.early is not None
    return _ABSENT if early else value


def _blank(leaf: Any) -> Any:
    return full(leaf.tensor, 0) if isinstance(leaf, Expr) else leaf


def _as_maybe(value: Any) -> Maybe:
    return value if isinstance(value, Maybe) else Maybe(value, True)


def _place() -> str:
    span = current_span()
    return f"line {span.line}" if span else "the branch"


def _differs(name: str, a: Any, b: Any, what: str) -> Poison:
    return Poison(differ(name, (a, b), what, current_span()))


def choose(
    frame: Frame,
    test: Expr,
    then: Callable[[], Any],
    orelse: Callable[[], Any],
    live: Ends | None = None,
) -> Any:
    """Return what `then` or `orelse` makes, by a test of a tensor.

    Names that either binds are merged; with `live`, only those that are read later.
    """
    first, second = _side(frame, then), _side(frame, orelse)
    if isinstance(first, UnreachedError) or isinstance(second, UnreachedError):
        return _only(frame, first, second)
    merge = _Merge()
    env = _join_names(merge, first.env, second.env, live)
    value = merge.join("", first.value, second.value)
    results = (_ready(first, merge.first, merge), _ready(second, merge.second, merge))
    chosen: Sequence[Expr] = ()
    if merge.types or first.region.effects or second.region.effects:
        chosen = close_cond(
            test, (first.region, results[0]), (second.region, results[1])
        )
    shares = env.pop(SHARES)
    frame.env = {name: _filled(frame, each, chosen) for name, each in env.items()}
    frame.env[SHARES] = shares
    if isinstance(value, Poison):
        raise value.error
    return _filled(frame, value, chosen)


def _side(frame: Frame, build: Callable[[], Any]) -> _Side | UnreachedError:
    before = frame.env
    frame.env = dict(before)
    frame.session.tests += 1
    try:
        with frame.session.open() as region:
            value = build()
        return _Side(region, frame.env, value)
    except UnreachedError as reason:
        reason.look.unreached = reason
        return reason
    finally:
        frame.env = before
        frame.session.tests -= 1


def _only(
    frame: Frame, first: _Side | UnreachedError, second: _Side | UnreachedError
) -> Any:
    """Go on with the one side that can be typed yet; this round is not kept."""
    for side in (first, second):
        if isinstance(side, _Side):
            frame.env = side.env
            return side.value
    assert isinstance(first, UnreachedError)
    raise first


def _join_names(
    merge: _Merge, a: dict[str, Any], b: dict[str, Any], live: Ends | None
) -> dict[str, Any]:
    made = {SHARES: memory.join(a.get(SHARES, {}), b.get(SHARES, {}))}
    wanted, others = _wanted(a, live), _wanted(b, live)
    for name in dict.fromkeys((*a, *b)):
        if name == SHARES:
            continue
        missing = False if name in FLAGS else _ABSENT
        first, second = a.get(name, missing), b.get(name, missing)
        if not name.startswith("%") and first is not second:
            first = first if wanted is None or name in wanted else DEAD
            second = second if others is None or name in others else DEAD
        made[name] = merge.join(name, first, second)
    return made


def _wanted(env: dict[str, Any], live: Ends | None) -> frozenset[str] | None:
    """Return the names of a side that are read later, by how it ends."""
    left = [flag for flag in FLAGS if env.get(flag, False) is True]
    if RETURNED in left:
        return frozenset()
    if live is None:
        return None
    if left:
        return live.broken if left[0] == BROKEN else live.continued
    unsure = any(env.get(flag, False) is not False for flag in FLAGS)
    return live.any if unsure else live.reached


def _ready(side: _Side, values: list[Any], merge: _Merge) -> tuple[Expr, ...]:
    with reenter(side.region):
        return tuple(cast(v, t) for v, t in zip(values, merge.types, strict=True))


def _filled(frame: Frame, value: Any, chosen: Sequence[Expr]) -> Any:
    if isinstance(value, _Chosen):
        return chosen[value.place]
    leaves, treedef = tree.flatten(value)
    if not any(isinstance(leaf, _Chosen) for leaf in leaves):
        return value
    made = (chosen[x.place] if isinstance(x, _Chosen) else x for x in leaves)
    return frame.session.own(tree.unflatten(treedef, made))


def if_(frame: Frame, node: ast.If, rest: Sequence[ast.stmt]) -> bool:
    """Run an `if`; return whether what follows it in its block was run as well.

    Where one side of a test of a tensor always leaves the block, what follows
    belongs to the other side.
    """
    test = frame.test(node.test)
    if not isinstance(test, Expr):
        frame.execute(node.body if test else node.orelse)
        return False
    then, orelse = list(node.body), list(node.orelse)
    takes_rest = bool(rest) and (_leaves(then) or _leaves(orelse))
    if takes_rest:
        if _leaves(then):
            orelse += rest
        else:
            then += rest
    live = frame.code.liveness
    wanted = live.at_ends(node) if takes_rest else live.at_ends_of_sides(node)
    choose(
        frame,
        test,
        lambda: frame.execute(then),
        lambda: frame.execute(orelse),
        wanted,
    )
    return takes_rest


def _leaves(statements: Sequence[ast.stmt]) -> bool:
    """Whether a block never runs to its end."""
    if not statements:
        return False
    last = statements[-1]
    if isinstance(last, ast.If):
        return _leaves(last.body) and _leaves(last.orelse)
    return isinstance(last, ast.Return | ast.Break | ast.Continue | ast.Raise)


def leaving(frame: Frame) -> Any:
    """Return whether control has left the block: a bool, or a bool scalar."""
    flags = [truth(frame.env.get(flag, False)) for flag in FLAGS]
    if any(flag is True for flag in flags):
        return True
    tensors = [flag for flag in flags if isinstance(flag, Expr)]
    if not tensors:
        return False
    stop = tensors[0]
    for other in tensors[1:]:
        stop = logical_or(stop, other)
    return stop


def guard(
    frame: Frame, stop: Expr, go_on: Callable[[], None], live: Ends | None
) -> None:
    """Run `go_on` unless control has left the block, which `stop` tells."""
    unknown = [f for f in FLAGS if isinstance(frame.env.get(f), Expr)]

    def stopped() -> None:
        if len(unknown) == 1:
            frame.env[unknown[0]] = True

    def going() -> None:
        frame.env |= dict.fromkeys(unknown, False)
        go_on()

    choose(frame, stop, stopped, going, live)


def run_block(frame: Frame, statements: Sequence[ast.stmt], rules: Any) -> None:
    """Run statements one after another until control leaves the block."""
    for k, statement in enumerate(statements):
        rest = statements[k + 1 :]
        frame.needed = frame.code.liveness.needed_after(statement)
        with at(frame.span(statement)):
            if _is_spoiled(frame, statements, statement):
                continue
            try:
                if rules(frame, statement, rest):
                    return
            except DefnError as error:
                placed = error.at(frame.span(statement))
                if not _goes_on(frame, statements, statement, placed):
                    raise placed from error.__cause__
                continue
        stop = leaving(frame)
        if stop is True:
            return
        if isinstance(stop, Expr):
            if rest:
                live = frame.code.liveness.at_ends(statement)
                guard(frame, stop, lambda rest=rest: frame.execute(rest), live)
            return


def _is_spoiled(
    frame: Frame, statements: Sequence[ast.stmt], statement: ast.stmt
) -> bool:
    """Whether a statement of the outermost function needs what one before failed at."""
    if frame.mistakes is None or statements is not frame.code.body:
        return False
    return frame.mistakes.concerns(frame, statement)


def _goes_on(
    frame: Frame,
    statements: Sequence[ast.stmt],
    statement: ast.stmt,
    error: DefnError,
) -> bool:
    """Whether to look for more mistakes of the outermost function after this one."""
    if frame.mistakes is None or statements is not frame.code.body:
        return False
    return frame.mistakes.take(frame, statement, error)
