"""Closed functions of expressions, and regions that become one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from defnpy.base.errors import InternalError
from defnpy.ir.expr import PARAM, Expr, Scope, make_param, scope
from defnpy.ir.rewrite import postorder, substitute

if TYPE_CHECKING:
    from defnpy.ir.types import Type


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A closed function: its results depend on its parameters alone.

    Attributes:
        name: for printing.
        params: ``param`` expressions.
        results: what it returns.
        effects: what it does besides (checks, prints), in order.
    """

    name: str
    params: tuple[Expr, ...]
    results: tuple[Expr, ...]
    effects: tuple[Expr, ...] = ()
    __defnpy_leaf__: ClassVar[bool] = True

    @property
    def types(self) -> tuple[Type, ...]:
        """Types of the parameters."""
        return tuple(p.type for p in self.params)

    @property
    def result_types(self) -> tuple[Type, ...]:
        """Types of the results."""
        return tuple(r.type for r in self.results)

    @property
    def roots(self) -> tuple[Expr, ...]:
        """Everything that must be computed: effects, then results."""
        return (*self.effects, *self.results)

    def nodes(self) -> list[Expr]:
        """Return every expression, operands before users."""
        return postorder(self.roots)


def captured(
    region: Scope, params: tuple[Expr, ...], results: tuple[Expr, ...]
) -> list[Expr]:
    """Return what a region uses from outside itself, constants left out."""
    inside = set(params)
    nodes = postorder(
        (*region.effects, *results), stop=lambda e: _is_outer(e, region, inside)
    )
    return [
        node
        for node in nodes
        if _is_outer(node, region, inside) and node.op.name not in ("const", "size")
    ]


def close(
    name: str,
    region: Scope,
    params: tuple[Expr, ...],
    results: tuple[Expr, ...],
    captures: tuple[Expr, ...] | None = None,
) -> tuple[Function, tuple[Expr, ...]]:
    """Turn a region into a Function, and return what it captures.

    Captured expressions, those made outside `region`, become parameters after
    `params`; captured constants are made again inside.  Regions that share their
    operands are closed over one list of `captures`, which may name more than
    this one uses.
    """
    if captures is None:
        captures = tuple(captured(region, params, results))
    with scope(isolated=True):
        mapping = {c: make_param(f"c{k}", c.type) for k, c in enumerate(captures)}
        extra = tuple(mapping.values())
        mapping |= {param: param for param in params}
        made = substitute((*region.effects, *results), mapping)
    split = len(region.effects)
    function = Function(
        name, (*params, *extra), tuple(made[split:]), tuple(made[:split])
    )
    return function, captures


def _is_outer(node: Expr, region: Scope, inside: set[Expr]) -> bool:
    return node not in inside and not region.contains(node.scope)


def inline(function: Function, arguments: tuple[Expr, ...]) -> tuple[Expr, ...]:
    """Return the results of `function` applied to `arguments`, made in this scope."""
    if len(arguments) != len(function.params):
        raise InternalError(
            f"{function.name} takes {len(function.params)} operands, "
            f"{len(arguments)} given"
        )
    mapping = dict(zip(function.params, arguments, strict=True))
    made = substitute(function.roots, mapping)
    return tuple(made[len(function.effects) :])


def check_closed(function: Function) -> None:
    """Raise if the function uses a parameter that is not its own."""
    own = set(function.params)
    for node in function.nodes():
        if node.op is PARAM and node not in own:
            raise InternalError(f"{function.name} uses a foreign parameter {node!r}")
