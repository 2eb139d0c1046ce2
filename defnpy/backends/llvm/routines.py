"""Calls of the machine's libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defnpy.backends.llvm import lapack
from defnpy.backends.llvm.intrinsics import uniform
from defnpy.backends.llvm.repeat import each, element, times
from defnpy.backends.llvm.types import literal, register_type
from defnpy.base.dims import Dim
from defnpy.base.errors import InternalError

if TYPE_CHECKING:
    from defnpy.backends.llvm.body import Body
    from defnpy.backends.llvm.writer import Writer
    from defnpy.ir.kernel import Call

_GEMM = ", ".join(["ptr"] * 13)
_CODES = {False: 78, True: 84}  # "N", "T"


def call(body: Body, statement: Call) -> None:
    """Write a call of the routine that `statement` names."""
    if not body.target.gemm:
        raise InternalError(f"{body.target.name} has no {statement.name}")
    if statement.name == "gemm":
        _product(body, statement)
    else:
        lapack.call(body, statement)


def _product(body: Body, statement: Call) -> None:
    """Write C = op(A) · op(B), row-major: a block of it, or each of a batch."""
    w, attrs, dtype = body.w, statement.attrs, statement.buffers[0].dtype
    if dtype.name not in body.target.product:
        _gemm(body, statement)
        return
    if statement.block:
        item, *block = (body.scalars.emit(each) for each in statement.block)
        _block(body, statement, item, block)
    else:
        value = body.memory.extents.value
        with each(w, value(attrs["batch"])) as item:
            _block(
                body, statement, item, ["0", value(attrs["m"]), "0", value(attrs["n"])]
            )


def _block(body: Body, statement: Call, item: str, block: list[str]) -> None:
    """Write the product of some rows of A and columns of B."""
    w, attrs, dtype = body.w, statement.attrs, statement.buffers[0].dtype
    value, type = body.memory.extents.value, register_type(dtype)
    m, n, k = (attrs[name] for name in ("m", "n", "k"))
    row, rows, column, columns = block
    a_strides = ("1", value(m)) if attrs["transpose_a"] else (value(k), "1")
    b_strides = ("1", value(k)) if attrs["transpose_b"] else (value(n), "1")
    pointers = []
    for buffer, size, *places in (
        (statement.buffers[0], m * n, (row, value(n)), (column, "1")),
        (statement.buffers[1], m * k, (row, a_strides[0])),
        (statement.buffers[2], k * n, (column, b_strides[1])),
    ):
        pointer = body.memory.pointer(buffer)
        for number, distance in ((item, value(size)), *places):
            pointer = element(w, type, pointer, times(w, number, distance))
        pointers.append(pointer)
    numbers = (rows, columns, value(k), value(n), *a_strides, *b_strides)
    given = [*(f"ptr {p}" for p in pointers), *(f"i64 {each}" for each in numbers)]
    types = ", ".join(each.split()[0] for each in given)
    name = body.target.product[dtype.name]
    symbol = w.module.declare(name, "void", f"{types}, i1 zeroext")
    w.line(f"call void {symbol}({', '.join(given)}, i1 zeroext false)")


def _gemm(body: Body, statement: Call) -> None:
    """Write the same by BLAS.

    To it, whose matrices are column-major, that is Cᵀ = op(B)ᵀ · op(A)ᵀ.
    """
    attrs, w = statement.attrs, body.w
    m, n, k = attrs["m"], attrs["n"], attrs["k"]
    dtype = statement.buffers[0].dtype
    symbol = body.target.gemm.get(dtype.name)
    if symbol is None:
        raise InternalError(f"no product of {dtype} matrices on {body.target.name}")
    batch = attrs.get("batch", 1)
    if not (m and n and batch):
        return
    w.module.declare(symbol, "void", _GEMM)
    ta, tb = bool(attrs["transpose_a"]), bool(attrs["transpose_b"])
    type = register_type(dtype)
    one, zero = (f"{type} {literal(value, dtype)}" for value in (1.0, 0.0))
    sizes = [_size(body, value) for value in (n, m, k)]
    leading = [_size(body, v, 1) for v in (k if tb else n, m if ta else k, n)]
    codes = [_slot(w, f"i8 {_CODES[each]}") for each in (tb, ta)]
    alpha, beta = _slot(w, one), _slot(w, zero)
    pointers = [body.memory.pointer(buffer) for buffer in statement.buffers]
    value = body.memory.extents.value
    pairs = zip(pointers, map(value, (m * n, m * k, k * n)), strict=True)
    with each(w, value(batch)) as item:
        c, a, b = (element(w, type, p, times(w, item, size)) for p, size in pairs)
        factors = (alpha, b, leading[0], a, leading[1])
        given = (*codes, *sizes, *factors, beta, c, leading[2])
        operands = ", ".join(f"ptr {one}" for one in given)
        w.line(f"call void @{symbol}({operands})")


def _size(body: Body, value: Any, least: int | None = None) -> str:
    """Return the address of a size, which is at least `least`."""
    if not isinstance(value, Dim):
        return _slot(body.w, f"i64 {value if least is None else max(value, least)}")
    w, made = body.w, body.memory.extents.value(value)
    if least is not None:
        made = uniform(w, "smax", "i64", made, str(least))
    slot = w.head("alloca i64", "slot")
    w.line(f"store i64 {made}, ptr {slot}")
    return slot


def _slot(w: Writer, value: str) -> str:
    """Return the address of a constant.

    A size is kept in 8 bytes, which reads as the same number in 4.
    """
    return w.module.constant(value)
