"""Elementwise public functions beside NumPy and SciPy, over dtypes and shapes."""

import ml_dtypes
import numpy as np
import pytest
from scipy import special

import defnpy as dn

pytestmark = pytest.mark.pure

RNG = np.random.default_rng(0)
TOLERANCE = {"float64": 1e-12, "float32": 3e-6, "float16": 2e-3, "bfloat16": 2e-2}

# Names, NumPy's function, and the interval its operands are drawn from.
FLOATS = {
    "acos": (np.arccos, -0.9, 0.9),
    "acosh": (np.arccosh, 1.1, 5.0),
    "asin": (np.arcsin, -0.9, 0.9),
    "asinh": (np.arcsinh, -3.0, 3.0),
    "atan": (np.arctan, -3.0, 3.0),
    "atanh": (np.arctanh, -0.9, 0.9),
    "cbrt": (np.cbrt, -8.0, 8.0),
    "cos": (np.cos, -3.0, 3.0),
    "cosh": (np.cosh, -3.0, 3.0),
    "erf": (special.erf, -2.0, 2.0),
    "erfc": (special.erfc, -2.0, 2.0),
    "erfinv": (special.erfinv, -0.9, 0.9),
    "exp": (np.exp, -3.0, 3.0),
    "exp2": (np.exp2, -3.0, 3.0),
    "expm1": (np.expm1, -3.0, 3.0),
    "lgamma": (special.gammaln, 0.1, 9.0),
    "log": (np.log, 0.1, 9.0),
    "log10": (np.log10, 0.1, 9.0),
    "log1p": (np.log1p, -0.9, 9.0),
    "log2": (np.log2, 0.1, 9.0),
    "log_sigmoid": (special.log_expit, -9.0, 9.0),
    "reciprocal": (lambda x: 1 / x, 0.5, 3.0),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 0.5, 3.0),
    "sigmoid": (special.expit, -9.0, 9.0),
    "sin": (np.sin, -3.0, 3.0),
    "sinh": (np.sinh, -3.0, 3.0),
    "softplus": (lambda x: np.logaddexp(x, 0), -9.0, 9.0),
    "sqrt": (np.sqrt, 0.0, 9.0),
    "tan": (np.tan, -1.0, 1.0),
    "tanh": (np.tanh, -3.0, 3.0),
}
BINARY_FLOATS = {
    "atan2": np.arctan2,
    "copysign": np.copysign,
    "divide": np.divide,
    "hypot": np.hypot,
    "logaddexp": np.logaddexp,
}
SAME = ("abs", "negative", "positive", "sign", "square")
ROUNDING = ("ceil", "floor", "round", "trunc")
TESTS = ("isfinite", "isinf", "isnan", "logical_not", "signbit")
ARITHMETIC = (
    *("add", "subtract", "multiply", "floor_divide", "remainder"),
    *("maximum", "minimum"),
)
COMPARISONS = (
    *("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"),
    *("logical_and", "logical_or", "logical_xor"),
)
BITS = (
    *("bitwise_and", "bitwise_or", "bitwise_xor"),
    *("bitwise_left_shift", "bitwise_right_shift"),
)
REAL = (np.float64, np.float32, np.float16, ml_dtypes.bfloat16)
INTEGERS = (np.int64, np.int32, np.int8, np.uint8, np.uint32)
SPECIAL = np.array([0.0, -0.0, 1.5, -2.5, np.nan, np.inf, -np.inf])


def draw(dtype: object, low: float = -5.0, high: float = 5.0) -> np.ndarray:
    if np.dtype(dtype).kind == "u":
        low, high = 0.0, high - low
    return RNG.uniform(low, high, (3, 4)).astype(dtype)


def agree(got: object, wanted: np.ndarray, dtype: object) -> None:
    """Compare with NumPy's values, in the dtype that ours must have."""
    assert got.dtype == np.dtype(dtype), (got.dtype, dtype)
    exact = got.dtype.kind in "biu"
    rtol = 0.0 if exact else TOLERANCE[str(got.dtype)]
    wide = got.dtype if exact else np.float64
    np.testing.assert_allclose(
        np.asarray(got, wide), np.asarray(wanted, wide), rtol=rtol, atol=rtol
    )


