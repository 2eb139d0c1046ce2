"""Gradients of branches, loops and the tape between the two halves of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from gradient_checks import check_grad, draw, element, f64, function, index
from gradient_programs import REGIONS, loop, one, power

from defnpy.backends.reference import evaluate
from defnpy.base.dtypes import F64, I64
from defnpy.base.errors import DefnIndexError
from defnpy.ir.function import inline
from defnpy.ir.printer import text
from defnpy.ir.types import TapeType, TensorType
from defnpy.ir.verify import verify
from defnpy.ops.control import FOR, TAPE_PUSH, WHILE, check, cond, counted_loop
from defnpy.ops.elementwise import less
from defnpy.ops.leaf import const
from defnpy.transforms import value_and_grad, vjp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defnpy.ir.expr import Expr
    from defnpy.ir.function import Function

pytestmark = pytest.mark.pure

I64_SCALAR = TensorType(I64)


def nodes(f: Function) -> Iterator[Expr]:
    """Yield every expression of a function and of the bodies inside."""
    for node in f.nodes():
        yield node
        for value in node.attrs.values():
            if hasattr(value, "nodes"):
                yield from nodes(value)


def pushed(f: Function) -> set[object]:
    """Return the types of what is pushed on tapes."""
    return {
        operand.type
        for node in nodes(f)
        if node.op is TAPE_PUSH
        for operand in node.operands[1:]
    }


def gradient_of(name: str) -> Function:
    build, shapes = REGIONS[name]
    f = function(build, *(f64(*shape) for shape in shapes))
    return value_and_grad(f, range(len(shapes)))


def whole(f: Function, *shape: int) -> list[str]:
    """Return the names of the ops that make tensors of a shape."""
    found = {node for node in nodes(f) if node.type == f64(*shape)}
    return sorted(node.op.name for node in found if node.op.name != "param")


@pytest.mark.parametrize("name", REGIONS)
def test_gradients_agree_with_differences(name: str) -> None:
    """So do the gradients of gradients; several seeds take several branches."""
    build, shapes = REGIONS[name]
    types = [f64(*shape) for shape in shapes]
    for seed in range(4):
        check_grad(build, *types, order=2, seed=seed)


def test_third_order() -> None:
    check_grad(power, f64(), order=3)
    check_grad(REGIONS["until"][0], f64(), order=3)


@pytest.mark.parametrize(
    ("start", "stop", "step"),
    [(1, 8, 3), (7, 0, -2), (0, 6, 2), (5, 5, 1), (5, 2, 4), (0, 3, -1), (2, -1, -1)],
)
@pytest.mark.parametrize("static", [True, False])
def test_ranges(start: int, stop: int, step: int, static: bool) -> None:
    def build(x: Expr, *given: Expr) -> Expr:
        bounds = [index(k) for k in (start, stop, step)] if static else given

        def body(i: Expr, y: Expr) -> list[Expr]:
            return [y * element(x, i) + y]

        return counted_loop(bounds[0], bounds[1], bounds[2], [one()], body)[0]

    f = value_and_grad(function(build, f64(8), *[I64_SCALAR] * 3), [0])
    verify(f)
    (x,) = draw(f64(8))
    value, gradient = evaluate(f, [x, *np.array([start, stop, step])])
    used = list(range(start, stop, step))
    np.testing.assert_allclose(value, np.prod(x[used] + 1))
    expected = np.zeros(8)
    expected[used] = value / (x[used] + 1)
    np.testing.assert_allclose(gradient, expected)


def test_an_untaken_branch_contributes_zero() -> None:
    def build(x: Expr) -> Expr:
        return cond(less(0.0, x), lambda: [1.0 / x], lambda: [x * 0.0])[0]

    f = value_and_grad(function(build, f64()), [0])
    assert evaluate(f, [np.array(0.0)]) == [0.0, 0.0]
    assert evaluate(f, [np.array(2.0)]) == [0.5, -0.25]


@pytest.mark.parametrize("name", ["table", "recurrence", "wide", "nested", "break"])
def test_scalars_are_pushed_and_no_arrays(name: str) -> None:
    types = pushed(gradient_of(name))
    assert types
    assert all(isinstance(t, TensorType) and t.rank == 0 for t in types)


def test_a_pointer_is_pushed() -> None:
    assert pushed(gradient_of("walk")) == {I64_SCALAR, f64()}


@pytest.mark.parametrize("name", ["squares", "neighbours"])
def test_what_index_and_captures_give_is_not_pushed(name: str) -> None:
    assert not any(isinstance(n.type, TapeType) for n in nodes(gradient_of(name)))


def test_elements_are_added_in_place() -> None:
    """The sum is carried, and nothing else is as large as the array."""
    found = whole(gradient_of("neighbours"), 6)
    assert found == ["broadcast", "dynamic_add", "dynamic_add", "item"]


def test_elements_are_added_in_place_in_branches() -> None:
    found = whole(gradient_of("chosen"), 6)
    assert found == ["broadcast", "dynamic_add", "item", "item"]


def test_table_is_updated_in_place() -> None:
    assert set(whole(gradient_of("table"), 4, 4)) == {
        *("broadcast", "dynamic_add", "dynamic_update", "item"),
    }


def test_while_counts_even_without_a_tape() -> None:
    f = gradient_of("doubling")
    assert not pushed(f)
    assert [n.op for n in f.nodes() if n.op in (WHILE, FOR)] == [WHILE, FOR]


def test_only_active_carries_are_reversed() -> None:
    def build(x: Expr, y: Expr) -> list[Expr]:
        def body(i: Expr, a: Expr, b: Expr, c: Expr) -> list[Expr]:
            return [a * x, b * b * y, c * 1.01]

        a, b, c = loop(3, [x, y, const(2.0, F64)], body)
        return [a * c, b]

    f = value_and_grad(function(build, f64(), f64()), [0])
    _forward, reverse = (node for node in f.nodes() if node.op is FOR)
    # b is another result and c no function of x: a, the sum for x, and the tape.
    assert reverse.attrs["count"] == 3
    x, y = draw(f64(), f64())
    np.testing.assert_allclose(evaluate(f, [x, y])[2], 8 * x**3 * 1.01**3)


def test_checks_run_once() -> None:
    def build(x: Expr, n: Expr) -> Expr:
        def body(i: Expr, s: Expr) -> list[Expr]:
            place = check(i, less(i, 4), "DefnIndexError", "{} is too large", (i,))
            return [s * element(x, place) + s]

        return counted_loop(index(0), n, index(1), [one()], body)[0]

    f = value_and_grad(function(build, f64(4), I64_SCALAR), [0])
    verify(f)
    assert sum(node.op.name == "check" for node in nodes(f)) == 1
    (x,) = draw(f64(4))
    value, gradient = evaluate(f, [x, np.array(4)])
    np.testing.assert_allclose(gradient, value / (x + 1))
    with pytest.raises(DefnIndexError, match="4 is too large"):
        evaluate(f, [x, np.array(5)])


def derivative(y: Expr, x: Expr) -> Expr:
    (found,) = vjp([y], [one()], [x])
    assert found is not None
    return found


@pytest.mark.parametrize("order", [1, 2])
def test_size_does_not_depend_on_the_trip_count(order: int) -> None:
    def lines(trips: int) -> int:
        def build(x: Expr) -> Expr:
            (y,) = loop(trips, [x], lambda i, y: [y * y * 0.5])
            return y if order == 1 else derivative(y, x)

        return len(text(value_and_grad(function(build, f64()), [0])).splitlines())

    assert lines(3) == lines(3000)


def test_gradients_beside_what_they_are_of() -> None:
    """Loops made again fill tapes of their own."""

    def build(x: Expr) -> list[Expr]:
        y = power(x)
        first = derivative(y, x)
        second = derivative(first, x)
        return [y, first, second, derivative(second * first, x)]

    found = evaluate(function(build, f64()), [np.array(2.0)])
    np.testing.assert_allclose(found, [32, 80, 160, 80 * 240 + 160 * 160])


def test_gradient_inside_a_loop() -> None:
    """Each run of a descent differentiates a loop of its own."""

    def build(x: Expr) -> Expr:
        def step(i: Expr, p: Expr) -> list[Expr]:
            (y,) = loop(3, [p], lambda k, y: [y * p * 0.5])
            return [p - derivative(y, p) * 0.1 * x]

        return loop(2, [x], step)[0]

    check_grad(build, f64(), order=2)


def test_only_one_of_several_gradients_used() -> None:
    """The reverse of the second loop is dead, but not that of the first."""

    def build(x: Expr, y: Expr) -> Expr:
        (a,) = loop(3, [x], lambda i, a: [a * a * 0.7])
        return loop(3, [y], lambda i, b: [b * b * a])[0]

    f = value_and_grad(function(build, f64(), f64()), [0, 1])
    check_grad(lambda x, y: inline(f, (x, y))[1], f64(), f64(), order=2)
    check_grad(lambda x, y: inline(f, (x, y))[2], f64(), f64(), order=2)


def test_a_gradient_inlined_several_times() -> None:
    f = value_and_grad(function(power, f64()), [0])

    def build(x: Expr, y: Expr) -> Expr:
        return inline(f, (x,))[1] * inline(f, (y,))[1] + inline(f, (x * y,))[1]

    check_grad(build, f64(), f64())
