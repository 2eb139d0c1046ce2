"""Leave out what loops and branches carry for nobody."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from defnpy.ir.expr import PARAM, Expr, at, make, scope
from defnpy.ir.function import Function
from defnpy.ir.rewrite import postorder, substitute
from defnpy.ops.control import COND, FOR, ITEM, WHILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Made = tuple[Expr, dict[int, Expr]]  # the new event, and its results by old index


def prune(function: Function) -> Function:
    """Return `function` without results of control flow that nothing uses."""
    nodes = sorted(function.nodes(), key=attrgetter("serial"))
    items: dict[Expr, dict[int, Expr]] = {}
    for node in nodes:
        if node.op is ITEM:
            items.setdefault(node.operands[0], {})[node.attrs["index"]] = node
    mapping: dict[Expr, Expr] = {param: param for param in function.params}
    with scope(isolated=True):
        for node in nodes:
            if node.op in (FOR, WHILE, COND):
                used = items.get(node, {})
                operands = tuple(mapping[operand] for operand in node.operands)
                rule = _prune_cond if node.op is COND else _prune_loop
                with at(node.span):
                    mapping[node], results = rule(node, operands, set(used))
                mapping |= {item: results[index] for index, item in used.items()}
            elif node not in mapping:
                substitute([node], mapping)
        made = [mapping[root] for root in function.roots]
    split = len(function.effects)
    return Function(
        function.name, function.params, tuple(made[split:]), tuple(made[:split])
    )


def _prune_cond(node: Expr, operands: tuple[Expr, ...], used: set[int]) -> Made:
    kept = sorted(used)
    sides = (node.attrs["then"], node.attrs["orelse"])
    needed = [_params_of([*f.effects, *(f.results[k] for k in kept)]) for f in sides]
    places = [
        k
        for k in range(len(operands) - 1)
        if any(f.params[k] in found for f, found in zip(sides, needed, strict=True))
    ]
    then, orelse = (
        _narrowed(f, [f.params[k] for k in places], [f.results[k] for k in kept])
        for f in sides
    )
    captures = (operands[1 + k] for k in places)
    made = make(COND, (operands[0], *captures), then=then, orelse=orelse)
    return made, _items(made, kept)


def _prune_loop(node: Expr, operands: tuple[Expr, ...], used: set[int]) -> Made:
    body: Function = node.attrs["body"]
    head, first = (1, 3) if node.op is FOR else (0, 0)
    count = node.attrs["count"]
    carried = body.params[head : head + count]
    fixed = [k for k in range(count) if body.results[k] is carried[k]]
    kept = sorted(_live(node, used | set(fixed)) - set(fixed))
    roots = [*body.effects, *(body.results[k] for k in kept)]
    needed = _params_of(roots) | _params_of(_condition(node, body.params))
    others = [k for k in (*fixed, *range(count, len(body.params) - head))]
    others = [k for k in others if body.params[head + k] in needed]
    order = [*kept, *others]
    params = [*body.params[:head], *(body.params[head + k] for k in order)]
    attrs = {
        "body": _narrowed(body, params, [body.results[k] for k in kept]),
        "count": len(kept),
    }
    if node.op is WHILE:
        test: Function = node.attrs["condition"]
        attrs["condition"] = _narrowed(
            test, [test.params[k] for k in order], test.results
        )
    made = make(
        node.op, (*operands[:first], *(operands[first + k] for k in order)), **attrs
    )
    return made, _items(made, kept) | {k: operands[first + k] for k in fixed}


def _live(node: Expr, used: set[int]) -> set[int]:
    """Return the carried values that results, effects or the condition need."""
    body: Function = node.attrs["body"]
    head = 1 if node.op is FOR else 0
    places = {p: k for k, p in enumerate(body.params[head:][: node.attrs["count"]])}
    start = _params_of([*body.effects, *_condition(node, body.params)])
    live = used | {places[p] for p in start if p in places}
    waiting = list(live)
    while waiting:
        for param in _params_of([body.results[waiting.pop()]]):
            place = places.get(param)
            if place is not None and place not in live:
                live.add(place)
                waiting.append(place)
    return live


def _condition(node: Expr, params: Sequence[Expr]) -> list[Expr]:
    """Return the parameters of the body that a while's condition uses, too."""
    if node.op is not WHILE:
        return []
    test: Function = node.attrs["condition"]
    found = _params_of(test.roots)
    pairs = zip(test.params, params, strict=True)
    return [param for own, param in pairs if own in found]


def _params_of(roots: Iterable[Expr]) -> set[Expr]:
    return {node for node in postorder(roots) if node.op is PARAM}


def _narrowed(
    function: Function, params: Sequence[Expr], results: Sequence[Expr]
) -> Function:
    return Function(function.name, tuple(params), tuple(results), function.effects)


def _items(made: Expr, kept: list[int]) -> dict[int, Expr]:
    return {old: make(ITEM, (made,), index=new) for new, old in enumerate(kept)}
