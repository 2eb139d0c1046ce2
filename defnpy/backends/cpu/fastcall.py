"""Calls of kernels from Python without the way through Python's own machinery.

The code of `wrapper` is linked once; `FastCalls.bind` fills the table of a kernel
and makes a builtin function of it.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from defnpy.backends.cpu import wrapper
from defnpy.backends.cpu.cost import is_long
from defnpy.backends.cpu.machine import machine
from defnpy.backends.cpu.numpy_api import NEW_ARRAY, NEW_SCALAR, SET_HANDLER, function
from defnpy.backends.cpu.recycling import LEAST, recycling
from defnpy.base.dtypes import BOOL, F64, I64
from defnpy.base.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from defnpy.ir.kernel import Buffer, Kernel

_FASTCALL = 0x80
_PYTHON = {"float": (float, F64), "int": (int, I64), "bool": (bool, BOOL)}


class _MethodDef(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class Entry(NamedTuple):
    """The entry of a kernel, and what must live while it may be called."""

    address: int
    kept: Any


class FastCalls:
    """The wrapper, linked into this process."""

    def __init__(self) -> None:
        """Compile and link the wrapper."""
        object_code = machine().compile_plain(wrapper.text(object.__basicsize__))
        self._library = machine().link(object_code, (wrapper.NAME,), {})
        self._definition = _MethodDef(
            b"kernel", self._library[wrapper.NAME], _FASTCALL, None
        )

    def bind(
        self, kernel: Kernel, entry: Entry, kinds: Sequence[str], *, single: bool
    ) -> Callable[..., Any]:
        """Return a kernel as a builtin function; see `CompiledKernel.fast`."""
        kept: list[Any] = [entry.kept]
        words = [
            *(entry.address, len(kernel.params), len(kernel.results)),
            *(int(is_long(kernel)), int(single), id(NotImplemented)),
            *(id(np.ndarray), id(True), function(NEW_ARRAY), function(NEW_SCALAR)),
            *(function(SET_HANDLER), _handler(kernel)),
        ]
        for buffer, kind in zip(kernel.params, kinds, strict=True):
            words += _argument(buffer, kind, kept)
        for buffer in kernel.results:
            words += _result(buffer, kept)
        table = (ctypes.c_int64 * len(words))(*words)
        capsule = _new_capsule(ctypes.addressof(table), None, None)
        # A builtin function holds on to its module, so that is where we put what
        # must live as long as it.
        kept += (self, table, capsule)
        definition = ctypes.addressof(self._definition)
        return _new_function(definition, capsule, kept)


def _argument(buffer: Buffer, kind: str, kept: list[Any]) -> list[int]:
    number = wrapper.KINDS[kind]
    if kind != "array":
        cls, dtype = _PYTHON[kind]
        if buffer.dtype != dtype or buffer.shape:
            raise InternalError(f"{buffer.name} of {buffer.dtype} is given as {kind}")
        return [id(cls), 0, number, 0, 0, 0, 0]
    descr = buffer.dtype.numpy
    types = id(np.ndarray), id(_scalar_type(buffer))
    return [*types, number, descr.num, ord(descr.byteorder), *_shape(buffer, kept)]


def _scalar_type(buffer: Buffer) -> type | None:
    """Return the class of NumPy's scalars that may be given, None for none.

    Other packages may lay out the scalars of their dtypes as they like.
    """
    descr = buffer.dtype.numpy
    return descr.type if buffer.shape == () and descr.isbuiltin == 1 else None


def _result(buffer: Buffer, kept: list[Any]) -> list[int]:
    descr = buffer.dtype.numpy
    kept.append(descr)
    kind = wrapper.KINDS["array" if buffer.shape else "scalar"]
    return [kind, id(descr), *_shape(buffer, kept)]


def _handler(kernel: Kernel) -> int:
    """Return what gives NumPy memory for the results, 0 where that is NumPy."""
    is_large = any(buffer.bytes >= LEAST for buffer in kernel.results)
    return id(recycling().handler) if is_large else 0


def _shape(buffer: Buffer, kept: list[Any]) -> list[int]:
    sizes = (ctypes.c_int64 * max(len(buffer.shape), 1))(*buffer.shape)
    kept.append(sizes)
    return [len(buffer.shape), ctypes.addressof(sizes)]


_api = ctypes.pythonapi
_new_capsule: Any = ctypes.PYFUNCTYPE(
    ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p
)(("PyCapsule_New", _api))
_new_function: Any = ctypes.PYFUNCTYPE(
    ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.py_object
)(("PyCFunction_NewEx", _api))


@cache
def fast_calls() -> FastCalls | None:
    """Return the wrapper, linked; None where arrays do not lie as it assumes."""
    return FastCalls() if layout_is_known() else None


def layout_is_known() -> bool:
    """Whether arrays lie in memory as `wrapper` assumes, tried on some of them."""
    head = object.__basicsize__
    if ctypes.sizeof(ctypes.c_void_p) != wrapper.WORD:
        return False
    samples = [np.zeros((2, 3), np.float32), np.zeros((4, 1, 5), np.int64)[::2]]
    samples += [np.array(1.0), np.zeros(3, np.dtype(np.float64).newbyteorder())]
    scalar = np.float64(1.5)
    value = _read(ctypes.c_double, id(scalar) + head)
    return value == scalar and all(_lies_as_known(a, head) for a in samples)


def _lies_as_known(array: np.ndarray, head: int) -> bool:
    at = id(array)
    descr = _read(ctypes.c_void_p, at + head + 40)
    if descr != id(array.dtype) or _read(ctypes.c_void_p, at + head - 8) != id(
        np.ndarray
    ):
        return False
    sizes = _read(ctypes.c_void_p, at + head + 16)
    shape = tuple(
        _read(ctypes.c_int64, (sizes or 0) + 8 * axis) for axis in range(array.ndim)
    )
    flags = _read(ctypes.c_int, at + head + 48)
    return (
        _read(ctypes.c_void_p, at + head) == array.ctypes.data
        and _read(ctypes.c_int, at + head + 8) == array.ndim
        and shape == array.shape
        and bool(flags & 1) == array.flags.c_contiguous
        and bool(flags & 0x100) == array.flags.aligned
        and _read(ctypes.c_uint8, descr + head + 10) == ord(array.dtype.byteorder)
        and _read(ctypes.c_int, descr + head + 12) == array.dtype.num
    )


def _read(kind: Any, address: int) -> Any:
    return kind.from_address(address).value
