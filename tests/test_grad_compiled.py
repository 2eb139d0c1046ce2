"""Gradients, Hessians and gradients of gradients in machine code."""

import numpy as np
import pytest
from gradient_checks import draw, f64, function, summed
from gradient_programs import REGIONS

from defnpy.backends import cpu
from defnpy.backends.reference import evaluate
from defnpy.ir.function import Function
from defnpy.passes.lower import lower
from defnpy.passes.simplify import simplify
from defnpy.transforms import jvp, value_and_grad

pytestmark = pytest.mark.cpu


def compare(f: Function) -> None:
    kernel = lower(simplify(f))
    compiled = cpu.compile_kernel(kernel)
    for seed in range(3):
        arrays = draw(*f.types, seed=seed)
        got = [np.empty(b.shape, b.dtype.numpy) for b in kernel.results]
        compiled.run(arrays, got)
        for one, other in zip(got, evaluate(f, arrays), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", REGIONS)
def test_compiled_as_evaluated(name: str) -> None:
    build, shapes = REGIONS[name]
    types = [f64(*shape) for shape in shapes]
    wrt = range(len(shapes))
    gradient = value_and_grad(function(build, *types), wrt)
    compare(gradient)
    compare(value_and_grad(function(summed(gradient), *types), wrt))
    compare(jvp(gradient, wrt))
