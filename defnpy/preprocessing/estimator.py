"""What scikit-learn's estimators have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

import defnpy as dn
from defnpy.preprocessing.tables import as_table

if TYPE_CHECKING:
    from defnpy.preprocessing.tables import Table


class Estimator:
    """Something fitted to a table, which then transforms tables with its columns.

    Attributes:
        n_features_in_: the number of columns it was fitted to.
        feature_names_in_: their names, if it was fitted to a data frame.
    """

    n_features_in_: int
    feature_names_in_: np.ndarray

    def __repr__(self) -> str:
        """Return the class and its options."""
        options = [
            f"{name}={value!r}"
            for name, value in vars(self).items()
            if not name.endswith("_")
        ]
        return f"{type(self).__name__}({', '.join(options)})"

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from a table; every estimator has its own."""
        raise NotImplementedError

    def transform(self, X: Any) -> np.ndarray:
        """Return the table transformed; every estimator has its own."""
        raise NotImplementedError

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Fit to a table and return it transformed."""
        return self.fit(X, y).transform(X)

    def get_feature_names_out(self) -> np.ndarray:
        """Return a name for each column of the result: by default those fitted to."""
        self._check_fitted()
        return np.array(self._names(), dtype=object)

    def _names(self) -> list[str]:
        if hasattr(self, "feature_names_in_"):
            return list(self.feature_names_in_)
        return [f"x{place}" for place in range(self.n_features_in_)]

    def _remember_columns(self, count: int, names: tuple[str, ...] | None) -> None:
        self.n_features_in_ = count
        if names is not None:
            self.feature_names_in_ = np.array(names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _check_fitted(self) -> None:
        if not hasattr(self, "n_features_in_"):
            raise dn.DefnValueError(
                f"this {type(self).__name__} is not fitted; call `fit` first"
            )

    def _check_columns(self, count: int, names: tuple[str, ...] | None) -> None:
        self._check_fitted()
        if count != self.n_features_in_:
            raise dn.DefnShapeError(
                f"the table has {count} columns; this {type(self).__name__} was "
                f"fitted to {self.n_features_in_}"
            )
        fitted = tuple(getattr(self, "feature_names_in_", ()))
        if names and fitted and names != fitted:
            raise dn.DefnValueError(
                f"the columns are {', '.join(names)}; this {type(self).__name__} was "
                f"fitted to {', '.join(fitted)}"
            )

    def _table(self, X: Any) -> Table:
        """Return a table checked against the one this was fitted to."""
        table = as_table(X)
        self._check_columns(table.values.shape[1], table.names)
        return table
