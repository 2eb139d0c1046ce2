"""Calls of functions that say their own gradient, or are computed again for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defnpy.base import tree
from defnpy.base.errors import DefnTypeError
from defnpy.frontend.closing import close_call
from defnpy.frontend.values import describe, is_number
from defnpy.ir.expr import Expr, make_param
from defnpy.ir.function import inline
from defnpy.ops.axes import zeros_like
from defnpy.ops.control import checkpoint as checkpoint_of
from defnpy.ops.family import convert
from defnpy.ops.gradient import close_custom_grad
from defnpy.ops.leaf import as_expr

if TYPE_CHECKING:
    from defnpy.frontend.frame import Frame
    from defnpy.frontend.target import TransformTarget


def custom_grad(
    frame: Frame, target: TransformTarget, args: list[Any], kwargs: dict[str, Any]
) -> Any:
    """Return the value that the function returns, with its gradient attached."""
    made = frame.call(target.target, args, kwargs)
    if not isinstance(made, tuple) or len(made) != 2:
        raise DefnTypeError(
            "a function with a custom gradient returns a pair, the value and a"
            f" function from its cotangent to gradients, not {describe(made)}"
        )
    value, pullback = made
    leaves, treedef = tree.flatten(value)
    inputs = [x for x in tree.leaves(args) if _is_float(x)]
    values = [x for x in leaves if _is_float(x)]
    if not inputs or not values:
        return value
    with frame.session.open() as region:
        params = tuple(make_param("ct", x.tensor.with_dtype(x.dtype)) for x in values)
        cts = iter(params)
        given = [next(cts) if _is_float(x) else None for x in leaves]
        found = frame.call(pullback, [tree.unflatten(treedef, given)], {})
        gradients = _gradients(found, args)
    frame.session.result = None
    after = iter(close_custom_grad(values, inputs, region, params, gradients))
    return tree.unflatten(treedef, [next(after) if _is_float(x) else x for x in leaves])


def _is_float(x: Any) -> bool:
    return isinstance(x, Expr) and x.dtype.is_inexact


def _gradients(found: Any, args: list[Any]) -> tuple[Expr, ...]:
    """Return the gradient of each float among the arguments."""
    each = found if isinstance(found, tuple) else (found,)
    if len(args) == 1 and len(each) != 1:
        each = (found,)
    if len(each) != len(args):
        raise DefnTypeError(
            f"the gradients of {len(args)} arguments are a tuple, one for each, not"
            f" {describe(found)}"
        )
    made: list[Expr] = []
    for gradient, arg in zip(each, args, strict=True):
        leaves, structure = tree.flatten(arg)
        given = [None] * len(leaves)
        if gradient is not None:
            given, got = tree.flatten(gradient)
            if got != structure:
                raise DefnTypeError(
                    f"the gradient {describe(gradient)} has not the structure of the"
                    f" argument {describe(arg)}"
                )
        pairs = zip(given, leaves, strict=True)
        made += [_gradient(g, x) for g, x in pairs if _is_float(x)]
    return tuple(made)


def _gradient(gradient: Any, x: Expr) -> Expr:
    if gradient is None:
        return zeros_like(x)
    if not isinstance(gradient, Expr) and not is_number(gradient):
        raise DefnTypeError(f"the gradient of {x.type} is {describe(gradient)}")
    return convert(as_expr(gradient), x.dtype)


def checkpoint(
    frame: Frame, target: TransformTarget, args: list[Any], kwargs: dict[str, Any]
) -> Any:
    """Return the results of a call whose inside no gradient keeps."""
    closed = close_call(frame, target.target, tree.flatten((args, kwargs)))
    if not closed.function.results:
        inline(closed.function, closed.operands)
        return closed.returned(())
    return closed.returned(checkpoint_of(closed.function, closed.operands))
