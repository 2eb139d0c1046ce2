"""Kernels inside code compiled by Numba."""

import numpy as np
import pytest
from kernel_building import at, gemm, i64, local, loop, param, result

from defnpy.backends.cpu.numba_package import numba_function
from defnpy.base.dtypes import BF16, BOOL, F32, F64, I64
from defnpy.base.errors import DefnIndexError, DefnTypeError
from defnpy.ir.expr import scope
from defnpy.ir.kernel import Alloc, Call, Fault, FaultSite, Kernel, Store
from defnpy.ops import elementwise as ew
from defnpy.ops.family import convert

numba = pytest.importorskip("numba")
pytestmark = pytest.mark.cpu

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def kernel() -> Kernel:
    """Return a kernel that scales x and reads one element of it."""
    x, w, i = param("x", F32, 2, 3), param("w", F64), param("i", I64)
    y, s, big = result("y", F32, 2, 3), result("s", F32), result("big", BOOL)
    temporary = local("t", F32, 50000)
    with scope():
        inside = ew.logical_and(ew.greater_equal(at(i), i64(0)), ew.less(at(i), i64(3)))
        element = at(x, i64(1), at(i))
        body = (
            Alloc(temporary),
            Fault(inside, 0, (at(i), i64(3))),
            Store(temporary, (i64(9),), convert(at(w), F32)),
            loop(
                2,
                lambda i: (
                    loop(
                        3,
                        lambda j: (
                            Store(y, (i, j), at(x, i, j) * at(temporary, i64(9))),
                        ),
                    ),
                ),
            ),
            Store(s, (), element),
            Store(big, (), ew.greater(element, 4)),
        )
        site = FaultSite("DefnIndexError", "index {0} is outside {1}", None)
        return Kernel("scaled", (x, w, i), (y, s, big), body, (site,))


def test_a_kernel_is_called_from_compiled_code() -> None:
    run = numba_function(kernel())

    @numba.njit
    def user(x, w):
        total = 0.0
        for i in range(3):
            y, s, big = run(x, w, i)
            total += y.sum() + s * 100 + big
        return total, y

    total, y = user(X, 2.0)
    np.testing.assert_array_equal(y, X * 2)
    assert total == 3 * 30 + 1200 + 1
    y, s, big = run(X, 0.5, 2)
    np.testing.assert_array_equal(y, X / 2)
    assert (s, big) == (5.0, True)
    assert run(X, np.float32(0.5), np.int8(1))[1] == 4.0


def test_faults_and_wrong_arguments_raise() -> None:
    run = numba_function(kernel())
    with pytest.raises(DefnIndexError, match="index … is outside …"):
        run(X, 1.0, 3)
    with pytest.raises(ValueError, match=r"x must have the shape \(2, 3\)"):
        run(X.reshape(3, 2), 1.0, 0)
    with pytest.raises(numba.TypingError, match="is called with"):
        run(X.astype(np.float64), 1.0, 0)
    with pytest.raises(numba.TypingError, match="is called with"):
        run(X.T, 1.0, 0)


def test_a_single_result_and_blas() -> None:
    a, b, c = param("a", F64, 3, 4), param("b", F64, 4, 2), result("c", F64, 3, 2)
    call = Call("gemm", (c, a, b), gemm((3, 2, 4)))
    run = numba_function(Kernel("product", (a, b), (c,), (call,)))
    x, y = np.random.default_rng(0).random((3, 4)), np.ones((4, 2))
    np.testing.assert_allclose(run(x, y), x @ y)


def test_a_dtype_without_arrays_is_refused() -> None:
    x, y = param("x", BF16, 2), result("y", BF16, 2)
    with scope():
        body = (loop(2, lambda i: (Store(y, (i,), at(x, i)),)),)
    with pytest.raises(DefnTypeError, match="no arrays of bf16"):
        numba_function(Kernel("k", (x,), (y,), body))
