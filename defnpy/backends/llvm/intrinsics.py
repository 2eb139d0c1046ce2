"""Calls of LLVM's intrinsics."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from defnpy.backends.llvm.writer import Writer

# How a type is spelled inside an intrinsic's name.
SUFFIX = {"half": "f16", "float": "f32", "double": "f64"}


def intrinsic(
    w: Writer, name: str, result: str, *operands: str, flags: str = ""
) -> str:
    """Return the value of ``llvm.<name>``; `operands` are given with their types."""
    types = ", ".join(operand.rsplit(" ", 1)[0] for operand in operands)
    symbol = w.module.declare(f"llvm.{name}", result, types)
    return w.value(f"call {flags} {result} {symbol}({', '.join(operands)})")


def uniform(w: Writer, name: str, type: str, *values: str, flags: str = "") -> str:
    """Return the value of an intrinsic whose operands and result have one type."""
    operands = (f"{type} {value}" for value in values)
    full = f"{name}.{SUFFIX.get(type, type)}"
    return intrinsic(w, full, type, *operands, flags=flags)
