"""Elementwise functions beside NumPy and SciPy: dtypes, shapes, layouts, odd values.

What is compared is drawn; the seed is fixed.  `DEFNPY_EXAMPLES=1000` draws more.
"""

from collections.abc import Callable

import numpy as np
import pytest
from drawn_arrays import DTYPES, Wanted, arrays, pairs
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import (
    EXAMPLES,
    agree,
    agree_on_zeros,
    called,
    common_dtype,
    drawn,
    float_dtype,
    is_real,
    quietly,
    real_dtype,
    ways,
    wide,
)
from scipy import special

import defnpy as dn

pytestmark = pytest.mark.cpu

ALL = Wanted("biuf")
WITH_COMPLEX = Wanted("biufc")

# Names, the oracle, and how many ulps ours may be off.
FLOATS = {
    "acos": (np.arccos, 4),
    "acosh": (np.arccosh, 4),
    "asin": (np.arcsin, 4),
    "asinh": (np.arcsinh, 4),
    "atan": (np.arctan, 4),
    "atanh": (np.arctanh, 4),
    "cbrt": (np.cbrt, 4),
    "cos": (np.cos, 4),
    "cosh": (np.cosh, 4),
    "erf": (special.erf, 4),
    "erfc": (special.erfc, 8),
    "erfinv": (lambda x: np.copysign(special.erfinv(x), x), 8),
    "exp": (np.exp, 4),
    "exp2": (np.exp2, 4),
    "expm1": (np.expm1, 4),
    "log": (np.log, 4),
    "log10": (np.log10, 4),
    "log1p": (np.log1p, 4),
    "log2": (np.log2, 4),
    "sigmoid": (special.expit, 4),
    "sin": (np.sin, 4),
    "sinh": (np.sinh, 4),
    "sqrt": (np.sqrt, 1),
    "tan": (np.tan, 6),
    "tanh": (np.tanh, 4),
    "reciprocal": (lambda x: np.divide(1, x), 0),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 2),
}
# Of complex numbers those of NumPy that are accurate on moderate ones.
COMPLEX = {
    *("cos", "cosh", "exp", "log", "sin", "sinh", "sqrt", "tan", "tanh"),
    *("asinh", "atan", "atanh", "acos", "acosh", "asin"),
}


@pytest.mark.parametrize("name", FLOATS)
@drawn
@given(st.data())
def test_float_functions(name: str, data: st.DataObject) -> None:
    function, ulps = FLOATS[name]
    x = data.draw(arrays(WITH_COMPLEX if name in COMPLEX else ALL))
    dtype = float_dtype(x)
    wanted = quietly(function, wide(x, dtype))
    for way in ways(called(name)):
        got = way(x)
        agree(got, wanted, dtype, 40 if dtype.kind == "c" else ulps)
        agree_on_zeros(got, wanted)


# Names, the kinds they take, and the dtype of the result by that of the operand.
SAME = {
    "abs": ("biufc", real_dtype),
    "negative": ("iufc", None),
    "positive": ("iufc", None),
    "sign": ("iufc", None),
    "square": ("biufc", None),
    "ceil": ("iuf", None),
    "floor": ("iuf", None),
    "round": ("iufc", None),
    "trunc": ("iuf", None),
    "conj": ("iufc", None),
    "real": ("biufc", real_dtype),
    "imag": ("iufc", real_dtype),
    "nan_to_num": ("iufc", None),
    "bitwise_invert": ("biu", None),
    "isfinite": ("biufc", bool),
    "isinf": ("biufc", bool),
    "isnan": ("biufc", bool),
    "logical_not": ("biufc", bool),
    "signbit": ("iuf", bool),
}


@pytest.mark.parametrize("name", SAME)
@drawn
@given(st.data())
def test_functions_that_keep_the_dtype(name: str, data: st.DataObject) -> None:
    kinds, result = SAME[name]
    x = data.draw(arrays(Wanted(kinds)))
    made = common_dtype(x)
    dtype = (
        made
        if result is None
        else np.dtype(result(made) if result is not bool else result)
    )
    # bfloat16 has few functions of its own; f64 rounds to the same.
    given_ = (
        x.astype(np.float32) if is_real(made) and made.kind != "f" else x.astype(made)
    )
    wanted = quietly(getattr(np, name), given_)
    for way in ways(called(name)):
        got = way(x)
        agree(got, wanted, dtype, 2 if made.kind == "c" else 0)
        agree_on_zeros(got, wanted)


