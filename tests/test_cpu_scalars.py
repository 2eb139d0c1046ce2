"""Scalar expressions as machine code, op by op and dtype by dtype.

What an op means is what its NumPy evaluation computes.
"""

from collections.abc import Callable, Sequence

import ml_dtypes
import numpy as np
import pytest
from kernel_building import at, compare, i64, outputs, param, result

from defnpy.backends.cpu import compile_kernel
from defnpy.base.dtypes import (
    BF16,
    BOOL,
    C64,
    C128,
    F16,
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U32,
    U64,
    DType,
)
from defnpy.ir.expr import Expr, scope
from defnpy.ir.kernel import Kernel, Let, Loop, Store, loop_index, variable
from defnpy.ops import elementwise as ew
from defnpy.ops.elementwise import bitcast, where
from defnpy.ops.family import convert, scale
from defnpy.ops.leaf import const
from defnpy.ops.math import sin

pytestmark = pytest.mark.cpu


def bits(array: np.ndarray) -> np.ndarray:
    """Return an array whose equality tells zeros apart and NaNs not."""
    if array.dtype.kind in "biu":
        return array
    kept = array.copy()
    kept[np.isnan(kept)] = np.nan
    return kept.view(f"u{array.dtype.itemsize}")


SPECIAL = [0.0, -0.0, 1.0, -1.5, 2.5, 0.5, -3.7, 1e-3, 7e4, np.inf, -np.inf, np.nan]
FLOATS = [*SPECIAL, 1e-41, 3.4e38, -1e30, 123456.75]
INTEGERS = [0, 1, -1, 2, -2, 3, 7, -7, 31, 33, 63, 64, 100, -100]


def values_of(dtype: DType) -> np.ndarray:
    if dtype == BOOL:
        return np.array([False, True])
    if not dtype.is_integer:
        with np.errstate(over="ignore"):
            return np.array(FLOATS, np.float64).astype(dtype.numpy)
    info = np.iinfo(dtype.numpy)
    near = [info.min, info.min + 1, info.max, info.max - 1]
    fitting = [v for v in INTEGERS if info.min <= v <= info.max]
    return np.array([*fitting, *near], dtype.numpy)


Built = dict[str, Expr]


def elementwise_kernel(
    dtypes: Sequence[DType], size: int, build: Callable[..., Built]
) -> Kernel:
    """Return a kernel with one result for each of the values built."""
    params = tuple(param(f"p{k}", d, size) for k, d in enumerate(dtypes))
    index = loop_index("i")
    built = build(*(at(p, index) for p in params))
    results = tuple(result(name, e.dtype, size) for name, e in built.items())
    body = tuple(Store(r, (index,), built[r.name]) for r in results)
    whole = Loop(index, i64(0), i64(size), i64(1), body)
    return Kernel("elementwise", params, results, (whole,))


def check_elementwise(
    dtypes: Sequence[DType], build: Callable[..., Built], *given: np.ndarray
) -> None:
    with scope():
        compare(elementwise_kernel(dtypes, given[0].size, build), *given)


UNARY = {
    "biu": (ew.bitwise_invert,),
    "iuf": (ew.absolute, ew.sign, ew.negative),
    "f": (ew.floor, ew.ceil, ew.trunc, ew.rint, ew.sqrt),
}
BINARY = {
    "biuf": (ew.add, ew.multiply, ew.maximum, ew.minimum, ew.equal, ew.not_equal),
    "iuf": (ew.subtract, ew.floor_divide, ew.remainder, ew.remainder_trunc),
    "biu": (ew.bitwise_and, ew.bitwise_or, ew.bitwise_xor),
    "iu": (ew.divide_trunc, ew.shift_left, ew.shift_right),
    "f": (ew.divide, ew.copysign),
}
ORDER = (ew.less, ew.less_equal, ew.greater, ew.greater_equal)


def chosen(table: dict, dtype: DType) -> list:
    return [op for kinds, ops in table.items() if dtype.kind in kinds for op in ops]


@pytest.mark.parametrize(
    "dtype", [BOOL, I8, I16, I32, I64, U8, U32, U64, F16, BF16, F32, F64], ids=str
)
def test_native_ops_agree_with_numpy(dtype: DType) -> None:
    def build(a: Expr, b: Expr) -> Built:
        made = {op.__name__: op(a) for op in chosen(UNARY, dtype)}
        made |= {op.__name__: op(a, b) for op in (*chosen(BINARY, dtype), *ORDER)}
        made["select"] = where(ew.less(a, b), a, b)
        if dtype.kind == "f":
            made["scale"] = scale(a, b)
        return made

    values = values_of(dtype)
    a, b = (each.ravel() for each in np.meshgrid(values, values, indexing="ij"))
    check_elementwise((dtype, dtype), build, a, b)


@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
def test_zeros_and_signs_are_kept(dtype: DType) -> None:
    def build(a: Expr, b: Expr) -> Built:
        return {"negative": ew.negative(a), "copysign": ew.copysign(a, b), "sum": a + b}

    with scope():
        kernel = elementwise_kernel((dtype, dtype), 4, build)
        a = np.array([0.0, -0.0, 1.0, np.nan], dtype.numpy)
        b = np.array([-0.0, -0.0, -2.0, 1.0], dtype.numpy)
        made = outputs(kernel, compile_kernel(kernel), a, b)
    for each, wanted in zip(made, (-a, np.copysign(a, b), a + b), strict=True):
        np.testing.assert_array_equal(bits(each), bits(wanted))


