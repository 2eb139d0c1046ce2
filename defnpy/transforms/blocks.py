"""Loops as loops over blocks of iterations, each block a checkpoint.

In reverse, the carried values at the beginnings of the blocks are kept and those
of one block at a time.  With n runs in blocks of √n that is 2√n instead of n; where
n is not known before, each block is one iteration longer than the one before.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from defnpy.base.dtypes import F64, I64
from defnpy.ir.expr import Expr, make, make_param, scope
from defnpy.ir.function import Function, inline
from defnpy.ir.rewrite import substitute
from defnpy.ir.types import TapeType, TensorType
from defnpy.ops.control import (
    FOR,
    WHILE,
    checkpoint,
    counted_loop,
    index_const,
    items,
    while_loop,
)
from defnpy.ops.elementwise import (
    ceil,
    floor_divide,
    less,
    maximum,
    minimum,
    multiply,
    sign,
    sqrt,
)
from defnpy.ops.family import convert
from defnpy.ops.leaf import scalar_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_FEW = 8  # runs that are not worth blocks


def runs_of(start: Expr, stop: Expr, step: Expr) -> Expr:
    """Return how many elements the range has."""
    number = scalar_of(step)
    if number in (1, -1):
        runs = multiply(stop - start, step)
    else:
        runs = floor_divide(stop - start + step - sign(step), step)
    return maximum(runs, index_const(0))


def blocked(function: Function) -> Function:
    """Return `function` with the loops right in it done in blocks."""
    with scope(isolated=True) as region:
        params = tuple(make_param(p.attrs["name"], p.type) for p in function.params)
        mapping = dict(zip(function.params, params, strict=True))
        results = substitute(function.results, mapping, _in_blocks)
    return Function(function.name, params, tuple(results), tuple(region.effects))


def _in_blocks(node: Expr, operands: tuple[Expr, ...]) -> Expr | None:
    if node.op not in _RULES or not node.attrs["count"]:
        return None
    if any(isinstance(operand.type, TapeType) for operand in operands):
        return None
    made = _RULES[node.op](node, operands)
    return made and made[0].operands[0]


def _for(node: Expr, operands: tuple[Expr, ...]) -> Sequence[Expr] | None:
    """Return the results of a counted loop in blocks of about √n runs."""
    (start, stop, step), inputs = operands[:3], operands[3:]
    count = node.attrs["count"]
    runs = runs_of(start, stop, step)
    size = _root(runs)
    if size is None:
        return None
    zero, one = index_const(0), index_const(1)
    with scope(isolated=True):
        params = tuple(make_param("x", operand.type) for operand in operands)
        block = Function("block", params, items(make(FOR, params, **node.attrs)))

    def body(k: Expr, *carried: Expr) -> Sequence[Expr]:
        first = k * size
        last = minimum(first + size, runs)
        bounds = (start + first * step, start + last * step, step)
        return checkpoint(block, (*bounds, *carried, *inputs[count:]), loops=False)

    blocks = floor_divide(runs + size - one, size)
    return counted_loop(zero, blocks, one, inputs[:count], body)


def _root(runs: Expr) -> Expr | None:
    """Return √n rounded up, None where n is known not to be worth it."""
    known = scalar_of(runs)
    if known is None:
        return maximum(convert(ceil(sqrt(convert(runs, F64))), I64), index_const(1))
    return index_const(math.isqrt(known - 1) + 1) if known > _FEW else None


def _while(node: Expr, operands: tuple[Expr, ...]) -> Sequence[Expr]:
    """Return the results of a while in blocks of 1, 2, 3, … runs."""
    count, body = node.attrs["count"], node.attrs["body"]
    condition: Function = node.attrs["condition"]
    captures = operands[count:]
    one = index_const(1)
    with scope(isolated=True):
        params = tuple(make_param("x", operand.type) for operand in operands)
        length = make_param("length", TensorType(I64))
        held = params[count:]

        def goes_on(done: Expr, *carried: Expr) -> Expr:
            return less(done, length) & inline(condition, (*carried, *held))[0]

        def run(done: Expr, *carried: Expr) -> tuple[Expr, ...]:
            return (done + one, *inline(body, (*carried, *held)))

        init = (index_const(0), *params[:count])
        made = while_loop(init, goes_on, run)[1:]
    block = Function("block", (length, *params), made)

    def step(*carried: Expr) -> tuple[Expr, ...]:
        *values, length = carried
        after = checkpoint(block, (length, *values, *captures), loops=False)
        return (*after, length + one)

    def holds(*carried: Expr) -> Expr:
        return inline(condition, (*carried[:count], *captures))[0]

    return while_loop((*operands[:count], one), holds, step)


_RULES = {FOR: _for, WHILE: _while}
