"""The corpus through every way to run it: CPython, the evaluator, machine code."""

import copy

import classic_programs  # noqa: F401 - adds cases
import everyday_programs  # noqa: F401
import numpy as np
import pytest
from interpreted import assert_same, is_tensor
from programs import CASES, Case

import defnpy as dn
from defnpy import defn
from defnpy.base import tree

pytestmark = pytest.mark.cpu
STEP = 1e-6

by_name = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
differentiable = pytest.mark.parametrize(
    "case", [c for c in CASES if c.differentiable], ids=lambda case: case.name
)


@by_name
def test_machine_code_evaluator_and_cpython_agree(case: Case) -> None:
    f = defn(case.function)
    given = copy.deepcopy(case.args)
    wanted = f.python(*case.args)
    for _ in range(2):  # the first call compiles, the second is a builtin's
        assert_same(f(*case.args), wanted)
    assert_same(f.evaluate(*case.args), wanted)
    assert_same(case.args, given)


def total(function):
    """Return `function` with its results summed into one float."""

    def summed(*args):
        return sum([dn.sum(leaf) for leaf in dn.tree.leaves(function(*args))])

    return summed


@differentiable
def test_gradients_agree_with_differences(case: Case) -> None:
    f = defn(total(case.function))
    gradient = dn.grad(f)(*case.args)
    first, *rest = case.args
    leaves, structure = tree.flatten(first)
    assert tree.flatten(gradient)[1] == structure
    rng = np.random.default_rng(0)
    way = [rng.standard_normal(np.shape(leaf)) for leaf in leaves]
    values = [np.asarray(leaf, np.float64) for leaf in leaves]
    assert all(map(is_tensor, leaves))

    def moved(step: float) -> float:
        there = [v + step * w for v, w in zip(values, way, strict=True)]
        return float(f.evaluate(tree.unflatten(structure, there), *rest))

    slope = (moved(STEP) - moved(-STEP)) / (2 * STEP)
    found = sum(
        float(np.sum(g * w)) for g, w in zip(tree.leaves(gradient), way, strict=True)
    )
    assert found == pytest.approx(slope, rel=1e-6, abs=1e-7)


def test_the_corpus_is_large() -> None:
    assert len(CASES) >= 150
    assert sum(case.differentiable for case in CASES) >= 40
