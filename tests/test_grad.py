"""Gradients of straight-line programs, and what is said where there are none."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
from gradient_checks import check_grad, draw, element, f64, function, index
from gradient_programs import PROGRAMS

from defnpy.backends.reference import evaluate
from defnpy.base.dtypes import F32, F64, I64
from defnpy.base.errors import DefnTypeError
from defnpy.base.span import Span
from defnpy.ir.expr import PARAM, at, make, make_param, scope
from defnpy.ir.function import Function
from defnpy.ir.op import Missing
from defnpy.ir.types import TensorType
from defnpy.ir.verify import verify
from defnpy.ops import reduce
from defnpy.ops.axes import broadcast_to, full
from defnpy.ops.control import COND, FOR, cond, counted_loop
from defnpy.ops.elementwise import maximum, multiply, sqrt, where
from defnpy.ops.family import convert
from defnpy.ops.gradient import custom_grad, stop_gradient
from defnpy.ops.leaf import const
from defnpy.ops.movement import strided_slice
from defnpy.transforms import pullback, value_and_grad, vjp

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr

pytestmark = pytest.mark.pure

total = reduce.sum


def gradient_of(build, *types, wrt=(0,)) -> Function:
    made = value_and_grad(function(build, *types), wrt)
    verify(made)
    return made


def names(f: Function) -> list[str]:
    return [node.op.name for node in f.nodes()]


@pytest.mark.parametrize("name", PROGRAMS)
def test_gradients_agree_with_differences(name: str) -> None:
    build, shapes = PROGRAMS[name]
    check_grad(build, *(f64(*shape) for shape in shapes), order=2)


def test_long_chains_need_no_recursion() -> None:
    def build(x: Expr) -> Expr:
        for _ in range(3000):
            x = x * 1.0001
        return x

    f = gradient_of(build, f64())
    np.testing.assert_allclose(evaluate(f, [np.array(2.0)])[1], 1.0001**3000)


def test_results_keep_their_order() -> None:
    f = gradient_of(lambda x, y: [total(x * y), x + y], f64(2), f64(2), wrt=(1, 0, 1))
    x, y = draw(f64(2), f64(2))
    value, aux, *grads = evaluate(f, [x, y])
    np.testing.assert_allclose(value, x @ y)
    np.testing.assert_allclose(aux, x + y)
    np.testing.assert_allclose(grads, [x, y, x])


def test_what_is_not_used_has_gradient_zero() -> None:
    f = gradient_of(lambda x, y: total(x), f64(2), f64(3), wrt=(0, 1))
    assert f.results[2].type == f64(3)
    assert not evaluate(f, draw(f64(2), f64(3)))[2].any()


def test_only_what_depends_on_wrt_is_visited() -> None:
    def build(x: Expr, y: Expr) -> Expr:
        return total(x) * total(sqrt(y) @ y)

    plain = function(build, f64(3), f64(3))
    with scope():
        (value,) = plain.results
        (ct,) = vjp([value], [const(1.0, F64)], [plain.params[0]])
    assert ct is not None
    inner = Function("ct", plain.params, (ct,))
    assert "divide" not in names(inner)


def test_dtypes() -> None:
    half = TensorType(F32, (2,))
    f = gradient_of(lambda x: total(convert(x, F64)), half)
    assert f.results[1].type == half
    weak = TensorType(F64, (), weak=True)
    f = gradient_of(lambda x, y: total(x * y), half, weak, wrt=(0, 1))
    assert [r.type for r in f.results[1:]] == [half, TensorType(F32)]
    f = gradient_of(lambda x: x * x, weak)
    assert f.results[1].type == weak


def test_weak_values_in_loops() -> None:
    weak = TensorType(F64, (), weak=True)

    def build(x: Expr) -> Expr:
        return counted_loop(
            index(0), index(3), index(1), [x], lambda i, y: [y * x * 0.5]
        )[0]

    f = gradient_of(build, weak)
    np.testing.assert_allclose(evaluate(f, [np.array(1.5)])[1], 4 * 1.5**3 / 8)


def test_integers_have_no_gradient() -> None:
    f = function(lambda x, n: total(x) * n, f64(2), TensorType(I64))
    with pytest.raises(DefnTypeError, match=r"argument 1, p1: its type is i64\[\]"):
        value_and_grad(f, [1])
    made = value_and_grad(f, [0])
    np.testing.assert_allclose(evaluate(made, [np.ones(2), np.array(3)])[1], [3, 3])


@pytest.mark.parametrize(
    ("build", "shown"),
    [(lambda x: x, r"f64\[2\]"), (lambda x: convert(total(x), I64), r"i64\[\]")],
)
def test_a_value_must_be_one_float(build, shown: str) -> None:
    with pytest.raises(DefnTypeError, match=shown) as caught:
        value_and_grad(function(build, f64(2)), [0])
    assert "sum" in str(caught.value)
    assert "vjp" in str(caught.value)


SPAN = Span("user.py", 3, 4, 3, 12, ("    y = odd(x)",))


def test_missing_rules_name_the_place() -> None:
    odd = dataclasses.replace(
        multiply.op, name="odd", vjp=Missing("it is odd; write `even`")
    )

    def build(x: Expr) -> Expr:
        with at(SPAN):
            return make(odd, (x, x))

    with pytest.raises(DefnTypeError, match="it is odd; write `even`") as e:
        value_and_grad(function(build, f64()), [0])
    assert "user.py:3:5" in str(e.value)


def test_spans_are_the_primal_ones() -> None:
    def build(x: Expr) -> Expr:
        with at(SPAN):
            return maximum(x, 0.5)

    f = gradient_of(build, f64())
    made = [n for n in f.nodes() if n.op is not PARAM and n.op.name != "const"]
    assert all(node.span is not None for node in made)
    marked = {node.op.name for node in made if node.span and node.span.backward}
    assert "select" in marked
    assert "maximum" not in marked


def test_zero_cotangents_meet_infinite_derivatives() -> None:
    f = gradient_of(lambda x: total(where(x, sqrt(x), 0.0 * x)), f64(2))
    np.testing.assert_allclose(evaluate(f, [np.array([0.0, 4.0])])[1], [0.0, 0.25])


def test_windows_are_added_in_place() -> None:
    """Two reads of a large array cost their windows, and one array of zeros."""

    def build(x: Expr) -> Expr:
        head = strided_slice(x, (0,), (3,), (1,))
        return total(head * head) * element(x, 7) + element(x, 9)

    made = [n for n in gradient_of(build, f64(50)).nodes() if n.type == f64(50)]
    whole = [node.op.name for node in made if node.op is not PARAM]
    assert sorted(whole) == ["broadcast", *["dynamic_add"] * 3]


def test_pullback_takes_the_cotangents() -> None:
    f = pullback(function(lambda x: [x * x, total(x)], f64(3)), [0, 1], [0])
    verify(f)
    (x, ct) = draw(f64(3), f64(3))
    square, plain, found = evaluate(f, [x, ct, np.array(0.5)])
    np.testing.assert_allclose(square, x * x)
    np.testing.assert_allclose(plain, x.sum())
    np.testing.assert_allclose(found, 2 * x * ct + 0.5)


def test_vjp_by_a_value_in_between() -> None:
    with scope():
        x = make_param("x", f64())
        y = x * x
        z = y * x
        other = make_param("other", f64())
        by_x, by_y, by_other = vjp([z, y], [const(1.0), None], [x, y, other])
        assert by_x is not None and by_y is not None
        assert by_other is None
        f = Function("f", (x,), (by_x, by_y))
    np.testing.assert_allclose(evaluate(f, [np.array(2.0)]), [12.0, 2.0])


def test_stop_gradient() -> None:
    f = gradient_of(lambda x: total(x * stop_gradient(x * x)), f64(2))
    np.testing.assert_allclose(evaluate(f, [np.array([2.0, 3.0])])[1], [4.0, 9.0])
    f = gradient_of(lambda x: stop_gradient(x), f64())
    assert "stop_gradient" in names(f)
    assert evaluate(f, [np.array(2.0)])[1] == 0.0


def doubled(x: Expr, factor: float = 10.0) -> Expr:
    """x*x, whose gradient is said to be the factor times the cotangent."""
    (y,) = custom_grad([x * x], [x], lambda ct: [ct * factor * x])
    return y


def test_custom_gradients() -> None:
    f = gradient_of(lambda x: doubled(x) * 2.0, f64())
    value, gradient = evaluate(f, [np.array(3.0)])
    assert (value, gradient) == (18.0, 60.0)


def test_custom_gradients_in_loops() -> None:
    def build(x: Expr) -> Expr:
        def body(i: Expr, s: Expr) -> list[Expr]:
            return [s + doubled(s * x)]

        return counted_loop(index(0), index(2), index(1), [const(1.0, F64)], body)[0]

    # s1 = 1 + x², s2 = s1 + (s1 x)²; each square's derivative counts as 10 times z.
    x = 0.5
    s1 = 1 + x * x
    first = 10 * x
    expected = first + 10 * s1 * x * (s1 + x * first)
    _, gradient = evaluate(gradient_of(build, f64()), [np.array(x)])
    np.testing.assert_allclose(gradient, expected)


def test_custom_gradients_of_several_values() -> None:
    def build(x: Expr, y: Expr) -> Expr:
        a, b = custom_grad(
            [x + y, x * y], [x, y], lambda ca, cb: [ca + 2.0 * cb, 3.0 * ca + cb]
        )
        return a * 5.0 + b * 7.0

    f = gradient_of(build, f64(), f64(), wrt=(0, 1))
    assert evaluate(f, [np.array(2.0), np.array(3.0)])[1:] == [19.0, 22.0]


def test_custom_gradients_must_fit() -> None:
    with pytest.raises(DefnTypeError, match="returns 2 gradients for 1 arguments"):
        function(lambda x: custom_grad([x], [x], lambda ct: [ct, ct]), f64())


def test_regions_that_do_not_matter_stay() -> None:
    def build(x: Expr, n: Expr) -> Expr:
        (m,) = counted_loop(index(0), n, index(1), [n], lambda i, m: [m + i])
        (k,) = cond(reduce.any(n), lambda: [m], lambda: [n])
        return total(x * k)

    f = gradient_of(build, f64(2), TensorType(I64))
    assert sum(node.op in (FOR, COND) for node in f.nodes()) == 2


def test_broadcast_cotangent_of_a_scalar() -> None:
    check_grad(
        lambda x: total(broadcast_to(x * x, (3, 4)) * full(f64(3, 4), 0.5)), f64()
    )
