"""Calls of `grad` and `value_and_grad` of a function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defnpy.base import tree
from defnpy.base.errors import DefnTypeError
from defnpy.frontend.target import TransformTarget
from defnpy.frontend.values import describe, is_number
from defnpy.ir.expr import Expr, make_param, scope
from defnpy.ir.function import close, inline
from defnpy.ops.family import convert
from defnpy.ops.leaf import as_expr
from defnpy.passes.simplify import simplify
from defnpy.transforms.grad import value_and_grad

if TYPE_CHECKING:
    from defnpy.frontend.frame import Frame

_KINDS = ("grad", "value_and_grad")


def transform(frame: Frame, kind: str, target: Any, **options: Any) -> TransformTarget:
    """Return a transform of a function, written inside the language."""
    return TransformTarget(kind, target, tuple(sorted(options.items())))


def call(frame: Frame, target: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Return what a transform of a function returns."""
    if target.kind not in _KINDS:
        raise DefnTypeError(f"`{target.kind}` cannot be compiled yet")
    numbers = _numbers(target.option("argnums", 0), len(args))
    has_aux = target.option("has_aux", False)
    leaves, treedef = tree.flatten((args, kwargs))
    owners = [k for k, arg in enumerate(args) for _ in tree.leaves(arg)]
    owners += [-1] * (len(leaves) - len(owners))
    operands = [
        as_expr(leaf) if owner in numbers and is_number(leaf) else leaf
        for leaf, owner in zip(leaves, owners, strict=True)
    ]
    _check_operands(operands, owners, numbers)
    value, gradients = _differentiate(
        frame,
        target,
        operands,
        treedef,
        [owner in numbers for owner in owners],
        has_aux,
    )
    found = iter(gradients)
    made = tuple(tree.map(lambda leaf: next(found), args[k]) for k in sorted(numbers))
    ordered = tuple(made[sorted(numbers).index(k)] for k in numbers)
    grads = ordered if isinstance(target.option("argnums", 0), tuple) else ordered[0]
    if target.kind == "value_and_grad":
        return (value, grads)
    return (grads, value[1]) if has_aux else grads


def _numbers(argnums: Any, count: int) -> list[int]:
    given = argnums if isinstance(argnums, tuple) else (argnums,)
    for each in given:
        if not isinstance(each, int) or not -count <= each < count:
            raise DefnTypeError(
                f"argnums {argnums} does not name one of {count} positional arguments"
            )
    return [each % count for each in given]


def _check_operands(operands: list[Any], owners: list[int], numbers: list[int]) -> None:
    for operand, owner in zip(operands, owners, strict=True):
        if owner not in numbers:
            continue
        if not isinstance(operand, Expr):
            raise DefnTypeError(
                f"argument {owner} holds {describe(operand)}, which has no gradient"
            )
        if not operand.dtype.is_float:
            raise DefnTypeError(
                f"argument {owner} holds {operand.type}: only floats have gradients",
                hint="convert it with `.astype`, or write `2.0` instead of `2`",
            )


def _differentiate(
    frame: Frame,
    target: TransformTarget,
    operands: list[Any],
    treedef: tree.TreeDef,
    wanted: list[bool],
    has_aux: bool,
) -> tuple[Any, list[Expr]]:
    """Return the value of the function, and the gradients that are wanted."""
    tensors = [k for k, operand in enumerate(operands) if isinstance(operand, Expr)]
    with frame.session.open() as region:
        params = {k: make_param(f"x{k}", operands[k].type) for k in tensors}
        inner = [params.get(k, operand) for k, operand in enumerate(operands)]
        args, kwargs = tree.unflatten(treedef, inner)
        value = frame.call(target.target, list(args), kwargs)
        scalar = _scalar(value, has_aux)
        leaves, valuedef = tree.flatten(value)
        results = tuple(leaf for leaf in leaves if isinstance(leaf, Expr))
        ordered = (scalar, *results)
    made = tuple(params.values())
    function, captures = close("primal", region, made, ordered)
    wrt = [place for place, k in enumerate(tensors) if wanted[k]]
    with scope(isolated=True):
        # Rewritten first: the gradient of log(sigmoid(x)) is to be that of
        # log_sigmoid.
        derived = value_and_grad(simplify(function), wrt)
    given = (*(operands[k] for k in tensors), *captures)
    outputs = inline(derived, given)
    count = len(ordered)
    values = iter(outputs[1:count])
    filled = [next(values) if isinstance(x, Expr) else x for x in leaves]
    gradients = [
        convert(g, operands[k].dtype, weak=operands[k].tensor.weak)
        if g.tensor.weak
        else g
        for g, k in zip(outputs[count:], [tensors[place] for place in wrt], strict=True)
    ]
    return tree.unflatten(valuedef, filled), gradients


def _scalar(value: Any, has_aux: bool) -> Expr:
    if has_aux and not (isinstance(value, tuple) and len(value) == 2):
        raise DefnTypeError("with has_aux the function returns a pair (value, aux)")
    scalar = value[0] if has_aux else value
    if is_number(scalar):
        scalar = as_expr(scalar)
    if not isinstance(scalar, Expr) or scalar.shape != () or not scalar.dtype.is_float:
        raise DefnTypeError(
            f"the gradient is of a function that returns one float, not"
            f" {describe(scalar)}",
            hint="take the `sum` of an array, or use `dn.vjp`",
        )
    return scalar
