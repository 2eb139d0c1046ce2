"""The record of one operation: everything the compiler knows of it, in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from defnpy.ir.expr import Expr
    from defnpy.ir.types import Type

Attrs = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Missing:
    """The written absence of a rule: why, and what to do instead."""

    reason: str


Infer = Callable[..., "Type"]  # (attrs, *operand types) -> type
Eval = Callable[..., Any]  # (attrs, *NumPy values) -> NumPy value
Vjp = Callable[..., "Sequence[Expr | None]"]  # (ct, result, *operands) -> cts
Jvp = Callable[..., "Expr | None"]  # (tangents, result, *operands) -> tangent
Batch = Callable[..., "Expr"]  # (node, batched, *operands) -> result
Lower = Callable[..., Any]


@dataclass(frozen=True, slots=True, eq=False)
class Op:
    """One operation.

    Attributes:
        name: the word it prints and is looked up by.
        infer: ``(attrs, *types) -> type``; operands are already promoted and
            broadcast, so it is strict and raises what the user did wrong.
        eval: ``(attrs, *arrays) -> array``: the NumPy definition.
        vjp: ``(ct, result, *operands) -> cotangents``, None where zero.
        jvp: ``(tangents, result, *operands) -> tangent``; a tangent may be None.
        batch: the vmap rule, ``(node, batched, *operands) -> result``: the operands
            for which `batched` holds, at least one, have a first axis more than
            those of `node`, the lanes; and so has the result.
        lower: for elementwise ops ``(attrs, *scalars) -> scalar``; movement ops
            ``(expr, index) -> (operand index, …)``; others are lowered by name.
        doc: one paragraph a user reads.
        family: ``elementwise``, ``movement``, ``reduction``, … which decides how
            it is fused and tested.
        samples: makes example operands for the registry's tests.
        effect: whether it is done for what it does besides its value.
        cost: rough scalar operations per element.
    """

    name: str
    infer: Infer | Missing
    eval: Eval | Missing
    vjp: Vjp | Missing
    jvp: Jvp | Missing
    batch: Batch | Missing
    lower: Lower | Missing
    doc: str
    family: str
    samples: Callable[[], Sequence[Sample]] | Missing
    effect: bool = False
    cost: int = 1

    def __repr__(self) -> str:
        """Return the name."""
        return f"Op({self.name})"


@dataclass(frozen=True, slots=True)
class Sample:
    """Example operands and attributes of an op, for the tests of the registry."""

    operands: tuple[np.ndarray, ...]
    attrs: tuple[tuple[str, Any], ...] = ()
    differentiable: bool = True
