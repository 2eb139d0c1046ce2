"""Matrices drawn for linear algebra, and functions held against NumPy's."""

from collections.abc import Callable
from typing import Any

import numpy as np

from defnpy import defn

DTYPES = ["f4", "f8", "c8", "c16"]
TOLERANCE = {"f4": 2e-4, "c8": 2e-4, "f8": 1e-11, "c16": 1e-11}


def drawn(*shape: int, dtype: str = "f8", seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    made = rng.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        made = made + 1j * rng.standard_normal(shape)
    return made.astype(dtype)


def definite(*shape: int, dtype: str = "f8") -> np.ndarray:
    x = drawn(*shape, dtype=dtype)
    made = x @ np.swapaxes(x, -1, -2).conj() + shape[-1] * np.eye(shape[-1])
    return made.astype(dtype)


def leaves(made: Any) -> list[np.ndarray]:
    return [np.asarray(x) for x in (made if isinstance(made, tuple) else (made,))]


def agrees(function: Callable, wanted: Any, *args: Any, tolerance: float) -> None:
    """Hold a function of arrays, run in every way, against NumPy's results."""
    program = defn(function)
    for way in (program, program.evaluate, function):
        made = leaves(way(*args))
        for got, other in zip(made, leaves(wanted), strict=True):
            assert (got.dtype, got.shape) == (other.dtype, other.shape)
            np.testing.assert_allclose(got, other, tolerance, tolerance)
