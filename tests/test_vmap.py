"""Many lanes at once, held against a Python loop over the lanes."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from drawn_programs import draw_arrays, draw_program
from gradient_checks import f64, function
from gradient_programs import PROGRAMS, REGIONS
from hypothesis import given, settings
from hypothesis import strategies as st

from defnpy.backends.reference import evaluate, run_kernel
from defnpy.base.dtypes import as_dtype
from defnpy.ir.expr import make, make_param, scope
from defnpy.ir.function import Function, inline
from defnpy.ir.op import Missing, Op, Sample
from defnpy.ir.types import TensorType
from defnpy.ir.verify import verify, verify_kernel
from defnpy.ops.reduce import sum as total
from defnpy.ops.registry import RECORDS
from defnpy.passes.lower import lower
from defnpy.passes.simplify import simplify
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
        assert found.by_lane == isinstance(op.batch, Missing)


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


# Programs drawn at random


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_program_drawn_at_random(data: st.DataObject) -> None:
    arrays = draw_arrays(data)
    made = draw_program(data, arrays)
    count = len(arrays)
    flags = st.lists(st.booleans(), min_size=count, max_size=count).filter(any)
    ins = data.draw(flags)
    lanes = [np.stack([a, -a, a + 1.0]) for a in arrays]
    given_ = [b if flag else a for a, b, flag in zip(arrays, lanes, ins, strict=True)]
    found = check(made, given_, ins)
    check_lowered(found.function, given_)


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_a_gradient_drawn_at_random(data: st.DataObject) -> None:
    arrays = draw_arrays(data)
    inner = draw_program(data, arrays)
    loss = function(
        lambda *xs: sum(total(x) for x in inline(inner, xs)),
        *(p.tensor for p in inner.params),
    )
    gradient = value_and_grad(loss, range(len(arrays)))
    lanes = [np.stack([a, -a, a + 1.0]) for a in arrays]
    found = check(gradient, lanes, (True,) * len(arrays), 1e-9)
    check_lowered(found.function, lanes)


def check_lowered(made: Function, arrays: Arrays) -> None:
    """Hold the kernel against the evaluator."""
    kernel = lower(simplify(made))
    verify_kernel(kernel)
    results = [np.empty(b.shape, b.dtype.numpy) for b in kernel.results]
    run_kernel(kernel, [a.copy() for a in arrays], results)
    for got, want in zip(results, evaluate(made, arrays), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)
