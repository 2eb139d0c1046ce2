"""Each rewrite, where it applies and where it must not; values stay what they were."""

from collections.abc import Callable

import numpy as np
import pytest

from defnpy.backends import reference
from defnpy.base.dtypes import F64
from defnpy.ir.expr import Expr, make_param, scope
from defnpy.ir.function import Function, close
from defnpy.ir.types import TensorType
from defnpy.ops import control, dot, reduce
from defnpy.ops.axes import broadcast_to, reshape, zeros_like
from defnpy.ops.control import index_const
from defnpy.ops.elementwise import equal, less, negative, where
from defnpy.ops.indexing import dynamic_add
from defnpy.ops.leaf import const
from defnpy.ops.math.exponential import exp
from defnpy.ops.math.logarithm import log
from defnpy.ops.math.logistic import sigmoid
from defnpy.ops.movement import strided_slice, transpose
from defnpy.passes.simplify import simplify

pytestmark = pytest.mark.pure
X = np.random.default_rng(0).standard_normal((3, 4))


def build(make: Callable[..., object], shape: tuple[int, ...] = (3, 4)) -> Function:
    with scope() as region:
        x = make_param("x", TensorType(F64, shape))
        results = make(x)
        results = results if isinstance(results, tuple) else (results,)
        return close("main", region, (x,), results)[0]


def names(function: Function) -> list[str]:
    return [node.op.name for node in function.nodes()]


def softmax(x: Expr) -> Expr:
    e = exp(x - broadcast_to(reduce.max(x, 1, keepdims=True), x.shape))
    return e / broadcast_to(reduce.sum(e, 1, keepdims=True), x.shape)


def windows(x: Expr, places: tuple[int, ...]) -> Expr:
    """Add columns of `x` to places of a tensor of zeros that is as wide."""
    made = zeros_like(x)
    for k, place in enumerate(places):
        part = strided_slice(x, (0, k), (3, k + 1), (1, 1))
        made = dynamic_add(made, part, (index_const(0), index_const(place)))
    return made


@pytest.mark.parametrize(
    ("before", "gone", "present"),
    [
        (lambda x: x * 1.0, "multiply", "param"),
        (lambda x: x / 1.0, "divide", "param"),
        (lambda x: x - 0.0, "subtract", "param"),
        (lambda x: x + -0.0, "add", "param"),
        (lambda x: x * -1.0, "multiply", "negative"),
        (lambda x: negative(negative(x)), "negative", "param"),
        (lambda x: transpose(transpose(x)), "transpose", "param"),
        (lambda x: dot.matmul(x, transpose(x)), "transpose", "dot"),
        (lambda x: dot.matmul(transpose(x), x), "transpose", "dot"),
        (lambda x: log(exp(x)), "exp", "param"),
        (lambda x: log(sigmoid(x)), "sigmoid", "log_sigmoid"),
        (lambda x: log(1.0 - sigmoid(x)), "subtract", "log_sigmoid"),
        (lambda x: log(1.0 + exp(x)), "exp", "softplus"),
        (lambda x: log(transpose(sigmoid(x))), "sigmoid", "log_sigmoid"),
        (lambda x: log(softmax(x)), "divide", "log"),
        (lambda x: windows(x, (0, 3, 2, 1)), "dynamic_add", "concatenate"),
        (
            lambda x: broadcast_to(reshape(reduce.sum(x), (1, 1)), x.shape),
            "reshape",
            "sum",
        ),
    ],
)
def test_a_rule_applies_and_keeps_the_value(
    before: Callable[[Expr], Expr], gone: str, present: str
) -> None:
    function = build(before)
    made = simplify(function)
    assert gone not in names(made)
    assert present in names(made)
    np.testing.assert_allclose(
        reference.evaluate(made, [X])[0],
        reference.evaluate(function, [X])[0],
        rtol=1e-12,
    )