# Names, the kinds they take, whether integers become floats, and the ulps.
BINARY = {
    "add": ("biufc", False, 0),
    "subtract": ("iufc", False, 0),
    "multiply": ("biufc", False, 0),
    "maximum": ("biuf", False, 0),
    "minimum": ("biuf", False, 0),
    "fmax": ("biuf", False, 0),
    "fmin": ("biuf", False, 0),
    "divide": ("biuf", True, 0),
    "atan2": ("biuf", True, 4),
    "copysign": ("biuf", True, 0),
    "hypot": ("biuf", True, 2),
    "logaddexp": ("biuf", True, 4),
    "floor_divide": ("iuf", False, 1),
    "remainder": ("iuf", False, 1),
    "fmod": ("iuf", False, 0),
    "power": ("f", False, 4),
    "bitwise_and": ("biu", False, 0),
    "bitwise_or": ("biu", False, 0),
    "bitwise_xor": ("biu", False, 0),
    "bitwise_left_shift": ("iu", False, 0),
    "bitwise_right_shift": ("iu", False, 0),
}
RELATIVE_TO_ONE = {"logaddexp"}  # its terms cancel near zero, as NumPy's do
# Which of two zeros is the larger is nowhere said.
WITHOUT_SIGNS = RELATIVE_TO_ONE | {"maximum", "minimum", "fmax", "fmin"}


@pytest.mark.parametrize("name", BINARY)
@drawn
@given(st.data())
def test_functions_of_two(name: str, data: st.DataObject) -> None:
    kinds, floats, ulps = BINARY[name]
    a, b = data.draw(pairs(Wanted(kinds)))
    dtype = float_dtype(a, b) if floats else common_dtype(a, b)
    if dtype.kind in "iu" and name in ("floor_divide", "remainder", "fmod"):
        b = np.where(b == 0, 1, b).astype(b.dtype)
    if "shift" in name:
        b = np.abs(b.astype(dtype).astype(object) % 8).astype(b.dtype)
    if ("f" if is_real(dtype) else dtype.kind) not in kinds:
        return  # i64 with u64 are f64
    wanted = quietly(getattr(np, name), wide(a, dtype), wide(b, dtype))
    for way in ways(called(name)):
        got = way(a, b)
        agree(
            got,
            wanted,
            dtype,
            ulps + 2 * (dtype.kind == "c"),
            float(name in RELATIVE_TO_ONE),
        )
        if name not in WITHOUT_SIGNS:
            agree_on_zeros(got, wanted)


COMPARISONS = {
    **dict.fromkeys(("equal", "not_equal"), "biufc"),
    **dict.fromkeys(("less", "less_equal", "greater", "greater_equal"), "biuf"),
    **dict.fromkeys(("logical_and", "logical_or", "logical_xor"), "biufc"),
}


@pytest.mark.parametrize("name", COMPARISONS)
@drawn
@given(st.data())
def test_comparisons(name: str, data: st.DataObject) -> None:
    a, b = data.draw(pairs(Wanted(COMPARISONS[name])))
    dtype = common_dtype(a, b)
    if name.startswith("logical"):
        wanted = quietly(getattr(np, name), a.astype(bool), b.astype(bool))
    else:
        wanted = quietly(getattr(np, name), wide(a, dtype), wide(b, dtype))
    for way in ways(called(name)):
        agree(way(a, b), wanted, np.dtype(bool), 0)


def cast(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return the language's conversion: NaN to 0, what is too large to the extreme."""
    if x.dtype.kind == "c" and dtype.kind not in "cb":
        x = x.real
    if not (is_real(x.dtype) and dtype.kind in "iu"):
        return quietly(x.astype, dtype)
    info = np.iinfo(dtype)
    flat = [float(each) for each in np.ravel(x)]
    whole = [
        0
        if np.isnan(e)
        else info.max
        if e >= info.max
        else max(info.min, int(max(e, -(2.0**70))))
        for e in flat
    ]
    return np.array(whole, dtype).reshape(x.shape)


def _conversion(dtype: np.dtype) -> Callable[..., object]:
    return lambda x: dn.astype(x, dtype)


CONVERSIONS = {
    np.dtype(each): _conversion(np.dtype(each))
    for each in (dtype for kind in DTYPES.values() for dtype in kind)
}


@settings(drawn, max_examples=8 * EXAMPLES)
@given(st.data())
def test_conversions(data: st.DataObject) -> None:
    x = data.draw(arrays(WITH_COMPLEX))
    dtype = data.draw(st.sampled_from(list(CONVERSIONS)))
    wanted = cast(x.astype(x.dtype.newbyteorder("=")), dtype)
    for way in ways(CONVERSIONS[dtype]):
        agree(way(x), wanted, dtype, 0)


@settings(drawn, max_examples=4 * EXAMPLES)
@given(st.data())
def test_where_and_clip(data: st.DataObject) -> None:
    a, b = data.draw(pairs(ALL))
    condition = data.draw(arrays(Wanted("b"), np.broadcast_shapes(a.shape, b.shape)))
    dtype = common_dtype(a, b)
    wanted = np.where(condition, wide(a, dtype), wide(b, dtype))
    for way in ways(called("where")):
        agree(way(condition, a, b), wanted, dtype, 0)
    for clip, bound in ((above, np.maximum), (below, np.minimum)):
        wanted = quietly(bound, wide(a, dtype), wide(b, dtype))
        for way in ways(clip):
            agree(way(a, b), wanted, dtype, 0)


def above(x: np.ndarray, low: np.ndarray) -> np.ndarray:
    return dn.clip(x, min=low)


def below(x: np.ndarray, high: np.ndarray) -> np.ndarray:
    return dn.clip(x, max=high)
