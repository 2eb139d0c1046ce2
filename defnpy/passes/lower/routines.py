"""Calls of routines, and the memory that each works in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.base.dtypes import I64, real_of
from defnpy.base.errors import InternalError
from defnpy.ir.kernel import Buffer, Call, load
from defnpy.ir.types import TensorType, TupleType

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.base.dtypes import DType
    from defnpy.ir.expr import Expr
    from defnpy.passes.lower.program import Region

Work = list[tuple["DType", int]]

BLOCK = 64  # columns that a blocked routine of LAPACK takes at once, at most


def emit(region: Region, event: Expr) -> None:
    """Append the call of a routine."""
    types = event.type.items if isinstance(event.type, TupleType) else (event.type,)
    targets = [_target(region, event, k, type) for k, type in enumerate(types)]
    operands = [region.memory(operand) for operand in event.operands]
    work = [region.local(dtype, (size,)) for dtype, size in _WORK[event.op.name](event)]
    buffers = (*targets, *operands, *work)
    counts = len(targets), len(operands)
    call = Call(event.op.name, buffers, dict(event.attrs), event.op, *counts)
    region.block.append(call)
    for k, target in enumerate(targets):
        value = region.let(load(target, ())) if target.shape == () else target
        region.values[event, k] = value


def _target(region: Region, event: Expr, k: int, type: object) -> Buffer:
    if not isinstance(type, TensorType):
        raise InternalError(f"{event!r} makes a {type}")
    if type.rank == 0:
        return region.local(type.dtype, ())
    return region.allocate((event, k))


def _sizes(event: Expr) -> tuple[DType, int, int]:
    """Return the dtype and the sizes of the first operand's matrices."""
    *_, rows, columns = event.operands[0].shape
    return event.operands[0].dtype, rows, columns


def _getrf(event: Expr) -> Work:
    _, n, m = _sizes(event)
    return [(I64, min(m, n))]


def _blocked(event: Expr) -> Work:
    dtype, n, m = _sizes(event)
    return [(dtype, BLOCK * max(m, n))]


def _syevd(event: Expr) -> Work:
    dtype, n, _ = _sizes(event)
    vectors, places = event.attrs["vectors"], (I64, 3 + 5 * n)
    copy = [] if vectors else [(dtype, n * n)]
    if dtype.kind != "c":
        size = 1 + 6 * n + 2 * n * n if vectors else 1 + 2 * n
        return [*copy, (dtype, size + BLOCK * n), places]
    size = 2 * n + n * n if vectors else 1 + n
    reals = 1 + 5 * n + 2 * n * n if vectors else n
    return [*copy, (dtype, size + BLOCK * n), (real_of(dtype), reals), places]


def _gesdd(event: Expr) -> Work:
    dtype, n, m = _sizes(event)
    few, many = min(m, n), max(m, n)
    vectors = event.attrs["vectors"] != "none"
    square = few * few if vectors else 0
    copy, places = (dtype, n * m), (I64, 8 * few)
    if dtype.kind != "c":
        size = 4 * square + 10 * few + BLOCK * (m + n)
        return [copy, (dtype, size), places]
    size = 2 * square + 3 * few + BLOCK * (m + n)
    reals = 7 * few
    if vectors:
        reals += max(5 * square, 2 * many * few + 2 * square)
    return [copy, (dtype, size), (real_of(dtype), reals), places]


def _geev(event: Expr) -> Work:
    dtype, n, _ = _sizes(event)
    return [(dtype, n * n), (dtype, (2 + BLOCK) * n), (real_of(dtype), 2 * n)]


_WORK: dict[str, Callable[[Expr], Work]] = {
    "potrf": lambda event: [],
    "trsm": lambda event: [],
    "getrf": _getrf,
    "geqrf": _blocked,
    "orgqr": _blocked,
    "syevd": _syevd,
    "gesdd": _gesdd,
    "geev": _geev,
}
