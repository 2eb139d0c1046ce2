"""Walks over expressions, written once: iterative, and memoised by identity."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter

from defnpy.ir.expr import PARAM, Expr, at, make

Rule = Callable[[Expr, tuple[Expr, ...]], Expr | None]


def postorder(
    roots: Iterable[Expr],
    stop: Callable[[Expr], bool] | None = None,
    sources: Callable[[Expr], Sequence[Expr]] = attrgetter("operands"),
) -> list[Expr]:
    """Return every expression under `roots`, operands before their users.

    Expressions for which `stop` holds are listed but not entered.  `sources` says
    which operands of an expression count.
    """
    order: list[Expr] = []
    seen: set[Expr] = set()
    stack = [(root, False) for root in reversed(list(roots))]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
            continue
        if node in seen:
            continue
        seen.add(node)
        stack.append((node, True))
        if stop is None or not stop(node):
            stack.extend((operand, False) for operand in reversed(sources(node)))
    return order


def rebuild(node: Expr, operands: tuple[Expr, ...]) -> Expr:
    """Return `node` with other operands, made in the current scope."""
    if node.op is PARAM:
        return node
    attrs = node.attrs
    if "serial" in attrs:  # a tape made again is another tape
        attrs = {**attrs, "serial": object()}
    with at(node.span):
        return make(node.op, operands, **attrs)


def substitute(
    roots: Sequence[Expr], mapping: dict[Expr, Expr], rule: Rule | None = None
) -> list[Expr]:
    """Return `roots` with the expressions in `mapping` replaced.

    Every other expression is made again in the current scope, by `rule` where it
    returns one, in the order they were made in: the user's.  `mapping` is filled
    with what each expression became.
    """
    found = postorder(roots, stop=mapping.__contains__)
    for node in sorted(found, key=attrgetter("serial")):
        if node in mapping:
            continue
        operands = tuple(mapping[operand] for operand in node.operands)
        made = None
        if rule is not None:
            with at(node.span):
                made = rule(node, operands)
        mapping[node] = rebuild(node, operands) if made is None else made
    return [mapping[root] for root in roots]


def users(nodes: Iterable[Expr]) -> dict[Expr, list[Expr]]:
    """Return, for each expression, those of `nodes` that have it as an operand."""
    found: dict[Expr, list[Expr]] = {}
    for node in nodes:
        for operand in dict.fromkeys(node.operands):
            found.setdefault(operand, []).append(node)
    return found
