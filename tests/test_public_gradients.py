"""Gradients of composite functions beside finite differences, by the evaluator."""

from collections.abc import Callable

import numpy as np
import pytest

from defnpy.backends.reference import evaluate
from defnpy.base.dtypes import F64
from defnpy.ir.expr import Expr, make_param, scope
from defnpy.ir.function import Function
from defnpy.ir.types import TensorType
from defnpy.ops.public import FUNCTIONS
from defnpy.transforms.grad import value_and_grad

pytestmark = pytest.mark.pure

RNG = np.random.default_rng(3)
X = RNG.permutation(12).reshape(3, 4) * 0.3 - 1.0
KERNEL = RNG.standard_normal((2, 3, 2))

# Each is differentiated by its one operand, X.
CASES: dict[str, Callable[..., object]] = {
    "mean": lambda f, x: f(x, 1),
    "var": lambda f, x: f(x, 0, correction=1),
    "std": lambda f, x: f(x),
    "logsumexp": lambda f, x: f(x, 0),
    "softmax": lambda f, x: f(x),
    "log_softmax": lambda f, x: f(x, axis=0),
    "clip": lambda f, x: f(x, -0.55, 1.25),
    "square": lambda f, x: f(x),
    "rsqrt": lambda f, x: f(x + 2.5),
    "cumulative_sum": lambda f, x: f(x, axis=1),
    "cumulative_prod": lambda f, x: f(x, axis=0),
    "cumulative_max": lambda f, x: f(x, axis=1),
    "diff": lambda f, x: f(x, 2),
    "sort": lambda f, x: f(x, 0),
    "top_k": lambda f, x: f(x, 2)[0],
    "take": lambda f, x: f(x, np.array([0, 2, 0]), 0),
    "take_along_axis": lambda f, x: f(x, np.array([[3], [0], [0]]), 1),
    "indexed_add": lambda f, x: f(np.ones((2, 4)), np.array([1, 0, 1]), x),
    "indexed_put": lambda f, x: f(np.ones((2, 4)), np.array([1, 0, 1]), x),
    "dynamic_slice": lambda f, x: f(x, (1, 2), (2, 2)),
    "pad": lambda f, x: f(x, 1, "reflect"),
    "tile": lambda f, x: f(x, (2, 1)),
    "roll": lambda f, x: f(x, 1, 0),
    "repeat": lambda f, x: f(x, [1, 0, 2], 0),
    "tril": lambda f, x: f(x),
    "tensordot": lambda f, x: f(x, x, 2),
    "vecdot": lambda f, x: f(x, x),
    "conv": lambda f, x: f(FUNCTIONS["reshape"](x, (1, 3, 4)), KERNEL, padding="same"),
    "window_max": lambda f, x: f(x, (2, 2), padding="same"),
    "window_mean": lambda f, x: f(x, (2, 2), strides=2, padding="same"),
}


def scalar(name: str, x: Expr) -> Expr:
    """Return the function's elements times fixed numbers, summed."""
    y = CASES[name](FUNCTIONS[name], x)
    assert isinstance(y, Expr)
    weights = np.random.default_rng(7).standard_normal(y.shape)
    return FUNCTIONS["sum"](FUNCTIONS["multiply"](y, weights))


@pytest.mark.parametrize("name", CASES)
def test_gradient(name: str) -> None:
    with scope(isolated=True) as region:
        x = make_param("x", TensorType(F64, X.shape))
        result = scalar(name, x)
        function = Function(name, (x,), (result,), tuple(region.effects))
    _, got = evaluate(value_and_grad(function, [0]), [X])
    direction = RNG.standard_normal(X.shape)
    step = 1e-6
    ahead, behind = (
        evaluate(function, [X + sign * step * direction])[0] for sign in (1, -1)
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
