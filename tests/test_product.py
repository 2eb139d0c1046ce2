"""Our own matrix products beside NumPy's in f64."""

import ctypes
import itertools
import mmap

import numpy as np
import pytest

from defnpy import config
from defnpy.backends.cpu.library import product_address
from defnpy.backends.llvm.product import REQUEST

pytestmark = pytest.mark.cpu

SIZES = (1, 4, 5, 13, 33, 200)
DEPTHS = (0, 1, 2, 17, 256, 257, 1100)
TOLERANCE = {"f4": 1e-5, "f8": 1e-13}


def product(
    a: np.ndarray, b: np.ndarray, c: np.ndarray, *, more: bool = False
) -> np.ndarray:
    """Fill `c`, whose rows are in one piece each, with a product."""
    size = a.itemsize
    c_row, *others = (s // size for s in (c.strides[-2], *a.strides, *b.strides))
    (m, n), k = c.shape, a.shape[1]
    places = (each.ctypes.data for each in (c, a, b))
    request = np.array([*places, m, n, k, c_row, *others, more, 1, 0, 0, 0], np.int64)
    assert len(request) == len(REQUEST)
    address = product_address({4: "defnpy_product_f32", 8: "defnpy_product_f64"}[size])
    run = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)(address)
    assert run(request.ctypes.data) == 0
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
    "layouts", list(itertools.product(("rows", "columns", "gaps"), repeat=2))
)
def test_every_size_and_layout(dtype: str, layouts: tuple[str, str]) -> None:
    for m, n, k in itertools.product(SIZES, SIZES, DEPTHS):
        a, b = matrix((m, k), layouts[0], dtype), matrix((k, n), layouts[1], dtype)
        made = product(a, b, np.full((m, n), np.nan, dtype))
        limit = TOLERANCE[dtype] * max(k, 1) ** 0.5
        wanted = a.astype("f8") @ b.astype("f8")
        np.testing.assert_allclose(made, wanted, limit, limit, err_msg=f"{m, n, k}")


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_parts_larger_than_what_is_packed_at_once(dtype: str) -> None:
    a, b = matrix((2100, 30), "columns", dtype), matrix((30, 2100), "rows", dtype)
    np.testing.assert_allclose(
        product(a, b, np.empty((2100, 2100), dtype)), a @ b, 1e-3, 1e-4
    )


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


@pytest.mark.parametrize("layouts", [("rows", "rows"), ("columns", "columns")])
def test_bits_do_not_depend_on_threads(layouts: tuple[str, str]) -> None:
    a, b = matrix((333, 700), layouts[0], "f4"), matrix((700, 501), layouts[1], "f4")
    before, made = config.threads, []
    try:
        for threads in (1, 2, 8):
            config.threads = threads
            made.append(product(a, b, np.empty((333, 501), "f4")).tobytes())
    finally:
        config.threads = before
    assert len(set(made)) == 1


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
