"""Which loops become threads: only those whose turns do not reach each other."""

from collections.abc import Callable

import numpy as np
import pytest
from cuda_programs import empty_results
from cuda_simulation import simulate, turns
from kernel_building import at, f32, i64, local, loop, param, result

from defnpy.backends.cuda import compile_kernel
from defnpy.backends.reference import run_kernel
from defnpy.base.dtypes import F32, I64
from defnpy.ir.expr import Expr, scope
from defnpy.ir.kernel import (
    Alloc,
    Block,
    Copy,
    If,
    Kernel,
    Let,
    Loop,
    Store,
    loop_index,
    variable,
)
from defnpy.ir.verify import verify_kernel
from defnpy.ops import elementwise as ew
from defnpy.ops.family import convert

pytestmark = pytest.mark.cpu

N, LONG = 6, 200
x, v = param("x", F32, N, N), param("v", F32, LONG)
places = param("places", I64, N)
y, z, s, sums = (
    result("y", F32, N, N),
    result("z", F32, N),
    result("s", F32),
    result("sums", F32, LONG),
)
scratch, t, m = local("scratch", F32), variable("t", F32), variable("m", I64)
ARRAYS = [
    np.arange(N * N, dtype=np.float32).reshape(N, N) % 7 - 3,
    np.arange(LONG, dtype=np.float32) % 5 - 2,
    np.array([3, 0, 3, 1, 5, 5]),
]
ZERO = [N * N, N, 1, LONG]  # launches that fill the results


def nest(body: Callable[[Expr, Expr], Block]) -> Loop:
    return loop(N, lambda i: (loop(N, lambda j: body(i, j)),))


def adding(body: Callable[[Expr], Block]) -> Loop:
    return loop(LONG, body, reassociate=True)


def up_to(stop: Expr, build: Callable[[Expr], Block]) -> Loop:
    index = loop_index("k")
    return Loop(index, i64(0), stop, i64(1), build(index))


# Each case: what its launches are, after those that fill the results with zeros, and
# the statements.
CASES: dict[str, tuple[list[int], Callable[[], Block]]] = {}


def case(*wanted: int) -> Callable[[Callable[[], Block]], Callable[[], Block]]:
    def add(build: Callable[[], Block]) -> Callable[[], Block]:
        CASES[build.__name__] = (list(wanted), build)
        return build

    return add


@case(N * N)
def elements_of_their_own():
    return (nest(lambda i, j: (Store(y, (j, i), at(y, j, i) + at(x, i, j)),)),)


@case(N, 3)
def moved_and_scaled_indices():
    last = i64(N - 1)
    return (
        loop(N, lambda i: (Store(y, (last - i, i64(0)), at(x, i, i)),)),
        loop(3, lambda i: (Store(z, (i * i64(2) + i64(1),), f32(5)),)),
    )


@case(1)
def an_element_another_turn_writes():
    def step(i: Expr) -> Block:
        return (Store(z, (i + i64(1),), at(z, i) + at(x, i, i) + f32(1)),)

    return (loop(N - 1, step),)


@case(1)
def one_element_for_all():
    return (loop(N, lambda i: (Store(z, (i64(2),), at(x, i, i)),)),)


@case(1)
def an_index_from_memory():
    return (loop(N, lambda i: (Store(z, (at(places, i),), at(x, i, i)),)),)


@case(1)
def an_index_that_repeats():
    def step(i: Expr) -> Block:
        return (Store(z, (ew.floor_divide(i, i64(2)),), at(x, i, i)),)

    return (loop(N, step),)


@case(1)
def a_diagonal():
    def row(i: Expr) -> Block:
        return (loop(3, lambda j: (Store(z, (i + j,), at(x, i, j)),)),)

    return (loop(3, row),)


@case(1)
def an_index_moved_by_an_inner_loop():
    def row(i: Expr) -> Block:
        inner = loop(3, lambda j: (Store(z, (i + j,), at(x, i, j)),))
        return (Store(s, (), f32(1)), inner)

    return (loop(3, row),)


@case(1)
def memory_in_two_shapes():
    flat = y.view((N * N,))
    return (loop(N, lambda i: (Store(flat, (i,), at(y, i, i64(0)) + f32(1)),)),)


@case(N, 1)
def memory_written_as_a_whole():
    source = local("source", F32, N)
    fill = loop(N, lambda i: (Store(source, (i,), at(x, i, i)),))
    step = loop(N, lambda i: (Copy(z, source), Store(z, (i,), f32(9))))
    return (Alloc(source), fill, step)


@case(N)
def a_loop_around_elements():
    """Each thread does all turns of the outer loop for its own element."""

    def double(i: Expr, j: Expr) -> Block:
        return (Store(z, (j,), at(z, j) * f32(2) + at(x, i, j)),)

    return (nest(double),)


