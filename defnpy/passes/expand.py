"""Ops that are written with other ops become those before they are lowered."""

from __future__ import annotations

from defnpy.base.dtypes import BOOL
from defnpy.ir.expr import Expr, make, make_param, scope
from defnpy.ir.function import Function
from defnpy.ir.op import Missing
from defnpy.ir.rewrite import substitute
from defnpy.ir.types import TupleType
from defnpy.ops.axes import full
from defnpy.ops.control import CHECKPOINT, COND, ITEM
from defnpy.ops.convolution import CONVOLVE
from defnpy.ops.gradient import CUSTOM_GRAD
from defnpy.ops.leaf import const
from defnpy.ops.linalg import DECOMPOSITION
from defnpy.ops.reduce import ARGMAX, ARGMIN, expand_arg
from defnpy.ops.sorting import ARGSORT, expand_argsort


def expand(function: Function) -> Function:
    """Return `function` with sorting and the like expanded, in its bodies too.

    Gradients are made by now, so values that say their own are values only.
    """
    with scope(isolated=True):
        mapping = {param: param for param in function.params}
        made = substitute(function.roots, mapping, _expanded)
    split = len(function.effects)
    # What a gradient would do is not done here.
    effects = tuple(e for e in made[:split] if e.op is not CUSTOM_GRAD)
    return Function(function.name, function.params, tuple(made[split:]), effects)


def _region(body: Function, operands: tuple[Expr, ...]) -> Expr:
    """Return a checkpoint as a region still: what is computed again stays apart."""
    with scope(isolated=True):
        params = tuple(make_param("unused", param.type) for param in body.params)
        zeros = tuple(full(result.tensor, 0) for result in body.results)
    always = const(True, BOOL)
    other = Function("never", params, zeros)
    return make(COND, (always, *operands), then=body, orelse=other)


def _decomposed(node: Expr, operands: tuple[Expr, ...]) -> Expr:
    """Return what is made with routines, for one of several results its own."""
    several = node.op is ITEM
    whole = operands[0] if several else make(node.op, operands, **node.attrs)
    if isinstance(whole.type, TupleType) and not several:
        return whole  # its items are replaced
    assert not isinstance(whole.op.lower, Missing)
    made = whole.op.lower(whole.attrs, *whole.operands)
    return made[node.attrs["index"]] if several else made


def _expanded(node: Expr, operands: tuple[Expr, ...]) -> Expr | None:
    if node.op is ARGSORT:
        return expand_argsort(make(ARGSORT, operands, **node.attrs))
    if node.op is ARGMAX or node.op is ARGMIN:
        return expand_arg(make(node.op, operands, **node.attrs))
    if node.op is ITEM and node.operands[0].op is CUSTOM_GRAD:
        return operands[0].operands[node.attrs["index"]]
    source = node.operands[0] if node.op is ITEM else node
    if source.op.family in (DECOMPOSITION, CONVOLVE.family):
        return _decomposed(node, operands)
    if node.op is CHECKPOINT:
        return _region(expand(node.attrs["body"]), operands)
    if node.op.family != "control":
        return None
    attrs = {
        name: expand(value) if isinstance(value, Function) else value
        for name, value in node.attrs.items()
    }
    return make(node.op, operands, **attrs)
