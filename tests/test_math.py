"""Expansions of transcendental functions, against mpmath and NumPy in f64.

Each expansion is run by the reference evaluator, and its error measured in units
in the last place (ulp) over all exponents, its difficult arguments and the
special values.
"""

from fractions import Fraction

import ml_dtypes
import mpmath
import numpy as np
import pytest
from math_accuracy import (
    LIMITS,
    SPECIAL,
    UNARY,
    arguments,
    check,
    exact,
    hard_arguments,
    run,
    run_expanded,
    within,
)

from defnpy.base.dtypes import F32, F64, I64
from defnpy.base.errors import DefnValueError
from defnpy.ir.expr import Expr, make_param, scope
from defnpy.ir.op import Missing
from defnpy.ir.rewrite import postorder
from defnpy.ir.types import TensorType
from defnpy.ops import math as dm
from defnpy.ops.leaf import const, scalar_of
from defnpy.ops.rounding import multiply_add

pytestmark = pytest.mark.pure


CASES = pytest.mark.parametrize("case", UNARY, ids=lambda case: case[0].__name__)


@CASES
def test_f32_expansions_are_accurate(case: tuple) -> None:
    op, function, _, limits, bound = case
    x = np.concatenate([arguments(np.float32, 20_000), hard_arguments(np.float32)])
    x = within(x, *limits)
    with np.errstate(all="ignore"):
        truth = function(x.astype(np.float64)), np.zeros(x.shape)
        check(run_expanded(op, x), truth, (x,), bound)
        check(run(op, x), truth, (x,), max(bound, 0.51))


@CASES
def test_f64_expansions_are_accurate(case: tuple) -> None:
    op, function, precise, limits, bound = case
    x = np.concatenate([arguments(np.float64, 250), hard_arguments(np.float64)[::3]])
    x = within(x, *limits)
    with np.errstate(all="ignore"):
        truth = exact(function, precise, (x,))
        check(run_expanded(op, x), truth, (x,), bound)
        check(run(op, x), truth, (x,), max(bound, 2.5))  # SciPy's


def _powers(a: mpmath.mpf, b: mpmath.mpf) -> mpmath.mpf:
    made = mpmath.power(a, b)
    return made if isinstance(made, mpmath.mpf) else mpmath.mpf("nan")


BINARY = [
    (dm.atan2, np.arctan2, mpmath.atan2, 2.5),
    (dm.hypot, np.hypot, mpmath.hypot, 1.5),
    (dm.float_power, np.power, _powers, 1.5),
]