@pytest.mark.parametrize(
    "before",
    [
        lambda x: x + 0.0,  # -0.0 + 0.0 is 0.0
        lambda x: x * 0.0,  # NaN and infinities
        lambda x: 0.0 - x,  # the sign of 0.0
        lambda x: exp(log(x)),  # NaN below zero
        lambda x: log(x),
        lambda x: windows(x, (0, 1, 3)),
        lambda x: windows(x, (0, 1, 1, 2)),
        lambda x: where(equal(x + 1.0, 0.0), x, x * 2.0),
    ],
)
def test_no_rule_applies(before: Callable[[Expr], Expr]) -> None:
    function = build(before)
    assert names(simplify(function)) == names(function)


def test_logarithms_are_accurate_where_the_written_form_is_not() -> None:
    x = np.array([[-1e4, -40.0, 40.0, 1e4]])
    for program, expected in (
        (lambda x: log(sigmoid(x)), [-1e4, -40.0, -np.exp(-40.0), 0.0]),
        (lambda x: log(1.0 - sigmoid(x)), [0.0, -np.exp(-40.0), -40.0, -1e4]),
        (lambda x: log(softmax(x)), [-2e4, -10040.0, -9960.0, 0.0]),
        (lambda x: log(reduce.sum(exp(x), 1)), [1e4]),
    ):
        made = simplify(build(program, (1, 4)))
        np.testing.assert_allclose(
            reference.evaluate(made, [x])[0].ravel(), expected, rtol=1e-12
        )


def test_log_sum_exp_of_infinities() -> None:
    made = simplify(build(lambda x: log(reduce.sum(exp(x), 1)), (3, 2)))
    x = np.array([[-np.inf, -np.inf], [np.inf, 0.0], [np.nan, 0.0]])
    with np.errstate(all="ignore"):
        (found,) = reference.evaluate(made, [x])
    np.testing.assert_array_equal(found, [-np.inf, np.inf, np.nan])


def test_one_computation_for_what_is_the_same_everywhere() -> None:
    def program(x: Expr) -> Expr:
        a = broadcast_to(reduce.sum(x), x.shape)
        return x * exp(a * 2.0)

    made = simplify(build(program))
    shapes = [n.shape for n in made.nodes() if n.op.name == "exp"]
    assert shapes == [()]


def test_loops_carry_only_what_is_used() -> None:
    def program(x: Expr) -> Expr:
        def body(i: Expr, a: Expr, dead: Expr, fixed: Expr) -> tuple[Expr, ...]:
            return a * fixed, dead + a, fixed

        bounds = (index_const(0), index_const(3), index_const(1))
        return control.counted_loop(*bounds, (x, x, x * 2.0), body)[0]

    function = build(program)
    made = simplify(function)
    (loop,) = [n for n in made.nodes() if n.op.name == "for"]
    assert loop.attrs["count"] == 1
    np.testing.assert_array_equal(
        reference.evaluate(made, [X])[0], reference.evaluate(function, [X])[0]
    )


def test_a_while_keeps_what_its_condition_needs() -> None:
    def program(x: Expr) -> Expr:
        def body(n: Expr, a: Expr, dead: Expr) -> tuple[Expr, ...]:
            return n + 1, a * 0.5, dead + 1

        start = index_const(0)
        found = control.while_loop((start, x, start), lambda n, a, d: less(n, 4), body)
        return found[1]

    function = build(program)
    made = simplify(function)
    (loop,) = [n for n in made.nodes() if n.op.name == "while"]
    assert loop.attrs["count"] == 2
    np.testing.assert_array_equal(
        reference.evaluate(made, [X])[0], reference.evaluate(function, [X])[0]
    )


def test_a_branch_keeps_only_results_that_are_used() -> None:
    def program(x: Expr) -> Expr:
        positive = reduce.sum(x) * 0 + const(1.0)
        p = less(positive, 2)
        both = control.cond(p, lambda: (x * 2.0, exp(x)), lambda: (x, log(x)))
        return both[0]

    function = build(program)
    made = simplify(function)
    (branch,) = [n for n in made.nodes() if n.op.name == "cond"]
    assert len(branch.attrs["then"].results) == 1
    np.testing.assert_array_equal(reference.evaluate(made, [X])[0], X * 2)


def test_free_axes_of_what_is_transposed_keep_their_order() -> None:
    function = build(lambda x: dot.dot_general(transpose(x), x, ((), ())))
    assert names(simplify(function)) == names(function)
