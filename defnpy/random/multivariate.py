"""Samples of several variables that vary together."""

from __future__ import annotations

from typing import Any

import defnpy as dn
from defnpy import defn
from defnpy.random.continuous import layout, normal
from defnpy.random.threefry import as_shape


@defn(static=("shape", "dtype"))
def multivariate_normal(
    key: Any,
    mean: Any,
    cov: Any,
    shape: Any = None,
    dtype: Any = None,
    *,
    method: str = "cholesky",
) -> Any:
    """Return samples of a normal distribution, their variables along a last axis.

    Gradients flow to the mean and the covariance.

    Args:
        key: a key.
        mean: means (…, n).
        cov: covariance matrices (…, n, n).
        shape: the samples' shape without the last axis; by default that of one for
            each mean and matrix.
        dtype: a float; the default is f32.
        method: how a root of the matrix is found: ``"cholesky"``, or ``"eigh"`` or
            ``"svd"``, which take matrices that are not of full rank too.

    >>> cov = np.array([[1.0, 0.5], [0.5, 1.0]])
    >>> dn.random.multivariate_normal(dn.random.key(0), np.zeros(2), cov, (3,)).shape
    (3, 2)
    """
    name = layout(dtype)[0]
    center, spread = dn.astype(mean, name), dn.astype(cov, name)
    size = center.shape[-1]
    if spread.shape[-2:] != (size, size):
        raise dn.DefnShapeError(
            f"means of {size} variables do not fit covariances of {spread.shape[-2:]}"
        )
    lanes = dn.broadcast_shapes(center.shape[:-1], spread.shape[:-2])
    wanted = lanes if shape is None else as_shape(shape)
    draws = normal(key, (*wanted, size), dtype)
    return center + dn.einsum("...ij,...j->...i", _root(spread, method), draws)


def _root(cov: Any, method: str) -> Any:
    """Return a matrix R such that R Rᵀ is the covariance."""
    if method == "cholesky":
        return dn.linalg.cholesky(cov)
    if method == "eigh":
        values, vectors = dn.linalg.eigh(cov)
    elif method == "svd":
        vectors, values, _ = dn.linalg.svd(cov)
    else:
        raise dn.DefnValueError(
            f"method must be 'cholesky', 'eigh' or 'svd', not {method!r}"
        )
    return vectors * dn.expand_dims(dn.sqrt(dn.maximum(values, 0.0)), -2)
