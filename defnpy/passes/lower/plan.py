"""The order of events, and whose memory each may take over.

A value is never seen to change; memory is reused when nobody reads the old value
afterwards.  Each wish to reuse adds edges "readers of the old value first" to the
order, and is granted if that leaves the order possible.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from itertools import pairwise

from defnpy.base.dims import must, product
from defnpy.ir.expr import PARAM, Expr
from defnpy.ir.function import Function
from defnpy.ir.types import TensorType
from defnpy.ops.control import COND, FIRST_NAN, FOR, ITEM, WHILE
from defnpy.ops.dot import DOT
from defnpy.ops.printing import PRINT
from defnpy.passes.lower.origins import passed_through
from defnpy.passes.lower.storage import Key, Storage, key_of, space

SHORT = 1024  # elements of arrays of which any number are in the nearest cache
STREAMS = 16  # arrays that a loop may go through, and then only what they lead to


@dataclass(eq=False)
class Plan:
    """How the events of one function are carried out.

    Attributes:
        storage: what is an event.
        writable: parameters whose memory may be overwritten.
        carried: for each result that a loop carries, the parameter it replaces.
        reuse: event results that are written over older ones.
    """

    function: Function
    writable: frozenset[Expr] = frozenset()
    carried: tuple[Expr | None, ...] = ()
    storage: Storage = field(init=False)
    reuse: dict[Key, Expr] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Find the reuses."""
        self.storage = Storage(self.function)
        self._reads = {e: self.storage.reads(e) for e in self.storage.events}
        self._after: dict[Expr, dict[Expr, None]] = {
            event: {key_of(each)[0]: None for each in found if each.op is not PARAM}
            for event, found in self._reads.items()
        }
        self._items = {key_of(n): n for n in self.storage.nodes if n.op is ITEM}
        self._position = {e: k for k, e in enumerate(self.storage.events)}
        self._readers: dict[Expr, list[Expr]] = {}
        for event, found in self._reads.items():
            for source in found:
                self._readers.setdefault(source, []).append(event)
        self._order_effects()
        self._kept: dict[Expr, int] = {}
        for result in self.function.results:
            for source in self.storage.sources(result):
                self._kept[source] = self._kept.get(source, 0) + 1
        for event in self.storage.events:
            self._grant(event)
        self._grant_carried()

    def root(self, node: Expr) -> Expr:
        """Return the oldest value whose memory `node` ends up in."""
        while key_of(node) in self.reuse:
            node = self.reuse[key_of(node)]
        return node

    def schedule(self) -> list[list[Expr]]:
        """Return the events in an order that respects every edge, in groups.

        The events of a group share one nest of loops.
        """
        waiting = {event: len(needed) for event, needed in self._after.items()}
        followers: dict[Expr, list[Expr]] = {}
        for event, needed in self._after.items():
            for other in needed:
                followers.setdefault(other, []).append(event)
        ready = _Ready(self._position)
        for event, count in waiting.items():
            if count == 0:
                ready.add(event, self._space(event))
        groups: list[list[Expr]] = []
        while (event := ready.after(groups[-1:])) is not None:
            group: list[Expr] = []
            space_of_group = self._space(event)
            while event is not None:
                ready.remove(event, self._space(event))
                group.append(event)
                for follower in followers.get(event, ()):
                    waiting[follower] -= 1
                    if waiting[follower] == 0:
                        ready.add(follower, self._space(follower))
                found = ready.of(space_of_group)
                event = next((e for e in found if self._may_join(e, group)), None)
            groups.append(group)
        return groups

    def _space(self, event: Expr) -> tuple[int, ...] | None:
        """Return the sizes of an event's loops, None if it is no nest of loops."""
        return space(event) if self.is_loop(event) else None

    def is_loop(self, event: Expr) -> bool:
        """Whether an event is a nest of loops over elements."""
        if event.op.family == "reduction":
            return True
        if event not in self.storage.stored or event.op.name == "const":
            return False
        if event.op.name == "reshape" and self.storage.has_memory(event.operands[0]):
            return False
        return event.op.family in ("elementwise", "movement", "gather", "leaf")

    def is_needed_by(self, event: Expr, events: list[Expr]) -> bool:
        """Whether `event` has memory of its own, and only `events` need it."""
        if self._kept.get(event) or (event, 0) in self.reuse:
            return False
        return all(reader in events for reader in self._readers.get(event, ()))

    def is_transient(self, event: Expr, group: list[Expr]) -> bool:
        """Whether nothing outside the loops of `group` needs `event`."""
        return event.op.family != "reduction" and self.is_needed_by(event, group)

    def _may_join(self, event: Expr, group: list[Expr]) -> bool:
        if space(event) != space(group[0]) or self._is_crowded(event, group):
            return False
        for member in group:
            if member in self._reads[event]:
                if member.op.family == "reduction":
                    return False
                if not self.storage.reads_in_place(event, member):
                    return False
            for first, second in ((member, event), (event, member)):
                old = self.reuse.get((first, 0))
                if old is not None and not self.storage.reads_in_place(second, old):
                    return False
        return True

    def _is_crowded(self, event: Expr, group: list[Expr]) -> bool:
        """Whether long loops go through many arrays, and `event` through others.

        Where they are all of one size, their elements would drive each other from
        the nearest cache.
        """
        if must(lambda: product(space(event)) <= SHORT):
            return False
        arrays = {x for member in group for x in (member, *self._reads[member])}
        arrays = {x for x in arrays if self.storage.has_memory(x)}
        return len(arrays) >= STREAMS and arrays.isdisjoint(self._reads[event])

    def _order_effects(self) -> None:
        """Keep effects in their order where it shows."""
        effects = self.function.effects
        if not any(map(_is_in_turn, effects)):
            return
        events = (effect for effect in set(effects) if effect in self._position)
        ordered = sorted(events, key=self._position.__getitem__)
        for first, second in pairwise(ordered):
            self._after[second][first] = None

    def _grant(self, event: Expr) -> None:
        if event.op.family == "store":
            self._try(event, 0, event.operands[0])
        elif event.op in (FOR, WHILE):
            first = 3 if event.op is FOR else 0
            for k in range(event.attrs["count"]):
                self._try(event, k, event.operands[first + k])
        elif event.op is COND:
            for k, place in enumerate(passed_through(event)):
                if place is not None:
                    self._try(event, k, event.operands[1 + place])

    def _try(self, event: Expr, k: int, old: Expr) -> None:
        """Let result `k` of `event` overwrite `old` if nobody reads `old` later."""
        if not isinstance(old.type, TensorType) or old.tensor.rank == 0:
            return
        if not self._is_ours(old) or event.operands.count(old) > 1:
            return
        if any(self.reuse.get((event, other)) is old for other in range(k)):
            return
        if self._order_readers(event, old):
            self.reuse[(event, k)] = old

    def _is_ours(self, old: Expr) -> bool:
        """Whether the memory of `old` may ever be overwritten here."""
        if old.op is PARAM:
            return old in self.writable and not self._kept.get(old)
        if old.op is not ITEM and old not in self.storage.stored:
            return False
        if self.root(old).op is PARAM and self.root(old) not in self.writable:
            return False
        return old.op.name not in ("const", "reshape") and not self._kept.get(old)

    def _order_readers(self, event: Expr, old: Expr) -> bool:
        """Put every other reader of `old` before `event`, if that is possible."""
        others = [r for r in self._readers.get(old, ()) if r is not event]
        if any(self._needs(reader, event) for reader in others):
            return False
        self._after[event] |= dict.fromkeys(others)
        return True

    def _needs(self, event: Expr, other: Expr) -> bool:
        """Whether `event` can only happen after `other`."""
        stack, seen = [event], {event}
        while stack:
            for needed in self._after[stack.pop()]:
                if needed is other:
                    return True
                if needed not in seen:
                    seen.add(needed)
                    stack.append(needed)
        return False

    def _grant_carried(self) -> None:
        """Let what a loop carries be computed where its old value lies."""
        for result, param in zip(self.function.results, self.carried, strict=False):
            if param is None or self.root(result) is param:
                continue
            root = self.root(result)
            event = key_of(root)[0]
            if (
                root not in self.storage.stored
                or root.op.name in ("const", "reshape")
                or self.function.results.count(result) > 1
                or self._kept.get(param)
                or (root is not result and self._kept.get(event))
                or not self.storage.reads_in_place(event, param)
            ):
                continue
            if self._is_free(param, event) and self._order_readers(event, param):
                self.reuse[(event, 0)] = param

    def _is_free(self, param: Expr, event: Expr) -> bool:
        """Put all that lives where `param` does before `event`, if it can be lost."""
        for key, old in list(self.reuse.items()):
            if self.root(old) is not param:
                continue
            taker, value = key[0], self._items.get(key, key[0])
            if self._kept.get(value) or self._needs(taker, event):
                return False
            if not self.storage.reads_in_place(event, value):
                return False
            self._after[event][taker] = None
            if not self._order_readers(event, value):
                return False
        return True


