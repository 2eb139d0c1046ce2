"""Jacobians of programs, row by row against gradients."""

import numpy as np
import pytest
from drawn_programs import draw_arrays, draw_program
from gradient_checks import draw, f64, function
from hypothesis import given, settings
from hypothesis import strategies as st

from defnpy.backends.reference import evaluate
from defnpy.ir.expr import Expr
from defnpy.ir.function import Function, inline
from defnpy.ir.verify import verify
from defnpy.ops.axes import reshape
from defnpy.ops.elementwise import multiply
from defnpy.ops.movement import concatenate, strided_slice
from defnpy.ops.reduce import sum as total
from defnpy.transforms import value_and_grad
from defnpy.transforms.jacobian import jacobian

pytestmark = pytest.mark.pure


def element(made: Function, k: int, place: int) -> Function:
    """Return the function of one element of the k-th result."""

    def build(*xs: Expr) -> Expr:
        flat = reshape(inline(made, xs)[k], (-1,))
        return reshape(strided_slice(flat, (place,), (place + 1,), (1,)), ())

    return function(build, *(param.tensor for param in made.params))


def check(made: Function, arrays: list[np.ndarray], most: int = 100) -> None:
    """Hold up to `most` rows of each Jacobian against gradients."""
    wrt = range(len(arrays))
    derived = jacobian(made, wrt)
    verify(derived)
    found = iter(evaluate(derived, arrays))
    for k, result in enumerate(made.results):
        matrices = [next(found) for _ in wrt]
        for x, matrix in zip(arrays, matrices, strict=True):
            assert matrix.shape == (*result.shape, *x.shape)
        for place in range(min(result.tensor.size, most)):
            one = value_and_grad(element(made, k, place), wrt)
            row = evaluate(one, arrays)[1:]
            for matrix, x, grad in zip(matrices, arrays, row, strict=True):
                got = matrix.reshape(result.tensor.size, *x.shape)[place]
                np.testing.assert_allclose(got, grad, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("build", "shapes"),
    [
        (lambda x, y: multiply(x, y), [(2, 3), (2, 3)]),
        (lambda x, y: [total(x, 1), x * total(y)], [(2, 3), ()]),
        (lambda x: concatenate([reshape(x * x, (-1,)), reshape(x, (-1,))]), [(2, 2)]),
        (lambda x: total(x), [(3,)]),
        (lambda x: x * x, [()]),
        (lambda x: strided_slice(x, (0,), (0,), (1,)), [(3,)]),
        (lambda x: concatenate([x, x]), [(0,)]),
    ],
)
def test_a_jacobian(build, shapes) -> None:
    types = [f64(*shape) for shape in shapes]
    check(function(build, *types), draw(*types))


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_a_jacobian_drawn_at_random(data: st.DataObject) -> None:
    arrays = draw_arrays(data)
    check(draw_program(data, arrays), arrays, most=2)
