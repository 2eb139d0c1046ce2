"""Encoders: categories, of text or numbers, as integers or as columns of 0 and 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

import defnpy as dn
from defnpy import defn
from defnpy.preprocessing.estimator import Estimator
from defnpy.preprocessing.tables import as_columns, as_vector

if TYPE_CHECKING:
    from collections.abc import Sequence


class _ColumnEncoder(Estimator):
    """What the encoders of tables share: the categories of each column."""

    categories: Any
    handle_unknown: str
    categories_: list[np.ndarray]

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the categories of each column, sorted, unless they were given."""
        columns, names = as_columns(X)
        self._remember_columns(len(columns), names)
        if isinstance(self.categories, str):
            self.categories_ = [np.unique(column) for column in columns]
            return self
        if len(self.categories) != len(columns):
            raise dn.DefnShapeError(
                f"categories are given for {len(self.categories)} columns, the table "
                f"has {len(columns)}"
            )
        self.categories_ = [np.array(each) for each in self.categories]
        self._codes(X, may_be_unknown=self.handle_unknown != "error")
        return self

    def _codes(self, X: Any, *, may_be_unknown: bool) -> np.ndarray:
        """Return the number of each category (rows, columns); -1 is unknown."""
        columns, names = as_columns(X)
        self._check_columns(len(columns), names)
        made = [
            find(column, known)
            for column, known in zip(columns, self.categories_, strict=True)
        ]
        for place, (codes, column) in enumerate(zip(made, columns, strict=True)):
            if not may_be_unknown and (codes < 0).any():
                unknown = np.unique(column[codes < 0])[:5].tolist()
                raise dn.DefnValueError(
                    f"column {self._names()[place]!r} has categories that `fit` did "
                    f"not see: {', '.join(map(repr, unknown))}",
                    hint='`handle_unknown="ignore"` lets them pass',
                )
        return np.stack(made, axis=1)


class OneHotEncoder(_ColumnEncoder):
    """Each column as one column of 0 and 1 for each of its categories.

    Args:
        categories: ``"auto"``, or a list of categories for each column.
        drop: ``"first"`` leaves out the first category of each column,
            ``"if_binary"`` of those with two; None keeps all.
        sparse_output: False; results are dense.
        dtype: of the result; the default float if None.
        handle_unknown: ``"error"``, or ``"ignore"`` for a row of zeros.

    Attributes:
        categories_: the categories of each column.

    >>> encoder = OneHotEncoder().fit([["a"], ["b"]])
    >>> encoder.transform([["b"], ["a"]])
    array([[0., 1.],
           [1., 0.]], dtype=float32)
    >>> encoder.get_feature_names_out()
    array(['x0_a', 'x0_b'], dtype=object)
    """

    def __init__(
        self,
        *,
        categories: str | Sequence[Sequence[Any]] = "auto",
        drop: str | None = None,
        sparse_output: bool = False,
        dtype: Any = None,
        handle_unknown: str = "error",
    ) -> None:
        """Keep the options."""
        _check_option("drop", drop, (None, "first", "if_binary"))
        _check_option("sparse_output", sparse_output, (False,))
        _check_option("handle_unknown", handle_unknown, ("error", "ignore"))
        self.categories, self.drop, self.sparse_output = categories, drop, sparse_output
        self.dtype, self.handle_unknown = dtype, handle_unknown

    def transform(self, X: Any) -> np.ndarray:
        """Return the columns of 0 and 1, side by side."""
        self._check_fitted()
        codes = self._codes(X, may_be_unknown=self.handle_unknown == "ignore")
        return expand(codes, spans=tuple(self._spans()), dtype=self.dtype)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return the categories; a row of zeros that means none is None."""
        self._check_fitted()
        X, columns, start = np.asarray(X), [], 0
        for known, (first, stop) in zip(self.categories_, self._spans(), strict=True):
            part = X[:, start : start + stop - first]
            start += stop - first
            codes = np.where(part.any(axis=1), part.argmax(axis=1) + first, first - 1)
            columns.append(_categories_of(codes, known))
        return np.stack(columns, axis=1)

    def get_feature_names_out(self) -> np.ndarray:
        """Return ``column_category`` for each column of the result."""
        self._check_fitted()
        made = [
            f"{name}_{category}"
            for name, known, (first, stop) in zip(
                self._names(), self.categories_, self._spans(), strict=True
            )
            for category in known[first:stop]
        ]
        return np.array(made, dtype=object)

    def _spans(self) -> list[tuple[int, int]]:
        """Return the first and one past the last category kept of each column."""
        made = []
        for known in self.categories_:
            binary = self.drop == "if_binary" and len(known) == 2
            made.append((int(self.drop == "first" or binary), len(known)))
        return made


class OrdinalEncoder(_ColumnEncoder):
    """Each column as the numbers of its categories, which are sorted.

    Args:
        categories: ``"auto"``, or a list of categories for each column.
        dtype: of the result.
        handle_unknown: ``"error"``, or ``"ignore"`` (which scikit-learn calls
            ``"use_encoded_value"``) for `unknown_value`.
        unknown_value: the number of categories that `fit` did not see.

    Attributes:
        categories_: the categories of each column.

    >>> OrdinalEncoder().fit_transform([["b", 10], ["a", 30], ["b", 20]])
    array([[1, 0],
           [0, 2],
           [1, 1]])
    """

    def __init__(
        self,
        *,
        categories: str | Sequence[Sequence[Any]] = "auto",
        dtype: Any = "i64",
        handle_unknown: str = "error",
        unknown_value: float = -1,
    ) -> None:
        """Keep the options."""
        ignoring = ("error", "ignore", "use_encoded_value")
        _check_option("handle_unknown", handle_unknown, ignoring)
        self.categories, self.dtype = categories, dtype
        self.handle_unknown, self.unknown_value = handle_unknown, unknown_value

    def transform(self, X: Any) -> np.ndarray:
        """Return the number of each category."""
        self._check_fitted()
        codes = self._codes(X, may_be_unknown=self.handle_unknown != "error")
        return replace_unknown(codes, self.unknown_value, dtype=self.dtype)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return the categories of numbers; that of an unknown one is None."""
        self._check_fitted()
        columns = [
            _categories_of(np.where(column == self.unknown_value, -1, column), known)
            for column, known in zip(np.asarray(X).T, self.categories_, strict=True)
        ]
        return np.stack(columns, axis=1)


