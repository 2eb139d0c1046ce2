"""Linear algebra on batches of matrices: ``dn.linalg.solve`` and its kin.

The names and forms are those of `numpy.linalg` and of the Array API.  All may be
used inside a compiled function, where LAPACK is called, and outside.  Integers
become the default float, half precision f32; what a matrix must be and is not raises
`DefnLinAlgError`, which is a `numpy.linalg.LinAlgError`.
"""

from __future__ import annotations

from typing import Any

from defnpy.ops.linalg import FUNCTIONS as _FUNCTIONS
from defnpy.runtime.names import absent as _absent
from defnpy.runtime.names import public as _public

__all__ = sorted(_FUNCTIONS)  # pyright: ignore

globals().update(_public("linalg", _FUNCTIONS))


def __getattr__(name: str) -> Any:
    """Say that there is no such name, and which one is near."""
    raise _absent(__name__, name, __all__)
