"""A kernel that is machine code, and how it is called."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

from defnpy.backends.cpu.fastcall import Entry, fast_calls
from defnpy.backends.cpu.fault import raise_fault
from defnpy.backends.cpu.machine import machine
from defnpy.backends.cpu.printing import Printer
from defnpy.backends.cpu.recycling import heap
from defnpy.backends.cpu.symbols import addresses
from defnpy.backends.llvm.body import NOT_PRINTED, PRINT, SHOWN
from defnpy.backends.llvm.emit import Emitted, emit
from defnpy.base.dims import substitute
from defnpy.base.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np

    from defnpy.ir.kernel import Buffer, Kernel

_NO_SIZES: Mapping[str, int] = {}
_PROTOTYPE = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)


class CompiledKernel:
    """Machine code of one kernel, ready to run from any thread.

    Attributes:
        kernel: what it computes.
        object_code: what `load` takes, in this process or another on this machine.
        address: of the entry, ``i32 (ptr table, ptr fault)``.
    """

    def __init__(self, kernel: Kernel, object_code: bytes, emitted: Emitted) -> None:
        """Link the code into this process."""
        self.kernel, self.object_code, self._emitted = kernel, object_code, emitted
        outside = addresses(emitted) | heap(emitted.symbols)
        self._printer = Printer(kernel) if kernel.prints else None
        if self._printer is not None:
            outside |= {PRINT: self._printer.address}
        self._library = machine().link(object_code, (emitted.name,), outside)
        self.address: int = self._library[emitted.name]
        self._entry = _PROTOTYPE(self.address)

    @property
    def llvm(self) -> str:
        """The LLVM it was made from, before LLVM's passes."""
        return self._emitted.text

    @property
    def asm(self) -> str:
        """Its assembly."""
        return machine().assembly(self._emitted.text)

    def fast(
        self, kinds: Sequence[str] | None = None, *, single: bool = False
    ) -> Callable[..., Any] | None:
        """Return a builtin function of the parameters, None where there is none.

        It makes the results itself and returns a tuple of them, scalars for those
        of shape (); or `NotImplemented` where an argument is not exactly what the
        kernel takes, or where the kernel faults: then `run` says why, by running
        it once more.  A kernel that prints has none.

        Args:
            kinds: for each parameter ``"array"``, or ``"float"``, ``"int"`` or
                ``"bool"`` for a Python number; arrays by default.
            single: whether the only result is returned by itself.
        """
        calls = fast_calls()
        if calls is None or self._printer is not None:
            return None
        chosen = ("array",) * len(self.kernel.params) if kinds is None else kinds
        entry = Entry(self.address, (self._library, self._emitted))
        return calls.bind(self.kernel, entry, chosen, single=single)

    def run(self, params: Sequence[np.ndarray], results: Sequence[np.ndarray]) -> None:
        """Fill `results` from `params`: contiguous arrays of the buffers' types.

        Python's lock is not held meanwhile.  Raises what the kernel's faults say.
        """
        arrays = (*params, *results)
        buffers = (*self.kernel.params, *self.kernel.results)
        sizes: dict[str, int] = {}
        if self.kernel.symbols:
            values = params[-1].tolist()
            sizes = dict(zip(self.kernel.symbols, values, strict=True))
        for buffer, array in zip(buffers, arrays, strict=True):
            check_array(buffer, array, sizes)
        table = (ctypes.c_void_p * max(len(arrays), 1))(
            *(array.ctypes.data for array in arrays)
        )
        shown = (ctypes.c_uint64 * SHOWN)()
        code = self._entry(table, shown)
        if code == NOT_PRINTED and self._printer is not None:
            raise self._printer.failure()
        if code:
            raise_fault(self.kernel, code, bytes(shown))


def compile_kernel(kernel: Kernel) -> CompiledKernel:
    """Return `kernel` as machine code for this machine."""
    emitted = emit(kernel, machine().target)
    return CompiledKernel(kernel, machine().compile(emitted.text), emitted)


def load(object_code: bytes, kernel: Kernel) -> CompiledKernel:
    """Return a kernel from the object code it had in another process."""
    return CompiledKernel(kernel, object_code, emit(kernel, machine().target))


def check_array(
    buffer: Buffer, array: Any, sizes: Mapping[str, int] = _NO_SIZES
) -> None:
    """Raise unless `array` may be the memory of `buffer`, with these symbols."""
    flags = array.flags
    shape = substitute(buffer.shape, sizes) if sizes else buffer.shape
    if array.dtype != buffer.dtype.numpy or array.shape != shape:
        found = f"{array.dtype}{list(array.shape)}"
        raise InternalError(f"buffer {buffer.name} is given {found}")
    if not (flags.c_contiguous and flags.aligned):
        raise InternalError(f"buffer {buffer.name} is given strided memory")
