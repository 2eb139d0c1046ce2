"""Kernels on a CUDA device, against the evaluator."""

import numpy as np
import pytest
from cuda_programs import PROGRAMS, empty_results, function_of, kernel_of

from defnpy.backends.cuda import compile_kernel
from defnpy.backends.reference import evaluate
from defnpy.base.errors import DefnIndexError
from defnpy.passes.lower import lower

pytestmark = pytest.mark.cuda


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_agree_with_the_evaluator(name: str) -> None:
    function, arrays = function_of(PROGRAMS[name])
    kernel = lower(function)
    made = empty_results(kernel)
    compile_kernel(kernel).run(arrays, made)
    for each, other in zip(made, evaluate(function, arrays), strict=True):
        assert each.dtype == other.dtype
        rtol = {"f": 1e-5, "e": 1e-2}.get(each.dtype.char, 1e-10)
        np.testing.assert_allclose(each, other, rtol, rtol)


def test_runs_are_equal_bit_by_bit() -> None:
    kernel = kernel_of(PROGRAMS["standardized"])
    _, arrays = function_of(PROGRAMS["standardized"])
    compiled = compile_kernel(kernel)
    runs = [empty_results(kernel) for _ in range(3)]
    for results in runs:
        compiled.run(arrays, results)
    for results in runs[1:]:
        np.testing.assert_array_equal(results[0], runs[0][0])


def test_a_fault_on_the_device_raises() -> None:
    kernel = kernel_of(PROGRAMS["guarded"])
    x, _ = PROGRAMS["guarded"][1]
    compiled, results = compile_kernel(kernel), empty_results(kernel)
    with pytest.raises(DefnIndexError):
        compiled.run([x, np.array(2**40)], results)
    compiled.run([x, np.array(3)], results)
    np.testing.assert_allclose(results[0], x[3] * x.sum(), 1e-5)