def _pairs(dtype: type, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of all exponents, of like size, near 1, and of special values."""
    rng = np.random.default_rng(1)
    x = arguments(dtype, count)
    y = np.concatenate([x[: x.size // 2], rng.uniform(-40, 40, x.size - x.size // 2)])
    y[::3] = x[::3] * rng.uniform(-3, 3, x[::3].size)
    x, y = np.append(x, np.exp(y / 10)), np.append(y.astype(dtype), 10 * x)
    special = np.array([*SPECIAL, 3.0, -3.0, 2.5, *LIMITS[dtype]])
    some, others = map(np.ravel, np.meshgrid(special, special))
    return np.append(x, some).astype(dtype), np.append(y, others).astype(dtype)


@pytest.mark.parametrize("case", BINARY, ids=lambda case: case[0].__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_expansions_of_two_operands_are_accurate(case: tuple, dtype: type) -> None:
    op, function, precise, bound = case
    with np.errstate(all="ignore"):
        x, y = _pairs(dtype, 20_000 if dtype is np.float32 else 150)
        wide = x.astype(np.float64), y.astype(np.float64)
        truth = function(*wide), np.zeros(x.shape)
        if dtype is np.float64:
            truth = exact(function, precise, (x, y))
        check(run_expanded(op, x, y), truth, (x, y), bound)


def test_logaddexp_is_accurate() -> None:
    with np.errstate(all="ignore"):
        x, y = _pairs(np.float32, 10_000)
        made = run_expanded(dm.logaddexp, x, y)
        wanted = np.logaddexp(x.astype(np.float64), y.astype(np.float64))
        # Near 0 the two terms cancel, as they do in NumPy.
        np.testing.assert_allclose(made, wanted.astype(np.float32), 3e-7, 2e-7)


def test_exact_values() -> None:
    whole = np.arange(-1000.0, 1000.0)
    np.testing.assert_array_equal(run_expanded(dm.exp2, whole), 2.0**whole)
    np.testing.assert_array_equal(run_expanded(dm.log2, 2.0**whole), whole)
    tens = 10.0 ** np.arange(0.0, 23.0)
    np.testing.assert_array_equal(run_expanded(dm.log10, tens), np.arange(23.0))
    one = np.ones(1, np.float32)
    for op in (dm.exp, dm.cos, dm.cosh, dm.erfc):
        assert run_expanded(op, 0 * one) == 1, op
    cubes = np.arange(-50.0, 50.0) ** 3
    np.testing.assert_array_equal(run_expanded(dm.cbrt, cubes), np.arange(-50, 50))


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_halves_are_computed_in_f32(dtype: type) -> None:
    x = np.linspace(-8, 8, 101).astype(dtype)
    made = run_expanded(dm.tanh, x)
    assert made.dtype == dtype
    wanted = np.tanh(x.astype(np.float64)).astype(dtype)
    np.testing.assert_array_equal(made, wanted)


# Powers


def _power(x: np.ndarray, exponent: object) -> np.ndarray:
    return run(lambda a: dm.power(a, exponent), x)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 6, 7, -1, -2, 0.5, -0.5, 2.5, 2.0])
def test_known_exponents(exponent: float) -> None:
    x = np.array([-2.0, -0.5, 0.0, 0.3, 1.0, 3.0, 1e30], np.float32)
    x = x if exponent == int(exponent) else x[2:]
    with np.errstate(all="ignore"):
        wanted = (x.astype(np.float64) ** exponent).astype(np.float32)
    np.testing.assert_allclose(_power(x, exponent), wanted, 4e-7)


def test_small_known_exponents_are_products() -> None:
    with scope():
        x = make_param("x", TensorType(F32, (2,)))
        ops = {e.op.name for e in postorder([dm.power(x, 6), x**0.5, x**-2])}
        assert ops == {"param", "const", "broadcast", "multiply", "divide", "sqrt"}
        assert "power" in {e.op.name for e in postorder([x**7])}


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint16])
def test_powers_of_integers_wrap(dtype: type) -> None:
    a = np.arange(12).astype(dtype)
    a = a - a.dtype.type(5)
    for exponent in (0, 1, 5, 23, 100):
        power = dtype(exponent)
        np.testing.assert_array_equal(_power(a, exponent), a**power)
        n = np.full(a.shape, power)
        np.testing.assert_array_equal(run_expanded(dm.integer_power, a, n), a**power)
        np.testing.assert_array_equal(run(dm.power, a, n), a**power)


def test_integers_to_negative_powers_are_rejected() -> None:
    a = np.arange(1, 4)
    with pytest.raises(DefnValueError, match="negative power"):
        _power(a, -1)
    with pytest.raises(DefnValueError, match="negative power"):
        run(dm.power, a, np.array([1, -1, 2]))
    with scope():
        weak = make_param("x", TensorType(I64, (), weak=True))
        assert dm.power(weak, -1).dtype == F64  # as in CPython
        assert scalar_of(dm.power(const(2), const(-1))) == 0.5
        assert scalar_of(dm.power(const(2), const(10))) == 1024


@pytest.mark.parametrize(
    ("a", "b", "by_a", "by_b"),
    [
        (0.0, 1.0, 1.0, 0.0),
        (0.0, 2.0, 0.0, 0.0),
        (0.0, 0.0, 0.0, 0.0),
        (-2.0, 3.0, 12.0, np.nan),
        (4.0, 0.5, 0.25, 2 * np.log(4)),
    ],
)
def test_gradients_of_powers(a: float, b: float, by_a: float, by_b: float) -> None:
    def gradients(x: Expr, y: Expr) -> list[Expr | None]:
        made = dm.float_power(x, y)
        assert not isinstance(made.op.vjp, Missing)
        return list(made.op.vjp(const(1.0, F64), made, x, y))

    operands = np.float64(a), np.float64(b)
    assert run(lambda x, y: gradients(x, y)[0], *operands) == by_a
    np.testing.assert_allclose(run(lambda x, y: gradients(x, y)[1], *operands), by_b)
    known = run(lambda x: gradients(x, const(b, F64))[0], operands[0])
    assert known == by_a


# Their parts


def test_nextafter() -> None:
    for dtype in (np.float16, np.float32, np.float64):
        info = np.finfo(dtype)
        some = [*SPECIAL, info.max, info.smallest_subnormal, info.smallest_normal]
        a, b = map(np.ravel, np.meshgrid(np.array(some, dtype), np.array(some, dtype)))
        with np.errstate(all="ignore"):
            made, wanted = run(dm.nextafter, a, b), np.nextafter(a, b)
        np.testing.assert_array_equal(made, wanted)
        known = ~np.isnan(wanted) & (a != b)
        np.testing.assert_array_equal(
            np.signbit(made[known]), np.signbit(wanted[known])
        )


@pytest.mark.parametrize("exponents", [(-5, 5), (-60, 60), (-300, 300), (-520, -510)])
def test_multiply_add_rounds_once(exponents: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)

    def drawn(low: int, high: int) -> np.ndarray:
        signs = rng.choice([-1, 1], 400)
        return np.ldexp(rng.uniform(0.5, 1, 400) * signs, rng.integers(low, high, 400))

    low, high = exponents
    a, b = drawn(low, high), drawn(low, high)
    for c in (drawn(low, high), -a * b, -a * b * (1 + 2.0**-30), drawn(2 * low, high)):
        made = multiply_add(a, b, c)
        for x, y, z, each in zip(a, b, c, made, strict=True):
            wanted = float(Fraction(x) * Fraction(y) + Fraction(z))
            assert each == wanted or abs(wanted) < 2.0**-1022


def test_multiply_add_rounds_f32_once() -> None:
    a = np.float32(1 + 2.0**-12)  # a² is a tie of f32 but for what is added
    for c in (1e-30, -1e-30):
        made = multiply_add(a, a, np.float32(c))
        exact = 1 + 2.0**-11 + 2.0**-24
        assert made == np.float32(np.nextafter(exact, np.copysign(9, c)))


def test_multiply_add_of_what_is_not_finite() -> None:
    a = np.array([np.inf, 0.0, 1.0, np.nan, -0.0, np.inf])
    b = np.array([1.0, np.inf, 1e308, 1.0, 1.0, 2.0])
    c = np.array([-np.inf, 1.0, np.inf, 2.0, -0.0, 5.0])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(multiply_add(a, b, c), a * b + c)