class _Ready:
    """Events that may happen next, by their position and by the space of their loops.

    Scalars come first, so that the loops that use them can be with others of their
    space; products come last, so that what uses their elements can follow at once.

    All that a long straight-line program begins with are ready at once, so finding
    the first must not take time for each.
    """

    def __init__(self, position: dict[Expr, int]) -> None:
        self._position = position
        self._heap: list[tuple[int, int, Expr]] = []
        self._waiting: set[Expr] = set()
        self._loops: dict[tuple[int, ...], list[Expr]] = {}

    def add(self, event: Expr, space: tuple[int, ...] | None) -> None:
        heapq.heappush(self._heap, (_turn(event), self._position[event], event))
        self._waiting.add(event)
        if space is not None:
            self._loops.setdefault(space, []).append(event)

    def remove(self, event: Expr, space: tuple[int, ...] | None) -> None:
        self._waiting.remove(event)
        if space is not None:
            self._loops[space].remove(event)

    def after(self, groups: list[list[Expr]]) -> Expr | None:
        """Return what comes first after the last of some groups, if there is one."""
        for event in (group[0] for group in groups if group[0].op is DOT):
            for following in self.of(event.tensor.shape):
                return following
        while self._heap and self._heap[0][-1] not in self._waiting:
            heapq.heappop(self._heap)
        return self._heap[0][-1] if self._heap else None

    def of(self, space: tuple[int, ...] | None) -> list[Expr]:
        """Return the events whose loops have this space, in order."""
        if space is None:
            return []
        return sorted(self._loops.get(space, ()), key=self._position.__getitem__)


def _turn(event: Expr) -> int:
    """Return 0 for scalars, 2 for products, 1 for others."""
    is_scalar = event.op.family == "elementwise" and event.tensor.rank == 0
    return 2 if event.op is DOT else 1 - is_scalar


def _is_in_turn(effect: Expr) -> bool:
    """Whether an effect prints or looks for the first NaN, itself or inside."""
    if effect.op is PRINT or effect.attrs.get("error") == FIRST_NAN:
        return True
    inside = (x for x in effect.attrs.values() if isinstance(x, Function))
    return any(_is_in_turn(each) for body in inside for each in body.effects)
