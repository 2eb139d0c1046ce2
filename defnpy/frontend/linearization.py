"""Calls of `jvp` and `vjp`, and of the function that `vjp` returns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from defnpy.base import tree
from defnpy.base.errors import DefnShapeError, DefnTypeError
from defnpy.frontend.closing import Closed, as_weak_as, close_call
from defnpy.frontend.values import describe, is_number
from defnpy.ir.expr import Expr, scope
from defnpy.ir.function import Function, inline
from defnpy.ops.family import convert
from defnpy.ops.leaf import as_expr
from defnpy.passes.simplify import simplify
from defnpy.transforms import jvp as jvp_of
from defnpy.transforms import pullback as pullback_of
from defnpy.transforms.cotangents import cotangent_type

if TYPE_CHECKING:
    from defnpy.frontend.frame import Frame


@dataclass(frozen=True, eq=False)
class Pullback:
    """What `vjp` returns beside the value: from cotangents to those of arguments."""

    closed: Closed
    primals: tuple[Any, ...]
    __defnpy_leaf__ = True

    @property
    def __name__(self) -> str:
        """How it is called in errors."""
        return "pullback"

    @cached_property
    def wrt(self) -> list[int]:
        """The parameters that have cotangents."""
        count = len(self.closed.tensors)
        params = self.closed.function.params[:count]
        return [k for k, param in enumerate(params) if param.dtype.is_inexact]

    @cached_property
    def given(self) -> list[int]:
        """The results that have cotangents."""
        results = self.closed.function.results
        return [k for k, result in enumerate(results) if result.dtype.is_inexact]

    @cached_property
    def function(self) -> Function:
        """The closed function and its reverse."""
        with scope(isolated=True):
            primal = simplify(self.closed.function)
            return pullback_of(primal, self.given, self.wrt)


def vjp(frame: Frame, target: Any, *primals: Any) -> tuple[Any, Pullback]:
    """Return the value of a call, and the function of cotangents of it."""
    leaves, treedef = tree.flatten((list(primals), {}))
    operands = [as_expr(leaf) if is_number(leaf) else leaf for leaf in leaves]
    closed = close_call(frame, target, (operands, treedef))
    if not any(isinstance(leaf, Expr) for leaf in closed.leaves):
        raise DefnTypeError("vjp is of a function that returns at least one tensor")
    value = closed.returned(inline(closed.function, closed.operands))
    return value, Pullback(closed, primals)


def pull(
    frame: Frame, pullback: Pullback, args: list[Any], kwargs: dict[str, Any]
) -> tuple[Any, ...]:
    """Return the cotangents of the arguments, one for each."""
    if len(args) != 1 or kwargs:
        raise DefnTypeError("the function of vjp takes one argument, the cotangent")
    closed = pullback.closed
    given, structure = tree.flatten(args[0])
    if structure != closed.treedef:
        raise DefnTypeError(
            f"the cotangent {describe(args[0])} has not the structure of the value"
        )
    pairs = zip(given, closed.leaves, strict=True)
    found = [ct for ct, leaf in pairs if isinstance(leaf, Expr)]
    results = closed.function.results
    cts = [_fit(found[k], results[k], "the cotangent") for k in pullback.given]
    made = inline(pullback.function, (*closed.operands, *cts))[len(results) :]
    weakened = {
        closed.tensors[k]: as_weak_as(x, closed.operands[k])
        for x, k in zip(made, pullback.wrt, strict=True)
    }
    count = len(tree.leaves(pullback.primals))
    values = iter([weakened.get(k) for k in range(count)])
    return tree.map(lambda leaf: next(values), pullback.primals)


def jvp(frame: Frame, target: Any, primals: Any, tangents: Any) -> tuple[Any, Any]:
    """Return the value of a call, and how it changes with the arguments."""
    for name, each in (("primals", primals), ("tangents", tangents)):
        if not isinstance(each, tuple | list):
            raise DefnTypeError(
                f"jvp takes the {name} as a tuple, one for each argument, not"
                f" {describe(each)}"
            )
    leaves, treedef = tree.flatten((list(primals), {}))
    given, structure = tree.flatten((list(tangents), {}))
    if treedef != structure:
        raise DefnTypeError(
            f"the tangents {describe(tangents)} have not the structure of the"
            f" primals {describe(primals)}"
        )
    operands = [_float(leaf) for leaf in leaves]
    moved = [
        _fit(tangent, operand, "the tangent")
        for tangent, operand in zip(given, operands, strict=True)
    ]
    closed = close_call(frame, target, (operands, treedef))
    results = closed.function.results
    with scope(isolated=True):
        derived = jvp_of(simplify(closed.function), range(len(operands)))
    found = inline(derived, (*closed.operands, *moved))
    slopes = iter(found[len(results) :])
    tangent = [
        as_weak_as(next(slopes), x) if x.dtype.is_inexact else None for x in results
    ]
    value = closed.returned(found[: len(results)])
    return value, closed.filled(tangent, lambda leaf: None)


def _float(leaf: Any) -> Expr:
    x = as_expr(leaf) if is_number(leaf) else leaf
    if not isinstance(x, Expr) or not x.dtype.is_inexact:
        raise DefnTypeError(
            f"the primals hold {describe(leaf)}: only floats have tangents",
            hint="give the function the rest of its arguments in a lambda",
        )
    return x


def _fit(derivative: Any, of: Expr, what: str) -> Expr:
    """Return the cotangent or tangent that was given of `of`, in its dtype."""
    if not isinstance(derivative, Expr) and not is_number(derivative):
        raise DefnTypeError(f"{what} of {of.type} is {describe(derivative)}")
    x = as_expr(derivative)
    if x.shape != of.shape:
        raise DefnShapeError(f"{what} of {of.type} is given as {x.type}")
    if x.dtype.kind == "c" and of.dtype.kind != "c":
        raise DefnTypeError(f"{what} of {of.type} is given as {x.type}")
    return convert(x, cotangent_type(of.type).dtype)  # pyright: ignore


def pull_back(frame: Frame, target: Any, args: list[Any], kwargs: Any) -> Any:
    """Return the cotangents of primals: what ``vjp(f, *primals)[1](ct)`` returns."""
    primals, cotangent = args
    _, pullback = vjp(frame, target.target, *primals)
    return pull(frame, pullback, [cotangent], {})
