"""Many lanes at once, held against a Python loop over the lanes."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from gradient_checks import f64, function
from gradient_programs import PROGRAMS, REGIONS

from defnpy.backends.reference import evaluate
from defnpy.base.dtypes import as_dtype
from defnpy.ir.expr import make, make_param, scope
from defnpy.ir.function import Function, inline
from defnpy.ir.op import Missing, Op, Sample
from defnpy.ir.types import TensorType
from defnpy.ir.verify import verify
from defnpy.ops.reduce import sum as total
from defnpy.ops.registry import RECORDS
from defnpy.transforms.grad import value_and_grad
from defnpy.transforms.vmap import vmap

pytestmark = pytest.mark.pure

LANES = 3
Arrays = Sequence[np.ndarray]


def lane(arrays: Arrays, ins: Sequence[bool], k: int) -> list[np.ndarray]:
    return [a[k] if flag else a for a, flag in zip(arrays, ins, strict=True)]


def check(made: Function, arrays: Arrays, ins: Sequence[bool], rtol: float = 1e-12):
    """Hold all lanes at once against one after another."""
    found = vmap(made, ins, LANES)
    verify(found.function)
    results = evaluate(found.function, arrays)
    wanted = [evaluate(made, lane(arrays, ins, k)) for k in range(LANES)]
    for k, (result, out) in enumerate(zip(results, found.outs, strict=True)):
        each = result if out else [result] * LANES
        assert result.dtype == wanted[0][k].dtype
        for got, want in zip(each, wanted, strict=True):
            np.testing.assert_allclose(got, want[k], rtol=rtol, atol=1e-12)
    return found


# The records


CASES = [
    (op, sample)
    for op in RECORDS
    if not isinstance(op.samples, Missing)
    for sample in op.samples()
    if sample.operands
]


def lanes_of(rng: np.random.Generator, x: np.ndarray, is_index: bool) -> np.ndarray:
    """Return lanes of arrays like `x`; indices stay in bounds, but differ."""
    if is_index:
        return np.stack([np.maximum(x - k, 0) for k in range(LANES)])
    if x.dtype == bool or x.dtype.kind in "iu":
        return np.stack([np.roll(x, k) for k in range(LANES)])
    return np.stack([rng.permutation(x.ravel()).reshape(x.shape) for _ in range(LANES)])


@pytest.mark.parametrize(
    ("op", "sample"), CASES, ids=[f"{op.name}-{k}" for k, (op, _) in enumerate(CASES)]
)
def test_a_record(op: Op, sample: Sample) -> None:
    """With lanes in each choice of its operands."""
    rng = np.random.default_rng(0)
    indexed = op.family in ("gather", "store") or op.name == "dynamic_slice"
    with scope(isolated=True):
        params = tuple(
            make_param("x", TensorType(as_dtype(x.dtype), x.shape))
            for x in sample.operands
        )
        made = Function("f", params, (make(op, params, **dict(sample.attrs)),))
    for ins in itertools.product((False, True), repeat=len(params)):
        if not any(ins):
            continue
        arrays = [
            lanes_of(rng, x, indexed and x.dtype == np.int64) if flag else x
            for x, flag in zip(sample.operands, ins, strict=True)
        ]
        found = check(made, arrays, ins)
        assert found.outs == (True,)
        assert not found.by_lane


# Programs with branches and loops, and their gradients


CORPUS = PROGRAMS | REGIONS


def drawn(shapes, ins, seed=0):
    rng = np.random.default_rng(seed)
    return [
        rng.uniform(0.3, 1.7, (LANES, *shape) if flag else shape)
        for shape, flag in zip(shapes, ins, strict=True)
    ]


@pytest.mark.parametrize("name", CORPUS)
def test_a_program(name: str) -> None:
    build, shapes = CORPUS[name]
    made = function(build, *(f64(*shape) for shape in shapes))
    for ins in {(True,) * len(shapes), (True, *(False,) * (len(shapes) - 1))}:
        check(made, drawn(shapes, ins), ins)


@pytest.mark.parametrize("name", CORPUS)
def test_the_gradient_of_a_program(name: str) -> None:
    build, shapes = CORPUS[name]
    made = function(build, *(f64(*shape) for shape in shapes))
    gradient = value_and_grad(made, range(len(shapes)))
    for ins in {(True,) * len(shapes), (True, *(False,) * (len(shapes) - 1))}:
        check(gradient, drawn(shapes, ins), ins, 1e-9)


@pytest.mark.parametrize("name", CORPUS)
def test_the_gradient_of_all_lanes(name: str) -> None:
    """The gradient of the sum over lanes is each lane's, summed where shared."""
    build, shapes = CORPUS[name]
    made = function(build, *(f64(*shape) for shape in shapes))
    wrt = range(len(shapes))
    ins = (True, *(False,) * (len(shapes) - 1))
    arrays = drawn(shapes, ins)
    batched = vmap(made, ins, LANES).function
    summed = function(
        lambda *xs: total(inline(batched, xs)[0]), *(f64(*a.shape) for a in arrays)
    )
    _, *found = evaluate(value_and_grad(summed, wrt), arrays)
    each = [
        evaluate(value_and_grad(made, wrt), lane(arrays, ins, k))[1:]
        for k in range(LANES)
    ]
    for k, flag in enumerate(ins):
        parts = [grads[k] for grads in each]
        wanted = np.stack(parts) if flag else sum(parts)
        np.testing.assert_allclose(found[k], wanted, rtol=1e-9, atol=1e-12)