@case(N, 1, N)
def a_bound_that_changes_inside():
    counts = local("counts", I64, N)

    def more(_: Expr) -> Block:
        return (loop(N, lambda j: (Store(counts, (j,), at(counts, j) + i64(1)),)),)

    return (
        Alloc(counts),
        loop(N, lambda j: (Store(counts, (j,), i64(2)),)),
        up_to(at(counts, i64(0)), more),
        loop(N, lambda j: (Store(z, (j,), convert(at(counts, j), F32)),)),
    )


@case(N)
def a_bound_that_a_variable_holds():
    def row(i: Expr) -> Block:
        inner = up_to(m, lambda j: (Store(y, (i, j), at(x, i, j)),))
        return (Let(m, i + i64(1)), inner)

    return (loop(N, row),)


@case(N)
def an_element_read_before_the_inner_loop():
    def row(i: Expr) -> Block:
        inner = loop(N, lambda j: (Store(y, (i, j), t + f32(1)),))
        return (Let(t, at(y, i, i64(0)) + at(x, i, i)), inner)

    return (loop(N, row),)


@case(N)
def scratch_written_first():
    def row(i: Expr) -> Block:
        add = loop(N, lambda j: (Store(scratch, (), at(scratch) + at(x, i, j)),))
        return (Store(scratch, (), f32(0)), add, Store(z, (i,), at(scratch)))

    return (Alloc(scratch), loop(N, row))


@case(1)
def scratch_written_first_in_one_turn_only():
    def row(i: Expr) -> Block:
        return (
            If(ew.equal(i, i64(0)), (Store(scratch, (), f32(0)),)),
            Store(scratch, (), at(scratch) + at(x, i, i)),
            Store(z, (i,), at(scratch)),
        )

    return (Alloc(scratch), loop(N, row))


@case(1)
def scratch_that_its_first_store_reads():
    def row(i: Expr) -> Block:
        before = ew.where(ew.equal(i, i64(0)), f32(0), at(scratch))
        add = Store(scratch, (), before + at(x, i, i))
        return (add, Store(z, (i,), at(scratch)))

    return (Alloc(scratch), loop(N, row))


@case(1, N)
def scratch_that_another_loop_reads():
    last = loop(N, lambda i: (Store(scratch, (), at(x, i, i)),))
    show = loop(N, lambda i: (Store(z, (i,), at(scratch)),))
    return (Alloc(scratch), last, show)


@case(7, 1)
def a_sum_in_parts():
    return (adding(lambda i: (Store(s, (), at(s) + at(v, i)),)),)


@case(7, 1)
def an_extreme_beside_elements():
    def step(i: Expr) -> Block:
        larger = Store(s, (), ew.maximum(at(v, i), at(s)))
        return (larger, Store(sums, (i,), at(v, i) * f32(2)))

    return (adding(step),)


@case(1)
def a_sum_whose_order_holds():
    return (loop(LONG, lambda i: (Store(s, (), at(s) + at(v, i)),)),)


@case(1)
def a_sum_that_is_read_on_the_way():
    def step(i: Expr) -> Block:
        add = Store(s, (), at(s) + at(v, i))
        return (Let(t, at(s)), add, Store(sums, (i,), t))

    return (adding(step),)


@case(1)
def a_sum_that_is_stored_twice():
    def step(i: Expr) -> Block:
        return (Store(s, (), at(s) + at(v, i)), Store(s, (), at(s) * f32(0.5)))

    return (adding(step),)


@case(1)
def a_sum_beside_one_element_for_all():
    def step(i: Expr) -> Block:
        return (Store(s, (), at(s) + at(v, i)), Store(z, (i64(0),), at(v, i)))

    return (adding(step),)


def zeros() -> Block:
    return (
        nest(lambda i, j: (Store(y, (i, j), f32(0)),)),
        loop(N, lambda i: (Store(z, (i,), f32(0)),)),
        Store(s, (), f32(0)),
        loop(LONG, lambda i: (Store(sums, (i,), f32(0)),)),
    )


@pytest.mark.parametrize("name", CASES)
def test_turns_that_reach_each_other_stay_in_order(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, build = CASES[name]
    with scope():
        body = (*zeros(), *build())
        kernel = Kernel(name, (x, v, places), (y, z, s, sums), body)
        verify_kernel(kernel)
        made = compile_kernel(kernel)
    assert turns(made) == ZERO + wanted
    expected = empty_results(kernel)
    run_kernel(kernel, ARRAYS, expected)
    for threads in (1, 4):
        found = simulate(made, ARRAYS, monkeypatch, threads)
        for each, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(each, other)
