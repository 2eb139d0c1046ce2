"""Calls of `vmap` of a function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defnpy.base import tree
from defnpy.base.errors import DefnShapeError, DefnTypeError
from defnpy.frontend.closing import close_call
from defnpy.frontend.values import Ragged, describe, is_number
from defnpy.ir.expr import Expr
from defnpy.ir.function import inline
from defnpy.ops.axes import broadcast_to
from defnpy.ops.leaf import as_expr
from defnpy.ops.movement import moveaxis
from defnpy.transforms.vmap import vmap as vmap_of

if TYPE_CHECKING:
    from defnpy.frontend.frame import Frame
    from defnpy.frontend.target import TransformTarget


def vmap(
    frame: Frame, target: TransformTarget, args: list[Any], kwargs: dict[str, Any]
) -> Any:
    """Return what ``vmap(f)`` returns."""
    leaves, treedef = tree.flatten((args, kwargs))
    in_axes = target.option("in_axes", 0)
    places = _spread(in_axes, args, "in_axes", "arguments")
    # As in JAX, tensors given by name are mapped over their first axis.
    places += [0 if isinstance(x, Expr) else None for x in leaves[len(places) :]]
    axes = [_axis(leaf, axis) for leaf, axis in zip(leaves, places, strict=True)]
    size = _size(leaves, axes)
    lanes = [
        x if axis is None else moveaxis(x, axis, 0)
        for x, axis in zip(leaves, axes, strict=True)
    ]
    types = {
        k: x.tensor.with_shape(x.shape[1:])
        for k, (x, axis) in enumerate(zip(lanes, axes, strict=True))
        if axis is not None
    }
    closed = close_call(frame, target.target, (lanes, treedef), types=types)
    ins = [k in types for k in closed.tensors]
    ins += [False] * (len(closed.operands) - len(ins))
    made = vmap_of(closed.function, ins, size)
    found = zip(inline(made.function, closed.operands), made.outs, strict=True)
    value = tree.unflatten(closed.treedef, closed.leaves)
    asked = _spread(target.option("out_axes", 0), value, "out_axes", "results")
    results = [
        _placed(*(next(found) if isinstance(leaf, Expr) else (leaf, False)), axis, size)
        for leaf, axis in zip(closed.leaves, asked, strict=True)
    ]
    return tree.unflatten(closed.treedef, results)


def _spread(axes: Any, value: Any, name: str, what: str) -> list[Any]:
    """Return the axis of each leaf of `value`; one stands for all under it."""
    if axes is None or isinstance(axes, int):
        return [axes] * len(tree.leaves(value))
    if isinstance(axes, list | tuple) and isinstance(value, list | tuple):
        if len(axes) == len(value):
            pairs = zip(axes, value, strict=True)
            return [each for a, v in pairs for each in _spread(a, v, name, what)]
    elif isinstance(axes, dict) and isinstance(value, dict):
        if set(axes) == set(value):
            keys = sorted(value)
            pairs = [(axes[key], value[key]) for key in keys]
            return [each for a, v in pairs for each in _spread(a, v, name, what)]
    elif tree.flatten(axes)[1] == tree.flatten(value)[1]:
        return tree.leaves(axes)
    raise DefnTypeError(
        f"{name} {describe(axes)} does not fit the {what} {describe(value)}",
        hint=f"give an int, None, or a tree of these like the {what}",
    )


def _axis(leaf: Any, axis: Any) -> int | None:
    """Return the axis of `leaf` to map over, counted from the front."""
    if axis is None:
        return None
    if isinstance(leaf, Ragged):
        raise DefnTypeError(f"vmap cannot map over {describe(leaf)}")
    if not (isinstance(leaf, Expr) or is_number(leaf)):
        return None
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise DefnTypeError(f"an axis of vmap is an int or None, not {describe(axis)}")
    rank = leaf.tensor.rank if isinstance(leaf, Expr) else 0
    if not -rank <= axis < rank:
        raise DefnShapeError(
            f"vmap cannot map over axis {axis} of {describe(leaf)}",
            hint="in_axes=None, or a tuple with None in its place, shares an argument"
            " between the lanes",
        )
    return axis % rank


def _size(leaves: list[Any], axes: list[int | None]) -> int:
    mapped = [
        (x, axis) for x, axis in zip(leaves, axes, strict=True) if axis is not None
    ]
    if not mapped:
        raise DefnTypeError("vmap needs at least one argument with an axis to map over")
    sizes = [x.shape[axis] for x, axis in mapped]
    for (x, axis), size in zip(mapped, sizes, strict=True):
        if size != sizes[0]:
            first, first_axis = mapped[0]
            raise DefnShapeError(
                f"vmap maps over axes of different sizes: {sizes[0]}, axis"
                f" {first_axis} of {first.type}, and {size}, axis {axis} of {x.type}"
            )
    return sizes[0]


def _placed(leaf: Any, has_lanes: bool, axis: Any, size: int) -> Any:
    """Return a result with its lanes along `axis`."""
    if axis is None:
        if has_lanes:
            raise DefnTypeError(
                f"a result differs between the lanes of vmap, so it needs an axis:"
                f" out_axes is None for {leaf.tensor.with_shape(leaf.shape[1:])}"
            )
        return leaf
    if not (isinstance(leaf, Expr) or is_number(leaf)):
        return leaf
    x = as_expr(leaf)
    x = x if has_lanes else broadcast_to(x, (size, *x.shape))
    rank = x.tensor.rank
    if isinstance(axis, bool) or not isinstance(axis, int) or not -rank <= axis < rank:
        raise DefnShapeError(f"vmap cannot put the lanes at axis {axis!r} of {x.type}")
    return moveaxis(x, 0, axis % rank)
