"""Branches and loops: the forward ones that push, and the reversed ones that pop.

A branch is reversed by a branch on the same predicate, a counted loop by one over
the same range backwards, and a ``while`` by a counted loop over as many runs as
its forward half counted.  The sums of what is captured go into the reversed loop
as carries, so an element read in each run is added to in place.
"""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from defnpy.base.dtypes import I64
from defnpy.ir.expr import Expr, make, make_param, scope
from defnpy.ir.function import Function
from defnpy.ir.rewrite import rebuild
from defnpy.ir.types import TensorType, TupleType
from defnpy.ops.control import (
    CHECKPOINT,
    COND,
    FOR,
    ITEM,
    WHILE,
    index_const,
    items,
    tape_new,
)
from defnpy.ops.elementwise import negative
from defnpy.ops.leaf import scalar_of
from defnpy.transforms import residuals
from defnpy.transforms.blocks import runs_of
from defnpy.transforms.cotangents import zero
from defnpy.transforms.dependence import bits, closure
from defnpy.transforms.joint import Joint, Wish, join
from defnpy.transforms.recomputation import augment_checkpoint
from defnpy.transforms.reverse import Parts, Pull, Reversal, Site, Sweep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defnpy.transforms.cotangents import Cotangents

_INDEX = TensorType(I64)
Range = tuple[Expr, Expr, Expr]


def augment(sweep: Sweep, site: Site) -> Reversal:
    """Replace a branch or loop by one that can be reversed."""
    if site.node.op is COND:
        return _augment_cond(sweep, site)
    if site.node.op is CHECKPOINT:
        return augment_checkpoint(sweep, site)
    return _augment_loop(sweep, site)


def _prices(site: Site, first: int, runs: int | None) -> tuple[float, ...]:
    """Return what a body pays for each capture, operands from `first` on."""
    found = []
    for operand, price in zip(
        site.node.operands[first:], site.prices[first:], strict=True
    ):
        if not isinstance(operand.type, TensorType):
            price = residuals.NEVER
        elif price and runs is None and residuals.is_dense(operand):
            price = 0
        elif price == residuals.NEVER:
            price = residuals.size(operand)
        found.append(price)
    return tuple(found)


def _tape_for(sweep: Sweep) -> Expr:
    return tape_new() if sweep.tape is None else sweep.tape


def _item(node: Expr, index: int) -> Expr:
    return make(ITEM, (node,), index=index)


def _augment_cond(sweep: Sweep, site: Site) -> Reversal:
    node, (p, *captures) = site.node, site.operands
    results = len(node.attrs["then"].results)
    sides = [node.attrs[side] for side in ("then", "orelse")]
    known = [sweep.dependence.function(side) for side in sides]
    given = tuple(bits(site.wanted, results))
    reached = 0
    for masks in known:
        for k in given:
            reached |= masks[k]
    wrt = tuple(bits(reached & site.active >> 1, len(captures)))
    summed = tuple(k for k in wrt if isinstance(captures[k].type, TensorType))
    wish = Wish(given, wrt, summed, _prices(site, 1, 1), 1)
    joints = [join(sweep, side, wish) for side in sides]
    filled = None
    if any(joint.uses_tape for joint in joints):
        operands = (p, *captures, _tape_for(sweep))
        then, orelse = (_pushing_side(joint) for joint in joints)
        made = make(COND, operands, then=then, orelse=orelse)
        filled = _item(made, results)
    else:
        made = rebuild(node, site.operands)
    return Reversal(made, _pull_cond(site, joints, wish), filled)


def _pushing_side(joint: Joint) -> Function:
    body = joint.body
    with scope(isolated=True):
        results = (*body.results, joint.pushed())
    return Function(body.name, (*body.params, joint.filled[0]), results, body.effects)


def _pull_cond(site: Site, joints: list[Joint], wish: Wish) -> Pull:
    p, *captures = site.operands
    wrt = [captures[k] for k in wish.wrt]

    def pull(parts: Parts, cts: Cotangents, tape: Expr | None) -> Expr | None:
        leaves = sorted({*joints[0].leaves, *joints[1].leaves})
        tapes = () if tape is None else (tape,)
        then, orelse = (
            joint.reversed(leaves, tape=tape is not None) for joint in joints
        )
        given = [_part(site, parts, k) for k in wish.given]
        sums = [cts.take(captures[k]) for k in wish.summed]
        extra = (captures[k] for k in leaves)
        operands = (p, *given, *sums, *tapes, *extra)
        found = items(make(COND, operands, then=then, orelse=orelse))
        return _spread(wrt, found, cts)

    return pull


def _part(site: Site, parts: Parts, k: int) -> Expr:
    """Return the cotangent of the k-th result."""
    assert isinstance(site.node.type, TupleType)
    return parts[k] if k in parts else zero(site.node.type.items[k])


def _spread(wrt: Sequence[Expr], found: Sequence[Expr], cts: Cotangents) -> Expr | None:
    """Add cotangents to those of `wrt`; return the tape that follows them, if any."""
    for operand, ct in zip(wrt, found[: len(wrt)], strict=True):
        cts.add(operand, ct)
    return found[len(wrt)] if len(found) > len(wrt) else None


def places(node: Expr) -> tuple[int, int]:
    """Return how many parameters of a loop's body, and operands, precede carries."""
    return (1, 3) if node.op is FOR else (0, 0)


