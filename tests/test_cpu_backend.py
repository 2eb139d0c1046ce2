"""Kernels as machine code, statement by statement.

What a kernel means is what the reference evaluator computes from it.
"""

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from kernel_building import (
    at,
    compare,
    gemm,
    i64,
    local,
    loop,
    outputs,
    param,
    result,
)

from defnpy.backends.cpu import compile_kernel, load, symbols
from defnpy.backends.cpu.machine import machine
from defnpy.base.dtypes import BOOL, C64, C128, F32, F64, I32, I64, U8
from defnpy.base.errors import (
    DefnAssertionError,
    DefnIndexError,
    DefnMemoryError,
    InternalError,
)
from defnpy.ir.expr import Expr, scope
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
    TapePop,
    TapePush,
    While,
    loop_index,
    variable,
)
from defnpy.ops import elementwise as ew
from defnpy.ops.leaf import const

pytestmark = pytest.mark.cpu


def f32(value: float) -> Expr:
    return const(value, F32)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def floats(*shape: int) -> np.ndarray:
    return rng().standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(
    "bounds", [(0, 5, 1), (4, -1, -1), (5, 0, 1), (1, 12, 3), (11, 0, -4), (3, 3, 1)]
)
@pytest.mark.parametrize("known", [True, False])
def test_loops_visit_what_range_does(bounds: tuple[int, int, int], known: bool) -> None:
    start, stop, step = param("a", I64), param("b", I64), param("c", I64)
    visits, count = result("visits", I64, 20), result("count", I64)
    index, given = loop_index("i"), (start, stop, step)
    with scope():
        ends = tuple(map(i64, bounds)) if known else tuple(at(b) for b in given)
        body = (
            Store(count, (), i64(0)),
            loop(20, lambda i: (Store(visits, (i,), i64(-99)),)),
            Loop(
                index,
                *ends,
                (
                    Store(visits, (at(count),), index),
                    Store(count, (), at(count) + i64(1)),
                ),
            ),
        )
        made, number = compare(Kernel("k", given, (visits, count), body), *bounds)
    assert list(made[:number]) == list(range(*bounds))


def test_a_loop_at_the_end_of_the_integers_stops() -> None:
    high = 2**63 - 1
    start, stop, step = param("a", I64), param("b", I64), param("c", I64)
    count, index = result("count", I64), loop_index("i")
    with scope():
        body = (
            Store(count, (), i64(0)),
            Loop(
                *(index, at(start), at(stop), at(step)),
                (Store(count, (), at(count) + i64(1)),),
            ),
        )
        kernel = Kernel("k", (start, stop, step), (count,), body)
        for bounds in (
            (high - 10, high, 4),
            (-high, -high - 1, -1),
            (-high, high, high),
        ):
            assert compare(kernel, *bounds)[0] == len(range(*bounds))


def test_statements_nest_and_lets_hold() -> None:
    x, y = param("x", F32, 6, 5), result("y", F32, 6, 5)
    row, twice = local("row", F32, 5), variable("twice", F32)

    def body(i: Expr) -> Block:
        def inner(j: Expr) -> Block:
            return (
                Let(twice, at(x, i, j) + at(x, i, j)),
                Store(row, (j,), f32(0)),
                If(
                    ew.greater(twice, f32(0)),
                    (Store(row, (j,), twice * twice),),
                    (If(ew.less(twice, f32(-1)), (Store(row, (j,), twice),)),),
                ),
            )

        return (
            Alloc(row),
            loop(5, inner),
            loop(5, lambda j: (Store(y, (i, j), at(row, j) - at(row, i64(0))),)),
        )

    with scope():
        compare(Kernel("k", (x,), (y,), (loop(6, body),)), floats(6, 5))


def test_a_load_reads_memory_as_it_is_then() -> None:
    y = result("y", F32)
    first = variable("first", F32)
    with scope():
        body = (
            Store(y, (), f32(1)),
            Let(first, at(y) + f32(1)),
            Store(y, (), at(y) * f32(3)),
            Store(y, (), at(y) + f32(1) + first),
        )
        (made,) = compare(Kernel("k", (), (y,), body))
    assert made == 6


def test_while_tests_first() -> None:
    n, steps = param("n", I64), result("steps", I64)
    value = local("value", I64)
    going, odd = variable("going", BOOL), variable("odd", BOOL)
    with scope():
        now = at(value)
        grown = ew.add(ew.multiply(now, i64(3)), i64(1))
        body = (
            Alloc(value),
            Store(value, (), at(n)),
            Store(steps, (), i64(0)),
            While(
                (Let(going, ew.greater(now, i64(1))),),
                going,
                (
                    Let(odd, ew.equal(ew.bitwise_and(now, i64(1)), i64(1))),
                    If(
                        odd,
                        (Store(value, (), grown),),
                        (Store(value, (), ew.shift_right(now, i64(1))),),
                    ),
                    Store(steps, (), at(steps) + i64(1)),
                ),
            ),
        )
        kernel = Kernel("collatz", (n,), (steps,), body)
        assert [compare(kernel, n)[0] for n in (1, 6, 27)] == [0, 8, 111]


