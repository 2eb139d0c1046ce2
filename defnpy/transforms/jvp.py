"""Forward mode: the tangents of results, carried along with the values.

A branch or loop takes and carries tangents beside what it took and carried; a
tape has a second one beside it that holds the tangents of its floats, zeros
included, so that both are popped in step.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from defnpy.base.errors import DefnTypeError
from defnpy.ir.expr import at, make, make_param, scope
from defnpy.ir.function import Function, inline
from defnpy.ir.op import Missing
from defnpy.ir.rewrite import rebuild, substitute
from defnpy.ir.types import TapeType, TupleType
from defnpy.ops.control import (
    CHECKPOINT,
    COND,
    ITEM,
    TAPE_POP,
    TAPE_PUSH,
    WHILE,
    items,
    tape_pop,
    tape_push,
)
from defnpy.ops.gradient import CUSTOM_GRAD
from defnpy.transforms.cotangents import cotangent_type, fit, zero
from defnpy.transforms.dependence import Dependence, is_differentiable
from defnpy.transforms.grad import check_wrt, pullback
from defnpy.transforms.regions import places, wider
from defnpy.transforms.reverse import REGIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defnpy.ir.expr import Expr

    Values = tuple[Expr, ...]


def jvp(function: Function, wrt: Sequence[int]) -> Function:
    """Return a function of the parameters and of tangents of those in `wrt`.

    It returns the results of `function`, then the tangent of each that is a float.
    """
    check_wrt(function, wrt)
    results = [k for k, r in enumerate(function.results) if is_differentiable(r.type)]
    made = _Forward(Dependence()).function(function, wrt, results)
    return Function(f"{function.name}_jvp", made.params, made.results, made.effects)


@dataclass
class _Forward:
    """One region on its way forwards.

    Attributes:
        dependence: what is known of functions.
        tangents: of the expressions made; none means zero.
        parts: the same of expressions with several results, by index.
    """

    dependence: Dependence
    tangents: dict[Expr, Expr] = field(default_factory=dict)
    parts: dict[Expr, dict[int, Expr]] = field(default_factory=dict)

    def function(
        self, function: Function, ins: Sequence[int], outs: Sequence[int]
    ) -> Function:
        """Return `function` with further parameters, tangents, and results, theirs."""
        with scope(isolated=True), at(None):
            params = [make_param(p.attrs["name"], p.type) for p in function.params]
            given = [make_param("t", cotangent_type(params[k].type)) for k in ins]
            inside = dict(zip((params[k] for k in ins), given, strict=True))
            inner = _Forward(self.dependence, inside)
            mapping = dict(zip(function.params, params, strict=True))
            made = substitute(function.roots, mapping, inner.make)
            split = len(function.effects)
            results = made[split:]
            found = [inner.tangent_or_zero(results[k]) for k in outs]
        return Function(
            function.name,
            (*params, *given),
            (*results, *found),
            tuple(made[:split]),
        )

    def make(self, node: Expr, operands: tuple[Expr, ...]) -> Expr:
        """Return `node` made again, and keep its tangent."""
        if node.op in REGIONS:
            region = {COND: self._cond, CHECKPOINT: self._checkpoint}
            return region.get(node.op, self._loop)(node, operands)
        made = rebuild(node, operands)
        if made.op is TAPE_POP:
            self._pop(made)
        elif made.op is CUSTOM_GRAD:
            self._custom(made)
        elif isinstance(made.type, TupleType):
            self.parts[made] = self._by_rules(made)
        elif is_differentiable(made.type):
            tangent = self._tangent(made)
            if tangent is not None:
                self.tangents[made] = fit(tangent, made)
        return made

    def tangent_or_zero(self, node: Expr) -> Expr:
        """Return the tangent of `node`."""
        found = self.tangents.get(node)
        return zero(node.type) if found is None else found

    def _tangent(self, node: Expr) -> Expr | None:
        if node.op is ITEM:
            return self.parts.get(node.operands[0], {}).get(node.attrs["index"])
        if node.op is TAPE_PUSH and any(o in self.tangents for o in node.operands):
            tape, *values = node.operands
            floats = [v for v in values if is_differentiable(v.type)]
            tangents = [self.tangent_or_zero(value) for value in floats]
            return tape_push(self.tangent_or_zero(tape), tangents)
        return self._by_rule(node)

    def _by_rules(self, node: Expr) -> dict[int, Expr]:
        """Return the tangents of an expression with several results."""
        found = self._by_rule(node) or ()
        return {k: tangent for k, tangent in enumerate(found) if tangent is not None}

    def _by_rule(self, node: Expr) -> Any:
        """Return what the record says: a tangent, or one for each of its results."""
        given = [self.tangents.get(operand) for operand in node.operands]
        if all(tangent is None for tangent in given):
            return None
        rule = node.op.jvp
        if isinstance(rule, Missing):
            raise DefnTypeError(
                f"{node.op.name} has no tangent: {rule.reason}", span=node.span
            )
        return rule(given, node, *node.operands)

    def _pop(self, node: Expr) -> None:
        tape = self.tangents.get(node.operands[0])
        if tape is None:
            return
        types = node.attrs["types"]
        floats = [k for k, type in enumerate(types) if is_differentiable(type)]
        found, rest = tape_pop(tape, [cotangent_type(types[k]) for k in floats])
        self.parts[node] = dict(zip((*floats, len(types)), (*found, rest), strict=True))

    def _custom(self, node: Expr) -> None:
        """Take the tangents from the cotangents: both are the same linear map."""
        count, captures = node.attrs["count"], node.attrs["captures"]
        end = len(node.operands) - captures
        inputs, captured = node.operands[count:end], node.operands[end:]
        if all(self.tangents.get(x) is None for x in inputs):
            return
        rule = node.attrs["pullback"]
        transposed = pullback(rule, range(len(inputs)), range(count))
        cts = [zero(param.type) for param in rule.params[:count]]
        given = [self.tangent_or_zero(x) for x in inputs]
        found = inline(transposed, (*cts, *captured, *given))[len(inputs) :]
        self.parts[node] = dict(enumerate(found))

    def _active(self, operands: Sequence[Expr]) -> int:
        return sum((o in self.tangents) << k for k, o in enumerate(operands))

    def _cond(self, node: Expr, operands: tuple[Expr, ...]) -> Expr:
        active = self._active(operands)
        after = self.dependence.positions(node)
        outs = [k for k, mask in enumerate(after) if mask & active]
        if not outs:
            return rebuild(node, operands)
        sides = (node.attrs["then"], node.attrs["orelse"])
        captures = operands[1:]
        # What one side only passes on, the other may fill: both tapes are in step.
        ins = [
            k
            for k, capture in enumerate(captures)
            if capture in self.tangents or isinstance(capture.type, TapeType)
        ]
        then, orelse = (self.function(side, ins, outs) for side in sides)
        given = (self.tangent_or_zero(captures[k]) for k in ins)
        made = make(COND, (*operands, *given), then=then, orelse=orelse)
        self.parts[made] = dict(zip(outs, items(made)[len(after) :], strict=True))
        return made

    def _checkpoint(self, node: Expr, operands: tuple[Expr, ...]) -> Expr:
        after = self.dependence.positions(node)
        active = self._active(operands)
        outs = [k for k, mask in enumerate(after) if mask & active]
        if not outs:
            return rebuild(node, operands)
        ins = [k for k, operand in enumerate(operands) if operand in self.tangents]
        body = self.function(node.attrs["body"], ins, outs)
        given = (self.tangents[operands[k]] for k in ins)
        attrs = dict(node.attrs, body=body)
        made = make(CHECKPOINT, (*operands, *given), **attrs)
        self.parts[made] = dict(zip(outs, items(made)[len(after) :], strict=True))
        return made

    def _loop(self, node: Expr, operands: tuple[Expr, ...]) -> Expr:
        count = node.attrs["count"]
        lead, bounds = places(node)
        active = self._active(operands)
        after = self.dependence.positions(node)
        outs = [k for k, mask in enumerate(after) if mask & active]
        if not outs:
            return rebuild(node, operands)
        outside = operands[bounds:]
        ins = [k for k in range(count, len(outside)) if outside[k] in self.tangents]
        wrt = [lead + k for k in (*outs, *ins)]
        body = self.function(node.attrs["body"], wrt, outs)
        first = len(body.params) - len(wrt)
        carried, captured = _split(body.params[first:], len(outs))
        attrs = dict(node.attrs, count=count + len(outs))
        before, behind = _split(body.params[:first], lead + count)
        attrs["body"] = replace(body, params=before + carried + behind + captured)
        if node.op is WHILE:
            attrs["condition"] = wider(attrs["condition"], count, carried, captured)
        before, behind = _split(operands, bounds + count)
        init = tuple(self.tangent_or_zero(outside[k]) for k in outs)
        given = tuple(self.tangents[outside[k]] for k in ins)
        made = make(node.op, before + init + behind + given, **attrs)
        self.parts[made] = dict(zip(outs, items(made)[count:], strict=True))
        return made


def _split(values: Values, place: int) -> tuple[Values, Values]:
    return values[:place], values[place:]
