"""What NumPy says a function of arrays returns, in the dtypes that ours has."""

import os
import warnings
from collections.abc import Callable

import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import defnpy as dn
from defnpy import defn

BF16 = np.dtype(ml_dtypes.bfloat16)
EXAMPLES = int(os.environ.get("DEFNPY_EXAMPLES", "6"))
drawn = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=EXAMPLES < 50,
    suppress_health_check=list(HealthCheck),
)


def is_real(dtype: np.dtype) -> bool:
    """Whether a dtype is of real floats."""
    return dtype.kind == "f" or dtype == BF16


def is_inexact(dtype: np.dtype) -> bool:
    """Whether a dtype is of floats or complex numbers."""
    return is_real(dtype) or dtype.kind == "c"


def common_dtype(*arrays: np.ndarray) -> np.dtype:
    """Return the common dtype: NumPy's, but integers take a float's."""
    dtypes = [x.dtype.newbyteorder("=") for x in arrays]
    floats = [d for d in dtypes if is_inexact(d)]
    if not floats:
        return np.result_type(*dtypes)
    if BF16 in floats and len(set(floats)) > 1:
        floats = [np.dtype(np.float32) if d == BF16 else d for d in floats]
    return floats[0] if len(set(floats)) == 1 else np.result_type(*floats)


def float_dtype(*arrays: np.ndarray) -> np.dtype:
    """Return the common dtype, of integers the default float."""
    made = common_dtype(*arrays)
    return made if is_inexact(made) else np.dtype(np.float32)


def sum_dtype(x: np.ndarray) -> np.dtype:
    """Return the dtype of sums: small integers add up wide."""
    made = common_dtype(x)
    return np.dtype({"b": "i8", "i": "i8", "u": "u8"}.get(made.kind, made))


def real_dtype(dtype: np.dtype) -> np.dtype:
    """Return the dtype of the parts of complex numbers."""
    return np.dtype({"c8": "f4", "c16": "f8"}.get(dtype.str[1:], dtype))


def wide(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return an array converted to a dtype, and then to the widest of its kind."""
    with np.errstate(all="ignore"):
        made = np.asarray(x).astype(dtype)
        if is_real(dtype):
            return made.astype(np.float64)
        return made.astype(np.complex128) if dtype.kind == "c" else made


def quietly(
    function: Callable[..., object], *args: object, **options: object
) -> object:
    """Call a function of NumPy's without its warnings."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **options)


def agree(got: object, wanted: object, dtype: np.dtype, ulps: float, scale: object = 0):
    """Hold a result against NumPy's, which may be of a wider dtype.

    Args:
        got: what ours returns.
        wanted: NumPy's values.
        dtype: what ours must be of.
        ulps: how far it may be off, in units in the last place of the value.
        scale: a size whose units are meant if it is larger than the value.
    """
    wanted = np.asarray(wanted)
    assert got.dtype == dtype, (got.dtype, dtype)
    assert np.shape(got) == wanted.shape, (np.shape(got), wanted.shape)
    if not is_inexact(dtype):
        np.testing.assert_array_equal(got, wanted)
        return
    with np.errstate(all="ignore"):
        rounded = wanted.astype(dtype)
        widest = np.complex128 if dtype.kind == "c" else np.float64
        one, other = np.asarray(got, widest), rounded.astype(widest)
        info = ml_dtypes.finfo(dtype)
        size = np.maximum(np.abs(other), scale) * float(info.eps)
        room = np.fmax(size, float(info.smallest_subnormal)) * ulps
        near = np.abs(one - other) <= room
        # Rounding may reach infinity one step before or after.
        limit = float(info.max) * (1 - ulps * float(info.eps))
        near |= (np.abs(one) >= limit) & (np.abs(other) >= limit) & (one * other > 0)
        near |= (one == other) | (np.isnan(one) & np.isnan(other))
    assert near.all(), (got, rounded)


def agree_on_zeros(got: object, wanted: object) -> None:
    """Check that zeros have NumPy's signs."""
    got, wanted = np.asarray(got), np.asarray(wanted)
    if is_real(got.dtype):
        zero = (got == 0) & (wanted == 0)
        np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(wanted[zero]))


def ways(function: Callable[..., object]) -> list[Callable[..., object]]:
    """Return a function as it runs at once, and compiled."""
    return [function, defn(lambda *args: function(*args))]


def called(name: str) -> Callable[..., object]:
    """Return a public function by its name, with modules in it."""
    found = dn
    for part in name.split("."):
        found = getattr(found, part)
    return found


def refuses(function: Callable[..., object], *args: object) -> None:
    """Check that a function raises an error of ours, at once and compiled."""
    for way in ways(function):
        with pytest.raises(dn.DefnError):
            way(*args)
