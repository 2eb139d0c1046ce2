"""The functions of NumPy's C interface that compiled code calls."""

from __future__ import annotations

import ctypes
from functools import cache
from importlib import import_module
from typing import Any

# Places in NumPy's table of functions.
NEW_ARRAY, NEW_SCALAR, SET_HANDLER = 94, 60, 304

_capsule_pointer: Any = ctypes.PYFUNCTYPE(
    ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p
)(("PyCapsule_GetPointer", ctypes.pythonapi))


@cache
def function(place: int) -> int:
    """Return the address of the function at a place of the table."""
    module: Any = import_module("numpy._core._multiarray_umath")
    table = _capsule_pointer(module._ARRAY_API, None)
    found = ctypes.cast(table, ctypes.POINTER(ctypes.c_void_p))[place]
    assert found
    return found
