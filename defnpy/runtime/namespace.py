"""What the Array API's `__array_namespace_info__` tells of this library."""

from __future__ import annotations

from typing import Any

from defnpy.base import dtypes
from defnpy.ops.inspection import isdtype

VERSION = "2024.12"
# Those of the standard; there are f16 and bf16 besides.
_NAMES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float32", "float64", "complex64", "complex128"),
)


class NamespaceInfo:
    """The devices and dtypes there are, and what indexing may do.

    >>> dn.__array_namespace_info__().default_dtypes()["real floating"]
    dtype('float32')
    """

    def capabilities(self) -> dict[str, Any]:
        """Return what arrays outside of compiled functions can do.

        In a compiled function shapes do not depend on data.
        """
        return {
            "boolean indexing": True,
            "data-dependent shapes": True,
            "max dimensions": 64,
        }

    def default_device(self) -> str:
        """Return the device of arrays for which none is asked."""
        return "cpu"

    def devices(self) -> list[str]:
        """Return the devices that arrays may be on."""
        return ["cpu"]

    def default_dtypes(self, *, device: Any = None) -> dict[str, Any]:
        """Return the dtypes of arrays for which none is asked."""
        real = dtypes.default_float()
        pairs = dtypes.C128 if real == dtypes.F64 else dtypes.C64
        found = {"real floating": real, "complex floating": pairs}
        found |= {"integral": dtypes.I64, "indexing": dtypes.I64}
        return {name: dtype.numpy for name, dtype in found.items()}

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, Any]:
        """Return the standard's dtypes by name, those of a kind or of several."""
        return {
            name: dtypes.as_dtype(name).numpy
            for name in _NAMES
            if kind is None or isdtype(name, kind)
        }
