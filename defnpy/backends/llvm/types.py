"""How values of each dtype look in LLVM: in registers, in memory, as text."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from defnpy.base.dims import Dim
from defnpy.base.dtypes import BF16, BOOL, F16, F32, real_of

if TYPE_CHECKING:
    from defnpy.base.dtypes import DType
    from defnpy.ir.kernel import Buffer

# A bf16 is kept as its bits and computed on as f32 (see `halves`): what LLVM makes
# of its own bfloat depends on the machine.
_REGISTER = {
    "bool": "i1",
    "f16": "half",
    "bf16": "i16",
    "f32": "float",
    "f64": "double",
    "c64": "{float, float}",
    "c128": "{double, double}",
}


def register_type(dtype: DType) -> str:
    """Return the LLVM type of a value of `dtype`.

    >>> register_type(BOOL), register_type(F32)
    ('i1', 'float')
    """
    return _REGISTER.get(dtype.name, f"i{dtype.bits}")


def memory_type(dtype: DType) -> str:
    """Return the LLVM type of an element of a buffer: a bool takes a byte."""
    return "i8" if dtype == BOOL else register_type(dtype)


def array_type(buffer: Buffer) -> str:
    """Return the LLVM type of the whole of a buffer, an array for each axis."""
    made = memory_type(buffer.dtype)
    for size in reversed(buffer.shape):
        # Where the first size is not known yet it matters to no address.
        made = f"[{0 if isinstance(size, Dim) else size} x {made}]"
    return made


def literal(value: Any, dtype: DType) -> str:
    """Return a constant as LLVM reads it.

    >>> literal(True, BOOL), literal(-1.5, F32)
    ('true', '0xBFF8000000000000')
    """
    if dtype == BOOL:
        return "true" if value else "false"
    if dtype == BF16:
        return str(int.from_bytes(dtype.numpy.type(value).tobytes(), "little"))
    if dtype == F16:
        return f"0xH{struct.unpack('<H', struct.pack('<e', value))[0]:04X}"
    if dtype.is_float:
        return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
    if dtype.kind == "c":
        part, name = real_of(dtype), register_type(real_of(dtype))
        real, imag = literal(value.real, part), literal(value.imag, part)
        return f"{{{name} {real}, {name} {imag}}}"
    return str(int(value))


def is_narrow(dtype: DType) -> bool:
    """Whether arithmetic on `dtype` is done in f32 and rounded after each step."""
    return dtype in (F16, BF16)


def wide(dtype: DType) -> DType:
    """Return the dtype that arithmetic on `dtype` is done in."""
    return F32 if is_narrow(dtype) else dtype


def alignment(dtype: DType) -> int:
    """Return the alignment of an element in memory, in bytes."""
    return real_of(dtype).bytes
