"""Kernels mean what the Functions they are lowered from mean."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from defnpy.backends import reference
from defnpy.base.dtypes import F64, I64
from defnpy.ir import kernel as k
from defnpy.ir.expr import Expr, make_param, scope
from defnpy.ir.function import Function, close
from defnpy.ir.types import TensorType
from defnpy.ops import control, dot, indexing, reduce
from defnpy.ops.axes import broadcast_to, reshape, zeros_like
from defnpy.ops.control import index_const
from defnpy.ops.elementwise import add, greater, less, maximum, multiply, where
from defnpy.ops.family import convert
from defnpy.ops.leaf import const
from defnpy.ops.math.exponential import exp
from defnpy.ops.movement import concatenate, iota, pad, strided_slice, transpose
from defnpy.passes.lower import lower

pytestmark = pytest.mark.pure


def build(make: Callable[..., object], *arrays: np.ndarray) -> Function:
    dtypes = {"f": F64, "i": I64}
    with scope() as region:
        params = tuple(
            make_param(f"x{n}", TensorType(dtypes[a.dtype.kind], a.shape))
            for n, a in enumerate(arrays)
        )
        results = make(*params)
        results = results if isinstance(results, tuple) else (results,)
        return close("main", region, params, results)[0]


def check(make: Callable[..., object], *arrays: np.ndarray) -> k.Kernel:
    function = build(make, *arrays)
    expected = reference.evaluate(function, arrays)
    kernel = lower(function)
    results = [np.full(r.shape, 77, r.dtype.numpy) for r in kernel.results]
    before = [a.copy() for a in arrays]
    reference.run_kernel(kernel, arrays, results)
    for made, wanted in zip(results, expected, strict=True):
        np.testing.assert_allclose(made, wanted, rtol=1e-12)
    for array, old in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, old)
    return kernel


def statements(block: k.Block, kind: type) -> list:
    found = [s for s in block if isinstance(s, kind)]
    for s in block:
        for name in ("body", "then", "orelse", "test"):
            found += statements(getattr(s, name, ()), kind)
    return found


RNG = np.random.default_rng(0)
A = RNG.standard_normal((4, 5))
B = RNG.standard_normal((5, 3))
V = RNG.standard_normal(6)
N = np.arange(6)


def add_at(x: Expr, i: Expr, value: Expr) -> Expr:
    old = indexing.dynamic_slice(x, (i,), (1,))
    return indexing.dynamic_update(x, add(old, reshape(value, (1,))), (i,))


@pytest.mark.parametrize(
    ("make", "arrays"),
    [
        (lambda x: x * 2.0 + x, (A,)),
        (lambda x: reduce.sum(x), (A,)),
        (lambda x: reduce.sum(x, 0), (A,)),
        (lambda x: reduce.sum(x, 1), (A,)),
        (lambda x: reduce.sum(transpose(x) * 2.0, 1, keepdims=True), (A,)),
        (lambda x: reduce.sum(reshape(x, (2, 2, 5)), (0, 2)), (A,)),
        (lambda x: reduce.max(reshape(x, (2, 2, 5)), 1), (A,)),
        (lambda x: (reduce.argmax(x, 1), reduce.argmin(x, 0), reduce.argmax(x)), (A,)),
        (lambda x: x - broadcast_to(reduce.max(x, 1, keepdims=True), x.shape), (A,)),
        (lambda x, y: dot.matmul(x, y), (A, B)),
        (lambda x, y: dot.matmul(x, transpose(y)) + 1.0, (A, RNG.normal(size=(7, 5)))),
        (lambda x: (x, x), (A,)),
        (lambda x: reshape(transpose(x), (2, 10)), (A,)),
        (lambda x: pad(x, (1, 0), (0, 2), (0, 1)), (A,)),
        (lambda x: concatenate([x, x * 2.0], 1), (A,)),
        (lambda x: strided_slice(x, (3, 0), (-1, 5), (-2, 2)), (A,)),
        (lambda x: indexing.gather(x, const(np.array([3, 0, 0])), 0) + 1.0, (A,)),
        (lambda x: x + const(np.arange(6.0)), (V,)),
        (lambda x: indexing.scatter(x, const(np.array([2, 0, 2])), x * 2.0), (V[:3],)),
        (lambda x: where(greater(x, 0.0), maximum(x, 0.5), iota(6, F64)), (V,)),
        (lambda x: reduce.sum(x * 0 + const(2.0), 0), (np.zeros((0, 3)),)),
        (lambda n: (convert(n, F64) / 2.0, n // 2, n % 4), (N,)),
    ],
)
def test_straight_line_programs(make: object, arrays: tuple) -> None:
    check(make, *arrays)


def test_a_chain_of_elementwise_ops_is_one_loop_without_temporaries() -> None:
    kernel = check(lambda x: multiply(x * 2.0 + 1.0, x) - 3.0, A)
    assert len(statements(kernel.body, k.Loop)) == 1
    assert not statements(kernel.body, k.Alloc)


def loop(x: Expr, count: int, body: Callable[..., object], *init: Expr) -> object:
    bounds = (index_const(0), index_const(count), index_const(1))
    return control.counted_loop(*bounds, (x, *init), body)


def test_a_store_in_a_loop_is_in_place() -> None:
    def program(x: Expr) -> object:
        return loop(x, 6, lambda i, c: (add_at(c, i, convert(i, F64)),))

    kernel = check(program, V)
    assert len(statements(kernel.body, k.Copy)) == 1  # the parameter, once


def test_a_swap_in_a_loop_reads_before_it_writes() -> None:
    def body(i: Expr, x: Expr) -> tuple[Expr]:
        j = index_const(5) - i
        first = indexing.dynamic_slice(x, (i,), (1,))
        second = indexing.dynamic_slice(x, (j,), (1,))
        x = indexing.dynamic_update(x, second, (i,))
        return (indexing.dynamic_update(x, first * 2.0, (j,)),)

    kernel = check(lambda x: loop(x, 3, body), V)
    assert len(statements(kernel.body, k.Copy)) == 1


def test_carried_arrays_that_trade_places() -> None:
    check(lambda x, y: loop(x, 5, lambda i, a, b: (b, a + b), y), V, V[::-1].copy())
    check(lambda x, y: loop(x, 5, lambda i, a, b: (b * 2.0, a), y), V, V[::-1].copy())


def test_a_carried_array_read_at_other_places() -> None:
    def body(i: Expr, x: Expr) -> tuple[Expr]:
        return (strided_slice(x, (5,), (-1,), (-1,)) + x,)

    check(lambda x: loop(x, 3, body), V)


def test_elementwise_updates_happen_where_the_old_values_lie() -> None:
    def body(i: Expr, p: Expr, m: Expr) -> tuple[Expr, Expr]:
        m = m * 0.9 + p * 0.1
        return p - m * 0.5, m

    kernel = check(lambda x: loop(x, 4, body, zeros_like(x)), V)
    (outer,) = [
        s
        for s in kernel.body
        if isinstance(s, k.Loop) and s.body[0:1] and statements(s.body, k.Loop)
    ]
    assert len(statements(outer.body, k.Loop)) == 1
    assert not statements(outer.body, k.Alloc)


def momentum(step: Expr, *leaves: Expr) -> tuple[Expr, ...]:
    """Update leaves, each by a decayed sum that is divided by a scalar."""
    made: list[Expr] = []
    for p, m in zip(leaves[::2], leaves[1::2], strict=True):
        total = m * 0.9 + p
        made += [total, p - total / broadcast_to(exp(step), p.shape)]
    return tuple(made)


@pytest.mark.parametrize(("size", "loops"), [(4, 1), (2000, 5)])
def test_leaves_are_updated_in_one_pass_few_large_ones_at_a_time(
    size: int, loops: int
) -> None:
    leaves = RNG.standard_normal((40, size))
    kernel = check(momentum, np.float64(2.0), *leaves)
    found = [s for s in kernel.body if isinstance(s, k.Loop)]
    assert len(found) == loops
    stores = [len(statements(loop.body, k.Store)) for loop in found]
    assert sum(stores) == len(leaves)
    assert all(count % 2 == 0 for count in stores)  # both results of a leaf


def test_a_branch_updates_in_place() -> None:
    def body(i: Expr, x: Expr) -> object:
        odd = greater(i % 2, 0)
        return control.cond(odd, lambda: (add_at(x, i, i * 1.0),), lambda: (x,))

    kernel = check(lambda x: loop(x, 6, body), V)
    assert len(statements(kernel.body, k.Copy)) == 1


def test_while_and_tapes() -> None:
    def program(x: Expr) -> object:
        tape = control.tape_new()

        def body(i: Expr, y: Expr, t: Expr) -> tuple:
            return i + 1, y * 0.5, control.tape_push(t, (y, i))

        n, y, tape = control.while_loop(
            (index_const(0), x, tape),
            lambda i, y, t: greater(reduce.sum(y * y), 0.1),
            body,
        )

        def back(i: Expr, total: Expr, t: Expr) -> tuple:
            (y, j), t = control.tape_pop(t, (x.type, TensorType(I64)))
            return total * 2.0 + y + convert(j, F64), t

        total, _ = control.counted_loop(
            index_const(0), n, index_const(1), (zeros_like(x), tape), back
        )
        return n, y, total

    check(program, V)


def test_a_value_that_is_kept_is_not_overwritten() -> None:
    def program(x: Expr) -> object:
        y = x * 2.0
        z = add_at(y, index_const(2), const(1.0, F64))
        return y, z, add_at(y, index_const(3), const(5.0, F64))

    check(program, V)


def test_a_check_comes_before_what_depends_on_it() -> None:
    def program(x: Expr, n: Expr) -> Expr:
        i = reduce.sum(n)
        i = control.check(
            i, less(i, index_const(6)), "DefnIndexError", "index {} is out", (i,)
        )
        return indexing.dynamic_slice(x, (i,), (1,))

    check(program, V, N[:3])
    function = build(program, V, N)
    with pytest.raises(IndexError, match="index 15 is out"):
        reference.run_kernel(lower(function), [V, N], [np.zeros(1)])


def test_a_scalar_is_stored_without_a_loop_or_memory_of_its_own() -> None:
    def body(i: Expr, x: Expr) -> tuple[Expr]:
        row = [index_const(1), i]
        old = reshape(indexing.dynamic_slice(x, row, (1, 1)), ())
        return (indexing.dynamic_update(x, reshape(old * 2.0, (1, 1)), row),)

    kernel = check(lambda x: loop(x, 5, body), A)
    assert len(statements(kernel.body, k.Loop)) == 1
    assert not statements(kernel.body, k.Alloc)


def test_axes_of_one_element_have_no_loops() -> None:
    kernel = check(lambda x: transpose(reshape(x, (6, 1))) * 2.0, V)
    assert len(statements(kernel.body, k.Loop)) == 1


def softmax(x: Expr) -> Expr:
    e = exp(x - broadcast_to(reduce.max(x, -1, keepdims=True), x.shape))
    return e / broadcast_to(reduce.sum(e, -1, keepdims=True), x.shape)


def test_the_steps_of_a_softmax_share_a_loop_over_rows() -> None:
    kernel = check(softmax, A)
    (rows,) = [s for s in kernel.body if isinstance(s, k.Loop)]
    assert len([s for s in rows.body if isinstance(s, k.Loop)]) == 3
    assert not [s for s in kernel.body if isinstance(s, k.Alloc)]
    assert max(s.buffer.size for s in statements(rows.body, k.Alloc)) == A.shape[1]


@pytest.mark.parametrize("shape", [(2, 3, 2000), (1, 2, 3, 2000), (1, 3, 3000)])
def test_long_rows_are_told_apart_by_as_many_axes_as_it_takes(
    shape: tuple[int, ...],
) -> None:
    x = RNG.standard_normal(shape)
    last = len(shape) - 1

    def make(x: Expr) -> Expr:
        e = exp(x - broadcast_to(reduce.max(x, last, keepdims=True), x.shape))
        return e / broadcast_to(reduce.sum(e, last, keepdims=True), x.shape)

    kernel = check(make, x)
    assert len(kernel.body) == 1
    sizes = [s.buffer.size for s in statements(kernel.body, k.Alloc)]
    assert max(sizes) == shape[-1]


def test_rows_of_a_tensor_are_shared_by_what_reads_them_alone() -> None:
    def make(x: Expr) -> Expr:
        e = exp(x)
        swapped = transpose(reduce.sum(e, 2), (1, 0))
        return e * broadcast_to(reshape(swapped, (3, 3, 1)), x.shape)

    check(make, RNG.standard_normal((3, 3, 2000)))


@pytest.mark.parametrize(
    "make",
    [
        lambda x: softmax(transpose(x)),
        lambda x: transpose(softmax(x)) + softmax(transpose(x)),
        lambda x: x / broadcast_to(reduce.sum(x, 0, keepdims=True), x.shape),
        lambda x: softmax(strided_slice(softmax(x), (3, 0), (-1, 5), (-1, 1))),
        lambda x: softmax(reshape(softmax(x), (2, 2, 5))),
        lambda x: reduce.sum(softmax(reshape(x, (2, 2, 5))), 1) + reduce.sum(x),
        lambda x: (softmax(x), reduce.max(x, 1), reduce.argmax(softmax(x), 1)),
        lambda x: softmax(x) - broadcast_to(reduce.sum(softmax(x), 0), x.shape),
    ],
)
def test_rows_that_need_others_wait_for_them(make: Callable[..., object]) -> None:
    check(make, A)


def test_rows_in_a_loop_that_carries_them() -> None:
    def body(i: Expr, x: Expr) -> tuple[Expr]:
        y = softmax(x)
        return (y * 2.0 - broadcast_to(reduce.sum(y * x, 1, keepdims=True), x.shape),)

    check(lambda x: loop(x, 3, body), A)
    check(
        lambda x: loop(x, 3, lambda i, x: (softmax(x) + transpose(x),)), A[:, :4].copy()
    )


def test_a_column_is_summed_in_any_order_as_a_vector_is() -> None:
    kernel = check(lambda x: reduce.sum(exp(x), 0), RNG.standard_normal((32, 1)))
    (loop,) = (s for s in kernel.body if isinstance(s, k.Loop))
    assert loop.reassociate
    assert not statements(loop.body, k.Loop)


@pytest.mark.parametrize("shape", [(3, 1, 4, 1), (1, 3, 1, 2), (1, 1, 1, 1)])
def test_sums_over_any_axes_beside_those_of_one_element(shape: tuple[int, ...]) -> None:
    def make(x: Expr) -> tuple[Expr, ...]:
        column = reshape(x, (x.tensor.size, 1))
        sums = (reduce.sum(exp(x), axes) for axes in choices)
        return *sums, reduce.max(softmax(column), 0)

    axes = range(len(shape))
    choices = [c for n in axes for c in itertools.combinations(axes, n + 1)]
    check(make, RNG.standard_normal(shape))


@pytest.mark.parametrize("size", [4 * 4096, 4 * 4096 + 1, 5 * 4096 - 1])
def test_long_sums_are_sums_of_blocks(size: int) -> None:
    x = RNG.standard_normal(size)
    kernel = check(lambda x: (reduce.sum(x * x), reduce.max(x), x + 1.0), x)
    (blocks,) = [s.buffer for s in kernel.body if isinstance(s, k.Alloc)][2:3]
    assert blocks.shape == (-(-size // 4096),)


def test_an_element_read_before_a_loop_is_kept_for_a_store_after_it() -> None:
    """Insertion: nothing but the element is copied, though the loop moves others."""

    def insert(i: Expr, x: Expr) -> tuple[Expr]:
        key = indexing.dynamic_slice(x, (i,), (1,))

        def goes_on(j: Expr, x: Expr) -> Expr:
            before = reshape(indexing.dynamic_slice(x, (j - 1,), (1,)), ())
            return greater(before, reshape(key, ()))

        def moved(j: Expr, x: Expr) -> tuple[Expr, Expr]:
            before = indexing.dynamic_slice(x, (j - 1,), (1,))
            return j - 1, indexing.dynamic_update(x, before, (j,))

        j, x = control.while_loop((i, x), goes_on, moved)
        return (indexing.dynamic_update(x, key, (j,)),)

    def sort(x: Expr) -> object:
        bounds = (index_const(1), index_const(6), index_const(1))
        return control.counted_loop(*bounds, (x,), insert)

    kernel = check(sort, np.array([-9.0, 3, 1, 2, -1, 5]))
    assert len(statements(kernel.body, k.Copy)) == 1
    assert max(s.buffer.size for s in statements(kernel.body, k.Alloc)) == 1


@pytest.mark.parametrize("other", [2, 1])
def test_a_row_is_changed_by_another_without_memory_between(other: int) -> None:
    def body(i: Expr, x: Expr) -> tuple[Expr]:
        zero = index_const(0)
        first = indexing.dynamic_slice(x, (i, zero), (1, 5))
        second = indexing.dynamic_slice(x, (index_const(other), zero), (1, 5))
        row = reshape(first - second * 0.5, (5,)) * 2.0
        return (indexing.dynamic_update(x, reshape(row, (1, 5)), (i, zero)),)

    kernel = check(lambda x: loop(x, 3, body), A)
    assert not statements(kernel.body, k.Alloc)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (1, 0)])
def test_a_window_that_moves_is_read_before_it_is_written(low: int, high: int) -> None:
    def program(x: Expr) -> Expr:
        y = x * 2.0
        part = strided_slice(y, (low,), (low + 4,), (1,)) + 1.0
        return indexing.dynamic_update(y, part, (index_const(high),)) + 0.0

    check(program, V)


def test_what_a_branch_updated_is_updated_again_though_it_has_other_results() -> None:
    def body(i: Expr, x: Expr, count: Expr) -> tuple[Expr, Expr]:
        def change() -> tuple[Expr, Expr]:
            return add_at(x, i, const(1.0)), count + 1

        here = reshape(indexing.dynamic_slice(x, (i,), (1,)), ())
        x1, count = control.cond(greater(here, 0.0), change, lambda: (x, count))
        inner = (index_const(0), index_const(3), index_const(1))
        (x2,) = control.counted_loop(*inner, (x1,), lambda j, x: (add_at(x, j, here),))
        return x2, count

    kernel = check(lambda x: loop(x, 6, body, index_const(0)), V)
    assert len(statements(kernel.body, k.Copy)) == 1


def test_a_product_takes_rows_for_columns_without_moving_them() -> None:
    x, y = RNG.standard_normal((2, 30, 40)), RNG.standard_normal((2, 35, 40))
    kernel = check(lambda x, y: dot.matmul(x, transpose(y, (0, 2, 1))), x, y)
    assert not statements(kernel.body, k.Alloc)
    assert not statements(kernel.body, k.Store)
    # Here the items of the batch are not in one piece.
    check(
        lambda x, y: dot.matmul(transpose(x, (1, 0, 2)), transpose(y, (1, 2, 0))),
        RNG.standard_normal((30, 2, 40)),
        RNG.standard_normal((35, 2, 40)),
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [((140, 6), (6, 20)), ((2, 140, 6), (2, 6, 20)), ((35, 4, 6), (6, 20))],
)
def test_elementwise_events_follow_a_product_by_blocks(
    first: tuple[int, ...], second: tuple[int, ...]
) -> None:
    def make(x: Expr, y: Expr) -> tuple[Expr, Expr]:
        made = dot.matmul(x, y)
        return maximum(made, 0.5), exp(made) + made

    kernel = check(make, RNG.normal(size=first), RNG.normal(size=second))
    (blocks,) = (s for s in kernel.body if isinstance(s, k.Loop))
    assert len(statements(blocks.body, k.Call)) == 1
    assert len(statements(blocks.body, k.Store)) == 2