@pytest.mark.parametrize("dtype", [*REAL, np.int32])
@pytest.mark.parametrize("name", FLOATS)
def test_float_functions(name: str, dtype: object) -> None:
    function, low, high = FLOATS[name]
    x = draw(dtype, low, high)
    if np.dtype(dtype).kind == "i":
        x = np.full(2, round((low + high) / 2 + 0.1), dtype)
        x = np.maximum(x, 1).astype(dtype) if low > 0 else x
    result = dtype if dtype in REAL else np.float32
    with np.errstate(all="ignore"):
        agree(getattr(dn, name)(x), function(x.astype(np.float64)), result)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", BINARY_FLOATS)
def test_float_functions_of_two(name: str, dtype: object) -> None:
    a, b = draw(dtype), draw(dtype)[:, :1]
    agree(getattr(dn, name)(a, b), BINARY_FLOATS[name](a, b), dtype)


@pytest.mark.parametrize("dtype", [*REAL, *INTEGERS])
@pytest.mark.parametrize("name", SAME)
def test_functions_that_keep_the_dtype(name: str, dtype: object) -> None:
    x = draw(dtype)
    agree(getattr(dn, name)(x), getattr(np, name)(x), dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, *INTEGERS])
@pytest.mark.parametrize("name", ROUNDING)
def test_roundings(name: str, dtype: object) -> None:
    x = draw(dtype)
    agree(getattr(dn, name)(x), getattr(np, name)(x), dtype)


@pytest.mark.parametrize("decimals", [-1, 0, 2])
def test_round_to_decimals(decimals: int) -> None:
    for x in (RNG.uniform(-500, 500, 9), RNG.integers(-500, 500, 9)):
        agree(dn.round(x, decimals), np.round(x, decimals), x.dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32])
@pytest.mark.parametrize("name", TESTS)
def test_predicates(name: str, dtype: object) -> None:
    x = np.arange(-1, 3).astype(dtype)
    if np.dtype(dtype).kind == "f":
        x = SPECIAL.astype(dtype)
    elif name == "signbit":
        np.testing.assert_array_equal(dn.signbit(x), x < 0)
        return
    agree(getattr(dn, name)(x), getattr(np, name)(x), np.bool_)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, *INTEGERS])
@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic(name: str, dtype: object) -> None:
    a, b = draw(dtype), draw(dtype)[0]
    b = np.where(b == 0, np.ones_like(b), b)
    with np.errstate(over="ignore"):
        agree(getattr(dn, name)(a, b), getattr(np, name)(a, b), dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.int32, np.bool_])
@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons(name: str, dtype: object) -> None:
    a, b = draw(dtype, -2, 2), draw(dtype, -2, 2)
    agree(getattr(dn, name)(a, b), getattr(np, name)(a, b), np.bool_)


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint8])
@pytest.mark.parametrize("name", BITS)
def test_bits(name: str, dtype: object) -> None:
    a, b = draw(dtype), np.abs(draw(dtype, 0, 4))
    numpy = name.removeprefix("bitwise_") if "shift" in name else name
    agree(getattr(dn, name)(a, b), getattr(np, numpy)(a, b), dtype)


def test_invert_flips_bits_and_bools() -> None:
    agree(dn.bitwise_invert(np.arange(4, dtype=np.int8)), ~np.arange(4), np.int8)
    agree(dn.bitwise_invert(np.array([True, False])), [False, True], np.bool_)


@pytest.mark.parametrize("name", ["sqrt", "exp", "tanh", "abs", "floor", "sign"])
def test_special_values(name: str) -> None:
    with np.errstate(all="ignore"):
        agree(getattr(dn, name)(SPECIAL), getattr(np, name)(SPECIAL), np.float64)


@pytest.mark.parametrize("bounds", [(-1, 1), (None, 0.5), (0, None), (1.0, -1.0)])
def test_clip(bounds: tuple[object, object]) -> None:
    x = np.array([-2.0, -1.0, 0.3, 1.0, 2.0, np.nan])
    agree(dn.clip(x, *bounds), np.clip(x, *bounds), np.float64)


def test_clip_by_arrays() -> None:
    x, low = np.arange(4.0), np.array([1.0, np.nan, 0.0, 9.0])
    agree(dn.clip(x, low, 5.0), np.clip(x, low, 5.0), np.float64)
    agree(dn.clip(np.arange(5), 1, 3), np.clip(np.arange(5), 1, 3), np.int64)


def test_where_and_select() -> None:
    p, a = np.array([True, False]), np.arange(2.0)
    for function in (dn.where, dn.select):
        agree(function(p, a, -1), np.where(p, a, -1), np.float64)


