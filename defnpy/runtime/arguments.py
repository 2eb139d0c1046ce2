"""Users' arrays of every kind, as NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from defnpy.base.dtypes import as_dtype
from defnpy.base.errors import DefnTypeError


def is_array(value: Any) -> bool:
    """Whether a value is an array: NumPy's, or something that can be one."""
    if isinstance(value, type):
        return False
    return (
        isinstance(value, np.ndarray | np.generic)
        or hasattr(value, "__array__")
        or hasattr(value, "__dlpack__")
    )


def as_array(value: Any) -> np.ndarray:
    """Return an array, data frame or series as an array of numbers.

    What is not numbers, or has nulls, raises a `DefnTypeError`.
    """
    if not isinstance(value, np.ndarray | np.generic):
        value = _converted(value)
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise DefnTypeError(
            "a masked array, which has no value where it is masked",
            hint="fill it first, for example x.filled(0)",
        )
    if isinstance(value, np.matrix):
        raise DefnTypeError(
            "a matrix of NumPy's, whose `*` is a product",
            hint="`np.asarray(...)` makes it an array, whose product is `@`",
        )
    array = np.asarray(value)
    if array.dtype.kind not in "biufcV" or array.dtype.names:
        raise DefnTypeError(
            f"an array of {_described(array)}, not of numbers",
            hint="select or encode columns of numbers first",
        )
    try:
        dtype = as_dtype(array.dtype)
    except DefnTypeError:
        raise DefnTypeError(
            f"an array of {array.dtype}, which is no dtype here",
            hint="convert it with `.astype`",
        ) from None
    return array.astype(dtype.numpy, copy=False)


def _converted(value: Any) -> np.ndarray:
    kind = type(value).__name__
    if _has_nulls(value):
        raise DefnTypeError(
            f"a {kind} with nulls", hint="fill or drop them first, as fill_null does"
        )
    strange = _strange_columns(value)
    if strange:
        raise DefnTypeError(
            f"a {kind} whose column {strange[0]} is not of numbers",
            hint="select or encode columns of numbers first",
        )
    try:
        if hasattr(value, "__array__"):
            return np.asarray(value)
        return np.from_dlpack(value)
    except Exception as error:  # whatever a method of the user's raises
        raise DefnTypeError(f"a {kind} that cannot be made an array: {error}") from None


def _has_nulls(value: Any) -> bool:
    """Whether a Polars series or data frame, told by its method, has nulls."""
    count = getattr(value, "null_count", None)
    if not callable(count):
        return False
    return bool(np.any(np.asarray(count())))


def _strange_columns(value: Any) -> list[str]:
    """Return the columns of a Polars data frame that are not of numbers."""
    schema = getattr(value, "schema", None)
    if not hasattr(value, "columns") or not hasattr(schema, "items"):
        return []
    return [
        f"{name!r}, {dtype},"
        for name, dtype in schema.items()  # pyright: ignore
        if not (_is_numeric(dtype) or str(dtype) == "Boolean")
    ]


def _is_numeric(dtype: Any) -> bool:
    test = getattr(dtype, "is_numeric", None)
    return test is None or bool(test())


def _described(array: np.ndarray) -> str:
    kinds = {"O": "objects", "U": "strings", "S": "bytes", "M": "dates", "T": "strings"}
    kinds["m"] = "spans of time"
    return (
        "records" if array.dtype.names else kinds.get(array.dtype.kind, "other things")
    )
