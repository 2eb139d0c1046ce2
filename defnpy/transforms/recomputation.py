"""Regions whose inside the reverse computes again instead of keeping it.

What a checkpoint reads is kept, and its function is run again, forwards and back,
when its cotangents are known.  Loops right inside are run again in blocks.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from defnpy.ir.expr import Expr, make, make_param, scope
from defnpy.ir.function import Function
from defnpy.ir.rewrite import rebuild
from defnpy.ops.control import CHECKPOINT, items
from defnpy.ops.printing import quiet
from defnpy.transforms.blocks import blocked
from defnpy.transforms.cotangents import Cotangents, cotangent_type, zero
from defnpy.transforms.dependence import bits
from defnpy.transforms.reverse import Parts, Reversal, Site, Sweep

if TYPE_CHECKING:
    from collections.abc import Sequence


def augment_checkpoint(sweep: Sweep, site: Site) -> Reversal:
    """Leave a checkpoint as it is; its reverse computes it again."""
    node, body = site.node, quiet(site.node.attrs["body"])
    known = sweep.dependence.function(body)
    given = bits(site.wanted, len(body.results))
    reached = reduce(or_, (known[k] for k in given), 0) & site.active
    wrt = bits(reached, len(site.operands))
    made = rebuild(node, site.operands)

    def pull(parts: Parts, cts: Cotangents, tape: Expr | None) -> Expr | None:
        inside = blocked(body) if node.attrs["loops"] else body
        again = _again(sweep, inside, given, wrt)
        types = body.result_types
        cotangents = [parts[k] if k in parts else zero(types[k]) for k in given]
        operands = (*site.operands, *cotangents)
        # A region of its own, or what it computes again would be shared.
        found = items(make(CHECKPOINT, operands, body=again, loops=False))
        for k, ct in zip(wrt, found, strict=True):
            cts.add(site.operands[k], ct)
        return None

    return Reversal(made, pull, None)


def _again(
    sweep: Sweep, body: Function, given: Sequence[int], wrt: Sequence[int]
) -> Function:
    """Return the cotangents of parameters from those of results, run anew."""
    with scope(isolated=True):
        params = [make_param(p.attrs["name"], p.type) for p in body.params]
        inner = Sweep(sweep.dependence, sweep.augment)
        targets = inner.forward(
            [body.results[k] for k in given],
            [body.results[k] for k in given],
            [body.params[k] for k in wrt],
            dict(zip(body.params, params, strict=True)),
        )
        types = [cotangent_type(body.results[k].type) for k in given]
        seeds = [make_param(f"ct{k}", type) for k, type in enumerate(types)]
        cts = Cotangents()
        for target, seed in zip(targets, seeds, strict=True):
            cts.add(target, seed)
        inner.reverse(targets, cts, None)
        found = [cts.get(params[k]) for k in wrt]
        results = tuple(
            zero(params[k].type) if ct is None else ct
            for k, ct in zip(wrt, found, strict=True)
        )
    return Function(f"{body.name}_again", (*params, *seeds), results)
