"""The interpreter of Kernels: what each statement does, and what it refuses."""

import numpy as np
import pytest
from kernel_building import gemm

from defnpy.backends.reference import run_kernel
from defnpy.base.dtypes import BF16, F32, F64, I64
from defnpy.base.errors import DefnValueError, InternalError
from defnpy.ir.expr import Expr, scope
from defnpy.ir.kernel import (
    Alloc,
    Buffer,
    Call,
    Copy,
    Fault,
    FaultSite,
    If,
    Kernel,
    Let,
    Loop,
    Statement,
    Store,
    TapeClear,
    TapePop,
    TapePush,
    While,
    load,
    loop_index,
    variable,
)
from defnpy.ops import elementwise
from defnpy.ops.control import index_const
from defnpy.ops.leaf import const

pytestmark = pytest.mark.pure

X = Buffer("x", F32, (3, 2), "param")
Y = Buffer("y", F32, (3,), "result")
T = Buffer("t", F32, ())
ZERO, ONE, TWO, THREE = (index_const(k) for k in range(4))


def run(*body: Statement, tapes: int = 0, result: Buffer = Y) -> np.ndarray:
    site = FaultSite("DefnValueError", "row {} is {:.1f}", None)
    kernel = Kernel("k", (X,), (result,), body, (site,), tapes)
    out = np.zeros(result.shape, result.dtype.numpy)
    run_kernel(kernel, [np.arange(6, dtype=np.float32).reshape(3, 2)], [out])
    return out


def f32(value: float) -> Expr:
    return const(value, F32)


def for_each(stop: Expr, *body: Statement, var: Expr) -> Loop:
    return Loop(var, ZERO, stop, ONE, body)


def test_loops_accumulate() -> None:
    i, j = loop_index("i"), loop_index("j")
    with scope():
        more = Store(T, (), load(T, ()) + load(X, (i, j)))
        out = run(
            for_each(
                THREE,
                Alloc(T),
                Store(T, (), f32(0)),
                for_each(TWO, more, var=j),
                Store(Y, (i,), load(T, ())),
                var=i,
            )
        )
    np.testing.assert_array_equal(out, [1, 5, 9])


def test_an_expression_reads_memory_as_it_is_and_let_keeps_it() -> None:
    kept = variable("kept", F32)
    first = load(Y, (ZERO,))
    out = run(
        Store(Y, (ZERO,), f32(1)),
        Let(kept, first),
        Store(Y, (ZERO,), f32(2)),
        Store(Y, (ONE,), first),
        Store(Y, (TWO,), kept),
    )
    np.testing.assert_array_equal(out, [2, 2, 1])


def test_while_tests_first_and_if_takes_one_side() -> None:
    with scope():
        now = load(Y, (ZERO,))
        small = elementwise.less(now, f32(10))
        out = run(
            Store(Y, (ZERO,), f32(3)),
            While((), small, (Store(Y, (ZERO,), now * f32(2)),)),
            If(small, (Store(Y, (ONE,), f32(1)),), (Store(Y, (ONE,), f32(2)),)),
            Store(Y, (TWO,), f32(0)),
        )
    np.testing.assert_array_equal(out, [12, 2, 0])


def test_a_loop_may_run_backwards_by_steps() -> None:
    i = loop_index("i")
    down = Loop(i, TWO, index_const(-1), index_const(-2), (Store(Y, (i,), f32(1)),))
    np.testing.assert_array_equal(run(down), [1, np.nan, 1])


def test_views_and_copies_share_and_move_elements() -> None:
    flat = X.view((6,))
    out = Buffer("out", F32, (2, 3), "result")
    made = run(
        Copy(out.view((6,)), flat),
        Store(out, (ZERO, ZERO), load(flat, (index_const(5),))),
        result=out,
    )
    np.testing.assert_array_equal(made, [[5, 1, 2], [3, 4, 5]])


def test_constants_are_memory() -> None:
    table = Buffer("c", F32, (2,), "constant", value=np.float32([7, 8]))
    out = run(Store(Y, (ONE,), load(table, (ONE,))))
    assert out[1] == 8


