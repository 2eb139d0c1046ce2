"""Machine code of transcendental functions is what their expansions say, bit by bit.

Nothing in an expansion may be contracted or reordered, so there is nothing to
tolerate.
"""

import numpy as np
import pytest
from kernel_building import at, i64, outputs, param, result
from math_accuracy import arguments, run_expanded

from defnpy.backends.cpu import compile_kernel
from defnpy.backends.cpu.machine import machine
from defnpy.backends.cpu.stages import emit_kernel
from defnpy.base.dtypes import F32, F64, DType, as_dtype
from defnpy.ir.expr import scope
from defnpy.ir.kernel import Kernel, Loop, Store, loop_index
from defnpy.ops import math as dm
from defnpy.ops.family import Elementwise, native

pytestmark = pytest.mark.cpu

EXPANDED = [
    each
    for each in vars(dm).values()
    if isinstance(each, Elementwise) and each.op.lower is not native
]
UNARY = [each for each in EXPANDED if each.arity == 1 and "f" in each.kinds]
BINARY = [each for each in EXPANDED if each.arity == 2 and "f" in each.kinds]


def _kernel(functions: list[Elementwise], dtype: DType, size: int) -> Kernel:
    """Return a kernel with a loop for each function."""
    arity = functions[0].arity
    params = tuple(param(f"p{k}", dtype, size) for k in range(arity))
    results, body = [], []
    for function in functions:
        index, target = loop_index("i"), result(function.__name__, dtype, size)
        value = function(*(at(each, index) for each in params))
        inner = (Store(target, (index,), value),)
        body.append(Loop(index, i64(0), i64(size), i64(1), inner))
        results.append(target)
    return Kernel("maths", params, tuple(results), tuple(body))


def _compiled(functions: list[Elementwise], *arrays: np.ndarray) -> list[np.ndarray]:
    with scope():
        kernel = _kernel(functions, as_dtype(arrays[0].dtype), arrays[0].size)
        return outputs(kernel, compile_kernel(kernel), *arrays)


def _check_same(made: np.ndarray, wanted: np.ndarray, name: str) -> None:
    np.testing.assert_array_equal(made, wanted, err_msg=name)
    known = ~np.isnan(wanted)
    signs = np.signbit(made[known]), np.signbit(wanted[known])
    np.testing.assert_array_equal(*signs, err_msg=f"sign of {name}")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_machine_code_is_the_expansion(dtype: type) -> None:
    with np.errstate(all="ignore"):
        x = arguments(dtype, 500)
        far = np.abs(x) > 1e5  # where sin, cos and tan call the machine's library
        for function, made in zip(UNARY, _compiled(UNARY, x), strict=True):
            wanted = run_expanded(function, x)
            if function in (dm.sin, dm.cos, dm.tan):
                np.testing.assert_allclose(made[far], wanted[far], rtol=4e-7)
                made, wanted = made[~far], wanted[~far]
            _check_same(made, wanted, function.__name__)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_machine_code_of_two_operands_is_the_expansion(dtype: type) -> None:
    with np.errstate(all="ignore"):
        x = arguments(dtype, 500)
        y = np.random.default_rng(2).permutation(x)
        for function, made in zip(BINARY, _compiled(BINARY, x, y), strict=True):
            _check_same(made, run_expanded(function, x, y), function.__name__)


@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
@pytest.mark.parametrize("function", [*UNARY, *BINARY], ids=lambda f: f.__name__)
def test_loops_over_expansions_become_vectors(
    function: Elementwise, dtype: DType
) -> None:
    if "+fma" not in machine().features.split(","):
        pytest.skip("this machine rounds fma in a library")
    with scope():
        text = emit_kernel(_kernel([function], dtype, 1000)).text
    assert f"@llvm.fma.v{machine().target.lanes[dtype.name][0]}" in str(
        machine().optimize(text)
    )
