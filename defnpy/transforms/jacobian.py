"""Jacobians: one derivative for each element of a result and of a parameter.

Each row takes one run in reverse, each column one forwards; whichever are fewer
are made, in a counted loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.ir.expr import Expr, make_param, scope
from defnpy.ir.function import Function, inline
from defnpy.ops.axes import full, reshape
from defnpy.ops.control import counted_loop, index_const
from defnpy.ops.elementwise import equal
from defnpy.ops.family import convert
from defnpy.ops.indexing import dynamic_update
from defnpy.ops.movement import iota, transpose
from defnpy.ops.printing import quiet
from defnpy.transforms.grad import check_wrt, pullback
from defnpy.transforms.jvp import jvp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from defnpy.ir.types import TensorType


def jacobian(function: Function, wrt: Sequence[int]) -> Function:
    """Return a function of the same parameters: the derivatives of each result.

    For each result, all of them floats, it returns one tensor for each parameter in
    `wrt`, of the shape of the result and then of the parameter.
    """
    check_wrt(function, wrt)
    rows = sum(result.tensor.size for result in function.results)
    columns = sum(function.params[k].tensor.size for k in wrt)
    with scope(isolated=True) as region:
        params = tuple(make_param(p.attrs["name"], p.type) for p in function.params)
        # Made here, it is not made again in each run of a loop.
        values = inline(function, params)
        by_column = columns <= rows
        made = _by_column if by_column else _by_row
        found = made(function, params, values, wrt)
    name = f"{function.name}_jacobian"
    return Function(name, params, tuple(found), tuple(region.effects))


def _by_row(
    function: Function,
    params: tuple[Expr, ...],
    values: Sequence[Expr],
    wrt: Sequence[int],
) -> list[Expr]:
    found: list[Expr] = []
    for k, value in enumerate(values):
        derived = quiet(pullback(function, [k], wrt))

        def row(ct: Expr, derived: Function = derived) -> Sequence[Expr]:
            return inline(derived, (*params, ct))[len(values) :]

        made = _each(value.tensor, row)
        found += [reshape(x, (*value.shape, *x.shape[1:])) for x in made]
    return found


def _by_column(
    function: Function,
    params: tuple[Expr, ...],
    values: Sequence[Expr],
    wrt: Sequence[int],
) -> list[Expr]:
    columns: list[list[Expr]] = []
    for k in wrt:
        derived = quiet(jvp(function, [k]))

        def column(tangent: Expr, derived: Function = derived) -> Sequence[Expr]:
            return inline(derived, (*params, tangent))[len(values) :]

        made = _each(params[k].tensor, column)
        columns.append([_turned(x, params[k]) for x in made])
    return [column[j] for j in range(len(values)) for column in columns]


def _turned(x: Expr, param: Expr) -> Expr:
    """Return columns, one after another, as the axes of `param` come last."""
    rank = x.tensor.rank
    last = transpose(x, (*range(1, rank), 0))
    dtype = x.dtype if param.tensor.weak else param.dtype
    return convert(reshape(last, (*x.shape[1:], *param.shape)), dtype)


def _each(type: TensorType, derive: Callable[[Expr], Sequence[Expr]]) -> list[Expr]:
    """Return what `derive` makes of each tensor like `type` with a single one in it.

    The results lie one after another along a new first axis.
    """
    type = type.with_dtype(type.dtype)  # derivatives are not weak
    count, zero, one = type.size, index_const(0), index_const(1)

    def single(place: Expr) -> Expr:
        hit = equal(reshape(iota(count), type.shape), place)
        return convert(hit, type.dtype)

    if count == 1:
        found = derive(full(type, 1))
        return [reshape(x, (1, *x.shape)) for x in found]
    with scope():
        shown = [x.tensor for x in derive(single(zero))]
    init = [full(x.with_shape((count, *x.shape)), 0) for x in shown]
    if count == 0:
        return init

    def body(place: Expr, *made: Expr) -> list[Expr]:
        return [
            dynamic_update(
                x, reshape(y, (1, *y.shape)), (place, *(zero,) * (x.tensor.rank - 1))
            )
            for x, y in zip(made, derive(single(place)), strict=True)
        ]

    return list(counted_loop(zero, index_const(count), one, init, body))
