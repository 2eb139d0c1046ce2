"""Tables people have, as arrays: checked, with one clear error that names the column.

This is host code: it meets text, nulls and data frames, which programs do not.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import polars as pl

import defnpy as dn


class Table(NamedTuple):
    """A table of numbers (rows, columns) and the names of its columns, if any."""

    values: np.ndarray
    names: tuple[str, ...] | None

    def column(self, place: int) -> str:
        """Return how a column is called in an error."""
        return repr(self.names[place]) if self.names else str(place)


def as_table(X: Any) -> Table:
    """Return a table of floats: floats keep their dtype, others become the default.

    Args:
        X: an array, nested lists, or a Polars DataFrame of numbers without nulls.

    Raises:
        DefnShapeError: there are not two axes, or no rows.
        DefnTypeError: a column is not of numbers.
        DefnValueError: a column has nulls or infinities.

    >>> as_table([[1, 2]]).values
    array([[1., 2.]], dtype=float32)
    """
    names = None
    if isinstance(X, pl.DataFrame):
        names = tuple(X.columns)
        _check_columns(X)
        X = X.to_numpy()
    values = _check_shape(np.asarray(X))
    table = Table(np.ascontiguousarray(values), names)
    _check_numbers(table)
    if not _is_float(values.dtype):
        return Table(np.asarray(dn.multiply(table.values, 1.0)), names)
    return table


def as_columns(X: Any) -> tuple[list[np.ndarray], tuple[str, ...] | None]:
    """Return the columns of a table of anything, text too, and their names.

    >>> columns, _ = as_columns([["a", 1], ["b", 2]])
    >>> columns
    [array(['a', 'b'], dtype='<U1'), array([1, 2])]
    """
    if isinstance(X, pl.DataFrame):
        for column in X.get_columns():
            _check_no_nulls(column)
        columns = [as_vector(column) for column in X.get_columns()]
        return columns, tuple(X.columns)
    values = _check_shape(np.asarray(X, None if isinstance(X, np.ndarray) else object))
    return [as_vector(values[:, j], str(j)) for j in range(values.shape[1])], None


def as_vector(y: Any, name: str = "0") -> np.ndarray:
    """Return one column of numbers or text, without nulls.

    >>> as_vector(["b", "a"])
    array(['b', 'a'], dtype='<U1')
    """
    if isinstance(y, pl.Series):
        _check_no_nulls(y)
        y, name = y.to_list(), y.name
    vector = np.asarray(y)
    if vector.ndim != 1:
        raise dn.DefnShapeError(f"labels have one axis, not shape {vector.shape}")
    if vector.dtype == object:
        if any(item is None for item in vector):
            raise dn.DefnValueError(f"column {name} has nulls; fill or drop them")
        vector = np.array(vector.tolist())
    if vector.dtype.kind == "f" and np.isnan(vector).any():
        raise dn.DefnValueError(f"column {name} has NaNs; fill or drop them")
    return vector


def _check_shape(values: np.ndarray) -> np.ndarray:
    if values.ndim != 2:
        raise dn.DefnShapeError(
            f"a table has two axes, rows and columns, not shape {values.shape}",
            hint="`x.reshape(-1, 1)` makes one column of a vector",
        )
    if values.shape[0] == 0:
        raise dn.DefnShapeError("a table without rows says nothing")
    return values


def _check_columns(frame: pl.DataFrame) -> None:
    for column in frame.get_columns():
        if not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
            raise dn.DefnTypeError(
                f"column {column.name!r} is {column.dtype}, not numbers",
                hint="encode it first, with preprocessing.OneHotEncoder for example",
            )
        _check_no_nulls(column)


def _check_no_nulls(column: pl.Series) -> None:
    if count := column.null_count():
        raise dn.DefnValueError(
            f"column {column.name!r} has {count} nulls",
            hint="fill or drop them first, with `fill_null` or `drop_nulls`",
        )


def _check_numbers(table: Table) -> None:
    values = table.values
    if not (_is_float(values.dtype) or values.dtype.kind in "biu"):
        text = [j for j in range(values.shape[1]) if not _are_numbers(values[:, j])]
        column = table.column(text[0]) if text else table.column(0)
        raise dn.DefnTypeError(
            f"column {column} is not of numbers (dtype {values.dtype})",
            hint="encode it first, with preprocessing.OneHotEncoder for example",
        )
    if values.dtype.kind not in "biu":
        infinite = np.isinf(values).any(axis=0)
        if infinite.any():
            column = table.column(int(infinite.argmax()))
            raise dn.DefnValueError(f"column {column} has infinite values")


def _are_numbers(column: np.ndarray) -> bool:
    return all(isinstance(item, int | float | np.number) for item in column.tolist())


def _is_float(dtype: np.dtype) -> bool:
    return dtype.kind == "f" or dtype.name == "bfloat16"
