"""Values that say themselves what their derivative is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base import tree
from defnpy.base.errors import DefnShapeError, DefnTypeError
from defnpy.ir.expr import Expr, make, make_param, scope
from defnpy.ir.function import close, inline
from defnpy.ir.op import Attrs, Missing, Op, Sample
from defnpy.ir.types import TupleType, Type
from defnpy.ops.control import items
from defnpy.ops.family import batch_elementwise
from defnpy.ops.leaf import as_expr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from defnpy.ir.expr import Scope

STOP_GRADIENT = Op(
    name="stop_gradient",
    infer=lambda attrs, x: x,
    eval=lambda attrs, x: x,
    vjp=lambda ct, y, x: (None,),
    jvp=lambda tangents, y, x: None,
    batch=batch_elementwise,
    lower=lambda attrs, x: x,
    doc="The operand, taken as a constant by gradients.",
    family="elementwise",
    samples=lambda: [Sample((np.array([1.5, -2.0]),), (), differentiable=False)],
)


def stop_gradient(x: Any) -> Any:
    """Return `x`, or a tree of tensors, as a constant for gradients.

    >>> dn.grad(lambda x: x * dn.stop_gradient(x))(3.0)
    np.float64(3.0)
    """
    return tree.map(lambda leaf: make(STOP_GRADIENT, (as_expr(leaf),)), x)


def _infer_custom(attrs: Attrs, *types: Type) -> TupleType:
    return TupleType(types[: attrs["count"]])


def _vjp_custom(cts: Sequence[Expr], y: Expr, *operands: Expr) -> list[Expr | None]:
    count, captures = y.attrs["count"], y.attrs["captures"]
    captured = operands[len(operands) - captures :]
    found = inline(y.attrs["pullback"], (*cts, *captured))
    return [*(None,) * count, *found, *(None,) * captures]


CUSTOM_GRAD = Op(
    name="custom_grad",
    infer=_infer_custom,
    eval=lambda attrs, *operands: operands[: attrs["count"]],
    vjp=_vjp_custom,
    jvp=Missing("it says its cotangents, not its tangents; use grad of grad"),
    batch=Missing("vmap batches the function it holds"),
    lower=Missing("each of its results is the operand at its place"),
    doc="The first operands, with the cotangents of the ones after them given by a"
    " function of the results' cotangents and of what it captures.",
    family="control",
    samples=Missing("it is tested by the programs of the corpus"),
)


def custom_grad(
    values: Sequence[Expr],
    inputs: Sequence[Expr],
    pullback: Callable[..., Sequence[Expr]],
) -> tuple[Expr, ...]:
    """Return `values` with a derivative of their own.

    Args:
        values: tensors.
        inputs: what they are differentiated by.
        pullback: makes, of the cotangents of `values`, those of `inputs`; it may
            use any expression.
    """
    params = tuple(
        make_param(f"ct{k}", v.tensor.with_dtype(v.dtype)) for k, v in enumerate(values)
    )
    with scope() as region:
        cts = tuple(pullback(*params))
    return close_custom_grad(values, inputs, region, params, cts)


def close_custom_grad(
    values: Sequence[Expr],
    inputs: Sequence[Expr],
    region: Scope,
    params: tuple[Expr, ...],
    cts: tuple[Expr, ...],
) -> tuple[Expr, ...]:
    """Return `values`; the cotangents of `inputs` were made of `params` in `region`."""
    if len(cts) != len(inputs):
        raise DefnTypeError(
            f"the gradient function returns {len(cts)} gradients for"
            f" {len(inputs)} arguments"
        )
    for ct, x in zip(cts, inputs, strict=True):
        if ct.shape != x.shape:
            raise DefnShapeError(f"the gradient of {x.type} is given as {ct.type}")
    function, captures = close("pullback", region, params, cts)
    operands = (*values, *inputs, *captures)
    count, captured = len(values), len(captures)
    return items(
        make(CUSTOM_GRAD, operands, pullback=function, count=count, captures=captured)
    )