@pytest.mark.parametrize("equal_nan", [False, True])
def test_close(equal_nan: bool) -> None:
    a = np.array([1.0, np.nan, np.inf, 1.0, np.inf])
    b = np.array([1.0 + 1e-9, np.nan, np.inf, 1.1, 5.0])
    options = {"equal_nan": equal_nan, "rtol": 1e-6}
    agree(dn.isclose(a, b, **options), np.isclose(a, b, **options), np.bool_)
    for x, y in ((a, b), (a[:2], b[:2]), (a[:1], b[:1])):
        assert dn.allclose(x, y, **options) == np.allclose(x, y, **options)
        assert dn.all_close(x, y, **options) == np.allclose(x, y, **options)


def test_power() -> None:
    a = np.array([0.5, 2.0, 3.0])
    agree(dn.pow(a, np.array([2.0, -1.0, 0.5])), [0.25, 0.5, 3**0.5], np.float64)
    agree(dn.pow(np.array([2, 3]), np.array([3, 2])), [8, 9], np.int64)
    agree(dn.power(a.astype(np.float32), 2), a**2, np.float32)


# What NumPy's rules and the language's say of mixed operands.
PROMOTIONS = [
    (np.int64, np.float32, np.float32),
    (np.int64, np.float16, np.float16),
    (np.int32, np.int64, np.int64),
    (np.uint8, np.int8, np.int16),
    (np.uint64, np.int64, np.float64),
    (np.float16, ml_dtypes.bfloat16, np.float32),
    (np.float32, np.float64, np.float64),
    (np.bool_, np.int8, np.int8),
    (np.bool_, np.float32, np.float32),
]


@pytest.mark.parametrize(("a", "b", "wanted"), PROMOTIONS)
def test_promotion(a: object, b: object, wanted: object) -> None:
    x, y = np.ones(2, a), np.ones(2, b)
    assert dn.add(x, y).dtype == dn.add(y, x).dtype == np.dtype(wanted)
    assert dn.where(np.array([True, False]), x, y).dtype == np.dtype(wanted)
    assert dn.result_type(x, y) == dn.result_type(a, b) == np.dtype(wanted)


WEAK = [
    (np.int64, 2, np.int64),
    (np.int8, 2, np.int8),
    (np.int64, 2.0, np.float32),
    (np.float16, 2.5, np.float16),
    (np.float32, 2, np.float32),
    (np.bool_, 2, np.int64),
    (np.float64, True, np.float64),
]


@pytest.mark.parametrize(("dtype", "number", "wanted"), WEAK)
def test_python_numbers_adapt(dtype: object, number: object, wanted: object) -> None:
    x = np.ones(2, dtype)
    assert dn.multiply(x, number).dtype == np.dtype(wanted)
    assert dn.multiply(number, x).dtype == np.dtype(wanted)
    assert dn.maximum(x, number).dtype == np.dtype(wanted)


def test_quotients_of_integers_are_the_default_float() -> None:
    assert dn.divide(np.array([1, 2]), np.array([2, 2])).dtype == np.float32
    assert dn.divide(np.array([1, 2]), 2).dtype == np.float32
    assert dn.divide(np.float64(1), 2).dtype == np.float64


def test_numbers_alone_keep_pythons_precision() -> None:
    assert dn.add(1, 2) == 3 and type(dn.add(1, 2)) is int
    assert dn.exp(1.0) == np.exp(1.0)


def test_a_number_out_of_range_is_refused() -> None:
    with pytest.raises(OverflowError, match="300 does not fit in u8"):
        dn.add(np.ones(2, np.uint8), 300)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_nextafter(dtype: object) -> None:
    a, b = np.array([0, 1, -1, 1, np.inf], dtype), np.array([1, 2, 0, 1, 0], dtype)
    np.testing.assert_array_equal(dn.nextafter(a, b), np.nextafter(a, b))


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int32, np.uint64])
def test_counted_bits(dtype: object) -> None:
    info = np.iinfo(dtype)
    x = np.array([0, 1, 6, info.max, info.min], dtype)
    bits = [np.binary_repr(int(v) % 2**info.bits, info.bits) for v in x]
    agree(dn.population_count(x), [b.count("1") for b in bits], dtype)
    zeros = [len(b) - len(b.lstrip("0")) for b in bits]
    agree(dn.count_leading_zeros(x), zeros, dtype)