@pytest.mark.parametrize("size", [7, 3000, 20000])
def test_buffers_on_the_stack_and_in_the_arena(size: int) -> None:
    """Locals of both kinds, side by side and one after another in one place."""
    x, y = param("x", F32, size), result("y", F32, size)

    def stage(source: Buffer, add: float, then: Block, target: Buffer) -> Block:
        moved = loop(size, lambda i: (Store(target, (i,), at(source, i) + f32(add)),))
        return (Alloc(target), moved, *then)

    def turned(a: Buffer, b: Buffer) -> Block:
        def body(i: Expr) -> Block:
            other = ew.subtract(i64(size - 1), i)
            return (Store(y, (i,), at(y, i) + at(a, other) * at(b, i)),)

        return (loop(size, body),)

    def stages(add: float) -> Block:
        a, b = local("a", F32, size), local("b", F32, size)
        return stage(x, add, stage(a, add, turned(a, b), b), a)

    with scope():
        zero = loop(size, lambda i: (Store(y, (i,), f32(0)),))
        true = ew.greater(at(x, i64(0)), f32(-100))
        body = (zero, If(true, stages(1.0)), If(true, stages(-0.5)))
        kernel = Kernel("k", (x,), (y,), body)
        given = floats(size)
        (made,) = outputs(kernel, compile_kernel(kernel), given)
    wanted = (given[::-1] + 1) * (given + 2) + (given[::-1] - 0.5) * (given - 1)
    np.testing.assert_allclose(made, wanted, rtol=1e-5, atol=1e-5)


def test_views_constants_copies_and_bools() -> None:
    value = np.arange(6, dtype=np.int32)
    table = Buffer("table", I32, (6,), "constant", value=value)
    x, y, z = param("x", BOOL, 2, 3), result("y", BOOL, 6), result("z", I32, 3, 2)

    def body(i: Expr) -> Block:
        return (Store(y, (i,), ew.logical_not(at(x.view((6,)), i))),)

    with scope():
        flip = loop(
            3, lambda i: (Store(z.view((6,)), (i,), at(table, i) + at(table, i)),)
        )
        kernel = Kernel(
            "k", (x,), (y, z), (loop(6, body), Copy(z, table.view((2, 3))), flip)
        )
        given = rng().integers(0, 2, (2, 3)).astype(bool)
        _, made = compare(kernel, given)
    assert made.tolist() == [[0, 2], [4, 3], [4, 5]]
    with scope():
        (bits,) = outputs(
            Kernel("k", (x,), (y,), (loop(6, body),)),
            compile_kernel(Kernel("k", (x,), (y,), (loop(6, body),))),
            np.array([0, 1, 2, 255, 128, 0], np.uint8).view(bool).reshape(2, 3),
        )
    assert bits.view(np.uint8).tolist() == [1, 0, 0, 0, 0, 1]  # any byte is true


@pytest.mark.parametrize("dtype", [F32, F64, C64, C128], ids=str)
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("transpose_b", [False, True])
def test_gemm(dtype, transpose_a: bool, transpose_b: bool) -> None:
    m, n, k, batch = 5, 7, 4, 3
    a = param("a", dtype, batch, *((k, m) if transpose_a else (m, k)))
    b = param("b", dtype, batch, *((n, k) if transpose_b else (k, n)))
    c = result("c", dtype, batch, m, n)
    attrs = gemm((m, n, k), batch, a=transpose_a, b=transpose_b)
    kernel = Kernel("k", (a, b), (c,), (Call("gemm", (c, a, b), attrs),))
    x, y = (rng().standard_normal(p.shape).astype(dtype.numpy) for p in (a, b))
    (made,) = outputs(kernel, compile_kernel(kernel), x, y)
    x = np.swapaxes(x, 1, 2) if transpose_a else x
    y = np.swapaxes(y, 1, 2) if transpose_b else y
    np.testing.assert_allclose(made, x @ y, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["sgemm", "dgemm", "cgemm", "zgemm"])
def test_blas_is_found_in_scipy_too(name: str) -> None:
    assert symbols._of_scipy(name)
    assert symbols._routine(name)


