"""What a kernel calls to print: Python, with the contents of its buffers.

The code names the place of the print in the kernel alone, so it can be kept on
disk; what is written there is found here, when the code is linked.
"""

from __future__ import annotations

import ctypes
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.ir.kernel import Print
from defnpy.ir.statements import blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defnpy.ir.kernel import Block, Buffer, Kernel

_PROTOTYPE = ctypes.CFUNCTYPE(
    ctypes.c_int32, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p)
)


class Printer:
    """The function that one kernel calls, from any thread, without Python's lock.

    It returns 0, or 1 after an exception, which `failure` hands on: standard
    output may be closed, or the user may have pressed Control-C.
    """

    def __init__(self, kernel: Kernel) -> None:
        """Find every print of the kernel."""
        self._sites = kernel.prints
        self._buffers = {each.site: each.buffers for each in _prints(kernel.body)}
        self._raised = threading.local()
        self._function = _PROTOTYPE(self._print)

    @property
    def address(self) -> int:
        """The address of the function; it lives as long as this object."""
        return ctypes.cast(self._function, ctypes.c_void_p).value or 0

    def failure(self) -> BaseException:
        """Return what was raised in this thread."""
        return self._raised.error

    def _print(self, site: int, table: Any) -> int:
        try:
            buffers = self._buffers[site]
            arrays = [_array(b, table[k]) for k, b in enumerate(buffers)]
            self._sites[site].write(arrays)
        except BaseException as error:
            self._raised.error = error
            return 1
        return 0


def _prints(body: Block) -> Iterator[Print]:
    for statement in body:
        if isinstance(statement, Print):
            yield statement
        for inner in blocks(statement):
            yield from _prints(inner)


def _array(buffer: Buffer, address: int) -> np.ndarray:
    """Return the memory of a buffer as an array."""
    if not buffer.bytes:
        return np.empty(buffer.shape, buffer.dtype.numpy)
    memory: Any = (ctypes.c_char * buffer.bytes).from_address(address)
    return np.frombuffer(memory, buffer.dtype.numpy).reshape(buffer.shape)
