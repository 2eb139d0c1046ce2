"""One region of a program, made again and then run in reverse.

A `Sweep` makes the region's expressions in the current scope and walks them
backwards, one vjp for each: the walk everybody knows from micrograd.  Branches
and loops are replaced, when they are made, by ones that fill a tape; how, and
what reverses them, is the knowledge of `regions`, handed in as `augment`.

At the top level each branch or loop has a tape of its own.  Inside a body they
take the body's tape in turn, and the reverse takes it back in the other
direction; so every branch or loop that has pushed must pop, cotangent or not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from defnpy.base.errors import DefnTypeError
from defnpy.ir.expr import at
from defnpy.ir.op import Missing
from defnpy.ir.rewrite import postorder, substitute
from defnpy.ir.types import TapeType, TupleType
from defnpy.ops.control import (
    CHECKPOINT,
    COND,
    FOR,
    ITEM,
    TAPE_POP,
    TAPE_PUSH,
    WHILE,
    tape_pop,
    tape_push,
)
from defnpy.transforms.cotangents import Cotangents, backward, cotangent_type, zero
from defnpy.transforms.dependence import Dependence, bits, is_differentiable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defnpy.ir.expr import Expr

REGIONS = (CHECKPOINT, COND, FOR, WHILE)
Parts = dict[int, "Expr"]
# (cotangents of results, all cotangents, tape) -> tape
Pull = Callable[[Parts, Cotangents, "Expr | None"], "Expr | None"]


@dataclass(frozen=True, slots=True)
class Site:
    """A branch or loop that will be reversed, and what is known at its place.

    Attributes:
        node: the original.
        operands: of the one to be made.
        active: the operands that have cotangents.
        wanted: the results whose cotangents will be known.
        prices: of the operands, as `residuals` has them.
    """

    node: Expr
    operands: tuple[Expr, ...]
    active: int
    wanted: int
    prices: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Reversal:
    """What `augment` returns: the new expression, what reverses it, its tape."""

    node: Expr
    pull: Pull
    tape: Expr | None


Augment = Callable[["Sweep", Site], Reversal]


@dataclass
class Sweep:
    """A region on its way forwards and back.

    Attributes:
        dependence: what is known of functions.
        augment: replaces a branch or loop.
        price: what an original expression costs, see `residuals`.
        tape: what the branches and loops have filled so far; None at top level.
    """

    dependence: Dependence
    augment: Augment
    price: Callable[[Expr], float] = lambda node: 0
    tape: Expr | None = None
    active: set[Expr] = field(default_factory=set)
    reversals: dict[Expr, Reversal] = field(default_factory=dict)

    def forward(
        self,
        roots: Sequence[Expr],
        wanted: Sequence[Expr],
        wrt: Sequence[Expr],
        mapping: dict[Expr, Expr],
    ) -> list[Expr]:
        """Return `roots`, made again ready to be reversed.

        Args:
            roots: everything to make.
            wanted: those with a cotangent.
            wrt: what is differentiated by.
            mapping: what is made already; filled.
        """
        masks = self.dependence.masks(roots, dict.fromkeys(wrt, 1))
        flow = self._flow(wanted, masks)

        def rule(node: Expr, operands: tuple[Expr, ...]) -> Expr | None:
            if node.op not in REGIONS or not flow.get(node):
                return None
            active = sum(bool(masks[o]) << k for k, o in enumerate(node.operands))
            prices = tuple(self.price(operand) for operand in node.operands)
            return self._replace(Site(node, operands, active, flow[node], prices))

        made = substitute(roots, mapping, rule)
        self.active |= {mapping[node] for node, mask in masks.items() if mask}
        return made

    def _replace(self, site: Site) -> Expr:
        reversal = self.augment(self, site)
        self.reversals[reversal.node] = reversal
        if self.tape is not None and reversal.tape is not None:
            self.tape = reversal.tape
        return reversal.node

    def _flow(
        self, wanted: Sequence[Expr], masks: Mapping[Expr, int]
    ) -> dict[Expr, int]:
        """Return which results of each expression will have a cotangent.

        An active tape is always given one: what was pushed must be popped.
        """
        flow = {root: 1 for root in wanted if masks[root]}
        for node in reversed(postorder(flow)):
            found = flow.get(node, 0)
            if isinstance(node.type, TupleType):
                types = enumerate(node.type.items)
                tapes = sum(1 << k for k, t in types if isinstance(t, TapeType))
                if any(masks[o] for o in node.operands if o.type == _TAPE):
                    found = flow[node] = found | tapes
            if not found:
                continue
            if node.op is ITEM:
                source = node.operands[0]
                flow[source] = flow.get(source, 0) | 1 << node.attrs["index"]
                continue
            positions = self.dependence.positions(node)
            for result in bits(found, len(positions)):
                for place in bits(positions[result], len(node.operands)):
                    if masks[node.operands[place]]:
                        flow[node.operands[place]] = 1
        return flow

    def reverse(
        self, targets: Sequence[Expr], cts: Cotangents, tape: Expr | None
    ) -> Expr | None:
        """Walk back from `targets`, adding to `cts`; return what is left of `tape`."""
        parts: dict[Expr, Parts] = {}
        ends = targets if self.tape is None else (*targets, self.tape)
        for node in reversed(postorder(ends)):
            with at(backward(node.span)):
                if node in self.reversals:
                    tape = self._pull(node, parts.get(node, {}), cts, tape)
                elif node.op is TAPE_POP:
                    self._unpop(node, parts.get(node, {}), cts)
                elif isinstance(node.type, TupleType):
                    if node in parts:
                        self._apply(node, _all_parts(node, parts[node]), cts)
                elif node in self.active:
                    self._step(node, cts, parts)
        return tape

    def _pull(
        self, node: Expr, parts: Parts, cts: Cotangents, tape: Expr | None
    ) -> Expr | None:
        reversal = self.reversals[node]
        if self.tape is not None and reversal.tape is not None:
            return reversal.pull(parts, cts, tape)
        tapes = (o for o in node.operands if o.type == _TAPE)
        if parts or not self.active.isdisjoint(tapes):
            reversal.pull(parts, cts, reversal.tape)
        return tape

    def _step(self, node: Expr, cts: Cotangents, parts: dict[Expr, Parts]) -> None:
        ct = cts.get(node)
        if ct is None:
            return
        if node.op is ITEM:
            parts.setdefault(node.operands[0], {})[node.attrs["index"]] = ct
        elif node.op is TAPE_PUSH:
            self._unpush(node, ct, cts)
        elif node.operands:
            self._apply(node, ct, cts)

    def _apply(self, node: Expr, ct: Expr | list[Expr | None], cts: Cotangents) -> None:
        """Add what the vjp of `node` makes of its cotangent."""
        rule = node.op.vjp
        if isinstance(rule, Missing):
            raise DefnTypeError(
                f"{node.op.name} cannot be differentiated: {rule.reason}",
                span=node.span,
            )
        found = rule(ct, node, *node.operands)
        for operand, each in zip(node.operands, found, strict=True):
            if each is not None and operand in self.active:
                cts.add(operand, each)

    def _unpush(self, node: Expr, ct: Expr, cts: Cotangents) -> None:
        """Take the cotangents of the floats that were pushed off the tape of them."""
        tape, *values = node.operands
        floats = [value for value in values if is_differentiable(value.type)]
        found, rest = tape_pop(ct, [cotangent_type(value.type) for value in floats])
        for operand, each in zip((tape, *floats), (rest, *found), strict=True):
            if operand in self.active:
                cts.add(operand, each)

    def _unpop(self, node: Expr, parts: Parts, cts: Cotangents) -> None:
        """Put the cotangents of the floats that were popped on the tape of them."""
        (tape,) = node.operands
        if tape in self.active:
            *floats, rest = (ct for ct in _all_parts(node, parts) if ct is not None)
            cts.add(tape, tape_push(rest, floats))


_TAPE = TapeType()


def _all_parts(node: Expr, parts: Parts) -> list[Expr | None]:
    """Return the cotangent of each result, None for those that have none."""
    assert isinstance(node.type, TupleType)
    found: list[Expr | None] = []
    for k, type in enumerate(node.type.items):
        ct = parts.get(k)
        if ct is None and is_differentiable(type):
            ct = zero(type)
        found.append(ct)
    return found
