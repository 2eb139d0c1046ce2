"""Launches mean what their kernel means, in whatever order their threads run."""

import numpy as np
import pytest
from cuda_programs import PROGRAMS, Program, empty_results, function_of, kernel_of
from cuda_simulation import forwards, simulate, turns
from kernel_building import at, f32, gemm, i64, local, loop, param, result
from programs import CASES

from defnpy.backends.cuda import compile_kernel
from defnpy.backends.reference import evaluate, run_kernel
from defnpy.base.dtypes import F32, F64, I64
from defnpy.base.errors import DefnError, DefnIndexError
from defnpy.ir.expr import scope
from defnpy.ir.kernel import (
    Alloc,
    Block,
    Buffer,
    Call,
    Copy,
    Fault,
    FaultSite,
    If,
    Kernel,
    Let,
    Loop,
    Store,
    TapeClear,
    variable,
)
from defnpy.ir.verify import verify_kernel
from defnpy.ops import elementwise as ew
from defnpy.passes.lower import lower

pytestmark = pytest.mark.cpu


def check_program(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    function, arrays = function_of(program)
    kernel = compile_kernel(lower(function))
    for package in kernel.packages:
        verify_kernel(package.launch.kernel)
    wanted = evaluate(function, arrays)
    for threads, order in ((3, reversed), (5, forwards)):
        made = simulate(kernel, arrays, monkeypatch, threads, order)
        for each, other in zip(made, wanted, strict=True):
            assert each.dtype == other.dtype
            rtol = {"f": 1e-5, "e": 1e-2}.get(each.dtype.char, 1e-10)
            np.testing.assert_allclose(each, other, rtol, rtol)


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_agree_with_the_evaluator(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_program(PROGRAMS[name], monkeypatch)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_corpus_agrees_with_the_evaluator(
    case, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_program((case.function, case.args), monkeypatch)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("elementwise f32", [35]),
        ("broadcasting", [30]),
        ("softmax", [12]),
        ("small product", [12]),
        ("iterated", [1, 40, 40]),
        ("branch taken", [1, 20, 20]),
        ("full sum", [1, 94, 3, 1]),
        ("in place", [50, 1]),
        ("while", [1]),
    ],
)
def test_turns_are_shared_out(name: str, wanted: list[int]) -> None:
    assert turns(compile_kernel(kernel_of(PROGRAMS[name]))) == wanted


def test_results_do_not_depend_on_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    function, arrays = function_of(PROGRAMS["standardized"])
    kernel = compile_kernel(lower(function))
    first, *others = (
        simulate(kernel, arrays, monkeypatch, threads) for threads in (1, 2, 64)
    )
    for other in others:
        np.testing.assert_array_equal(first[0], other[0])


X = np.arange(1, 13, dtype=np.float32).reshape(3, 4)


def test_a_loop_that_may_fail_stays_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = param("x", I64, 9), result("y", I64, 9)
    site = FaultSite("DefnIndexError", "{0} is too large", None)

    def body(i) -> Block:
        return (Fault(ew.less(at(x, i), 5), 0, (at(x, i),)), Store(y, (i,), at(x, i)))

    with scope():
        after = loop(9, lambda i: (Store(y, (i,), at(y, i) * i64(0)),))
        kernel = Kernel("k", (x,), (y,), (loop(9, body), after), (site,))
    made = compile_kernel(kernel)
    assert turns(made) == [1, 9]
    given = np.array([1, 2, 7, 3, 9, 4, 8, 0, 0])
    with pytest.raises(DefnIndexError, match="7 is too large"):
        simulate(made, [given], monkeypatch)
    (zeros,) = simulate(made, [given % 5], monkeypatch)
    np.testing.assert_array_equal(zeros, 0)


def test_nothing_runs_after_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows a fault may rely on what it checked: here, an index."""
    function, arrays = function_of(PROGRAMS["guarded"])
    kernel = compile_kernel(lower(function))
    x, _ = arrays
    with pytest.raises(DefnIndexError):
        simulate(kernel, [x, np.array(2**40)], monkeypatch)


def test_memory_of_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large memory of one thread is the device's; of many threads, it stays small."""
    x, y = param("x", F64, 5, 3000), result("y", F64, 5)
    large = local("large", F64, 3000)

    def body(i) -> Block:
        fill = loop(3000, lambda j: (Store(large, (j,), at(x, i, j) * at(x, i, j)),))
        return (Alloc(large), fill, Store(y, (i,), at(large, i64(2999))))

    with scope():
        made = compile_kernel(Kernel("k", (x,), (y,), (loop(5, body),)))
    assert turns(made) == [1]
    assert "malloc" not in made.llvm
    given = np.random.default_rng(0).random((5, 3000))
    (squares,) = simulate(made, [given], monkeypatch)
    np.testing.assert_array_equal(squares, given[:, -1] ** 2)


def test_copies_constants_and_variables_between_launches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x, y, s = param("x", F32, 3, 4), result("y", F32, 3, 4), result("s", F32)
    table = np.arange(3, dtype=np.float32) + 10
    k = Buffer("k", F32, (3,), "constant", value=table)
    first, nothing = variable("first", F32), result("nothing", F32, 0, 4)
    with scope():
        body = (
            Let(first, at(x, i64(0), i64(0)) + f32(1)),
            Copy(y, x),
            loop(3, lambda i: (Store(y, (i, i64(0)), at(k, i) + first),)),
            Store(s, (), first),
            Copy(nothing, nothing.view((4, 0))),
        )
        kernel = Kernel("k", (x,), (y, s, nothing), body)
    made = compile_kernel(kernel)
    assert turns(made) == [1, 12, 3, 1]
    array, number, _ = simulate(made, [X], monkeypatch)
    wanted = X.copy()
    wanted[:, 0] = table + 2
    np.testing.assert_array_equal(array, wanted)
    assert number == 2


@pytest.mark.parametrize("given", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
def test_branches_inside_branches(
    given: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b, y = param("a", I64), param("b", I64), result("y", F32, 6)
    inner = variable("inner", F32)

    def fill(value) -> Loop:
        return loop(6, lambda i: (Store(y, (i,), value),))

    with scope():
        nested = (
            Let(inner, ew.convert(at(b), F32)),
            If(ew.greater(at(b), 0), (fill(inner),), (fill(inner * inner),)),
        )
        body = (fill(f32(7)), If(ew.greater(at(a), 0), nested))
        kernel = Kernel("k", (a, b), (y,), body)
    arrays = [np.array(each) for each in given]
    (wanted,) = empty_results(kernel)
    run_kernel(kernel, arrays, [wanted])
    (made,) = simulate(compile_kernel(kernel), arrays, monkeypatch)
    np.testing.assert_array_equal(made, wanted)


def test_what_is_not_supported_is_named() -> None:
    y = result("y", F32, 2, 2)
    call = Call("gemm", (y, y, y), gemm((2, 2, 2)))
    with scope():
        inside = loop(2, lambda i: (call,))
    for statement, named in ((inside, "routine 'gemm'"), (TapeClear(0), "a tape")):
        with pytest.raises(DefnError, match=f"k needs .*{named}.* cannot do yet"):
            compile_kernel(Kernel("k", (), (y,), (statement,), tapes=1))
