"""Kernels as builtin functions."""

import gc
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from kernel_building import at, i64, loop, param, result

from defnpy.backends.cpu import compile_kernel
from defnpy.backends.cpu.cost import is_long
from defnpy.backends.cpu.fastcall import layout_is_known
from defnpy.base.dtypes import ALL, BF16, BOOL, F32, F64, I64, DType
from defnpy.base.errors import InternalError
from defnpy.ir.expr import scope
from defnpy.ir.kernel import Copy, Fault, FaultSite, Kernel, Store
from defnpy.ops import elementwise as ew
from defnpy.ops.family import convert

pytestmark = pytest.mark.cpu


def fast(kernel: Kernel, **options: Any) -> Callable[..., Any]:
    made = compile_kernel(kernel).fast(**options)
    assert made is not None
    return made


def scaled(rows: int = 2, **options: Any) -> Callable[..., Any]:
    """Return a function of x (f32, two axes) and w that returns x·w."""
    x, w = param("x", F32, rows, 3), param("w", F32)
    y = result("y", F32, rows, 3)
    with scope():
        body = loop(
            rows,
            lambda i: (loop(3, lambda j: (Store(y, (i, j), at(x, i, j) * at(w)),)),),
        )
        return fast(Kernel("scaled", (x, w), (y,), (body,)), **options)


X = np.arange(6, dtype=np.float32).reshape(2, 3)
W = np.array(2, np.float32)


def test_the_layout_of_arrays_is_known() -> None:
    assert layout_is_known()


def test_arrays_in_and_arrays_out() -> None:
    (made,) = scaled()(X, W)
    np.testing.assert_array_equal(made, X * 2)
    assert made.dtype == np.float32 and made.flags.owndata and made.flags.writeable
    alone = scaled(single=True)(X, W)
    np.testing.assert_array_equal(alone, X * 2)


WRONG = {
    "dtype": X.astype(np.float64),
    "kind": X.astype(np.int32),
    "shape": X.T,
    "rank": X.ravel(),
    "strides": np.zeros((2, 6), np.float32)[:, ::2],
    "byte order": X.astype(X.dtype.newbyteorder()),
    "subclass": X.view(type("Sub", (np.ndarray,), {})),
    "misaligned": np.zeros(25, np.int8)[1:].view(np.float32).reshape(2, 3),
    "list": X.tolist(),
    "none": None,
    "scalar": np.float64(1),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_other_arguments_are_left_alone(wrong: Any) -> None:
    call = scaled()
    assert call(wrong, W) is NotImplemented
    assert call(X, wrong) is NotImplemented


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_numpy_scalars_are_taken_as_arrays_of_no_axes(dtype: DType) -> None:
    x, y = param("x", dtype), result("y", dtype)
    call = fast(Kernel("k", (x,), (y,), (Copy(y, x),)))
    value = np.array(1).astype(dtype.numpy)[()]
    assert call(value[...])[0] == value
    found = call(value)
    assert found is NotImplemented if dtype in (BF16,) else found[0] == value


def test_other_counts_of_arguments_are_left_alone() -> None:
    call = scaled()
    assert call(X) is call() is call(X, W, W) is NotImplemented
    with pytest.raises(TypeError, match="no keyword"):
        call(X, w=W)


def test_unpickled_dtypes_are_the_same() -> None:
    kind = np.dtype(np.float32, align=True).newbyteorder("=")
    (made,) = scaled()(X.astype(kind), W)
    np.testing.assert_array_equal(made, X * 2)


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_every_dtype_and_scalars(dtype: DType) -> None:
    x, y, s = param("x", dtype, 4), result("y", dtype, 4), result("s", dtype)
    with scope():
        body = (Copy(y, x), Store(s, (), at(x, i64(3))))
        call = fast(Kernel("k", (x,), (y, s), body))
    given = np.array([0, 1, 0, 1]).astype(dtype.numpy)
    made, last = call(given)
    assert made.dtype == dtype.numpy and made.tolist() == given.tolist()
    assert type(last) is dtype.numpy.type and last == given[3]


def numbers() -> Callable[..., Any]:
    a, b, c = param("a", F64), param("b", I64), param("c", BOOL)
    y, z = result("y", F64), result("z", BOOL)
    with scope():
        body = (
            Store(y, (), at(a) * convert(at(b), F64)),
            Store(z, (), ew.logical_not(at(c))),
        )
        kernel = Kernel("numbers", (a, b, c), (y, z), body)
        return fast(kernel, kinds=("float", "int", "bool"))


def test_python_numbers() -> None:
    call = numbers()
    assert call(1.5, -4, True) == (-6.0, False)
    assert call(0.5, 2**62, False) == (2.0**61, True)
    for wrong in ((1, 2, True), (1.0, 2.0, True), (1.0, True, True), (1.0, 2, 1)):
        assert call(*wrong) is NotImplemented
    assert call(1.0, 2**63, True) is NotImplemented
    assert call(np.float64(1), 2, True) is NotImplemented


def test_numbers_are_only_for_scalars_of_their_dtype() -> None:
    with pytest.raises(InternalError, match="given as int"):
        scaled(kinds=("array", "int"))


def test_faults_are_left_to_slower_code() -> None:
    x, y = param("x", F32, 2), result("y", F32, 2)
    with scope():
        body = (Fault(ew.greater(at(x, i64(0)), 0), 0), Copy(y, x))
        site = FaultSite("DefnAssertionError", "no", None)
        call = fast(Kernel("k", (x,), (y,), body, (site,)))
    assert call(np.array([0, 1], np.float32)) is NotImplemented
    assert call(np.array([1, 1], np.float32))[0].tolist() == [1, 1]


def test_nothing_is_leaked_and_nothing_freed_early() -> None:
    call = scaled()
    gc.collect()  # the kernel and its code live by the function alone
    objects = (X, W, X.dtype, np.ndarray, NotImplemented)
    before = [sys.getrefcount(each) for each in objects]
    for _ in range(1000):
        made = call(X, W)
        assert call(W, X) is NotImplemented
    del made
    after = [sys.getrefcount(each) for each in objects]
    assert all(abs(a - b) < 20 for a, b in zip(after, before, strict=True))


def test_long_kernels_give_up_the_lock() -> None:
    x, y = param("x", F64, 4), result("y", F64, 4)
    with scope():
        for rounds, expected in ((10, False), (2_000_000, True)):
            body = (
                Copy(y, x),
                loop(rounds, lambda i: (Store(y, (i64(1),), at(y, i64(1)) + 1),)),
            )
            kernel = Kernel("k", (x,), (y,), body)
            assert is_long(kernel) is expected
        call = fast(kernel)
    results: list[float] = []
    threads = [
        threading.Thread(target=lambda: results.append(call(np.zeros(4))[0][1]))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [rounds] * 8