def _augment_loop(sweep: Sweep, site: Site) -> Reversal:
    node, count = site.node, site.node.attrs["count"]
    lead, bounds = places(node)
    carries, captures = _reached(sweep, site)
    runs = _static_runs(site.operands) if node.op is FOR else None
    before = (*(0.0,) * lead, *(residuals.NEVER,) * count)
    wish = Wish(
        given=carries,
        wrt=tuple(lead + k for k in (*carries, *captures)),
        summed=tuple(lead + k for k in captures),
        prices=(*before, *_prices(site, bounds + count, runs)),
        runs=1 if runs is None else runs,
    )
    joint = join(sweep, node.attrs["body"], wish)
    made, tape = _pushing_loop(sweep, site, joint)
    filled = None if tape is None else _item(made, tape)
    return Reversal(made, _pull_loop(site, joint, wish, made), filled)


def _reached(sweep: Sweep, site: Site) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the carries and the captures that the reversed loop finds cts of."""
    count = site.node.attrs["count"]
    lead, bounds = places(site.node)
    body = [m >> lead for m in sweep.dependence.function(site.node.attrs["body"])]
    after = sweep.dependence.positions(site.node)
    flowing = bits(closure(site.wanted, body), count)
    carries = tuple(k for k in flowing if after[k] & site.active)
    read = site.active >> bounds & reduce(or_, (body[k] for k in carries), 0)
    inputs = len(site.operands) - bounds
    return carries, tuple(k for k in bits(read, inputs) if k >= count)


def _static_runs(operands: Sequence[Expr]) -> int | None:
    start, stop, step = map(scalar_of, operands[:3])
    if start is None or stop is None or step is None:
        return None
    return len(range(start, stop, step))


def _pushing_loop(sweep: Sweep, site: Site, joint: Joint) -> tuple[Expr, int | None]:
    """Return the forward loop and the place of its tape.

    A ``while`` counts its runs in a carry before the tape.
    """
    node, body, count = site.node, joint.body, site.node.attrs["count"]
    lead, bounds = places(node)
    params, results, init = list[Expr](), list[Expr](), list[Expr]()
    if node.op is WHILE:
        params.append(make_param("n", _INDEX))
        init.append(index_const(0))
    if joint.uses_tape:
        params.append(joint.filled[0])
        init.append(_tape_for(sweep))
    with scope(isolated=True):
        results += [params[0] + index_const(1)] if node.op is WHILE else []
        results += [joint.pushed()] if joint.uses_tape else []
    if not params:
        return rebuild(node, site.operands), None
    attrs = dict(node.attrs)
    attrs["body"] = Function(
        body.name,
        (*body.params[: lead + count], *params, *body.params[lead + count :]),
        (*body.results, *results),
        body.effects,
    )
    if node.op is WHILE:
        attrs["condition"] = wider(node.attrs["condition"], count, params)
    attrs["count"] = count + len(params)
    place = bounds + count
    operands = (*site.operands[:place], *init, *site.operands[place:])
    made = make(node.op, operands, **attrs)
    return made, attrs["count"] - 1 if joint.uses_tape else None


def wider(
    condition: Function,
    count: int,
    carried: Sequence[Expr],
    captured: Sequence[Expr] = (),
) -> Function:
    """Return the condition with more parameters, which it does not look at."""
    new, last = (
        [make_param("unused", each.type) for each in extra]
        for extra in (carried, captured)
    )
    params = (*condition.params[:count], *new, *condition.params[count:], *last)
    return replace(condition, params=params)


def _pull_loop(site: Site, joint: Joint, wish: Wish, made: Expr) -> Pull:
    count = site.node.attrs["count"]
    lead, bounds = places(site.node)
    outside = site.operands[bounds:]
    wrt = [outside[k - lead] for k in wish.wrt]
    summed = [outside[k - lead] for k in wish.summed]
    leaves = [k for k in joint.leaves if k >= lead]

    def pull(parts: Parts, cts: Cotangents, tape: Expr | None) -> Expr | None:
        if lead:
            over = _backwards(site.operands[0], site.operands[1], site.operands[2])
            index = joint.body.params[0]
        else:
            over = _backwards(index_const(0), _item(made, count), index_const(1))
            index = make_param("k", _INDEX)
        tapes = () if tape is None else (tape,)
        fixed = joint.fixed()
        body = joint.reversed(leaves, lead=(index,), fixed=fixed, tape=tape is not None)
        inputs = [_part(site, parts, k) for k in wish.given]
        inputs += [cts.take(operand) for operand in summed]
        carried = [ct for k, ct in enumerate(inputs) if k not in fixed]
        captures = [inputs[k] for k in fixed]
        captures += [outside[k - lead] for k in leaves]
        operands = (*over, *carried, *tapes, *captures)
        loop = make(FOR, operands, body=body, count=len(carried) + len(tapes))
        found = iter(items(loop))
        after = [inputs[k] if k in fixed else next(found) for k in range(len(inputs))]
        return _spread(wrt, (*after, *found), cts)

    return pull


def _backwards(start: Expr, stop: Expr, step: Expr) -> Range:
    """Return the range that has the same elements, the last one first."""
    runs = runs_of(start, stop, step)
    last = start + (runs - index_const(1)) * step
    return last, start - step, negative(step)
