"""Faults of kernels as the errors they stand for."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NoReturn

from defnpy.backends.llvm.body import NO_MEMORY
from defnpy.base import errors
from defnpy.ir.kernel import Fault
from defnpy.ir.statements import blocks

if TYPE_CHECKING:
    from defnpy.base.dtypes import DType
    from defnpy.ir.kernel import Block, Kernel


def raise_fault(kernel: Kernel, code: int, shown: bytes) -> NoReturn:
    """Raise the error of what an entry returned and the values it left."""
    if code == NO_MEMORY:
        raise errors.DefnMemoryError("there is not enough memory for this call")
    site = kernel.faults[code - 1]
    dtypes = _shown_dtypes(kernel.body, code - 1) or ()
    values = [
        _value(shown[8 * place : 8 * place + 8], dtype)
        for place, dtype in enumerate(dtypes)
    ]
    raise errors.fault(site.error, site.message.format(*values), site.span)


def _shown_dtypes(body: Block, site: int) -> tuple[DType, ...] | None:
    for statement in body:
        if isinstance(statement, Fault) and statement.site == site:
            return tuple(value.dtype for value in statement.shown)
        for inner in blocks(statement):
            found = _shown_dtypes(inner, site)
            if found is not None:
                return found
    return None


def _value(raw: bytes, dtype: DType) -> Any:
    if dtype.is_float:
        return struct.unpack("=d", raw)[0]
    value = struct.unpack("=Q" if dtype.kind == "u" else "=q", raw)[0]
    return bool(value) if dtype.kind == "b" else value
