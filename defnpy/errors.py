"""Every error a user can meet, as ``dn.errors``; each is also ``dn.<name>``."""

from __future__ import annotations

from defnpy.base.errors import (
    DefnAssertionError,
    DefnAttributeError,
    DefnError,
    DefnFloatingPointError,
    DefnIndexError,
    DefnKeyError,
    DefnLinAlgError,
    DefnMemoryError,
    DefnNameError,
    DefnOverflowError,
    DefnRecursionError,
    DefnShapeError,
    DefnStaticError,
    DefnSyntaxError,
    DefnTypeError,
    DefnUnboundLocalError,
    DefnValueError,
    DefnZeroDivisionError,
    InternalError,
)

__all__ = [
    "DefnAssertionError",
    "DefnAttributeError",
    "DefnError",
    "DefnFloatingPointError",
    "DefnIndexError",
    "DefnKeyError",
    "DefnLinAlgError",
    "DefnMemoryError",
    "DefnNameError",
    "DefnOverflowError",
    "DefnRecursionError",
    "DefnShapeError",
    "DefnStaticError",
    "DefnSyntaxError",
    "DefnTypeError",
    "DefnUnboundLocalError",
    "DefnValueError",
    "DefnZeroDivisionError",
    "InternalError",
]

# Tracebacks and pickles name an error as it is imported.
for _name in __all__:
    globals()[_name].__module__ = __name__
