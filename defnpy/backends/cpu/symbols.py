"""Addresses of the outside functions that kernels call, in this process."""

from __future__ import annotations

import ctypes
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.backends.cpu.library import PRODUCTS, product_address
from defnpy.backends.cpu.machine import machine
from defnpy.backends.cpu.pool import SYMBOL, pool
from defnpy.backends.llvm.lapack import LAPACK
from defnpy.base.errors import InternalError

if TYPE_CHECKING:
    from defnpy.backends.llvm.emit import Emitted

_BLAS = {f"defnpy_{letter}gemm": f"{letter}gemm" for letter in "cz"}
_MODULES = ("blas", "lapack")


def addresses(emitted: Emitted) -> dict[str, int]:
    """Return the addresses of what code needs that the process does not export.

    Data must live as long as the code does.
    """
    names = (name for name in emitted.symbols if name in _BLAS)
    data = {name: value.ctypes.data for name, value in emitted.data.items()}
    pooled = {SYMBOL: pool(machine()).address} if SYMBOL in emitted.symbols else {}
    routines = {name: _routine(_BLAS[name]) for name in names}
    products = (name for name in emitted.symbols if name in PRODUCTS)
    routines |= {name: product_address(name) for name in products}
    for name in emitted.symbols:
        if name.startswith(LAPACK):
            routines[name] = _routine(name.removeprefix(LAPACK))
    return data | pooled | routines


@cache
def _routine(name: str) -> int:
    """Return the address of a routine of BLAS or LAPACK.

    NumPy's own, already in the process, is preferred: its threads are there, and
    SciPy takes long to import.  Its sizes have 8 bytes, SciPy's 4; what is passed
    by address reads the same as both.
    """
    return _of_numpy(f"scipy_{name}_64_") or _of_scipy(name)


def blas_origin() -> str | None:
    """Return the library that products of matrices call, None if there is none."""
    if _of_numpy("scipy_sgemm_64_"):
        return "OpenBLAS, NumPy's own"
    try:
        return "SciPy's" if _of_scipy("sgemm") else None
    except ImportError:
        return None


def _of_numpy(symbol: str) -> int | None:
    package = Path(np.__file__).parent
    for folder in (package.with_name("numpy.libs"), package / ".dylibs"):
        for path in sorted(folder.glob("*openblas64*")):
            found = getattr(ctypes.CDLL(str(path)), symbol, None)
            if found is not None:
                return ctypes.cast(found, ctypes.c_void_p).value
    return None


def _of_scipy(name: str) -> int:
    blas, lapack = (import_module(f"scipy.linalg.cython_{m}") for m in _MODULES)
    known: Any = {**vars(blas)["__pyx_capi__"], **vars(lapack)["__pyx_capi__"]}
    capsule = known[name]
    get_name = ctypes.pythonapi.PyCapsule_GetName
    get_name.restype, get_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    address = get(capsule, get_name(capsule))
    if not address:
        raise InternalError(f"SciPy's {name} has no address")
    return address
