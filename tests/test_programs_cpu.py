"""Machine code of programs drawn at random means what they mean."""

import numpy as np
import pytest
from drawn_programs import build, draw_arrays, draw_program, total
from hypothesis import given, settings
from hypothesis import strategies as st

from defnpy.backends.cpu import compile_kernel
from defnpy.backends.reference import evaluate
from defnpy.ir.function import Function, inline
from defnpy.ir.printer import text
from defnpy.passes.lower import lower
from defnpy.passes.simplify import simplify
from defnpy.transforms.grad import value_and_grad

pytestmark = pytest.mark.cpu


def check(function: Function, arguments: list[np.ndarray], rtol: float) -> None:
    kernel = lower(simplify(function))
    made = [np.empty(b.shape, b.dtype.numpy) for b in kernel.results]
    compile_kernel(kernel).run(arguments, made)
    wanted = evaluate(function, arguments)
    size = max([1.0, *(float(np.max(abs(w), initial=0)) for w in wanted)])
    shown = text(function)
    for each, other in zip(made, wanted, strict=True):
        np.testing.assert_allclose(each, other, rtol, rtol * size, err_msg=shown)


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_a_drawn_program(data: st.DataObject) -> None:
    arrays = draw_arrays(data)
    check(draw_program(data, arrays), arrays, 0.0)


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_the_gradient_of_a_drawn_program(data: st.DataObject) -> None:
    arrays = draw_arrays(data)
    inner = draw_program(data, arrays)
    types = [param.tensor for param in inner.params]
    loss = build(lambda *xs: [total(inline(inner, xs))], *types)
    check(value_and_grad(loss, range(len(arrays))), arrays, 1e-10)
