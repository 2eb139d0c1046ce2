"""Public functions, and gradients of some, compiled beside the evaluator."""

import numpy as np
import pytest
from public_cases import AS_NUMPY, GRADIENT_X, GRADIENTS, weighted_sum

import defnpy as dn
from defnpy import defn
from defnpy.backends import cpu
from defnpy.backends.reference import evaluate
from defnpy.base import tree
from defnpy.base.dtypes import F64, as_dtype
from defnpy.ir.expr import Expr, make_param, scope
from defnpy.ir.function import Function
from defnpy.ir.types import TensorType
from defnpy.ops.public import FUNCTIONS
from defnpy.passes.lower import lower
from defnpy.passes.simplify import simplify
from defnpy.transforms.grad import value_and_grad

pytestmark = pytest.mark.cpu


def compare(function: Function, arrays: list[np.ndarray]) -> None:
    wanted = evaluate(function, arrays)
    kernel = lower(simplify(function))
    got = [np.empty(b.shape, b.dtype.numpy) for b in kernel.results]
    compiled = cpu.compile_kernel(kernel)
    compiled.run([np.ascontiguousarray(x) for x in arrays], got)
    for one, other in zip(got, wanted, strict=True):
        assert one.dtype == other.dtype and one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", AS_NUMPY)
def test_compiled_as_evaluated(name: str) -> None:
    args, options = AS_NUMPY[name][-1]
    leaves, treedef = tree.flatten(args)
    arrays = [leaf for leaf in leaves if isinstance(leaf, np.ndarray)]
    with scope(isolated=True) as region:
        params = [
            make_param("x", TensorType(as_dtype(x.dtype), x.shape)) for x in arrays
        ]
        left = iter(params)
        operands = [next(left) if isinstance(e, np.ndarray) else e for e in leaves]
        made = FUNCTIONS[name](*tree.unflatten(treedef, operands), **options)
        results = tuple(e for e in tree.leaves(made) if isinstance(e, Expr))
        function = Function(name, tuple(params), results, tuple(region.effects))
    compare(function, arrays)


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_compiled_as_evaluated(name: str) -> None:
    with scope(isolated=True) as region:
        x = make_param("x", TensorType(F64, GRADIENT_X.shape))
        result = weighted_sum(name, x)
        function = Function(name, (x,), (result,), tuple(region.effects))
    compare(value_and_grad(function, [0]), [GRADIENT_X])


def test_sums_of_rows_add_up_to_sums_over_several_axes() -> None:
    x = np.random.default_rng(0).random((1, 900, 700), np.float32)
    total = defn(lambda x: dn.sum(dn.transpose(x) ** 2))
    wanted = np.sum(x.astype(np.float64) ** 2)
    np.testing.assert_allclose(total(x), wanted, rtol=1e-5)
