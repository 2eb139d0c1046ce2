"""What a loop carries: found by looking at its body until nothing changes.

Each look runs the body with parameters of the types known so far.  A static
number that the body changes becomes a tensor; dtypes are promoted, weak ones
become strong; shapes and structures must stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from defnpy.base import dtypes, tree
from defnpy.base.errors import (
    DefnUnboundLocalError,
    InternalError,
)
from defnpy.frontend import memory
from defnpy.frontend.branches import cast, type_of
from defnpy.frontend.differences import (
    changed,
    reshaped,
    restructured,
    told_of_both,
)
from defnpy.frontend.frame import RESULT
from defnpy.frontend.memory import SHARES
from defnpy.frontend.values import (
    DEAD,
    Look,
    Maybe,
    Poison,
    UnreachedError,
    is_tensor_like,
    same,
)
from defnpy.ir.expr import Expr, Scope, make_param, reenter
from defnpy.ir.types import TensorType
from defnpy.ops.axes import full

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Iterator

    from defnpy.frontend.frame import Frame

_ROUNDS = 20
_ABSENT = object()


@dataclass(frozen=True, eq=False)
class Known:
    """A leaf that is static: the same in every iteration."""

    value: Any
    __defnpy_leaf__ = True

    def __eq__(self, other: object) -> bool:
        """Whether the values are equal in every respect."""
        return isinstance(other, Known) and same(self.value, other.value)


Leaf = TensorType | Known


@dataclass(frozen=True)
class Slot:
    """What is carried for one name.

    Attributes:
        leaves: types of its tensors, and its static leaves.
        treedef: its structure.
        bound: whether it has a value before the loop.
    """

    leaves: tuple[Leaf, ...]
    treedef: tree.TreeDef
    bound: bool

    @property
    def types(self) -> list[TensorType]:
        """Types of what is carried."""
        return [leaf for leaf in self.leaves if isinstance(leaf, TensorType)]

    def fill(self, values: Iterator[Any]) -> Any:
        """Return the tree with tensors taken from `values`."""
        made = (x.value if isinstance(x, Known) else next(values) for x in self.leaves)
        return tree.unflatten(self.treedef, made)

    def shown(self) -> Any:
        """Return the tree with types in place of tensors, for an error."""
        return self.fill(iter(self.types))

    def take(self, value: Any) -> list[Expr]:
        """Return the leaves of `value` that are carried, in the carried types."""
        pairs = zip(self.leaves, tree.leaves(value), strict=True)
        return [cast(x, kind) for kind, x in pairs if isinstance(kind, TensorType)]


Slots = dict[str, Slot | None]


@dataclass(frozen=True, eq=False)
class Settled:
    """A body that carries what it was given.

    Attributes:
        slots: what is carried for each name.
        poisoned: names that have no value after an iteration.
        unbound: names that no iteration binds.
        params: parameters for the carried tensors.
        region: the body's scope.
        results: the carried tensors after an iteration.
        made: what the head of the loop made, see `settle`.
    """

    slots: dict[str, Slot]
    poisoned: dict[str, Poison]
    unbound: frozenset[str]
    params: tuple[Expr, ...]
    region: Scope
    results: tuple[Expr, ...]
    made: Any


def settle(
    frame: Frame,
    names: list[str],
    entering: frozenset[str],
    head: Callable[[], Any],
    body: Callable[[Any], None],
) -> Settled:
    """Return the body of a loop once it carries what it is given.

    Args:
        frame: whose names it binds.
        names: those carried.
        entering: those an iteration may read from the one before.
        head: run before the body's region is open; `body` receives what it makes.
        body: runs one iteration.
    """
    before, places = frame.env, dict(frame.places)
    shared = memory.shares(frame)
    slots: Slots = {name: _initial(before, name) for name in names}
    poisoned: dict[str, Poison] = {}
    try:
        for _ in range(_ROUNDS):
            look = Look()
            params = _params(slots)
            frame.env = _entry(before, slots, entering, params, look) | poisoned
            for name in slots:
                frame.session.own(frame.env.get(name))
            frame.env[SHARES] = shared
            inside = dict(frame.env)
            made = _look(look, head)
            frame.env = inside
            with frame.session.open() as region:
                _look(look, lambda made=made: body(made))
            after = frame.env
            shared = memory.join(shared, memory.shares(frame))
            poisoned |= _poisoned(slots, after)
            joined: Slots = {}
            for name in [each for each in slots if each not in poisoned]:
                with told_of_both(name, places, frame.places):
                    joined[name] = _join(name, slots[name], after, name in entering)
            if joined == slots:
                if look.unreached is not None:
                    raise look.unreached.error
                return _settled(slots, poisoned, params, region, after, made)
            slots = joined
    finally:
        frame.env = before
        frame.env[SHARES] = shared
    raise InternalError("the types a loop carries do not settle")


def _poisoned(slots: Slots, after: dict[str, Any]) -> dict[str, Poison]:
    """Return carried names that an iteration leaves without a value."""
    return {
        name: value
        for name, slot in slots.items()
        if slot is not None
        and isinstance(value := after.get(name), Poison)
        and value is not DEAD
    }


def _look(look: Look, run: Callable[[], Any]) -> Any:
    """Run part of a look; a name it reads unconditionally must be known."""
    try:
        return run()
    except UnreachedError as reason:
        if reason.look is look:
            raise reason.error from None
        raise


def _params(slots: Slots) -> tuple[Expr, ...]:
    return tuple(
        make_param(name, kind)
        for name, slot in slots.items()
        if slot is not None
        for kind in slot.types
    )


def _settled(
    slots: Slots,
    poisoned: dict[str, Poison],
    params: tuple[Expr, ...],
    region: Scope,
    after: dict[str, Any],
    made: Any,
) -> Settled:
    kept = {name: slot for name, slot in slots.items() if slot is not None}
    values = iter(params)
    with reenter(region):
        results = [
            leaf
            for name, slot in kept.items()
            for leaf in _carried(slot, after.get(name, _ABSENT), values)
        ]
    unbound = frozenset(slots.keys() - kept.keys())
    return Settled(kept, poisoned, unbound, params, region, tuple(results), made)


def _carried(slot: Slot, value: Any, params: Iterator[Expr]) -> list[Expr]:
    """Return what is carried on; a name not live after the body keeps its value."""
    own = [next(params) for _ in slot.types]
    return (
        own if value is _ABSENT or value is DEAD else slot.take(_as_slot(value, slot))
    )


def _is_maybe(slot: Slot) -> bool:
    return slot.treedef.type is Maybe


def _as_slot(value: Any, slot: Slot) -> Any:
    """Return `value` in the structure of the slot."""
    if _is_maybe(slot) and not isinstance(value, Maybe):
        return Maybe(value, True)
    return value


def _initial(env: dict[str, Any], name: str) -> Slot | None:
    value = env.get(name)
    if name not in env or isinstance(value, Poison):
        return None
    return _slot(value, bound=True)


def _slot(value: Any, *, bound: bool) -> Slot:
    leaves, treedef = tree.flatten(value)
    made = tuple(x.tensor if isinstance(x, Expr) else Known(x) for x in leaves)
    return Slot(made, treedef, bound)


def _entry(
    before: dict[str, Any],
    slots: Slots,
    entering: frozenset[str],
    params: tuple[Expr, ...],
    look: Look,
) -> dict[str, Any]:
    """Return the names an iteration starts with."""
    env, values = dict(before), iter(params)
    for name, slot in slots.items():
        value = None if slot is None else slot.fill(values)
        if slot is not None and (slot.bound or name in entering):
            env[name] = value
        elif name in entering:
            error = DefnUnboundLocalError(f"`{name}` is read before it is assigned")
            env[name] = Poison(error, early=look)
        else:
            env.pop(name, None)
    return env


def _join(
    name: str, slot: Slot | None, after: dict[str, Any], entering: bool
) -> Slot | None:
    """Return what must be carried for values of the slot and for that of `after`."""
    value = after.get(name, _ABSENT)
    if value is DEAD:
        return slot
    if isinstance(value, Poison):  # of a name without a slot
        if value.candidate is None:
            return None
        return _first(Maybe(value.candidate, False), entering)
    if value is _ABSENT:
        return slot
    if slot is None:
        late = entering and name != RESULT and not isinstance(value, Maybe)
        return _first(Maybe(value, True) if late else value, entering)
    value = _as_slot(value, slot)
    leaves, treedef = tree.flatten(value)
    if treedef != slot.treedef:
        raise restructured(name, slot.shown(), value)
    bare = value.value if isinstance(value, Maybe) else value
    paths = [*tree.paths(bare, name), name] if len(leaves) > 1 else [name]
    joined = tuple(
        _join_leaf(path, a, b)
        for path, a, b in zip(paths, slot.leaves, leaves, strict=False)
    )
    return Slot(joined, treedef, slot.bound)


def _first(value: Any, entering: bool) -> Slot:
    """Return the slot of a name that the loop binds first."""
    made = _slot(value, bound=False)
    if not isinstance(value, Maybe) or not entering:
        return made
    # Before the first iteration its flag is false.
    *leaves, flag = made.leaves
    if isinstance(flag, Known):
        flag = TensorType(dtypes.BOOL, (), weak=True)
    return Slot((*leaves, flag), made.treedef, bound=False)


def _join_leaf(path: str, kind: Leaf, value: Any) -> Leaf:
    if isinstance(kind, Known):
        if not isinstance(value, Expr) and same(kind.value, value):
            return kind
        if not (is_tensor_like(kind.value) and is_tensor_like(value)):
            raise changed(path, kind.value, value)
        kind = type_of(kind.value)
    if not is_tensor_like(value):
        raise changed(path, kind, value)
    found = type_of(value)
    if found.shape != kind.shape:
        raise reshaped(path, kind, found)
    dtype, weak = dtypes.promote((kind.dtype, kind.weak), (found.dtype, found.weak))
    return TensorType(dtype, kind.shape, weak)


def ran_name(node: ast.stmt) -> str:
    """Return the name under which a loop carries whether it ran at all."""
    return f"%ran{node.lineno}:{node.col_offset}"


def starting(frame: Frame, slots: dict[str, Slot]) -> list[Expr]:
    """Return the carried tensors before the first iteration."""
    made: list[Expr] = []
    for name, slot in slots.items():
        if slot.bound:
            made += slot.take(_as_slot(frame.env[name], slot))
        else:
            made += [full(kind, 0) for kind in slot.types]
    return made


def finish(
    frame: Frame,
    settled: Settled,
    outputs: tuple[Expr, ...],
    assigned: frozenset[str],
    ran: str,
) -> None:
    """Bind the names of a loop to what came out of it.

    `ran` is the name that tells whether it ran at all, if it is not sure to.
    """
    slots, values = settled.slots, iter(outputs)
    found = {name: slot.fill(values) for name, slot in slots.items()}
    did_run = found.pop(ran, True)
    for name in assigned - slots.keys():
        frame.env[name] = DEAD
    for name in settled.unbound:
        frame.env.pop(name, None)
    for name, value in found.items():
        slot = slots[name]
        late = not slot.bound and name != RESULT and not isinstance(value, Maybe)
        if late and did_run is not True:
            value = Maybe(value, did_run)
        frame.env[name] = frame.session.own(value)
    frame.env |= settled.poisoned
