"""Transforms of functions: what a call of each, or of its result, does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defnpy.base.errors import DefnTypeError
from defnpy.frontend import customizing, differentiation, linearization, mapping
from defnpy.frontend.target import OPTIONS, transform_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.frontend.frame import Frame
    from defnpy.frontend.target import TransformTarget

# What a call of the transformed function does.
_CALLS: dict[str, Callable[..., Any]] = {
    "grad": differentiation.grad,
    "value_and_grad": differentiation.grad,
    "jacobian": differentiation.jacobian,
    "vmap": mapping.vmap,
    "checkpoint": customizing.checkpoint,
    "custom_grad": customizing.custom_grad,
    "jvp": lambda frame, target, args, kwargs: linearization.jvp(
        frame, target.target, *args
    ),
    "pullback": linearization.pull_back,
}


def transform(frame: Frame, kind: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Return a transform of a function, or what one that is applied at once makes."""
    if not args:
        raise DefnTypeError(f"{kind} takes a function first")
    function, *rest = args
    if kind in OPTIONS:
        return transform_of(kind, function, rest, kwargs)
    if kwargs:
        raise DefnTypeError(f"{kind} takes no option {next(iter(kwargs))}")
    if kind == "vjp":
        return linearization.vjp(frame, function, *rest)
    if len(rest) != 2:
        raise DefnTypeError("jvp takes a function, the primals and the tangents")
    return linearization.jvp(frame, function, *rest)


def call(
    frame: Frame, target: TransformTarget, args: list[Any], kwargs: dict[str, Any]
) -> Any:
    """Return what a transform of a function returns."""
    return _CALLS[target.kind](frame, target, args, kwargs)
