"""Products: small ones as loops fused with their operands, others by a routine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base.dims import product
from defnpy.ir.kernel import Buffer, Call, Store, load, loop_index
from defnpy.ops.dot import free_axes
from defnpy.ops.elementwise import add, multiply
from defnpy.ops.leaf import const
from defnpy.passes.lower import blocks
from defnpy.passes.lower.elements import Index, element
from defnpy.passes.lower.epilogues import Epilogue
from defnpy.passes.lower.loops import counted, nest
from defnpy.passes.lower.storage import is_small_product, key_of
from defnpy.passes.lower.views import Groups, matrices, view

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
    left, first = _matrices(region, a, (tuple(ba), tuple(fa), tuple(ca)), even=True)
    right, second = _matrices(region, b, (tuple(bb), tuple(cb), tuple(fb)), even=False)
    attrs = {
        "m": product([a.shape[i] for i in fa]),
        "n": product([b.shape[i] for i in fb]),
        "k": product([a.shape[i] for i in ca]),
        "batch": product([a.shape[i] for i in ba]),
        "a": first,
        "b": second,
    }
    # Sums along rows, and sums of rows, are the quickest with a vector.
    apart = [_is_apart(places) for places in (first, second)]
    if (apart[0] and attrs["n"] == 1) or (apart[1] and attrs["m"] == 1):
        attrs |= {"m": attrs["n"], "n": attrs["m"]}
        attrs |= {"a": _turned(second), "b": _turned(first)}
        left, right = right, left
    return Call("gemm", (target, left, right), attrs)


def _is_apart(places: tuple[Any, ...]) -> bool:
    """Whether rows lie side by side but columns do not."""
    *_, rows, columns = places
    return not isinstance(rows, np.ndarray) and rows == 1 and columns != 1


def _turned(places: tuple[Any, ...]) -> tuple[Any, ...]:
    start, batch, rows, columns = places
    return start, batch, columns, rows


def _matrices(
    region: Region, x: Expr, groups: Groups, *, even: bool
) -> tuple[Buffer, tuple[Any, ...]]:
    """Return memory that holds `x` as batches of matrices, and where they lie in it.

    That is where the first one starts, and the places of batches, rows and columns.
    """
    rows, columns = (product([x.shape[a] for a in group]) for group in groups[1:])
    batch, first, second = groups
    known, order = region.values.get(key_of(x)), tuple(range(x.tensor.rank))
    if isinstance(known, Buffer) and (*batch, *first, *second) == order:
        return known, (0, rows * columns, columns, 1)
    if isinstance(known, Buffer) and (*batch, *second, *first) == order:
        return known, (0, rows * columns, 1, rows)
    seen = view(x, lambda node: isinstance(region.values.get(key_of(node)), Buffer))
    if seen is not None and x.dtype.kind != "c":
        places = matrices(seen.places, groups, even=even)
        if places is not None:
            return region.memory(seen.base), places
    wanted = (*batch, *first, *second)
    copy = region.local(x.dtype, tuple(x.shape[axis] for axis in wanted))

    def body(index: Index) -> None:
        place = tuple(index[wanted.index(axis)] for axis in order)
        region.block.append(Store(copy, index, element(region, x, place)))

    nest(region, copy.shape, body)
    return copy, (0, rows * columns, columns, 1)
