"""Reverse mode: the cotangents of what a program reads from those of its results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.base.errors import DefnTypeError
from defnpy.ir.expr import Expr, make_param, scope
from defnpy.ir.function import Function
from defnpy.ir.rewrite import postorder
from defnpy.ir.types import TensorType
from defnpy.ops.axes import full
from defnpy.ops.control import TAPE_NEW
from defnpy.ops.family import convert
from defnpy.ops.leaf import const
from defnpy.transforms.cotangents import Cotangents, cotangent_type
from defnpy.transforms.dependence import Dependence, is_differentiable
from defnpy.transforms.regions import augment
from defnpy.transforms.reverse import Sweep

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def vjp(
    results: Sequence[Expr], cotangents: Sequence[Expr | None], wrt: Sequence[Expr]
) -> list[Expr | None]:
    """Return the cotangents of `wrt`, made in this scope; None where zero.

    Loops under `results` are made again, with a tape.  Where the results are
    wanted too, `pullback` makes both with one loop.
    """
    given = [
        (result, ct)
        for result, ct in zip(results, cotangents, strict=True)
        if ct is not None
    ]
    roots = [result for result, _ in given]
    sweep = Sweep(Dependence(), augment)
    masks = sweep.dependence.masks(roots, dict.fromkeys(wrt, 1))
    mapping = {node: node for node in _unchanged(roots, masks)}
    targets = sweep.forward(roots, roots, wrt, mapping)
    cts = Cotangents()
    for target, (_, ct) in zip(targets, given, strict=True):
        cts.add(target, ct)
    sweep.reverse(targets, cts, None)
    return [cts.get(mapping.get(x, x)) for x in wrt]


def _unchanged(roots: Sequence[Expr], masks: Mapping[Expr, int]) -> list[Expr]:
    """Return the expressions that need not be made again.

    Loops that fill a tape are made again together with it: a tape is filled once.
    """
    again: set[Expr] = set()
    nodes = postorder(roots)
    for node in nodes:
        if masks[node] or node.op is TAPE_NEW or not again.isdisjoint(node.operands):
            again.add(node)
    return [node for node in nodes if node not in again]


def pullback(function: Function, given: Sequence[int], wrt: Sequence[int]) -> Function:
    """Return a function of the parameters and of the cotangents of some results.

    It returns the results of `function` and then a cotangent for each parameter in
    `wrt`.

    Args:
        function: what to differentiate.
        given: the results whose cotangents become parameters, after its own.
        wrt: parameters to differentiate by.
    """
    check_wrt(function, wrt)
    with scope(isolated=True):
        types = [cotangent_type(function.results[k].type) for k in given]
        cts = [make_param(f"ct{k}", type) for k, type in enumerate(types)]
        made = _differentiate(function, dict(zip(given, cts, strict=True)), wrt)
    return Function(
        f"{function.name}_pullback",
        (*made.params, *cts),
        made.results,
        made.effects,
    )


def value_and_grad(function: Function, wrt: Sequence[int]) -> Function:
    """Return a function that returns the results of `function`, then gradients.

    The gradients are of the first result, a scalar float, by each parameter in
    `wrt`.
    """
    value = function.results[0]
    if value.type != TensorType(value.dtype, (), value.tensor.weak) or (
        not value.dtype.is_float
    ):
        raise DefnTypeError(
            f"grad needs a function that returns one float, not {value.type}",
            span=value.span,
            hint="`sum` the result, or use `vjp` and give its cotangent",
        )
    check_wrt(function, wrt)
    with scope(isolated=True):
        return _differentiate(function, {0: const(1.0, value.dtype)}, wrt)


def check_wrt(function: Function, wrt: Sequence[int]) -> None:
    """Raise unless every parameter in `wrt` has a derivative."""
    for k in wrt:
        param = function.params[k]
        if not is_differentiable(param.type):
            raise DefnTypeError(
                f"cannot differentiate by argument {k}, {param.attrs['name']}: its"
                f" type is {param.type}",
                hint="gradients are of floats; `astype` makes one",
            )


def _differentiate(
    function: Function, given: Mapping[int, Expr], wrt: Sequence[int]
) -> Function:
    """Return `function` with cotangents of `wrt` as further results."""
    params = [make_param(p.attrs["name"], p.type) for p in function.params]
    mapping = dict(zip(function.params, params, strict=True))
    sweep = Sweep(Dependence(), augment)
    made = sweep.forward(
        function.roots,
        [function.results[k] for k in given],
        [function.params[k] for k in wrt],
        mapping,
    )
    split = len(function.effects)
    effects, results = made[:split], made[split:]
    cts = Cotangents()
    for k, ct in given.items():
        cts.add(results[k], ct)
    sweep.reverse([results[k] for k in given], cts, None)
    weak = results[next(iter(given))].tensor if given else None
    grads = [_gradient(params[k], cts.get(params[k]), weak) for k in wrt]
    return Function(
        f"{function.name}_grad", tuple(params), (*results, *grads), tuple(effects)
    )


def _gradient(param: Expr, ct: Expr | None, value: TensorType | None) -> Expr:
    """Return the gradient in the dtype of `param`, or of the value for a weak one."""
    type = param.tensor
    if type.weak and value is not None:
        type = type.with_dtype(value.dtype, value.weak)
    if ct is None:
        return full(type, 0)
    return convert(ct, type.dtype, weak=type.weak)
