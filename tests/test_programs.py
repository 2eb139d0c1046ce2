"""Programs mean the same in every form: evaluated, simplified, and as a Kernel.

First one op at a time, then programs drawn at random.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from drawn_programs import Arrays, build, draw_arrays, draw_program, total, types_of
from hypothesis import given, settings
from hypothesis import strategies as st

from defnpy.backends.reference import evaluate, run_kernel
from defnpy.ir.expr import Expr, make
from defnpy.ir.function import Function, inline
from defnpy.ir.op import Missing, Op, Sample
from defnpy.ir.printer import text
from defnpy.ir.verify import verify, verify_kernel
from defnpy.ops import control, dot, elementwise, reduce
from defnpy.ops.axes import reshape
from defnpy.ops.control import index_const
from defnpy.ops.registry import RECORDS
from defnpy.passes.lower import lower
from defnpy.passes.simplify import simplify
from defnpy.transforms.grad import value_and_grad
from defnpy.transforms.jvp import jvp

pytestmark = pytest.mark.pure


def run_lowered(function: Function, arguments: Arrays) -> list[np.ndarray]:
    kernel = lower(function)
    verify_kernel(kernel)
    results = [np.empty(b.shape, b.dtype.numpy) for b in kernel.results]
    run_kernel(kernel, [a.copy() for a in arguments], results)
    return results


def check(function: Function, arguments: Arrays, atol: float = 1e-300) -> None:
    verify(function)
    wanted = evaluate(function, arguments)
    simple = simplify(function)
    verify(simple)
    assert simple.result_types == function.result_types
    forms = {
        "simplified": lambda: evaluate(simple, arguments),
        "lowered": lambda: run_lowered(function, arguments),
        "simplified and lowered": lambda: run_lowered(simple, arguments),
    }
    shown = text(function)
    for form, run in forms.items():
        for made, value in zip(run(), wanted, strict=True):
            assert (made.dtype, made.shape) == (value.dtype, value.shape), form
            rtol = 1e-5 if value.dtype == np.float32 else 1e-10
            np.testing.assert_allclose(
                made, value, rtol, atol, err_msg=f"{form}\n{shown}"
            )


# One op at a time


CASES = [
    (op, sample)
    for op in RECORDS
    if not isinstance(op.samples, Missing)
    for sample in op.samples()
]
NAMES = [f"{op.name}-{k}" for k, (op, _) in enumerate(CASES)]


@pytest.mark.parametrize(("op", "sample"), CASES, ids=NAMES)
def test_an_op_alone(op: Op, sample: Sample) -> None:
    function = build(
        lambda *xs: [make(op, xs, **dict(sample.attrs))], *types_of(sample.operands)
    )
    check(function, sample.operands)


@pytest.mark.parametrize(("op", "sample"), CASES, ids=NAMES)
def test_an_op_among_others(op: Op, sample: Sample) -> None:
    """Its operands are computed, its result is used twice and returned too."""

    def made(*xs: Expr) -> Sequence[Expr]:
        operands = [x + x if x.dtype.is_float else x for x in xs]
        y = make(op, tuple(operands), **dict(sample.attrs))
        return y, elementwise.equal(y, y), y, reduce.sum(y * y)

    check(build(made, *types_of(sample.operands)), sample.operands)


# Programs whose memory is easily mistaken


def _branch_returns_one_value_twice(x: Expr) -> Sequence[Expr]:
    product = dot.dot(x, x)
    bounds = (index_const(0), index_const(3), index_const(1))

    def then() -> Sequence[Expr]:
        (made,) = control.counted_loop(
            *bounds, (product,), lambda i, total: (total + product,)
        )
        return made, product

    holds = elementwise.less(reduce.sum(x), 100.0)
    return control.cond(holds, then, lambda: (product, product))


def _loop_keeps_what_an_inner_one_made(x: Expr) -> Sequence[Expr]:
    bounds = (index_const(0), index_const(3), index_const(1))

    def body(i: Expr, a: Expr, b: Expr) -> Sequence[Expr]:
        (c,) = control.counted_loop(*bounds, (b,), lambda i, b: (b + x,))
        return c, x - x

    return control.counted_loop(*bounds, (x, x), body)


def _checked(x: Expr) -> Expr:
    return control.check(x, elementwise.less(x, 9.0), "DefnValueError", "too large")


SQUARE = np.arange(4.0).reshape(2, 2)


@pytest.mark.parametrize(
    "made",
    [
        lambda x: [reshape(x + 1.0, (1, 2, 2))],
        lambda x: [reshape(reduce.sum(x), (1, 1))],
        lambda x: [reshape(_checked(reduce.sum(x)), (1,))],
        lambda x: [dot.dot(reshape(x, (4,)), reshape(x, (4,)))],
        _branch_returns_one_value_twice,
        _loop_keeps_what_an_inner_one_made,
    ],
)
def test_a_program(made: Callable[..., Sequence[Expr]]) -> None:
    check(build(made, *types_of([SQUARE])), [SQUARE])


# Programs drawn at random


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_program_drawn_at_random(data: st.DataObject) -> None:
    arrays = draw_arrays(data)
    check(draw_program(data, arrays), arrays)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_the_gradient_of_a_program_drawn_at_random(data: st.DataObject) -> None:
    """Forward and reverse agree: <grad, d> is the tangent along d, in every form."""
    arrays = draw_arrays(data)
    inner = draw_program(data, arrays)
    loss = build(
        lambda *xs: [total(inline(inner, xs))], *(p.tensor for p in inner.params)
    )
    wrt = range(len(arrays))
    grads = value_and_grad(loss, wrt)
    along = [np.arange(1.0, a.size + 1).reshape(a.shape) for a in arrays]
    tangent = evaluate(jvp(loss, wrt), [*arrays, *along])[1]
    terms = [g * d for g, d in zip(evaluate(grads, arrays)[1:], along, strict=True)]
    size = sum(float(np.sum(abs(t))) for t in terms)
    slope = sum(float(np.sum(t)) for t in terms)
    np.testing.assert_allclose(tangent, slope, atol=1e-9 * max(size, 1.0))
    check(grads, arrays, 1e-9 * max(size, 1.0))
