"""Conversions between dtypes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.backends.llvm import halves
from defnpy.backends.llvm.intrinsics import SUFFIX, intrinsic
from defnpy.backends.llvm.types import is_narrow, literal, register_type, wide
from defnpy.base.dtypes import BOOL, real_of

if TYPE_CHECKING:
    from defnpy.backends.llvm.writer import Writer
    from defnpy.base.dtypes import DType


def convert(w: Writer, value: str, source: DType, target: DType) -> str:
    """Return `value` as `target`: NaN is the integer 0, infinities the extremes."""
    if source == target:
        return value
    if source.kind == "c" or target.kind == "c":
        return _convert_complex(w, value, source, target)
    if is_narrow(source):
        return convert(w, halves.widen(w, value, source), wide(source), target)
    if is_narrow(target):
        if not source.is_float:
            value, source = _plain(w, value, source, wide(target)), wide(target)
        return halves.narrow(w, value, source, target)
    return _plain(w, value, source, target)


def _plain(w: Writer, value: str, source: DType, target: DType) -> str:
    before, after = register_type(source), register_type(target)
    if target == BOOL:
        compare = "fcmp une" if source.is_float else "icmp ne"
        return w.value(f"{compare} {before} {value}, {literal(0, source)}")
    if source.is_float and target.is_float:
        word = "fpext" if target.bits > source.bits else "fptrunc"
    elif source.is_float:
        sign = "s" if target.kind == "i" else "u"
        name = f"fpto{sign}i.sat.{after}.{SUFFIX[before]}"
        return intrinsic(w, name, after, f"{before} {value}")
    elif target.is_float:
        word = "sitofp" if source.kind == "i" else "uitofp"
    elif source == BOOL or target.bits > source.bits:
        word = "sext" if source.kind == "i" else "zext"
    elif target.bits < source.bits:
        word = "trunc"
    else:
        return value
    return w.value(f"{word} {before} {value} to {after}")


def _convert_complex(w: Writer, value: str, source: DType, target: DType) -> str:
    if source.kind != "c":
        part = real_of(target)
        zero = literal(0, part)
        return join(w, convert(w, value, source, part), zero, target)
    real, imag = split(w, value, source)
    part = real_of(source)
    if target.kind == "c":
        aim = real_of(target)
        return join(w, convert(w, real, part, aim), convert(w, imag, part, aim), target)
    if target == BOOL:
        tests = [convert(w, each, part, BOOL) for each in (real, imag)]
        return w.value(f"or i1 {tests[0]}, {tests[1]}")
    return convert(w, real, part, target)


def split(w: Writer, value: str, dtype: DType) -> tuple[str, str]:
    """Return the real and the imaginary part of a complex value."""
    name = register_type(dtype)
    return (
        w.value(f"extractvalue {name} {value}, 0"),
        w.value(f"extractvalue {name} {value}, 1"),
    )


def join(w: Writer, real: str, imag: str, dtype: DType) -> str:
    """Return the complex value of two parts."""
    name, part = register_type(dtype), register_type(real_of(dtype))
    first = w.value(f"insertvalue {name} undef, {part} {real}, 0")
    return w.value(f"insertvalue {name} {first}, {part} {imag}, 1")


def bitcast(w: Writer, value: str, source: DType, target: DType) -> str:
    """Return the bits of `value` read as `target`."""
    before, after = register_type(source), register_type(target)
    if source == BOOL:
        value, before = w.value(f"zext i1 {value} to i8"), "i8"
    if target == BOOL:
        return w.value(f"icmp ne {before} {value}, 0")
    return value if before == after else w.value(f"bitcast {before} {value} to {after}")
