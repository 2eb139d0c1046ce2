"""Calls of the machine's libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

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
    """Write C = A · B: a block of it, or each of a batch."""
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
    (a_start, a_items, *a_strides), (b_start, b_items, *b_strides) = (
        attrs["a"],
        attrs["b"],
    )
    tables = ["null", "null"]
    if isinstance(b_strides[0], np.ndarray):
        tables = [w.module.outside(table) for table in b_strides]
        tables[1] = w.value(f"getelementptr i64, ptr {tables[1]}, i64 {column}")
        b_strides = [0, 0]
    pointers = []
    for buffer, start, *places in (
        (statement.buffers[0], 0, (item, m * n), (row, n), (column, 1)),
        (statement.buffers[1], a_start, (item, a_items), (row, a_strides[0])),
        (statement.buffers[2], b_start, (item, b_items), (column, b_strides[1])),
    ):
        pointer = element(w, type, body.memory.pointer(buffer), str(start))
        for number, distance in places:
            pointer = element(w, type, pointer, _place(body, number, distance))
        pointers.append(pointer)
    numbers = [rows, columns, *map(value, (k, n, *a_strides, *b_strides))]
    given = [*(f"ptr {p}" for p in pointers), *(f"i64 {each}" for each in numbers)]
    types = [*(each.split()[0] for each in given), "i1 zeroext", "ptr", "ptr"]
    given += ["i1 zeroext false", *(f"ptr {table}" for table in tables)]
    name = body.target.product[dtype.name]
    symbol = w.module.declare(name, "void", ", ".join(types))
    w.line(f"call void {symbol}({', '.join(given)})")


def _place(body: Body, number: str, places: Any) -> str:
    """Return where something is, given how far apart they are or a table of them."""
    w = body.w
    if not isinstance(places, np.ndarray):
        return times(w, number, body.memory.extents.value(places))
    slot = element(w, "i64", w.module.outside(places), number)
    return w.value(f"load i64, ptr {slot}")


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
    batch = attrs["batch"]
    if not (m and n and batch):
        return
    w.module.declare(symbol, "void", _GEMM)
    ta, tb = (isinstance(c, Dim) or c != 1 for c in (attrs["a"][3], attrs["b"][3]))
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
