"""Gradients of branches, loops and the tape between the two halves of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from defnpy.backends.reference import evaluate
from defnpy.base.dtypes import F64, I64
from defnpy.base.errors import DefnIndexError
from defnpy.ir.printer import text
from defnpy.ir.types import TapeType, TensorType
from defnpy.ir.verify import verify
from defnpy.ops.axes import broadcast_to, full, reduce_sum, reshape
from defnpy.ops.control import (
    FOR,
    TAPE_PUSH,
    WHILE,
    check,
    cond,
    counted_loop,
    while_loop,
)
from defnpy.ops.elementwise import less, logical_and
from defnpy.ops.indexing import dynamic_slice
from defnpy.ops.leaf import const
from defnpy.ops.reduce import sum as total
from defnpy.transforms import value_and_grad
from tests.gradients import (
    check_grad,
    draw,
    element,
    f64,
    function,
    index,
    stored,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defnpy.ir.expr import Expr
    from defnpy.ir.function import Function

pytestmark = pytest.mark.pure


def loop(n, init, body, start=0, step=1):
    return counted_loop(index(start), index(n), index(step), init, body)


def zero(*shape: int) -> Expr:
    return full(f64(*shape), 0.0)


def power(x: Expr, n=4) -> Expr:
    """x ** (n + 1), by a loop whose carry meets itself."""
    (y,) = loop(n, [x], lambda i, y: [y * x])
    return y


def nodes(f: Function) -> Iterator[Expr]:
    """Yield every expression of a function and of the bodies inside."""
    for node in f.nodes():
        yield node
        for value in node.attrs.values():
            if hasattr(value, "nodes"):
                yield from nodes(value)


def pushed(f: Function) -> list[TensorType]:
    return [
        operand.type
        for node in nodes(f)
        if node.op is TAPE_PUSH
        for operand in node.operands[1:]
    ]


def test_loop_that_multiplies() -> None:
    check_grad(power, f64(), order=3)


@pytest.mark.parametrize("trips", [0, 1, 2])
def test_few_trips(trips: int) -> None:
    check_grad(lambda x: power(x, trips), f64(), order=2)


@pytest.mark.parametrize(
    ("start", "stop", "step"),
    [(1, 8, 3), (7, 0, -2), (0, 6, 2), (5, 5, 1), (5, 2, 4), (0, 3, -1), (2, -1, -1)],
)
def test_ranges(start: int, stop: int, step: int) -> None:
    def build(x: Expr) -> Expr:
        def body(i: Expr, y: Expr) -> list[Expr]:
            return [y * element(x, i) + y]

        return loop(stop, [const(1.0, F64)], body, start, step)[0]

    check_grad(build, f64(8))
    bounds = [TensorType(I64)] * 3
    f = function(
        lambda x, *b: counted_loop(
            *b, [const(1.0, F64)], lambda i, y: [y * element(x, i) + y]
        ),
        f64(8),
        *bounds,
    )
    (x,) = draw(f64(8))
    value, gradient = evaluate(
        value_and_grad(f, [0]), [x, *np.array([start, stop, step])]
    )
    used = list(range(start, stop, step))
    assert value == pytest.approx(np.prod(x[used] + 1))
    expected = np.zeros(8)
    expected[used] = value / (x[used] + 1)
    np.testing.assert_allclose(gradient, expected)


def test_nested_loops() -> None:
    def build(x: Expr, w: Expr) -> Expr:
        def outer(i: Expr, h: Expr) -> list[Expr]:
            def inner(j: Expr, s: Expr) -> list[Expr]:
                return [s * 0.5 + element(x, i, j) * h * s]

            (s,) = loop(3, [h], inner)
            return [s * element(w, i) + h]

        return loop(4, [const(1.0, F64)], outer)[0]

    check_grad(build, f64(4, 3), f64(4), order=2)


def test_two_loops_in_a_loop() -> None:
    def build(x: Expr) -> Expr:
        def outer(i: Expr, h: Expr, g: Expr) -> list[Expr]:
            (a,) = loop(2, [h], lambda j, y: [y * g])
            (b,) = loop(3, [g], lambda j, y: [y * a * 0.5])
            return [(a + b) * 0.4 + h * 0.1, g * 0.9]

        return loop(3, [x, x * x], outer)[0]

    check_grad(build, f64(), order=2)


def test_while_with_a_count_that_depends_on_the_data() -> None:
    def build(x: Expr) -> Expr:
        (y, _) = while_loop(
            [x, const(0, I64)],
            lambda y, n: logical_and(less(y, 40.0), less(n, 30)),
            lambda y, n: [y * (y + 0.5) + x, n + index(1)],
        )
        return y

    for seed in range(3):
        check_grad(build, f64(), order=2, seed=seed)


def test_while_that_does_not_run() -> None:
    def build(x: Expr) -> Expr:
        return while_loop([x * x], lambda y: less(y, -1.0), lambda y: [y * y])[0]

    check_grad(build, f64(), order=2)


def test_integers_carried_for_indices() -> None:
    """The pointer of a walk through an array is pushed, the array is not."""

    def build(x: Expr) -> Expr:
        def body(i: Expr, at: Expr, s: Expr) -> list[Expr]:
            following = (at * index(3) + index(1)) % index(7)
            return [following, s * element(x, at) + s]

        return loop(9, [index(2), const(1.0, F64)], body)[1]

    gradient = check_grad(build, f64(7), order=2)
    assert set(pushed(gradient)) <= {TensorType(I64), f64()}


def test_branches() -> None:
    def build(x: Expr) -> Expr:
        def arm() -> list[Expr]:
            return [total(x * x * x)]

        return cond(less(total(x), 3.0), arm, lambda: [element(x, 1) * element(x, 0)])[
            0
        ]

    for seed in range(6):
        check_grad(build, f64(3), order=2, seed=seed)


def test_an_untaken_branch_contributes_zero() -> None:
    def build(x: Expr) -> Expr:
        return cond(less(0.0, x), lambda: [x], lambda: [1.0 / x])[0]

    f = value_and_grad(function(build, f64()), [0])
    value, gradient = evaluate(f, [np.array(2.0)])
    assert (value, gradient) == (2.0, 1.0)
    f = function(
        lambda x: cond(less(0.0, x), lambda: [1.0 / x], lambda: [x * 0.0]), f64()
    )
    assert evaluate(value_and_grad(f, [0]), [np.array(0.0)]) == [0.0, 0.0]


def test_branch_in_loop_in_branch() -> None:
    def build(x: Expr) -> Expr:
        def arm() -> list[Expr]:
            def body(i: Expr, s: Expr) -> list[Expr]:
                e = element(x, i)
                return cond(
                    less(e, 1.0), lambda: [s * e * s], lambda: [s + power(e, 2)]
                )

            return loop(5, [element(x, 0)], body)

        return cond(less(total(x), 5.0), arm, lambda: [total(x * x)])[0]

    for seed in range(6):
        check_grad(build, f64(5), order=2, seed=seed)


def test_break_as_a_branch_in_a_while() -> None:
    def build(x: Expr) -> Expr:
        def body(i: Expr, s: Expr, going: Expr) -> list[Expr]:
            grown = s + element(x, i) * s
            on = less(grown, 3.0)
            kept = cond(on, lambda: [grown], lambda: [s])
            return [i + index(1), *kept, on]

        init = [index(0), const(1.0, F64), const(True)]
        init[2] = const(True, init[2].dtype)
        return while_loop(init, lambda i, s, g: logical_and(less(i, 6), g), body)[1]

    for seed in range(3):
        check_grad(build, f64(6), order=2, seed=seed)


def table(x: Expr, n: int = 4) -> Expr:
    """Dynamic programming: each entry of the diagonal before it, and of `x`."""

    def outer(i: Expr, t: Expr) -> list[Expr]:
        def inner(j: Expr, t: Expr) -> list[Expr]:
            one = index(1)
            before = element(t, i - one, j - one)
            above = element(t, i - one, j)
            return [stored(t, before * above * element(x, i) + before, i, j)]

        return loop(n, [t], inner, start=1)

    (t,) = loop(n, [full(f64(n, n), 0.5)], outer, start=1)
    return element(t, n - 1, n - 1)


def test_table_by_nested_loops_pushes_scalars() -> None:
    gradient = check_grad(table, f64(4), order=2)
    assert pushed(gradient)
    assert set(pushed(gradient)) == {f64()}


def test_recurrence_through_a_captured_array_pushes_elements() -> None:
    """A short inner loop reads an array the outer one carries."""

    def build(x: Expr) -> Expr:
        def outer(i: Expr, t: Expr) -> list[Expr]:
            def inner(k: Expr, s: Expr) -> list[Expr]:
                e = element(t, i - k - index(1))
                return [s + e * e * element(x, k)]

            (s,) = loop(2, [const(0.1, F64)], inner)
            return [stored(t, s, i)]

        (t,) = loop(8, [x * 1.0], outer, start=2)
        return element(t, 7)

    gradient = check_grad(build, f64(8), order=2)
    assert set(pushed(gradient)) == {f64()}


def test_elements_are_added_in_place() -> None:
    def build(x: Expr) -> Expr:
        def body(i: Expr, s: Expr) -> list[Expr]:
            return [s + element(x, i) * element(x, i + index(1))]

        return loop(5, [const(0.0, F64)], body)[0]

    gradient = check_grad(build, f64(6))
    (reverse,) = (
        node
        for node in gradient.nodes()
        if node.op is FOR and node.operands[0].attrs.get("value") == 4
    )
    body = reverse.attrs["body"]
    whole = [n.op.name for n in body.nodes() if n.type == f64(6) and n.operands]
    assert whole == ["dynamic_add", "dynamic_add"]
    assert not pushed(gradient)


def test_conditional_element_is_added_in_place() -> None:
    def build(x: Expr) -> Expr:
        def body(i: Expr, s: Expr) -> list[Expr]:
            e = element(x, i)
            return cond(less(e, 1.0), lambda: [s + e * e], lambda: [s])

        return loop(6, [const(0.0, F64)], body)[0]

    gradient = check_grad(build, f64(6))
    whole = [n.op.name for n in nodes(gradient) if n.type == f64(6) and n.operands]
    assert set(whole) == {"dynamic_add", "item", "broadcast"}


def test_small_sources_are_pushed_for_large_views() -> None:
    def build(x: Expr) -> Expr:
        def body(i: Expr, s: Expr) -> list[Expr]:
            wide = broadcast_to(reshape(s, (1, 1)), (4, 5))
            return [reduce_sum(wide * wide * element(x, i), (0, 1)) * 0.01]

        return loop(3, [const(1.0, F64)], body)[0]

    gradient = check_grad(build, f64(3))
    assert set(pushed(gradient)) == {f64()}


def test_what_captures_and_index_give_is_not_pushed() -> None:
    def build(x: Expr, w: Expr) -> Expr:
        def body(i: Expr, s: Expr) -> list[Expr]:
            error = reshape(dynamic_slice(x, (i, index(0)), (1, 3)), (3,)) @ w - 0.3
            return [s + error * error]

        return loop(4, [const(0.0, F64)], body)[0]

    gradient = check_grad(build, f64(4, 3), f64(3), order=2)
    assert not any(isinstance(node.type, TapeType) for node in nodes(gradient))


def test_only_active_carries_are_reversed() -> None:
    def build(x: Expr, y: Expr) -> list[Expr]:
        def body(i: Expr, a: Expr, b: Expr, c: Expr) -> list[Expr]:
            return [a * x, b * b * y, c * 1.01]

        a, b, c = loop(3, [x, y, const(2.0, F64)], body)
        return [a * c, b]

    gradient = value_and_grad(function(build, f64(), f64()), [0])
    verify(gradient)
    _forward, reverse = (node for node in gradient.nodes() if node.op is FOR)
    # b is another result; c is no function of x; so a, the sum for x, and the tape.
    assert reverse.attrs["count"] == 3
    x, y = draw(f64(), f64())
    *_, found = evaluate(gradient, [x, y])
    np.testing.assert_allclose(found, 4 * x**3 * 2.0 * 1.01**3)


def test_checks_run_once() -> None:
    def build(x: Expr, n: Expr) -> Expr:
        def body(i: Expr, s: Expr) -> list[Expr]:
            place = check(i, less(i, 4), "DefnIndexError", "{} is too large", (i,))
            return [s * element(x, place) + s]

        return counted_loop(index(0), n, index(1), [const(1.0, F64)], body)[0]

    f = value_and_grad(function(build, f64(4), TensorType(I64)), [0])
    verify(f)
    assert sum(node.op.name == "check" for node in nodes(f)) == 1
    (x,) = draw(f64(4))
    value, gradient = evaluate(f, [x, np.array(4)])
    np.testing.assert_allclose(gradient, value / (x + 1))
    with pytest.raises(DefnIndexError, match="4 is too large"):
        evaluate(f, [x, np.array(5)])


@pytest.mark.parametrize("order", [1, 2])
def test_size_does_not_depend_on_the_trip_count(order: int) -> None:
    def lines(trips: int) -> int:
        def build(x: Expr) -> Expr:
            (y,) = loop(trips, [x], lambda i, y: [y * y * 0.5])
            for _ in range(order - 1):
                y = value_and_grad_of(y, x)
            return y

        return len(text(value_and_grad(function(build, f64()), [0])).splitlines())

    assert lines(3) == lines(3000)


def value_and_grad_of(y: Expr, x: Expr) -> Expr:
    from defnpy.transforms import vjp

    (found,) = vjp([y], [const(1.0, F64)], [x])
    assert found is not None
    return found


def test_gradient_inside_a_loop() -> None:
    """Each run of a descent differentiates a loop of its own."""

    def build(x: Expr) -> Expr:
        def step(i: Expr, p: Expr) -> list[Expr]:
            (y,) = loop(3, [p], lambda k, y: [y * p * 0.5])
            return [p - value_and_grad_of(y, p) * 0.1 * x]

        return loop(2, [x], step)[0]

    check_grad(build, f64(), order=2)


def test_only_one_of_several_gradients_used() -> None:
    """The reverse of the first loop is dead, but not that of the second."""

    def build(x: Expr, y: Expr) -> Expr:
        (a,) = loop(3, [x], lambda i, a: [a * a * 0.7])
        (b,) = loop(3, [y], lambda i, b: [b * b * a])
        return b

    f = value_and_grad(function(build, f64(), f64()), [0, 1])

    def second(x: Expr, y: Expr) -> Expr:
        from defnpy.ir.function import inline

        return inline(f, (x, y))[2]

    check_grad(second, f64(), f64(), order=2)


def test_inlined_twice() -> None:
    f = value_and_grad(function(power, f64()), [0])

    def twice(x: Expr, y: Expr) -> Expr:
        from defnpy.ir.function import inline

        return inline(f, (x,))[1] * inline(f, (y,))[1] + inline(f, (x * y,))[1]

    check_grad(twice, f64(), f64())


def test_while_in_for_in_while() -> None:
    def build(x: Expr) -> Expr:
        def outer(y: Expr) -> list[Expr]:
            def middle(i: Expr, z: Expr) -> list[Expr]:
                return while_loop(
                    [z], lambda w: less(w, 2.0), lambda w: [w * w + y * 0.5]
                )

            return [loop(2, [y], middle)[0] * 1.5]

        return while_loop([x], lambda y: less(y, 20.0), outer)[0]

    for seed in range(3):
        check_grad(build, f64(), order=2, seed=seed)


def test_swapped_carries() -> None:
    def build(x: Expr, y: Expr) -> Expr:
        a, b = loop(5, [x, y], lambda i, a, b: [b, a * b])
        return a + b

    check_grad(build, f64(), f64(), order=2)


def test_while_counts_even_without_a_tape() -> None:
    def build(x: Expr) -> Expr:
        return while_loop([x], lambda y: less(y, 9.0), lambda y: [y + y])[0]

    gradient = check_grad(build, f64())
    assert not pushed(gradient)
    assert [node.op for node in gradient.nodes() if node.op in (WHILE, FOR)] == [
        WHILE,
        FOR,
    ]
