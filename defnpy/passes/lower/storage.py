"""Which expressions get memory of their own, and which live inside others' loops.

A *lazy* expression has no memory: its elements are computed where they are used.
Every other one is an *event*: something that happens at one moment of the
program, after which its value is in memory or in a scalar variable.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from defnpy.base.dims import estimate, must, product
from defnpy.ir.expr import PARAM, Expr
from defnpy.ir.rewrite import postorder, users
from defnpy.ir.types import TensorType
from defnpy.ops.axes import RESHAPE
from defnpy.ops.control import CHECK, ITEM
from defnpy.ops.dot import DOT, free_axes
from defnpy.ops.indexing import GATHER
from defnpy.passes.lower.origins import overwritten
from defnpy.passes.lower.views import matrices, view
from defnpy.passes.lower.windows import is_trivial_reshape, reads_own_places

if TYPE_CHECKING:
    from defnpy.ir.function import Function

Key = tuple[Expr, int]  # an event, and which of its results

CHEAP = 4  # scalar operations that are rather done twice than stored
LARGE = 200  # scalar operations after which one loop body is long enough
SMALL_PRODUCT = 4096  # multiplications up to which a product is plain loops
_LAZY = ("elementwise", "movement", "gather", "leaf", "check")


def key_of(node: Expr) -> Key:
    """Return the event that makes `node`, and which of its results it is."""
    if node.op is ITEM:
        return node.operands[0], node.attrs["index"]
    return node, 0


def is_small_product(node: Expr) -> bool:
    """Whether a dot is rather done by loops than by a routine."""
    a, b = node.operands
    (ca, _), (ba, _) = node.attrs["contract"], node.attrs["batch"]
    if a.dtype.name not in ("f32", "f64", "c64", "c128"):
        return True
    (_, cb), (_, bb) = node.attrs["contract"], node.attrs["batch"]
    inner = product([a.shape[i] for i in ca])
    rows = product([a.shape[i] for i in free_axes(a.tensor.rank, ca, ba)])
    columns = product([b.shape[i] for i in free_axes(b.tensor.rank, cb, bb)])
    return estimate(rows * inner * columns) <= SMALL_PRODUCT


def space(node: Expr) -> tuple[Any, ...]:
    """Return the sizes of the loops that compute a node."""
    return (node.operands[0] if node.op.family == "reduction" else node).shape


def _is_seen(node: Expr) -> bool:
    """Whether a node is no other way to see an array: it may have memory."""
    return node.op.family not in ("movement", "gather") or (
        node.op is RESHAPE and not is_trivial_reshape(node)
    )


def _is_larger(x: Expr, y: Expr) -> bool:
    return must(lambda: x.tensor.size > y.tensor.size)


def is_plain_constant(node: Expr) -> bool:
    """Whether a node is a constant of one element."""
    return node.op.name == "const" and node.tensor.size == 1


def _is_apart(node: Expr) -> bool:
    """Whether a node is certain to be no part of the loops that use it."""
    return node.op.family not in _LAZY or node.tensor.rank == 0


def _under(node: Expr) -> list[Expr]:
    """Return what is computed in the loops that use a node, and what they read."""
    return postorder([node], stop=_is_apart)


@dataclass(eq=False)
class Storage:
    """The analysis of one function."""

    function: Function
    nodes: list[Expr] = field(init=False)
    stored: set[Expr] = field(init=False)
    _reads: dict[Expr, dict[Expr, None]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Decide for every node."""
        self.nodes = self.function.nodes()
        self._users = users(self.nodes)
        self._bases = {base for node in self.nodes for base in overwritten(node)}
        self._cost: dict[Expr, int] = {}
        self._views: set[Expr] = set()  # what products look through
        self.stored = set()
        forced = self._forced()
        for node in self.nodes:
            if self._is_stored(node, node in forced):
                self.stored.add(node)
                self._cost[node] = 0

    def is_event(self, node: Expr) -> bool:
        """Whether `node` happens at one moment."""
        if node.op is PARAM or node.op is ITEM or is_plain_constant(node):
            return False
        if not isinstance(node.type, TensorType) or node.op is CHECK:
            return True
        return node.tensor.rank == 0 or node in self.stored

    def has_memory(self, node: Expr) -> bool:
        """Whether an array is in memory, not computed where it is used."""
        while node.op is CHECK:
            node = node.operands[0]
        if node.tensor.rank == 0:
            return False
        return node.op is PARAM or node.op is ITEM or node in self.stored

    @cached_property
    def events(self) -> list[Expr]:
        """Every event, operands first."""
        return [node for node in self.nodes if self.is_event(node)]

    def work_of(self, event: Expr) -> int:
        """Return the rough scalar operations for an element of an event."""
        inside = postorder([event], stop=lambda e: e is not event and self._is_read(e))
        return sum(e.op.cost for e in inside if e.op.family == "elementwise")

    def _is_read(self, node: Expr) -> bool:
        return node.op is PARAM or node.op is ITEM or self.is_event(node)

    def reads(self, node: Expr) -> dict[Expr, None]:
        """Return the events, items of them and parameters that `node` reads."""
        found: dict[Expr, None] = {}
        for operand in node.operands:
            found |= self.sources(operand)
        return found

    def sources(self, node: Expr) -> dict[Expr, None]:
        """Return the events, items of events and parameters that a use reads."""
        if node.op is CHECK:  # read through, but not before it is done
            return {node: None} | self.sources(node.operands[0])
        if node.op is PARAM or node.op is ITEM or self.is_event(node):
            return {node: None}
        if node not in self._reads:
            self._reads[node] = self.reads(node)
        return self._reads[node]

    def reads_in_place(self, node: Expr, source: Expr) -> bool:
        """Whether `node` reads each element of `source` only for its own element.

        For a reduction, its own element is that of its operand.  True, too, if
        `node` does not read `source` at all.
        """
        if node.op.family not in ("elementwise", "reduction"):
            return source not in self.reads(node)
        return all(self._is_in_place(e, space(node), source) for e in node.operands)

    def _is_in_place(self, node: Expr, shape: tuple[int, ...], source: Expr) -> bool:
        if node is source:
            return node.shape == shape
        if node.op.family == "elementwise" and not self.is_event(node):
            return all(self._is_in_place(e, shape, source) for e in node.operands)
        return source not in self.sources(node)

    def _forced(self) -> set[Expr]:
        """Return what must be in memory because of who uses it."""
        forced = set(self.function.results)
        for node in reversed(self.nodes):
            family = node.op.family
            if node.op is CHECK and node in forced:
                forced.add(node.operands[0])
            if family in ("control", "tape", "print", "routine"):
                forced.update(node.operands)
            elif node.op is DOT and not is_small_product(node):
                forced.update(self._factors(node))
            elif node.op is RESHAPE and not is_trivial_reshape(node):
                forced.update(node.operands)
            elif family == "store":
                forced.add(node.operands[0])
                forced.update(self._stale(node))
        return forced

    def _factors(self, node: Expr) -> list[Expr]:
        """Return what a product reads in memory, past what only sees it another way.

        Rows and columns of the first factor must be evenly apart.
        """
        found, sides = (
            [],
            zip(*(node.attrs[n] for n in ("contract", "batch")), strict=True),
        )
        for number, (contract, batch) in enumerate(sides):
            operand = node.operands[number]
            free = free_axes(operand.tensor.rank, contract, batch)
            rows, columns = (contract, free) if number else (free, contract)
            seen = None if node.dtype.kind == "c" else view(operand, _is_seen)
            groups = (tuple(batch), tuple(rows), tuple(columns))
            if seen is None or not matrices(seen.places, groups, even=not number):
                found.append(operand)
            else:
                found.append(seen.base)
                self._views.update(postorder([operand], stop=_is_seen))
        return found

    def _stale(self, node: Expr) -> list[Expr]:
        """Return the operands of a store that read what may be overwritten by then.

        They are put in memory first, so that arrays may be changed in place; scalars
        are computed first anyhow.
        """
        found = []
        for operand in node.operands[1:]:
            bases = self._bases.intersection(_under(operand))
            own = bases == {node.operands[0]} and reads_own_places(
                node, operand, lambda e, x: x in _under(e)
            )
            if bases and not own:
                found.append(operand)
        return found

    def _is_stored(self, node: Expr, forced: bool) -> bool:
        if not isinstance(node.type, TensorType):
            return False
        if node.op is PARAM or node.op is ITEM or node.tensor.rank == 0:
            self._cost[node] = 0
            return False
        if node.op.name == "const":
            self._cost[node] = 0
            return not is_plain_constant(node)
        if node.op.family not in _LAZY or forced:
            self._cost[node] = 0
            return node.op is not CHECK
        if node.op is RESHAPE and not is_trivial_reshape(node):
            return True
        cost = node.op.cost if node.op.family == "elementwise" else 1
        cost += sum(self._cost[operand] for operand in node.operands)
        self._cost[node] = cost
        return cost > LARGE or (cost > CHEAP and self._is_repeated(node))

    def _is_repeated(self, node: Expr) -> bool:
        """Whether several loops, or several elements of one, would compute it."""
        found = self._users.get(node, [])
        if len(found) > 1:
            return node.op.family == "elementwise"
        return any(
            user.op is GATHER
            or (user.op is DOT and node not in self._views)
            or (user.op.name == "broadcast" and _is_larger(user, node))
            for user in found
        )
