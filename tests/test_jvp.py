"""Tangents, held against gradients; second derivatives, against differences."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from gradient_checks import draw, f64, function
from gradient_programs import PROGRAMS, REGIONS

from defnpy.backends.reference import evaluate
from defnpy.base.dtypes import F32, I64
from defnpy.base.errors import DefnTypeError
from defnpy.ir.expr import Expr, make
from defnpy.ir.op import Missing
from defnpy.ir.types import TensorType
from defnpy.ir.verify import verify
from defnpy.ops.elementwise import multiply
from defnpy.ops.family import convert
from defnpy.ops.gradient import custom_grad, stop_gradient
from defnpy.ops.leaf import const
from defnpy.ops.reduce import sum as total
from defnpy.transforms import jvp, value_and_grad

pytestmark = pytest.mark.pure

CORPUS = PROGRAMS | REGIONS


def _case(name: str):
    build, shapes = CORPUS[name]
    types = [f64(*shape) for shape in shapes]
    return function(build, *types), list(range(len(types))), types


@pytest.mark.parametrize("name", CORPUS)
def test_tangents_agree_with_gradients(name: str) -> None:
    f, wrt, types = _case(name)
    forward, gradient = jvp(f, wrt), value_and_grad(f, wrt)
    verify(forward)
    for seed in range(3):
        arguments, tangents = draw(*types, seed=seed), draw(*types, seed=seed + 9)
        value, tangent = evaluate(forward, [*arguments, *tangents])
        expected, *grads = evaluate(gradient, arguments)
        np.testing.assert_allclose(value, expected, rtol=1e-12)
        along = sum(np.vdot(g, t) for g, t in zip(grads, tangents, strict=True))
        np.testing.assert_allclose(tangent, along, rtol=1e-9)


@pytest.mark.parametrize("name", CORPUS)
def test_hessians_agree_with_differences(name: str) -> None:
    """Forward over reverse: tapes have tangents too."""
    f, wrt, types = _case(name)
    gradient = value_and_grad(f, wrt)
    both = jvp(gradient, wrt)
    verify(both)
    step = 1e-5
    for seed in range(2):
        arguments, along = draw(*types, seed=seed), draw(*types, seed=seed + 9)
        found = evaluate(both, [*arguments, *along])[2 + len(wrt) :]
        near = [
            evaluate(
                gradient,
                [a + sign * step * t for a, t in zip(arguments, along, strict=True)],
            )[1:]
            for sign in (1, -1)
        ]
        for made, above, below in zip(found, *near, strict=True):
            expected = (above - below) / (2 * step)
            np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["power", "break", "nested", "until"])
def test_reverse_over_forward(name: str) -> None:
    f, wrt, types = _case(name)

    def along(*given: Expr) -> Expr:
        from defnpy.ir.function import inline

        half = len(given)
        return inline(jvp(f, wrt), (*given, *given))[1] + 0.0 * total(given[half - 1])

    second = value_and_grad(function(along, *types), wrt)
    verify(second)
    arguments = draw(*types)
    _, *found = evaluate(second, arguments)
    # d/dx (g(x)·x) = H x + g
    both = evaluate(jvp(value_and_grad(f, wrt), wrt), [*arguments, *arguments])
    grads, products = both[1 : 1 + len(wrt)], both[2 + len(wrt) :]
    for made, g, h in zip(found, grads, products, strict=True):
        np.testing.assert_allclose(made, g + h, rtol=1e-9)


def test_tangents_of_results() -> None:
    """Each float has one, zero where it does not depend; integers have none."""
    f = function(lambda x, y: [x * x, convert(total(x), I64), total(y)], f64(2), f64(3))
    made = jvp(f, [0])
    assert [r.type for r in made.results[3:]] == [f64(2), f64()]
    x, y, t = draw(f64(2), f64(3), f64(2))
    *_, first, second = evaluate(made, [x, y, t])
    np.testing.assert_allclose(first, 2 * x * t)
    assert second == 0.0


def test_dtypes() -> None:
    half = TensorType(F32, (2,))
    made = jvp(function(lambda x: x * const(2.0), half), [0])
    assert [r.type for r in made.results] == [half, half]


def test_stop_gradient() -> None:
    made = jvp(function(lambda x: x * stop_gradient(x), f64()), [0])
    assert evaluate(made, [np.array(3.0), np.array(1.0)]) == [9.0, 3.0]


def test_custom_gradients_are_followed_forwards() -> None:
    def build(x: Expr, y: Expr) -> Expr:
        a, b = custom_grad(
            [x + y, x * y], [x, y], lambda ca, cb: [ca + 2.0 * cb, 3.0 * ca + cb * y]
        )
        return a * 5.0 + b * 7.0

    f = function(build, f64(), f64())
    grads = evaluate(value_and_grad(f, [0, 1]), [np.array(2.0), np.array(3.0)])[1:]
    arguments = [np.array(v) for v in (2.0, 3.0, 0.3, 0.4)]
    np.testing.assert_allclose(
        evaluate(jvp(f, [0, 1]), arguments)[1], grads[0] * 0.3 + grads[1] * 0.4
    )


def test_missing_rules_are_named() -> None:
    odd = dataclasses.replace(multiply.op, name="odd", jvp=Missing("write `even`"))
    with pytest.raises(DefnTypeError, match="odd has no tangent: write `even`"):
        jvp(function(lambda x: make(odd, (x, x)), f64()), [0])


def test_integers_have_no_tangent() -> None:
    f = function(lambda n: n + n, TensorType(I64))
    with pytest.raises(DefnTypeError, match="argument 0"):
        jvp(f, [0])
