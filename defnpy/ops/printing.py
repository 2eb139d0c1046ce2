"""Printing values while a program runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.ir.expr import Expr, make, scope
from defnpy.ir.function import Function
from defnpy.ir.op import Attrs, Missing, Op
from defnpy.ir.rewrite import substitute
from defnpy.ir.types import TupleType, Type

if TYPE_CHECKING:
    from collections.abc import Sequence

_NO_VALUE = Missing("it has no value, so nothing depends on it")


def _infer(attrs: Attrs, *types: Type) -> TupleType:
    return TupleType(())


PRINT = Op(
    name="print",
    infer=_infer,
    eval=Missing("the reference evaluator prints"),
    vjp=_NO_VALUE,
    jvp=lambda tangents, y, *operands: None,
    batch=Missing("each lane prints by itself, one after the other"),
    lower=Missing("it becomes a statement of the Kernel language"),
    doc="Nothing; it writes its text, a format string for the operands.",
    family="print",
    samples=Missing("it is tested by programs that print"),
    effect=True,
)


def show(text: str, operands: Sequence[Expr]) -> None:
    """Print `text`, a format string for the operands, when the program is here."""
    # No two are one expression: what is written twice is printed twice.
    make(PRINT, tuple(operands), text=text, serial=object())


def prints(node: Expr) -> bool:
    """Whether an expression, or a function in it, prints."""
    if node.op is PRINT:
        return True
    functions = (x for x in node.attrs.values() if isinstance(x, Function))
    return any(prints(effect) for each in functions for effect in each.effects)


def quiet(function: Function) -> Function:
    """Return `function` without its prints, for what is computed once more."""
    if not any(map(prints, function.effects)):
        return function

    def rewrite(node: Expr, operands: tuple[Expr, ...]) -> Expr | None:
        if not prints(node):
            return None
        attrs = {
            name: quiet(value) if isinstance(value, Function) else value
            for name, value in node.attrs.items()
        }
        return make(node.op, operands, **attrs)

    effects = [effect for effect in function.effects if effect.op is not PRINT]
    with scope(isolated=True):
        mapping = {param: param for param in function.params}
        made = substitute((*effects, *function.results), mapping, rewrite)
    split = len(effects)
    return Function(
        function.name, function.params, tuple(made[split:]), tuple(made[:split])
    )
