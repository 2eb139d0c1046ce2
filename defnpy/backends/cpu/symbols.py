"""Addresses of the outside functions that kernels call, in this process."""

from __future__ import annotations

import ctypes
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from defnpy.base.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Iterable

_BLAS = {"defnpy_sgemm": "sgemm", "defnpy_dgemm": "dgemm"}


def addresses(names: Iterable[str]) -> dict[str, int]:
    """Return the addresses of those of `names` that the process does not export."""
    return {name: _blas(_BLAS[name]) for name in names if name in _BLAS}


@cache
def _blas(name: str) -> int:
    """Return the address of a routine of the BLAS that SciPy brings."""
    cython_blas: Any = import_module("scipy.linalg.cython_blas")

    capsule = cython_blas.__pyx_capi__[name]
    get_name = ctypes.pythonapi.PyCapsule_GetName
    get_name.restype, get_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    address = get(capsule, get_name(capsule))
    if not address:
        raise InternalError(f"SciPy's {name} has no address")
    return address