def test_gemm_of_no_terms_is_zero() -> None:
    a, b, c = param("a", F32, 2, 0), param("b", F32, 0, 3), result("c", F32, 2, 3)
    call = Call("gemm", (c, a, b), gemm((2, 3, 0)))
    kernel = Kernel("k", (a, b), (c,), (call,))
    given = np.empty((2, 0), np.float32), np.empty((0, 3), np.float32)
    assert not outputs(kernel, compile_kernel(kernel), *given)[0].any()


def faulty() -> Kernel:
    """Return a kernel that reads x[i] and checks i and the value first."""
    x, i, y = param("x", F32, 4), param("i", I64), result("y", F32)
    flag = param("flag", U8)
    big = local("big", F32, 100000)  # in the arena, to be freed
    low, high = ew.greater_equal(at(i), i64(0)), ew.less(at(i), i64(4))
    body = (
        Alloc(big),
        Store(big, (i64(7),), f32(1.0)),
        Fault(ew.logical_and(low, high), 0, (at(i), i64(4))),
        TapeClear(0),
        TapePush(0, (x,)),
        Fault(
            ew.greater(at(x, at(i)), f32(0)),
            1,
            (at(x, at(i)), at(flag), ew.equal(at(i), i64(1))),
        ),
        Store(y, (), at(x, at(i)) + at(big, i64(7))),
    )
    faults = (
        FaultSite("DefnIndexError", "index {0} is outside size {1}", None),
        FaultSite("DefnAssertionError", "{0} with {1} and {2}", None),
    )
    return Kernel("faulty", (x, i, flag), (y,), body, faults, 1)


def test_faults_raise_with_the_values_shown() -> None:
    with scope():
        kernel = faulty()
        compiled = compile_kernel(kernel)
    x = np.array([1.5, -2.5, 3, 4], np.float32)
    flag = np.uint8(200)
    assert compare(kernel, x, 2, flag) == [4.0]
    with pytest.raises(DefnIndexError, match="index -1 is outside size 4"):
        outputs(kernel, compiled, x, -1, flag)
    with pytest.raises(DefnAssertionError, match=r"-2\.5 with 200 and True"):
        outputs(kernel, compiled, x, 1, flag)


def tape_kernel(count: int, tapes: int) -> Kernel:
    """Return a kernel that pushes `count` pairs, and pops them into sums."""
    x, y, back = param("x", F64, count, 3), result("y", F64, 3), result("b", I64, count)
    number, pair, total = local("n", I64), local("p", F64, 3), local("t", F64, 3)
    last = tapes - 1

    def push(i: Expr) -> Block:
        copied = loop(3, lambda j: (Store(pair, (j,), at(x, i, j)),))
        return (Store(number, (), i), copied, TapePush(last, (number, pair)))

    def pop(i: Expr) -> Block:
        weighted = loop(
            3,
            lambda j: (
                Store(total, (j,), at(total, j) * const(0.5, F64) + at(pair, j)),
            ),
        )
        return (TapePop(last, (number, pair)), Store(back, (i,), at(number)), weighted)

    body = (
        *(Alloc(each) for each in (number, pair, total)),
        *(TapeClear(tape) for tape in range(tapes)),
        loop(3, lambda j: (Store(total, (j,), const(0.0, F64)),)),
        *(loop(count, push), loop(count, pop)),
        Copy(y, total),
    )
    return Kernel("tape", (x,), (y, back), body, (), tapes)


@pytest.mark.parametrize("count", [1, 700])
def test_tapes_give_back_what_they_were_given(count: int) -> None:
    with scope():
        kernel = tape_kernel(count, 2)
        given = rng().standard_normal((count, 3))
        _, back = outputs(kernel, compile_kernel(kernel), given)
        assert back.tolist() == list(reversed(range(count)))
        if count == 1:
            compare(kernel, given)


def test_a_reordered_sum_is_close_and_a_plain_one_exact() -> None:
    x, y = param("x", F32, 1000), result("y", F32)
    given = floats(1000)
    sums = {}
    for reassociate in (False, True):
        with scope():
            add = loop(
                1000,
                lambda i: (Store(y, (), at(y) + at(x, i)),),
                reassociate=reassociate,
            )
            kernel = Kernel("k", (x,), (y,), (Store(y, (), f32(0)), add))
            compiled = compile_kernel(kernel)
            (sums[reassociate],) = outputs(kernel, compiled, given)
            assert ("reassoc" in compiled.llvm) is reassociate
            assert ("zmm" in compiled.asm or "ymm" in compiled.asm) or not reassociate
    assert sums[False] == np.cumsum(given)[-1]
    np.testing.assert_allclose(sums[True], given.sum(dtype=np.float64), rtol=1e-4)