def test_fma_rounds_once() -> None:
    with scope():
        kernel = elementwise_kernel(
            (F64, F64, F64), 1, lambda a, b, c: {"fma": ew.fma(a, b, c)}
        )
        a = np.array([1 + 2.0**-30])
        (made,) = outputs(kernel, compile_kernel(kernel), a, a, -(a * a))
    assert made[0] == 2.0**-60


def test_a_sum_with_a_product_rounds_once_wherever_it_stands() -> None:
    """In vectors and alone, through a name, and next to a branch (of the sine)."""
    size = 37
    x, y, z = param("x", F32, size), param("y", F32, size), param("z", F32, size)
    names = ("plain", "named", "minus", "from", "sine")
    results = tuple(result(name, F32, size) for name in names)
    i, t = loop_index("i"), variable("t", F32)
    with scope():
        a, b, c = (at(p, i) for p in (x, y, z))
        values = (a * b + c, t + c, a * b - c, c - t, sin(c) + t)
        stores = (Store(r, (i,), v) for r, v in zip(results, values, strict=True))
        body = (Let(t, a * b), *stores)
        loop = Loop(i, i64(0), i64(size), i64(1), body)
        kernel = Kernel("k", (x, y, z), results, (loop,))
        rng = np.random.default_rng(0)
        given = [rng.standard_normal(size).astype(np.float32) for _ in range(3)]
        made = outputs(kernel, compile_kernel(kernel), *given)
    p, q, r = (each.astype(np.float64) for each in given)
    exact = [p * q + r, p * q + r, p * q - r, r - p * q]
    for each, other in zip(made, exact, strict=False):
        np.testing.assert_array_equal(each, other.astype(np.float32))
    sine = np.sin(r).astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(made[4], (sine + p * q), rtol=3e-6, atol=1e-7)


CONVERTED = [BOOL, I8, I32, I64, U8, U32, U64, F16, BF16, F32, F64]


@pytest.mark.parametrize("source", CONVERTED, ids=str)
def test_conversions_agree_with_numpy(source: DType) -> None:
    def build(x: Expr) -> Built:
        return {str(d): convert(x, d) for d in CONVERTED if d != source}

    values = values_of(source)
    if source == F64:  # values that round twice differ from those that round once
        near = np.float64(1) + 2.0**-11 + np.array([0, 2.0**-40, -(2.0**-40)])
        values = np.concatenate([values, near, [65519.99999, 65520.0, 6e-8, 2.9e-8]])
    check_elementwise((source,), build, values)


@pytest.mark.parametrize(
    ("source", "target"),
    [(F32, I32), (I32, F32), (F64, U64), (I64, F64), (F16, I16), (U8, I8), (U8, BOOL)],
    ids=str,
)
def test_bitcast_keeps_bits(source: DType, target: DType) -> None:
    values = values_of(source)
    if target == BOOL:
        values = np.array([0, 1], np.uint8)
    check_elementwise((source,), lambda x: {"bitcast": bitcast(x, target)}, values)


def test_constants_are_exact() -> None:
    values = [
        *(np.float32(v) for v in (0.1, -0.0, np.inf, 1e-45)),
        *(np.float64(v) for v in (0.1, -np.inf, 5e-324)),
        *(np.float16(v) for v in (0.1, 65504, 6e-8)),
        ml_dtypes.bfloat16(0.1),
        *(np.int8(-128), np.uint64(2**64 - 1), np.int64(-(2**63)), np.bool_(True)),
        np.complex64(1 - 2j),
    ]
    with scope():
        made = [const(v) for v in values]
        results = tuple(result(f"r{k}", e.dtype) for k, e in enumerate(made))
        body = tuple(Store(r, (), e) for r, e in zip(results, made, strict=True))
        compare(Kernel("constants", (), results, body))


@pytest.mark.parametrize("dtype", [C64, C128], ids=str)
def test_complex_arithmetic(dtype: DType) -> None:
    other = C64 if dtype == C128 else C128
    part = F32 if dtype == C64 else F64

    def build(a: Expr, b: Expr) -> Built:
        made = {"add": a + b, "subtract": a - b, "multiply": a * b, "divide": a / b}
        made |= {"negative": -a, "equal": ew.equal(a, b)}
        made |= {"not_equal": ew.not_equal(a, b), "select": where(ew.equal(a, b), a, b)}
        made |= {f"to_{d}": convert(a, d) for d in (other, part, I32, BOOL)}
        return made

    parts = [0.0, 1.0, -2.5, 3e-3, 40.0]
    values = np.array([complex(x, y) for x in parts for y in parts], dtype.numpy)
    a, b = (each.ravel() for each in np.meshgrid(values, values, indexing="ij"))
    kept = b != 0  # what a division by zero gives is tested below
    with scope():
        kernel = elementwise_kernel((dtype, dtype), int(kept.sum()), build)
        made = outputs(kernel, compile_kernel(kernel), a[kept], b[kept])
    a, b = a[kept], b[kept]
    wanted = [a + b, a - b, a * b, a / b, -a, a == b, a != b, np.where(a == b, a, b)]
    wanted += [a.astype(other.numpy), a.real, a.real.astype(np.int32), a != 0]
    tolerance = 1e-6 if dtype == C64 else 1e-14
    for result_buffer, each, expected in zip(kernel.results, made, wanted, strict=True):
        name = result_buffer.name
        np.testing.assert_allclose(each, expected, tolerance, tolerance, err_msg=name)


def test_complex_division_by_zero() -> None:
    with scope():
        kernel = elementwise_kernel((C128, C128), 3, lambda a, b: {"divide": a / b})
        given = np.array([1 + 1j, 0, complex(np.inf, 0)])
        (made,) = outputs(kernel, compile_kernel(kernel), given, np.zeros(3, complex))
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(made, given / np.zeros(3, complex))
