"""Our own matrix products beside NumPy's in f64."""

import ctypes
import itertools
import mmap
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from defnpy import config, defn
from defnpy.backends.cpu.library import product_address
from defnpy.backends.cpu.machine import machine
from defnpy.backends.llvm.product import product_text
from defnpy.base.dtypes import F32, F64, DType

pytestmark = pytest.mark.cpu

SIZES = (1, 4, 5, 13, 33, 200)
DEPTHS = (0, 1, 2, 17, 256, 257, 1100)
TOLERANCE = {"f4": 1e-5, "f8": 1e-13}


def product(
    a: np.ndarray,
    b: np.ndarray,
    c: np.ndarray,
    *,
    more: bool = False,
    address: int | None = None,
    tables: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Fill `c`, whose rows are in one piece each, with a product.

    The elements of `b` are where `tables` say, if they are given.
    """
    size = a.itemsize
    c_row, *others = (s // size for s in (c.strides[-2], *a.strides, *b.strides))
    (m, n), k = c.shape, a.shape[1]
    places = (each.ctypes.data for each in (c, a, b))
    types = [ctypes.c_void_p] * 3 + [ctypes.c_int64] * 8 + [ctypes.c_bool]
    types += [ctypes.c_void_p] * 2
    if address is None:
        address = product_address(f"defnpy_product_f{8 * size}")
    run = ctypes.CFUNCTYPE(None, *types)(address)
    listed = [None, None] if tables is None else [t.ctypes.data for t in tables]
    others = others if tables is None else [*others[:2], 0, 0]
    run(*places, m, n, k, c_row, *others, more, *listed)
    return c


def matrix(shape: tuple[int, int], layout: str, dtype: str) -> np.ndarray:
    """Return numbers that lie by rows, by columns, or with gaps between them all."""
    random = np.random.default_rng(sum(shape))
    rows, columns = shape
    if layout == "columns":
        return random.standard_normal((columns, rows)).astype(dtype).T
    if layout == "gaps":
        return random.standard_normal((rows, 2 * columns)).astype(dtype)[:, ::2]
    return random.standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(
    "layouts", list(itertools.product(("rows", "columns", "gaps"), ("rows", "columns")))
)
def test_every_size_and_layout(dtype: str, layouts: tuple[str, str]) -> None:
    for m, n, k in itertools.product(SIZES, SIZES, DEPTHS):
        a, b = matrix((m, k), layouts[0], dtype), matrix((k, n), layouts[1], dtype)
        made = product(a, b, np.full((m, n), np.nan, dtype))
        limit = TOLERANCE[dtype] * max(k, 1) ** 0.5
        wanted = a.astype("f8") @ b.astype("f8")
        np.testing.assert_allclose(made, wanted, limit, limit, err_msg=f"{m, n, k}")


@pytest.mark.parametrize("register", [16, 32, 64])
@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
def test_registers_of_any_size(register: int, dtype: DType) -> None:
    lanes, this = register // dtype.bytes, machine()
    target = replace(this.target, lanes={dtype.name: (lanes, lanes // 2)})
    code = this.compile_as_written(product_text(dtype, target))
    symbol = target.product[dtype.name]
    library = this.link(code, (symbol,), {})
    for m, n, k in ((1, 1, 1), (13, 33, 70), (30, 8, 300), (27, 65, 17)):
        a, b = (matrix(s, "rows", dtype.numpy.str) for s in ((m, k), (k, n)))
        for right in (b, np.asfortranarray(b)):
            made = np.full((m, n), np.nan, dtype.numpy)
            product(a, right, made, address=library[symbol])
            np.testing.assert_allclose(made, a.astype("f8") @ b, 1e-3, 1e-4)


def test_adds_to_what_is_there() -> None:
    a, b = matrix((50, 40), "rows", "f4"), matrix((40, 70), "rows", "f4")
    start = matrix((50, 70), "rows", "f4")
    made = product(a, b, start.copy(), more=True)
    np.testing.assert_allclose(made, start + a @ b, 1e-4, 1e-4)


def test_what_is_not_finite_goes_through() -> None:
    a, b = np.zeros((30, 40), "f4"), np.zeros((40, 50), "f4")
    b[3, 7], a[5, 9] = np.inf, np.nan
    made = product(a, b, np.empty((30, 50), "f4"))
    assert np.isnan(made[:, 7]).all() and np.isnan(made[5]).all()
    assert np.count_nonzero(np.isnan(made)) == 30 + 50 - 1


def test_rows_between_those_of_the_result_stay() -> None:
    room = np.full((40, 100), 7, "f4")
    a, b = matrix((40, 9), "rows", "f4"), matrix((9, 61), "rows", "f4")
    product(a, b, room[:, :61])
    assert (room[:, 61:] == 7).all()


@defn
def multiplied(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a @ b


@defn
def turned(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a.T @ b.T


def by_threads(function: Callable[..., Any], *args: np.ndarray) -> list[np.ndarray]:
    """Return what a function gives on 1, 2 and 8 threads."""
    before, made = config.threads, []
    try:
        for threads in (1, 2, 8):
            config.threads = threads
            made.append(function(*args))
    finally:
        config.threads = before
    return made


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_bits_do_not_depend_on_threads(dtype: str) -> None:
    a, b = matrix((333, 700), "rows", dtype), matrix((700, 501), "rows", dtype)
    limit = 50 * TOLERANCE[dtype]
    for function, x, y in (
        (multiplied, a, b),
        (turned, np.ascontiguousarray(a.T), np.ascontiguousarray(b.T)),
    ):
        first, *others = by_threads(function, x, y)
        assert all(np.array_equal(first, other) for other in others)
        np.testing.assert_allclose(first, a.astype("f8") @ b, limit, limit)


@pytest.mark.parametrize(
    "shape", [(300, 400, 500), (3, 4000, 40), (0, 9, 9), (9, 0, 9)]
)
@pytest.mark.parametrize("batch", [1, 5])
def test_batches_in_blocks(batch: int, shape: tuple[int, int, int]) -> None:
    m, n, k = shape
    random = np.random.default_rng(m)
    a = random.standard_normal((batch, m, k)).astype("f4")
    b = random.standard_normal((batch, k, n)).astype("f4")
    for made in by_threads(multiplied, a, b):
        np.testing.assert_allclose(made, a.astype("f8") @ b, 1e-3, 1e-3)


def test_sizes_that_vary() -> None:
    @defn
    def function(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return a @ b

    random = np.random.default_rng(1)
    for m, n, k in ((40, 50, 60), (700, 300, 200), (2, 90, 80), (260, 4100, 30)):
        a = random.standard_normal((m, k)).astype("f4")
        b = random.standard_normal((k, n)).astype("f4")
        np.testing.assert_allclose(function(a, b), a @ b, 1e-3, 1e-3)
    assert len(function.variants()) == 2


def guarded(shape: tuple[int, int], *, by_columns: bool) -> np.ndarray:
    """Return a matrix that ends where the process may not read or write."""
    size = 4 * shape[0] * shape[1]
    pages = -(-size // mmap.PAGESIZE) + 1
    memory = mmap.mmap(-1, pages * mmap.PAGESIZE)
    end = (pages - 1) * mmap.PAGESIZE
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    assert protect(start + end, mmap.PAGESIZE, 0) == 0
    made = np.frombuffer(memory, "f4", shape[0] * shape[1], end - size)
    return made.reshape(shape[::-1]).T if by_columns else made.reshape(shape)


@pytest.mark.parametrize("a_columns", [False, True])
@pytest.mark.parametrize("b_columns", [False, True])
def test_nothing_outside_is_touched(a_columns: bool, b_columns: bool) -> None:
    for m, n, k in ((1, 1, 1), (5, 3, 17), (13, 33, 20), (130, 70, 30), (29, 31, 3)):
        a = guarded((m, k), by_columns=a_columns)
        b = guarded((k, n), by_columns=b_columns)
        a[:], b[:] = matrix((m, k), "rows", "f4"), matrix((k, n), "rows", "f4")
        made = product(a, b, guarded((m, n), by_columns=False))
        np.testing.assert_allclose(made, a @ b, 1e-4, 1e-4)


VECTOR_PRODUCTS = (
    lambda a, x, y: a @ x,
    lambda a, x, y: a.T @ y,
    lambda a, x, y: y @ a,
    lambda a, x, y: x @ a.T,
    lambda a, x, y: np.maximum(a @ x + y, 0),
)


@pytest.mark.parametrize("which", range(len(VECTOR_PRODUCTS)))
@pytest.mark.parametrize("shape", [(1, 5000), (70, 75), (1001, 300), (257, 9001)])
def test_vectors_on_either_side(which: int, shape: tuple[int, int]) -> None:
    function = VECTOR_PRODUCTS[which]
    for dtype in ("f4", "f8"):
        a, x, y = (
            matrix(s, "rows", dtype) for s in (shape, (1, shape[1]), (1, shape[0]))
        )
        args = a, x[0], y[0]
        first, *others = by_threads(defn(function), *args)
        assert all(np.array_equal(first, other) for other in others)
        limit = 200 * TOLERANCE[dtype]
        wanted = function(*(each.astype("f8") for each in args))
        np.testing.assert_allclose(first, wanted, limit, limit)


@pytest.mark.parametrize("window", [(1, 1), (3, 4), (9, 2), (2, 20)])
@pytest.mark.parametrize("step", [1, 2])
def test_windows_are_read_where_they_lie(window: tuple[int, int], step: int) -> None:
    image = guarded((23, 45), by_columns=False)
    image[:] = matrix((23, 45), "rows", "f4")
    down, across = (
        step * np.arange((n - w) // step + 1)
        for n, w in zip((23, 45), window, strict=True)
    )
    rows = np.add.outer(45 * np.arange(window[0]), np.arange(window[1])).reshape(-1)
    places = np.add.outer(45 * down, across).reshape(-1)
    for tables in ((rows, places), (places, rows)):
        b = image.reshape(-1)[np.add.outer(*tables)]
        for m in (1, 13, 30):
            a = matrix((m, len(b)), "rows", "f4")
            made = np.full((m, b.shape[1]), np.nan, "f4")
            product(a, image, made, tables=tables)
            np.testing.assert_allclose(made, a @ b, 1e-3, 1e-3)


def test_threads_share_the_blocks_of_a_product() -> None:
    a = matrix((1024, 1024), "rows", "f4")
    text = defn(lambda a: a @ a).lower(a).compile().llvm
    (call,) = re.findall(r"call void @defnpy_parallel\(.*\)", text)
    start, stop, piece = map(int, re.findall(r"i64 (\d+)", call))
    assert stop - start >= 8 * piece
