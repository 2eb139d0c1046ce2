"""Scalers: each column shifted and scaled by what was learned of it.

Statistics are in `f64` whatever the dtype of the table, and so is the arithmetic of a
transformation, whose result has the dtype of the table: `f32` in, `f32` out.  NaNs are
left out of the statistics and stay NaN.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np

import defnpy as dn
from defnpy.preprocessing.columns import (
    column_ends,
    column_moments,
    column_quantiles,
    deviations,
    from_range,
    merge_moments,
    nonzero,
    standardize,
    unstandardize,
)
from defnpy.preprocessing.estimator import Estimator
from defnpy.preprocessing.tables import as_table


class StandardScaler(Estimator):
    """Columns to mean 0 and standard deviation 1, the population's (ddof 0).

    A column whose values are all alike is only shifted, to 0.

    Attributes:
        mean_: the mean of each column.
        var_: its variance.
        scale_: its standard deviation, 1 where that is 0; None without `with_std`.
        n_samples_seen_: the number of rows, or of values in each column if it has NaNs.

    >>> scaler = StandardScaler().fit([[200.0, 12.0], [230.0, 18.0]])
    >>> scaler.mean_, scaler.scale_
    (array([215.,  15.]), array([15.,  3.]))
    >>> scaler.transform([[200.0, 18.0]])
    array([[-1.,  1.]])
    """

    mean_: np.ndarray
    var_: np.ndarray
    scale_: np.ndarray | None
    n_samples_seen_: int | np.ndarray

    def __init__(self, *, with_mean: bool = True, with_std: bool = True) -> None:
        """Choose whether columns are shifted, and whether they are scaled."""
        self.with_mean, self.with_std = with_mean, with_std

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the mean and the deviation of each column."""
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)
        return self.partial_fit(X, y)

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Learn from more rows of the same table."""
        table = as_table(X)
        count, mean, var = column_moments(table.values)
        if hasattr(self, "n_features_in_"):
            self._check_columns(table.values.shape[1], table.names)
            before = np.broadcast_to(self.n_samples_seen_, mean.shape)
            merged = merge_moments(before, self.mean_, self.var_, count, mean, var)
            count, mean, var = merged
        else:
            self._remember_columns(table.values.shape[1], table.names)
        self.mean_, self.var_ = mean, var
        self.scale_ = deviations(count, mean, var) if self.with_std else None
        alike = bool((count == count[0]).all())
        self.n_samples_seen_ = int(count[0]) if alike else count
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return (x - mean) / scale, in the dtype of the table."""
        values = self._table(X).values
        return standardize(values, *self._shift_and_scale())

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return x × scale + mean."""
        values = self._table(X).values
        return unstandardize(values, *self._shift_and_scale())

    def _shift_and_scale(self) -> tuple[Any, Any]:
        shift = self.mean_ if self.with_mean else np.zeros_like(self.mean_)
        scale = np.ones_like(self.mean_) if self.scale_ is None else self.scale_
        return shift, scale


class MinMaxScaler(Estimator):
    """Columns to a range, by default from 0 to 1.

    A column whose values are all alike goes to the lower end.

    Attributes:
        data_min_: the least value of each column.
        data_max_: the largest.
        data_range_: their difference.
        scale_: the factor of each column.
        min_: what is added after the factor.

    >>> MinMaxScaler().fit_transform([[1.0, 5.0], [3.0, 5.0], [2.0, 5.0]])
    array([[0. , 0. ],
           [1. , 0. ],
           [0.5, 0. ]])
    """

    data_min_: np.ndarray
    data_max_: np.ndarray
    data_range_: np.ndarray
    scale_: np.ndarray
    min_: np.ndarray

    def __init__(
        self, feature_range: tuple[float, float] = (0.0, 1.0), *, clip: bool = False
    ) -> None:
        """Choose the range, and whether later values outside are cut to it."""
        if not feature_range[0] < feature_range[1]:
            raise dn.DefnValueError(f"feature_range must rise, not {feature_range}")
        self.feature_range, self.clip = feature_range, clip

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the ends of each column."""
        table = as_table(X)
        self._remember_columns(table.values.shape[1], table.names)
        low, high = self.feature_range
        self.data_min_, self.data_max_ = column_ends(table.values)
        self.data_range_ = self.data_max_ - self.data_min_
        self.scale_ = (high - low) / nonzero(self.data_range_)
        self.min_ = low - self.data_min_ * self.scale_
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the columns moved into the range, in the dtype of the table."""
        low, high = self.feature_range
        values = self._table(X).values
        moved = from_range(values, self.data_min_, self.scale_, low)
        return np.asarray(dn.clip(moved, low, high)) if self.clip else moved

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return the columns moved back."""
        values = self._table(X).values
        low, scale = self.feature_range[0], 1.0 / self.scale_
        return from_range(values, np.full_like(scale, low), scale, self.data_min_)


class MaxAbsScaler(Estimator):
    """Columns divided by their largest absolute value, so that zeros stay zeros.

    Attributes:
        max_abs_: the largest absolute value of each column.
        scale_: the same, with 1 in place of 0.

    >>> MaxAbsScaler().fit_transform([[1.0, 0.0], [-4.0, 0.0]])
    array([[ 0.25,  0.  ],
           [-1.  ,  0.  ]])
    """

    max_abs_: np.ndarray
    scale_: np.ndarray

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the largest absolute value of each column."""
        table = as_table(X)
        self._remember_columns(table.values.shape[1], table.names)
        low, high = column_ends(table.values)
        self.max_abs_ = np.maximum(-low, high)
        self.scale_ = nonzero(self.max_abs_)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the columns divided, in the dtype of the table."""
        values = self._table(X).values
        return standardize(values, np.zeros_like(self.scale_), self.scale_)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return the columns multiplied back."""
        values = self._table(X).values
        return unstandardize(values, np.zeros_like(self.scale_), self.scale_)


class RobustScaler(Estimator):
    """Columns less their median, divided by the distance of two quantiles.

    Attributes:
        center_: the median of each column.
        scale_: the distance of its quantiles, 1 where that is 0.

    >>> RobustScaler().fit_transform([[1.0], [2.0], [3.0], [4.0], [100.0]])[:, 0]
    array([-1. , -0.5,  0. ,  0.5, 48.5])
    """

    center_: np.ndarray
    scale_: np.ndarray

    def __init__(
        self,
        *,
        with_centering: bool = True,
        with_scaling: bool = True,
        quantile_range: tuple[float, float] = (25.0, 75.0),
    ) -> None:
        """Choose what is done, and the quantiles in percent."""
        if not 0 <= quantile_range[0] < quantile_range[1] <= 100:
            raise dn.DefnValueError(f"quantile_range must rise, not {quantile_range}")
        self.with_centering, self.with_scaling = with_centering, with_scaling
        self.quantile_range = quantile_range

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the median and the quantiles of each column."""
        table = as_table(X)
        self._remember_columns(table.values.shape[1], table.names)
        low, high = self.quantile_range
        middle, below, above = column_quantiles(
            table.values, parts=(0.5, low / 100, high / 100)
        )
        self.center_ = middle if self.with_centering else np.zeros_like(middle)
        distance = nonzero(above - below)
        self.scale_ = distance if self.with_scaling else np.ones_like(middle)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return (x - center) / scale, in the dtype of the table."""
        return standardize(self._table(X).values, self.center_, self.scale_)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return x × scale + center."""
        return unstandardize(self._table(X).values, self.center_, self.scale_)