def test_elementwise_loops_are_vectorised_without_checks() -> None:
    """Neither arguments nor arena buffers may need a test for overlap."""
    x, y = param("x", F32, 4096), result("y", F32, 4096)
    a, b = local("a", F32, 100000), local("b", F32, 100000)
    with scope():
        body = (
            *(Alloc(a), Alloc(b)),
            loop(4096, lambda i: (Store(a, (i,), at(x, i) * at(x, i)),)),
            loop(4096, lambda i: (Store(b, (i,), at(a, i) + at(x, i)),)),
            loop(4096, lambda i: (Store(y, (i,), at(b, i) * at(a, i)),)),
        )
        kernel = Kernel("k", (x,), (y,), body)
        compiled = compile_kernel(kernel)
        given = floats(4096)
        (made,) = outputs(kernel, compiled, given)
    np.testing.assert_allclose(made, (given**2 + given) * given**2, rtol=1e-5)
    optimized = str(machine().optimize(compiled.llvm))
    assert optimized.count("vector.body:") and " x float>" in optimized
    assert "memcheck" not in optimized


def test_object_code_loads_in_another_process(tmp_path: Path) -> None:
    with scope():
        code = compile_kernel(faulty()).object_code
    (tmp_path / "k.o").write_bytes(code)
    script = tmp_path / "again.py"
    script.write_text(
        "import sys\n"
        f"sys.path[:0] = {[str(Path(__file__).parent), *sys.path]!r}\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from defnpy.ir.expr import scope\n"
        "from defnpy.backends.cpu import load\n"
        "from test_cpu_backend import faulty, outputs\n"
        "with scope():\n"
        "    kernel = faulty()\n"
        f"    again = load(Path({str(tmp_path / 'k.o')!r}).read_bytes(), kernel)\n"
        "x = np.array([1.5, 2.5, 3, 4], np.float32)\n"
        "assert outputs(kernel, again, x, 2, np.uint8(0)) == [4.0]\n"
    )
    subprocess.run([sys.executable, str(script)], check=True, timeout=120)
    with scope():
        kernel = faulty()
        again = load(code, kernel)
    x = np.array([1.5, 2.5, 3, 4], np.float32)
    assert outputs(kernel, again, x, 3, np.uint8(0)) == [5.0]


def test_threads_compile_and_run_at_once() -> None:
    with scope():
        shared = tape_kernel(300, 1)
        compiled = compile_kernel(shared)
    given = [np.full((300, 3), float(k)) for k in range(8)]
    failures: list[BaseException] = []

    def work(k: int) -> None:
        try:
            with scope():
                own = compile_kernel(tape_kernel(10 + k, 1))
            for _ in range(20):
                y, _ = outputs(shared, compiled, given[k])
                np.testing.assert_allclose(y, 2.0 * k)
                outputs(own.kernel, own, np.ones((10 + k, 3)))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_memory_that_cannot_be_had_is_an_error() -> None:
    y, big = result("y", F32), local("big", F32, 1 << 58)
    with scope():
        body = (
            Alloc(big),
            Store(big, (i64(5),), f32(1)),
            Store(y, (), at(big, i64(5))),
        )
        kernel = Kernel("k", (), (y,), body)
        compiled = compile_kernel(kernel)
    with pytest.raises(DefnMemoryError):
        outputs(kernel, compiled)


@pytest.mark.parametrize("size", [3, 50_000])
def test_constants_small_and_large(size: int) -> None:
    """Large ones are not written into the code; they stay where they are."""
    value = rng().standard_normal((size, 2))
    table, y = Buffer("t", F64, (size, 2), "constant", value=value), result("y", F64)
    with scope():
        body = (
            Store(y, (), const(0.0, F64)),
            loop(size, lambda i: (Store(y, (), at(y) + at(table, i, i64(1))),)),
        )
        kernel = Kernel("k", (), (y,), body)
        compiled = compile_kernel(kernel)
        again = load(compiled.object_code, kernel)
    assert len(compiled.object_code) < 10_000
    for each in (compiled, again):
        np.testing.assert_allclose(outputs(kernel, each)[0], value[:, 1].sum())
    assert len(compiled.llvm) < 100_000


def test_wrong_arrays_are_refused() -> None:
    x, y = param("x", F32, 3, 4), result("y", F32)
    with scope():
        kernel = Kernel("k", (x,), (y,), (Store(y, (), at(x, i64(0), i64(1))),))
        compiled = compile_kernel(kernel)
    for wrong in (np.zeros((3, 4)), floats(4, 3), floats(4, 3).T):
        with pytest.raises(InternalError, match="buffer x is given"):
            outputs(kernel, compiled, wrong)


def test_the_package_imports_without_llvm() -> None:
    script = (
        "import sys, defnpy.backends.cpu\n"
        "assert not {'numba', 'llvmlite'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
