"""Half-precision values: widened to f32, computed on, and rounded back.

Each step rounds once, to nearest even, as NumPy's halves do.  The arithmetic of
bf16 is written in integers, since what LLVM does with its own type depends on
the machine (some flush denormals, some call functions that are not there).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.base.dtypes import BF16, F16, F64

if TYPE_CHECKING:
    from defnpy.backends.llvm.writer import Writer
    from defnpy.base.dtypes import DType


def widen(w: Writer, value: str, dtype: DType) -> str:
    """Return a half as f32."""
    if dtype == F16:
        return w.value(f"fpext half {value} to float")
    bits = w.value(f"zext i16 {value} to i32")
    return w.value(f"bitcast i32 {w.value(f'shl i32 {bits}, 16')} to float")


def narrow(w: Writer, value: str, source: DType, target: DType) -> str:
    """Return an f32 or f64 rounded to a half."""
    if target == BF16:
        # By way of f32, as ml_dtypes rounds an f64.
        if source == F64:
            value = w.value(f"fptrunc double {value} to float")
        return _round_bf16(w, value)
    if source == F64:
        value = _round_to_odd(w, value)
    return w.value(f"fptrunc float {value} to half")


def _round_bf16(w: Writer, value: str) -> str:
    bits = w.value(f"bitcast float {value} to i32")
    odd = w.value(f"and i32 {w.value(f'lshr i32 {bits}, 16')}, 1")
    up = w.value(f"add i32 {w.value(f'add i32 {bits}, 32767')}, {odd}")
    quiet = w.value(f"or i32 {bits}, 4194304")
    nan = w.value(f"fcmp uno float {value}, {value}")
    chosen = w.value(f"select i1 {nan}, i32 {quiet}, i32 {up}")
    return w.value(f"trunc i32 {w.value(f'lshr i32 {chosen}, 16')} to i16")


def _round_to_odd(w: Writer, value: str) -> str:
    """Return an f64 as the f32 next to it whose last bit tells that it was cut.

    Rounding that to f16 gives what rounding once would.
    """
    near = w.value(f"fptrunc double {value} to float")
    back = w.value(f"fpext float {near} to double")
    bits = w.value(f"bitcast float {near} to i32")
    sizes = []
    for each in (value, back):
        raw = w.value(f"bitcast double {each} to i64")
        sizes.append(w.value(f"and i64 {raw}, 9223372036854775807"))
    short = w.value(f"icmp ult i64 {sizes[1]}, {sizes[0]}")
    step = w.value(f"select i1 {short}, i32 1, i32 -1")
    moved = w.value(f"add i32 {bits}, {step}")
    cut = w.value(f"fcmp one double {value}, {back}")
    even = w.value(f"icmp eq i32 {w.value(f'and i32 {bits}, 1')}, 0")
    both = w.value(f"and i1 {cut}, {even}")
    chosen = w.value(f"select i1 {both}, i32 {moved}, i32 {bits}")
    return w.value(f"bitcast i32 {chosen} to float")
