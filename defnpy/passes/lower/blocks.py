"""Products by a routine, divided into blocks that threads share.

How a product is divided depends on its sizes alone, so that a program gives the same
bits on every number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from defnpy.base.dims import Dim, estimate
from defnpy.base.dtypes import I64
from defnpy.ir.kernel import Call, Loop, loop_index
from defnpy.ops.elementwise import (
    divide_trunc,
    greater_equal,
    minimum,
    remainder_trunc,
)
from defnpy.ops.leaf import const
from defnpy.ops.movement import index_mul, index_sub

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.ir.expr import Expr
    from defnpy.passes.lower.program import Region

    Follow = Callable[[Call], None]

ROWS = 264 * 4  # bytes of a column of A, so that a block of it stays in cache
HEIGHT, WIDTH = 12, 32  # rows and columns that backends keep in registers
TYPICAL = 256  # what a size is taken to be that is not known yet
WORK = 1 << 22  # multiplications that are worth a block of their own
PARALLEL = 1 << 21  # multiplications that are worth waking threads


@dataclass(frozen=True, slots=True)
class Division:
    """How the products of a batch are divided into blocks.

    Attributes:
        batch: how many products there are.
        sizes: rows and columns of each.
        block: rows and columns of a block, at most.
    """

    batch: Any
    sizes: tuple[Any, Any]
    block: tuple[int, int]

    @property
    def parts(self) -> tuple[Any, Any]:
        """How many blocks are below each other, and how many side by side."""
        down, across = map(_parts, self.sizes, self.block)
        return down, across

    @property
    def count(self) -> Any:
        """How many blocks there are."""
        down, across = self.parts
        return self.batch * down * across


def division(call: Call) -> Division:
    """Return how a product is divided."""
    attrs, bytes = call.attrs, call.buffers[0].dtype.bytes
    m, n, k, batch = (attrs[name] for name in ("m", "n", "k", "batch"))
    rows = _even(estimate(m, TYPICAL), ROWS // bytes, HEIGHT)
    work = min(rows, max(estimate(m, TYPICAL), 1)) * max(estimate(k, TYPICAL), 1)
    columns = _even(estimate(n, TYPICAL), max(WORK // work, 2 * WIDTH), WIDTH)
    return Division(batch, (m, n), (rows, columns))


def _even(size: int, most: int, step: int) -> int:
    """Return the size of parts about as large as each other, a multiple of `step`."""
    parts = max(_parts(size, most), 1)
    return max(_parts(_parts(size, parts), step), 1) * step


def _parts(size: Any, most: int) -> Any:
    return (size + (most - 1)) // most


def emit(region: Region, call: Call, follow: Follow | None = None) -> None:
    """Append a product, as a loop over its blocks if there are several.

    `follow` appends what is done with each block, given the call that computes it.
    """
    blocks = division(call)
    if follow is None and (call.buffers[0].dtype.kind == "c" or blocks.count == 1):
        region.block.append(call)
        return
    var = loop_index(f"p{region.lowering.fresh()}")
    with region.inside() as inner:
        one = replace(call, block=_block(region, blocks, var))
        region.block.append(one)
        if follow is not None:
            follow(one)
    region.block.append(_loop(call, blocks, var, tuple(inner)))


def _loop(call: Call, blocks: Division, var: Expr, body: tuple[Any, ...]) -> Loop:
    """Return the loop over blocks, on threads where they are worth it."""
    zero, one, count = const(0, I64), const(1, I64), const(blocks.count, I64)
    attrs = call.attrs
    work = attrs["m"] * attrs["n"] * attrs["k"] * attrs["batch"]
    if not isinstance(work, Dim):
        return Loop(var, zero, count, one, body, parallel=work >= PARALLEL)
    worthwhile = greater_equal(const(work, I64), PARALLEL)
    return Loop(var, zero, count, one, body, parallel=True, worthwhile=worthwhile)


def _block(region: Region, blocks: Division, number: Expr) -> tuple[Expr, ...]:
    """Return where a block is: its item, and its first and how many rows and columns.

    Blocks side by side follow each other, for they share rows of A.
    """
    down, across = blocks.parts
    item, place = const(0, I64), number
    if blocks.batch != 1:
        item, place = divided(region, number, down * across)
    made = [item]
    pairs = zip(divided(region, place, across), blocks.sizes, blocks.block, strict=True)
    for part, size, most in pairs:
        start = region.let(index_mul(part, most))
        left = index_sub(const(size, I64), start)
        made += [start, region.let(minimum(left, const(most, I64)))]
    return tuple(made)


def divided(region: Region, number: Expr, size: Any) -> tuple[Expr, Expr]:
    """Return the quotient and the remainder of a number that is not negative."""
    if size == 1:
        return number, const(0, I64)
    by = const(size, I64)
    return (
        region.let(divide_trunc(number, by)),
        region.let(remainder_trunc(number, by)),
    )
