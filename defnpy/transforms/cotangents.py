"""Cotangents while they are summed, and the zero ones."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from defnpy.base.errors import InternalError
from defnpy.ir.expr import make
from defnpy.ir.types import TapeType, TensorType
from defnpy.ops.axes import full, is_zero
from defnpy.ops.control import index_const, tape_new
from defnpy.ops.elementwise import add
from defnpy.ops.family import convert
from defnpy.ops.indexing import DYNAMIC_ADD, SCATTER_ADD, dynamic_add
from defnpy.ops.movement import PAD

if TYPE_CHECKING:
    from defnpy.base.span import Span
    from defnpy.ir.expr import Expr
    from defnpy.ir.types import Type


def cotangent_type(type: Type) -> Type:
    """Return the type of the cotangents of values of `type`; they are not weak."""
    if isinstance(type, TensorType):
        return type.with_dtype(type.dtype)
    if isinstance(type, TapeType):
        return type
    raise InternalError(f"{type} has no cotangent")


def zero(type: Type) -> Expr:
    """Return the zero cotangent of a value of `type`."""
    if isinstance(type, TapeType):
        return tape_new()
    wanted = cotangent_type(type)
    assert isinstance(wanted, TensorType)
    return full(wanted, 0)


def backward(span: Span | None) -> Span | None:
    """Return the span, marked as what a gradient made."""
    return span and dataclasses.replace(span, backward=True)


class Cotangents:
    """The cotangent found so far of each expression; none means zero."""

    def __init__(self) -> None:
        """Start with none."""
        self._found: dict[Expr, Expr] = {}

    def get(self, node: Expr) -> Expr | None:
        """Return the cotangent of `node`, None for zero."""
        return self._found.get(node)

    def take(self, node: Expr) -> Expr:
        """Return the cotangent of `node` and forget it."""
        found = self._found.pop(node, None)
        return zero(node.type) if found is None else found

    def add(self, node: Expr, ct: Expr) -> None:
        """Add to the cotangent of `node`."""
        ct = fit(ct, node)
        before = self._found.get(node)
        self._found[node] = ct if before is None else _accumulate(before, ct)


def fit(ct: Expr, node: Expr) -> Expr:
    """Return the cotangent or tangent of `node` in its type."""
    wanted = cotangent_type(node.type)
    if ct.type == wanted:
        return ct
    if not isinstance(wanted, TensorType) or ct.shape != wanted.shape:
        raise InternalError(f"{node!r} has the derivative {ct!r}")
    return convert(ct, wanted.dtype)


def _accumulate(total: Expr, ct: Expr) -> Expr:
    """Return the sum; what is zero outside a window is added in the window only."""
    for base, addend in ((total, ct), (ct, total)):
        onto = _onto(base, addend)
        if onto is not None:
            return onto
    return add(total, ct)


def _onto(base: Expr, addend: Expr) -> Expr | None:
    """Return ``base + addend`` where `addend` is made of additions onto zeros."""
    layers: list[Expr] = []
    while addend.op in (DYNAMIC_ADD, SCATTER_ADD):
        layers.append(addend)
        addend = addend.operands[0]
    if is_zero(addend):
        made = base
    elif addend.op is PAD and not any(addend.attrs["interior"]):
        starts = [index_const(low) for low in addend.attrs["low"]]
        made = dynamic_add(base, addend.operands[0], starts)
    else:
        return None
    for layer in reversed(layers):
        made = make(layer.op, (made, *layer.operands[1:]), **layer.attrs)
    return made
