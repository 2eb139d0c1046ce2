"""Products: small ones as loops fused with their operands, others by a routine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.base.dims import product
from defnpy.ir.kernel import Buffer, Call, Store, load, loop_index
from defnpy.ops.dot import free_axes
from defnpy.ops.elementwise import add, multiply
from defnpy.ops.leaf import const
from defnpy.passes.lower import blocks
from defnpy.passes.lower.elements import Index, element
from defnpy.passes.lower.epilogues import Epilogue
from defnpy.passes.lower.loops import counted, nest
from defnpy.passes.lower.storage import is_small_product

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr
    from defnpy.passes.lower.program import Region


def emit(region: Region, event: Expr) -> None:
    """Append what computes a dot by itself."""
    scalar = event.tensor.rank == 0
    target = region.local(event.dtype, ()) if scalar else region.allocate((event, 0))
    if is_small_product(event):
        nest(region, event.shape, lambda index: _element(region, event, target, index))
    else:
        blocks.emit(region, _call(region, event, target))
    region.values[event, 0] = region.let(load(target, ())) if scalar else target


def _element(region: Region, event: Expr, target: Buffer, index: Index) -> None:
    """Append the sum of products that is one element."""
    a, b = event.operands
    (ca, cb), (ba, bb) = event.attrs["contract"], event.attrs["batch"]
    fa, fb = free_axes(a.tensor.rank, ca, ba), free_axes(b.tensor.rank, cb, bb)
    left = dict(zip((*ba, *fa), index, strict=False))
    right = dict(zip(bb, index, strict=False))
    right |= dict(zip(fb, index[len(ba) + len(fa) :], strict=True))
    partial = region.local(event.dtype, ())
    region.block.append(Store(partial, (), const(0, event.dtype)))

    def level(depth: int) -> None:
        if depth == len(ca):
            x = element(region, a, tuple(left[axis] for axis in range(a.tensor.rank)))
            y = element(region, b, tuple(right[axis] for axis in range(b.tensor.rank)))
            total = add(load(partial, ()), multiply(x, y))
            region.block.append(Store(partial, (), total))
            return
        var = loop_index(f"k{region.lowering.fresh()}")
        left[ca[depth]] = right[cb[depth]] = var
        with region.inside() as inner:
            level(depth + 1)
        region.block.append(counted(var, a.shape[ca[depth]], inner, reassociate=True))

    level(0)
    region.block.append(Store(target, index, load(partial, ())))


def emit_with(region: Region, event: Expr, events: list[Expr]) -> None:
    """Append what computes a dot, and what follows it block by block."""
    epilogue = Epilogue(region, event, events)
    target = epilogue.spare or region.allocate((event, 0))
    call = _call(region, event, target)
    region.values[event, 0] = target
    blocks.emit(region, call, epilogue.emit)
    epilogue.close()


def _call(region: Region, event: Expr, target: Buffer) -> Call:
    """Return the call of a product, having brought its operands into order."""
    a, b = event.operands
    (ca, cb), (ba, bb) = event.attrs["contract"], event.attrs["batch"]
    fa, fb = free_axes(a.tensor.rank, ca, ba), free_axes(b.tensor.rank, cb, bb)
    left, transpose_a = _matrix(region, a, (tuple(ba), tuple(fa), tuple(ca)))
    right, transpose_b = _matrix(region, b, (tuple(bb), tuple(cb), tuple(fb)))
    attrs = {
        "m": product([a.shape[i] for i in fa]),
        "n": product([b.shape[i] for i in fb]),
        "k": product([a.shape[i] for i in ca]),
        "batch": product([a.shape[i] for i in ba]),
        "transpose_a": transpose_a,
        "transpose_b": transpose_b,
    }
    # Sums along rows, and sums of rows, are the quickest with a vector.
    sizes = attrs["m"], attrs["n"]
    if (transpose_a and 1 in sizes[1:]) or (transpose_b and 1 in sizes[:1]):
        attrs |= {"m": sizes[1], "n": sizes[0]}
        attrs |= {"transpose_a": False, "transpose_b": False}
        left, right = right, left
    return Call("gemm", (target, left, right), attrs)


def _matrix(
    region: Region, x: Expr, axes: tuple[tuple[int, ...], ...]
) -> tuple[Buffer, bool]:
    """Return memory that holds `x` as batches of matrices, and if transposed."""
    batch, rows, columns = axes
    memory = region.memory(x)
    order = tuple(range(x.tensor.rank))
    if (*batch, *rows, *columns) == order:
        return memory, False
    if (*batch, *columns, *rows) == order:
        return memory, True
    wanted = (*batch, *rows, *columns)
    copy = region.local(x.dtype, tuple(x.shape[axis] for axis in wanted))

    def body(index: Index) -> None:
        place = tuple(index[wanted.index(axis)] for axis in order)
        region.block.append(Store(copy, index, load(memory, place)))

    nest(region, copy.shape, body)
    return copy, False