class LabelEncoder:
    """Labels as the integers 0 … classes - 1.

    Attributes:
        classes_: the labels, sorted.

    >>> encoder = LabelEncoder().fit(["cat", "dog", "cat"])
    >>> encoder.transform(["dog", "cat"])
    array([1, 0])
    >>> encoder.inverse_transform([1])
    array(['dog'], dtype='<U3')
    """

    classes_: np.ndarray

    def __repr__(self) -> str:
        """Return the class."""
        return "LabelEncoder()"

    def fit(self, y: Any) -> Self:
        """Learn the labels."""
        self.classes_ = np.unique(as_vector(y))
        return self

    def fit_transform(self, y: Any) -> np.ndarray:
        """Learn the labels and return their numbers."""
        return self.fit(y).transform(y)

    def transform(self, y: Any) -> np.ndarray:
        """Return the number of each label."""
        self._check_fitted()
        labels = as_vector(y)
        codes = find(labels, self.classes_)
        if (codes < 0).any():
            unknown = np.unique(labels[codes < 0])[:5].tolist()
            raise dn.DefnValueError(
                f"`fit` did not see the labels {', '.join(map(repr, unknown))}"
            )
        return codes

    def inverse_transform(self, y: Any) -> np.ndarray:
        """Return the labels of numbers."""
        self._check_fitted()
        codes = np.asarray(y)
        if ((codes < 0) | (codes >= len(self.classes_))).any():
            raise dn.DefnValueError(f"there are {len(self.classes_)} labels, from 0")
        return self.classes_[codes]

    def _check_fitted(self) -> None:
        if not hasattr(self, "classes_"):
            raise dn.DefnValueError("this LabelEncoder is not fitted; call `fit` first")


@defn
def expand(codes: Any, *, spans: tuple[tuple[int, int], ...], dtype: Any = None) -> Any:
    """Return columns of 0 and 1 for the codes first … stop - 1 of each column.

    >>> expand(np.array([[1], [0], [-1]]), spans=((0, 2),), dtype="i8")
    array([[0, 1],
           [1, 0],
           [0, 0]], dtype=int8)
    """
    one = dn.ones((), dtype)
    made = [
        dn.astype(codes[:, place : place + 1] == dn.arange(first, stop), one.dtype)
        for place, (first, stop) in enumerate(spans)
    ]
    return dn.concatenate(made, axis=1)


@defn
def replace_unknown(codes: Any, unknown: Any, *, dtype: Any) -> Any:
    """Return codes as `dtype`, with `unknown` in place of -1.

    >>> replace_unknown(np.array([[0], [-1]]), 7, dtype="i64")
    array([[0],
           [7]])
    """
    return dn.where(codes < 0, dn.astype(unknown, dtype), dn.astype(codes, dtype))


def find(column: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the place of each item among the known ones, and -1 of others.

    >>> find(np.array(["b", "z"]), np.array(["b", "a"]))
    array([ 0, -1])
    """
    if (column.dtype.kind in "US") != (known.dtype.kind in "US") or not len(known):
        return np.full(len(column), -1)
    order = np.argsort(known)
    place = np.searchsorted(known, column, sorter=order)
    nearest = order[np.minimum(place, len(known) - 1)]
    return np.where(known[nearest] == column, nearest, -1)


def _categories_of(codes: np.ndarray, known: np.ndarray) -> np.ndarray:
    codes = codes.astype(np.int64)
    if ((codes < -1) | (codes >= len(known))).any():
        raise dn.DefnValueError(f"a number is not one of the {len(known)} categories")
    found = known[codes].astype(object)
    found[codes < 0] = None
    return found


def _check_option(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if value not in allowed:
        raise dn.DefnValueError(
            f"{name} is one of {', '.join(map(repr, allowed))}, not {value!r}"
        )
