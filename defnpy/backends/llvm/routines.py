"""Calls of the machine's libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defnpy.backends.llvm import lapack
from defnpy.backends.llvm.intrinsics import uniform
from defnpy.backends.llvm.product import REQUEST
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
    """Write C = op(A) · op(B), row-major, for each matrix of a batch."""
    w, attrs, value = body.w, statement.attrs, body.memory.extents.value
    dtype = statement.buffers[0].dtype
    if dtype.name not in body.target.product:
        _gemm(body, statement)
        return
    m, n, k = attrs["m"], attrs["n"], attrs["k"]
    names = ("c", "a", "b")
    fields = dict(zip(names, map(body.memory.pointer, statement.buffers), strict=True))
    a_strides = (1, m) if attrs["transpose_a"] else (k, 1)
    b_strides = (1, k) if attrs["transpose_b"] else (n, 1)
    strides = (n, *a_strides, *b_strides)
    numbers = (m, n, k, *strides, 0, attrs.get("batch", 1), m * n, m * k, k * n)
    others = (name for name in REQUEST if name not in names)
    fields |= dict(zip(others, map(value, numbers), strict=True))
    request = w.head(f"alloca [{len(REQUEST)} x i64], align 8", "request")
    for place, name in enumerate(REQUEST):
        slot = w.value(f"getelementptr inbounds i64, ptr {request}, i64 {place}")
        type = "ptr" if name in names else "i64"
        w.line(f"store {type} {fields[name]}, ptr {slot}, align 8")
    symbol = w.module.declare(body.target.product[dtype.name], "i32", "ptr")
    body.succeed(w.call("i32", symbol, f"ptr {request}"))


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
