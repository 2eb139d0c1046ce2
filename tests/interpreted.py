"""Run Python functions through the frontend and the reference evaluator."""

import numpy as np

from defnpy.backends.reference import evaluate
from defnpy.base import dtypes, tree
from defnpy.frontend.specialize import ResultSlot, specialize
from defnpy.frontend.target import DefnTarget
from defnpy.ir.types import TensorType
from defnpy.ir.verify import verify


def is_tensor(leaf):
    return isinstance(leaf, np.ndarray | np.generic | int | float | complex)


def type_of(leaf):
    if isinstance(leaf, bool | int | float | complex) and not isinstance(
        leaf, np.generic
    ):
        return TensorType(dtypes.of_python(leaf), (), weak=True)
    if is_tensor(leaf):
        array = np.asarray(leaf)
        return TensorType(dtypes.as_dtype(array.dtype), array.shape)
    return leaf


def program_of(function, *args, static=(), **kwargs):
    target = function
    if not hasattr(function, "__defnpy_target__"):
        target = DefnTarget(function, static)
    return specialize(target, tree.map(type_of, args), kwargs)


def run(function, *args, **kwargs):
    """Return what `function` returns when interpreted and evaluated."""
    program = program_of(function, *args, **kwargs)
    verify(program.function)
    arrays = [np.asarray(leaf) for leaf in tree.leaves(args) if is_tensor(leaf)]
    arrays += [np.asarray(capture.read()) for capture in program.captures]
    results = evaluate(program.function, arrays)

    def fill(leaf):
        return results[leaf.index] if isinstance(leaf, ResultSlot) else leaf

    return tree.map(fill, program.result)


def assert_same(found, wanted):
    a, structure = tree.flatten(found)
    b, other = tree.flatten(wanted)
    assert structure == other
    for x, y in zip(a, b, strict=True):
        if not is_tensor(y):
            assert x == y
            continue
        assert np.shape(x) == np.shape(y)
        assert np.asarray(x).dtype == np.asarray(y).dtype
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-12)