@pytest.mark.parametrize(("turn_a", "turn_b"), [(False, False), (True, True)])
def test_gemm(turn_a: bool, turn_b: bool) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 3, 4)), rng.random((2, 4, 5))
    given = [
        np.ascontiguousarray(np.swapaxes(x, 1, 2)) if turned else x
        for x, turned in ((a, turn_a), (b, turn_b))
    ]
    names = zip("ab", given, strict=True)
    params = tuple(Buffer(name, F64, x.shape, "param") for name, x in names)
    result = Buffer("c", F64, (2, 3, 5), "result")
    call = Call("gemm", (result, *params), gemm((3, 5, 4), 2, a=turn_a, b=turn_b))
    out = np.empty(result.shape)
    run_kernel(Kernel("k", params, (result,), (call,)), given, [out])
    np.testing.assert_allclose(out, a @ b)


def test_a_block_of_a_product_leaves_the_rest_alone() -> None:
    rng = np.random.default_rng(0)
    given = [rng.random((2, 3, 4)), rng.random((2, 4, 5))]
    params = Buffer("a", F64, (2, 3, 4), "param"), Buffer("b", F64, (2, 4, 5), "param")
    result = Buffer("c", F64, (2, 3, 5), "result")
    attrs = gemm((3, 5, 4), 2)

    def kernel(*block: int) -> Kernel:
        where = tuple(map(index_const, block))
        call = Call("gemm", (result, *params), attrs, block=where)
        return Kernel("k", params, (result,), (call,))

    out = np.empty(result.shape)
    with scope():
        run_kernel(kernel(1, 1, 2, 0, 4), given, [out])
        np.testing.assert_allclose(out[1, 1:, :4], (given[0] @ given[1])[1, 1:, :4])
        assert np.isnan(out[0]).all() and np.isnan(out[1, :, 4]).all()
        with pytest.raises(InternalError, match="not in 5"):
            run_kernel(kernel(1, 1, 2, 2, 4), given, [out])


def test_a_tape_gives_back_what_was_pushed_last() -> None:
    a, b = Buffer("a", F32, ()), Buffer("b", I64, (2,))
    i = loop_index("i")
    with scope():
        out = run(
            Alloc(a),
            Alloc(b),
            TapeClear(0),
            for_each(
                THREE,
                Store(a, (), load(X, (i, ONE))),
                Store(b, (ZERO,), i),
                Store(b, (ONE,), i),
                TapePush(0, (a, b)),
                var=i,
            ),
            for_each(
                THREE,
                TapePop(0, (a, b)),
                Store(Y, (load(b, (ONE,)),), load(a, ())),
                var=i,
            ),
            tapes=1,
        )
    np.testing.assert_array_equal(out, [1, 3, 5])


def test_a_fault_raises_what_its_site_says() -> None:
    i = loop_index("i")
    with scope():
        value = load(X, (i, ONE))
        fault = Fault(elementwise.less(value, f32(3)), 0, (i, value))
    with pytest.raises(DefnValueError, match=r"row 1 is 3\.0"):
        run(for_each(THREE, fault, var=i))


HALF = Buffer("half", BF16, (3,), "result")


@pytest.mark.parametrize(
    ("message", "statement"),
    [
        ("outside buffer y", Store(Y, (THREE,), f32(0))),
        ("outside buffer y", Store(Y, (index_const(-1),), f32(0))),
        ("outside buffer x", Store(Y, (ZERO,), load(X, (ZERO, TWO)))),
        ("float64 is stored", Store(Y, (ZERO,), const(0.0, F64))),
        ("param buffer x is written", Store(X, (ZERO, ZERO), f32(0))),
        ("has no memory", Store(T, (), f32(0))),
        ("is not bound", Store(Y, (loop_index("i"),), f32(0))),
        ("nothing such", TapePop(0, (Y,))),
    ],
)
def test_what_is_wrong_is_refused(message: str, statement: Statement) -> None:
    with pytest.raises(InternalError, match=message):
        run(TapeClear(0), statement, tapes=1)


def test_memory_not_yet_written_shows() -> None:
    assert np.isnan(run()).all()
    assert np.isnan(run(result=HALF).astype(np.float32)).all()
    read = (Alloc(T), Store(Y, (ZERO,), load(T, ())))
    assert np.isnan(run(*read)[0])
