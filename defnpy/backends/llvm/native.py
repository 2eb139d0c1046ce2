"""The instructions of the ops that every backend has natively.

An instruction is chosen by the op and the kind of dtype it works on: ``b``, ``i``,
``u`` or ``f``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.backends.llvm.intrinsics import intrinsic, uniform
from defnpy.backends.llvm.types import literal, register_type
from defnpy.base.dtypes import BOOL

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.backends.llvm.writer import Writer
    from defnpy.base.dtypes import DType


def _integers(word: str, **others: str) -> dict[str, str]:
    return {"i": word, "u": word, **others}


INSTRUCTIONS: dict[str, dict[str, str]] = {
    "add": _integers("add", f="fadd", b="or"),
    "subtract": _integers("sub", f="fsub"),
    "multiply": _integers("mul", f="fmul", b="and"),
    "divide": {"f": "fdiv"},
    "maximum": {"b": "or"},
    "minimum": {"b": "and"},
    "bitwise_and": _integers("and", b="and"),
    "bitwise_or": _integers("or", b="or"),
    "bitwise_xor": _integers("xor", b="xor"),
    "equal": _integers("icmp eq", f="fcmp oeq", b="icmp eq"),
    "not_equal": _integers("icmp ne", f="fcmp une", b="icmp ne"),
    "remainder_trunc": {"f": "frem"},
}
for _name, _word in (
    ("less", "lt"),
    ("less_equal", "le"),
    ("greater", "gt"),
    ("greater_equal", "ge"),
):
    INSTRUCTIONS[_name] = {
        "i": f"icmp s{_word}",
        "u": f"icmp u{_word}",
        "b": f"icmp u{_word}",
        "f": f"fcmp o{_word}",
    }

INTRINSICS: dict[str, dict[str, str]] = {
    "maximum": {"f": "maximum", "i": "smax", "u": "umax"},
    "minimum": {"f": "minimum", "i": "smin", "u": "umin"},
    "abs": {"f": "fabs"},
    "floor": {"f": "floor"},
    "ceil": {"f": "ceil"},
    "trunc": {"f": "trunc"},
    "round": {"f": "roundeven"},
    "sqrt": {"f": "sqrt"},
    "copysign": {"f": "copysign"},
    "fma": {"f": "fma"},
}
FLAGGED = {"fadd", "fsub", "fmul"}


def native(
    w: Writer, op: str, dtype: DType, values: list[str], flags: str
) -> str | None:
    """Return the value of a native op of operands of one dtype, None if unknown.

    `flags` are the fast-math flags of a sum, difference or product.
    """
    type = register_type(dtype)
    word = INSTRUCTIONS.get(op, {}).get(dtype.kind)
    if word is not None:
        flagged = f"{word} {flags}" if flags and word in FLAGGED else word
        return w.value(f"{flagged} {type} {values[0]}, {values[1]}")
    name = INTRINSICS.get(op, {}).get(dtype.kind)
    if name is not None:
        # Of zeros of both signs any is the largest, as in NumPy.
        signed = dtype.is_float and op in ("maximum", "minimum")
        return uniform(w, name, type, *values, flags="nsz" if signed else "")
    special = _SPECIAL.get(op)
    return None if special is None else special(w, dtype, values)


def _negative(w: Writer, dtype: DType, values: list[str]) -> str:
    type = register_type(dtype)
    if dtype.is_float:
        return w.value(f"fneg {type} {values[0]}")
    return w.value(f"sub {type} 0, {values[0]}")


def _abs(w: Writer, dtype: DType, values: list[str]) -> str:
    if dtype.kind != "i":
        return values[0]
    type = register_type(dtype)
    return intrinsic(w, f"abs.{type}", type, f"{type} {values[0]}", "i1 false")


def _invert(w: Writer, dtype: DType, values: list[str]) -> str:
    ones = "true" if dtype == BOOL else "-1"
    return w.value(f"xor {register_type(dtype)} {values[0]}, {ones}")


def _scale(w: Writer, dtype: DType, values: list[str]) -> str:
    """Write a product that is zero where its first factor is."""
    type, zero = register_type(dtype), literal(0.0, dtype)
    none = w.value(f"fcmp oeq {type} {values[0]}, {zero}")
    product = w.value(f"fmul {type} {values[0]}, {values[1]}")
    return w.value(f"select i1 {none}, {type} {zero}, {type} {product}")


def _shift_left(w: Writer, dtype: DType, values: list[str]) -> str:
    type = register_type(dtype)
    inside = w.value(f"icmp ult {type} {values[1]}, {dtype.bits}")
    made = w.value(f"shl {type} {values[0]}, {values[1]}")
    return w.value(f"select i1 {inside}, {type} {made}, {type} 0")


def _shift_right(w: Writer, dtype: DType, values: list[str]) -> str:
    type = register_type(dtype)
    if dtype.kind == "i":
        amount = uniform(w, "umin", type, values[1], str(dtype.bits - 1))
        return w.value(f"ashr {type} {values[0]}, {amount}")
    inside = w.value(f"icmp ult {type} {values[1]}, {dtype.bits}")
    made = w.value(f"lshr {type} {values[0]}, {values[1]}")
    return w.value(f"select i1 {inside}, {type} {made}, {type} 0")


def _safe_divisor(w: Writer, dtype: DType, divisor: str) -> tuple[str, str, str]:
    """Return a divisor that cannot trap, and whether it was 0 and whether -1."""
    type = register_type(dtype)
    zero = w.value(f"icmp eq {type} {divisor}, 0")
    if dtype.kind == "u":
        safe = w.value(f"select i1 {zero}, {type} 1, {type} {divisor}")
        return safe, zero, "false"
    minus = w.value(f"icmp eq {type} {divisor}, -1")
    either = w.value(f"or i1 {zero}, {minus}")
    return w.value(f"select i1 {either}, {type} 1, {type} {divisor}"), zero, minus


def _divide_trunc(w: Writer, dtype: DType, values: list[str]) -> str:
    type = register_type(dtype)
    safe, zero, minus = _safe_divisor(w, dtype, values[1])
    word = "sdiv" if dtype.kind == "i" else "udiv"
    quotient = w.value(f"{word} {type} {values[0]}, {safe}")
    if dtype.kind == "i":
        negated = w.value(f"sub {type} 0, {values[0]}")
        quotient = w.value(f"select i1 {minus}, {type} {negated}, {type} {quotient}")
    return w.value(f"select i1 {zero}, {type} 0, {type} {quotient}")


def _remainder_trunc(w: Writer, dtype: DType, values: list[str]) -> str:
    # Divided by 1 in place of 0 or -1 it is 0, as it should be.
    safe, _, _ = _safe_divisor(w, dtype, values[1])
    word = "srem" if dtype.kind == "i" else "urem"
    return w.value(f"{word} {register_type(dtype)} {values[0]}, {safe}")


_SPECIAL: dict[str, Callable[[Writer, DType, list[str]], str]] = {
    "negative": _negative,
    "abs": _abs,
    "bitwise_invert": _invert,
    "scale": _scale,
    "bitwise_left_shift": _shift_left,
    "bitwise_right_shift": _shift_right,
    "divide_trunc": _divide_trunc,
    "remainder_trunc": _remainder_trunc,
}
