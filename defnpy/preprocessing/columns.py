"""The arithmetic of scalers: statistics of columns, and what is done with them.

`f64` throughout; NaNs are left out of the statistics.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import defnpy as dn
from defnpy import defn


@defn
def column_moments(x: Any) -> Any:
    """Return the count, the mean and the variance (ddof 0) of each column.

    The corrected two-pass algorithm: Chan, Golub and LeVeque, "Algorithms for
    computing the sample variance", 1983.

    >>> column_moments(np.array([[1.0, 5.0], [3.0, np.nan]]))
    (array([2, 1]), array([2., 5.]), array([1., 0.]))
    """
    x = dn.astype(x, "f64")
    known = ~dn.isnan(x)
    count = dn.sum(known, axis=0)
    divisor = dn.where(count == 0, math.nan, dn.astype(count, "f64"))
    rough = dn.sum(dn.where(known, x, 0.0), axis=0) / divisor
    error = dn.where(known, x - rough, 0.0)
    shift = dn.sum(error, axis=0) / divisor
    var = dn.sum(error * error, axis=0) / divisor - shift * shift
    return count, rough + shift, dn.maximum(var, 0.0)


@defn
def merge_moments(
    n_a: Any, mean_a: Any, var_a: Any, n_b: Any, mean_b: Any, var_b: Any
) -> Any:
    """Return the moments of two sets of rows together; Chan and others, 1983.

    >>> merge_moments(
    ...     np.array([1]),
    ...     np.ones(1),
    ...     np.zeros(1),
    ...     np.array([1]),
    ...     np.full(1, 3.0),
    ...     np.zeros(1),
    ... )
    (array([2]), array([2.]), array([1.]))
    """
    n = n_a + n_b
    part = dn.astype(n_b, "f64") / dn.astype(dn.maximum(n, 1), "f64")
    apart = mean_b - mean_a
    mean = mean_a + apart * part
    var = var_a * (1.0 - part) + var_b * part + apart * apart * part * (1.0 - part)
    mean = dn.where(n_a == 0, mean_b, dn.where(n_b == 0, mean_a, mean))
    var = dn.where(n_a == 0, var_b, dn.where(n_b == 0, var_a, var))
    return n, mean, var


@defn
def deviations(count: Any, mean: Any, var: Any) -> Any:
    """Return the standard deviations, and 1 where a column is constant.

    Rounding leaves a constant column some variance, so the test is against what
    rounding can leave, as in scikit-learn.

    >>> deviations(np.array([4, 4]), np.array([0.1, 0.1]), np.array([4.0, 1e-35]))
    array([2., 1.])
    """
    n, eps = dn.astype(count, "f64"), sys.float_info.epsilon
    constant = var <= n * eps * var + (n * mean * eps) ** 2
    return dn.where(constant, 1.0, dn.sqrt(var))


@defn
def column_ends(x: Any) -> Any:
    """Return the least and the largest value of each column.

    >>> column_ends(np.array([[1.0, 5.0], [3.0, np.nan]]))
    (array([1., 5.]), array([3., 5.]))
    """
    x = dn.astype(x, "f64")
    known = ~dn.isnan(x)
    empty = ~dn.any(known, axis=0)
    low = dn.min(dn.where(known, x, math.inf), axis=0)
    high = dn.max(dn.where(known, x, -math.inf), axis=0)
    return dn.where(empty, math.nan, low), dn.where(empty, math.nan, high)


@defn
def column_quantiles(x: Any, *, parts: tuple[float, ...]) -> Any:
    """Return quantiles of each column, with a line between neighbouring values.

    >>> column_quantiles(np.array([[1.0], [2.0], [4.0]]), parts=(0.5, 0.75))
    [array([2.]), array([3.])]
    """
    x = dn.sort(dn.astype(x, "f64"), axis=0)  # NaNs are last
    last = dn.maximum(dn.sum(~dn.isnan(x), axis=0) - 1, 0)
    made = []
    for part in parts:
        place = part * dn.astype(last, "f64")
        below = dn.astype(dn.floor(place), "i64")
        above = dn.minimum(below + 1, last)
        low = dn.take_along_axis(x, below[None, :], axis=0)[0]
        high = dn.take_along_axis(x, above[None, :], axis=0)[0]
        made.append(low + (high - low) * (place - dn.astype(below, "f64")))
    return made


@defn
def nonzero(scale: Any) -> Any:
    """Return the scale of each column, and 1 where it is 0.

    >>> nonzero(np.array([2.0, 0.0]))
    array([2., 1.])
    """
    return dn.where(scale == 0, 1.0, scale)


@defn
def standardize(x: Any, shift: Any, scale: Any) -> Any:
    """Return (x - shift) / scale in the dtype of `x`.

    >>> standardize(np.float32([[3.0]]), np.array([1.0]), np.array([2.0]))
    array([[1.]], dtype=float32)
    """
    return dn.astype((dn.astype(x, "f64") - shift) / scale, x.dtype)


@defn
def unstandardize(x: Any, shift: Any, scale: Any) -> Any:
    """Return x × scale + shift in the dtype of `x`.

    >>> unstandardize(np.float32([[1.0]]), np.array([1.0]), np.array([2.0]))
    array([[3.]], dtype=float32)
    """
    return dn.astype(dn.astype(x, "f64") * scale + shift, x.dtype)


@defn
def from_range(x: Any, start: Any, scale: Any, target: Any) -> Any:
    """Return (x - start) × scale + target in the dtype of `x`.

    >>> from_range(np.array([[3.0]]), np.array([1.0]), np.array([0.5]), 10.0)
    array([[11.]])
    """
    return dn.astype((dn.astype(x, "f64") - start) * scale + target, x.dtype)
