"""Calls of `grad`, `value_and_grad` and `jacobian` of a function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from defnpy.base import tree
from defnpy.base.errors import DefnTypeError
from defnpy.frontend.closing import Closed, as_weak_as, close_call
from defnpy.frontend.target import target_of
from defnpy.frontend.values import describe, is_number
from defnpy.ir.expr import Expr, scope
from defnpy.ir.function import Function, inline
from defnpy.ops.leaf import as_expr
from defnpy.passes.simplify import simplify
from defnpy.transforms.grad import value_and_grad
from defnpy.transforms.jacobian import jacobian as jacobian_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from defnpy.frontend.frame import Frame
    from defnpy.frontend.target import TransformTarget


@dataclass(frozen=True, eq=False)
class _Arguments:
    """The arguments of a call, taken apart.

    Attributes:
        args: as given.
        leaves: of the arguments, those differentiated by as tensors.
        treedef: their structure.
        argnums: the option: one number or several.
        numbers: the positional arguments that are differentiated by.
        owners: the positional argument each leaf belongs to, -1 for others.
    """

    args: list[Any]
    leaves: list[Any]
    treedef: tree.TreeDef
    argnums: Any
    numbers: list[int]
    owners: list[int]

    def wanted(self, closed: Closed) -> list[int]:
        """Return the parameters of the closed call that are differentiated by."""
        return [
            place
            for place, k in enumerate(closed.tensors)
            if self.owners[k] in self.numbers
        ]

    def shaped(self, found: Sequence[Any]) -> Any:
        """Return one value for each leaf differentiated by, in their structure."""
        order = sorted(set(self.numbers))
        values = iter(found)
        made = {k: tree.map(lambda leaf: next(values), self.args[k]) for k in order}
        if isinstance(self.argnums, tuple):
            return tuple(made[k] for k in self.numbers)
        return made[self.numbers[0]]


def _arguments(
    target: TransformTarget, args: list[Any], kwargs: dict[str, Any]
) -> _Arguments:
    argnums = target.option("argnums", 0)
    numbers = _numbers(argnums, len(args))
    leaves, treedef = tree.flatten((args, kwargs))
    owners = [k for k, arg in enumerate(args) for _ in tree.leaves(arg)]
    owners += [-1] * (len(leaves) - len(owners))
    operands = [
        as_expr(leaf) if owner in numbers and is_number(leaf) else leaf
        for leaf, owner in zip(leaves, owners, strict=True)
    ]
    _check_operands(operands, owners, numbers)
    return _Arguments(args, operands, treedef, argnums, numbers, owners)


def grad(
    frame: Frame, target: TransformTarget, args: list[Any], kwargs: dict[str, Any]
) -> Any:
    """Return what ``grad(f)`` or ``value_and_grad(f)`` returns."""
    has_aux = target.option("has_aux", False)
    given = _arguments(target, args, kwargs)
    closed = close_call(
        frame,
        target.target,
        (given.leaves, given.treedef),
        first=lambda value: (_scalar(value, has_aux, _called(target)),),
    )
    wrt = given.wanted(closed)
    found = _derived(closed, lambda function: value_and_grad(function, wrt))
    count = len(closed.function.results)
    value = closed.returned(found[1:count])
    grads = given.shaped(_weakened(found[count:], closed, wrt))
    if target.kind == "value_and_grad":
        return (value, grads)
    return (grads, value[1]) if has_aux else grads


def jacobian(
    frame: Frame, target: TransformTarget, args: list[Any], kwargs: dict[str, Any]
) -> Any:
    """Return what ``jacobian(f)`` returns: the structure of arguments in results'."""
    given = _arguments(target, args, kwargs)
    closed = close_call(frame, target.target, (given.leaves, given.treedef))
    for leaf in closed.leaves:
        if not isinstance(leaf, Expr) or not leaf.dtype.is_float:
            raise DefnTypeError(
                f"the Jacobian is of a function that returns floats, not"
                f" {describe(leaf)}"
            )
    wrt = given.wanted(closed)
    found = _derived(closed, lambda function: jacobian_of(function, wrt))
    width = len(wrt)
    rows = [found[k : k + width] for k in range(0, len(found), width)]
    return closed.filled(
        (given.shaped(_weakened(row, closed, wrt)) for row in rows), lambda leaf: leaf
    )


def _derived(
    closed: Closed, transform: Callable[[Function], Function]
) -> tuple[Expr, ...]:
    """Return what a transform of the closed function returns.

    It is rewritten first: the gradient of log(sigmoid(x)) is to be that of
    log_sigmoid.
    """
    with scope(isolated=True):
        derived = transform(simplify(closed.function))
    return inline(derived, closed.operands)


def _weakened(found: Sequence[Expr], closed: Closed, wrt: list[int]) -> list[Expr]:
    pairs = zip(found, wrt, strict=True)
    return [as_weak_as(x, closed.operands[k]) for x, k in pairs]


def _numbers(argnums: Any, count: int) -> list[int]:
    given = argnums if isinstance(argnums, tuple) else (argnums,)
    for each in given:
        if not isinstance(each, int) or not -count <= each < count:
            raise DefnTypeError(
                f"argnums is the number of a positional argument, or a tuple of them;"
                f" {argnums!r} is none of the {count} there are",
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
        if not operand.dtype.is_inexact:
            raise DefnTypeError(
                f"argument {owner} holds {operand.type}: only floats have gradients",
                hint="pass a float, such as 2.0 instead of 2"
                if operand.shape == ()
                else "convert it with `.astype(float)`",
            )


def _called(target: TransformTarget) -> str:
    """Return how the function that is differentiated is called."""
    name = getattr(target_of(target.target), "__name__", "<lambda>")
    return "the lambda" if name == "<lambda>" else f"`{name}`"


def _scalar(value: Any, has_aux: bool, name: str) -> Expr:
    if has_aux and not (isinstance(value, tuple) and len(value) == 2):
        raise DefnTypeError(
            f"with has_aux a function returns a pair (value, aux); {name} returns"
            f" {describe(value)}"
        )
    scalar = value[0] if has_aux else value
    if is_number(scalar):
        scalar = as_expr(scalar)
    if not isinstance(scalar, Expr) or scalar.shape != () or not scalar.dtype.is_float:
        raise DefnTypeError(
            f"a gradient is of a function that returns one float; {name} returns"
            f" {describe(scalar)}",
            hint="take the `sum` of an array, or use `dn.vjp`"
            if isinstance(scalar, Expr)
            else "return the float; with `has_aux=True`, a pair of it and the rest",
        )
    return scalar
