"""Gradients of composite functions beside finite differences, by the evaluator."""

import numpy as np
import pytest
from public_cases import GRADIENT_X, GRADIENTS, weighted_sum

from defnpy.backends.reference import evaluate
from defnpy.base.dtypes import F64
from defnpy.ir.expr import make_param, scope
from defnpy.ir.function import Function
from defnpy.ir.types import TensorType
from defnpy.ops.public import FUNCTIONS
from defnpy.transforms.grad import value_and_grad

pytestmark = pytest.mark.pure

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradient(name: str) -> None:
    with scope(isolated=True) as region:
        x = make_param("x", TensorType(F64, GRADIENT_X.shape))
        result = weighted_sum(name, x)
        function = Function(name, (x,), (result,), tuple(region.effects))
    _, got = evaluate(value_and_grad(function, [0]), [GRADIENT_X])
    direction = RNG.standard_normal(GRADIENT_X.shape)
    step = 1e-6
    ahead, behind = (
        evaluate(function, [GRADIENT_X + sign * step * direction])[0]
        for sign in (1, -1)
    )
    wanted = (ahead - behind) / (2 * step)
    np.testing.assert_allclose(np.sum(got * direction), wanted, rtol=1e-6, atol=1e-7)


def test_the_gradient_passes_at_a_bound_of_clip() -> None:
    with scope(isolated=True):
        x = make_param("x", TensorType(F64, (3,)))
        y = FUNCTIONS["sum"](FUNCTIONS["clip"](x, 0.0, 1.0))
        function = Function("clip", (x,), (y,))
    _, got = evaluate(value_and_grad(function, [0]), [np.array([0.0, 1.0, 2.0])])
    np.testing.assert_array_equal(got, [1, 1, 0])


def test_nothing_flows_from_impossible_logits() -> None:
    with scope(isolated=True):
        x = make_param("x", TensorType(F64, (3,)))
        y = FUNCTIONS["logsumexp"](x)
        function = Function("logsumexp", (x,), (y,))
    _, got = evaluate(value_and_grad(function, [0]), [np.array([0.0, -np.inf, 0.0])])
    np.testing.assert_allclose(got, [0.5, 0, 0.5])
