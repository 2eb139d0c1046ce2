"""What gradients compute again instead of keeping it."""

import math

import numpy as np
import pytest
from drawn_programs import draw_arrays, draw_program
from gradient_checks import check_grad, draw, f64, function
from gradient_programs import PROGRAMS, REGIONS
from hypothesis import given, settings
from hypothesis import strategies as st

from defnpy.backends.reference import evaluate, functions, run_kernel
from defnpy.ir.expr import Expr
from defnpy.ir.function import Function, inline
from defnpy.ir.rewrite import postorder
from defnpy.ir.verify import verify, verify_kernel
from defnpy.ops.axes import reshape
from defnpy.ops.control import (
    TAPE_PUSH,
    check,
    checkpoint,
    cond,
    counted_loop,
    index_const,
    while_loop,
)
from defnpy.ops.elementwise import greater, less
from defnpy.ops.math import sin
from defnpy.ops.reduce import sum as total
from defnpy.passes.lower import lower
from defnpy.passes.simplify import simplify
from defnpy.transforms import jvp, value_and_grad, vmap
from defnpy.transforms.blocks import blocked

pytestmark = pytest.mark.pure

CORPUS = PROGRAMS | REGIONS


def checkpointed(inner: Function):
    """Return a program that applies a function under a checkpoint."""
    return lambda *xs: checkpoint(inner, xs)


def _case(name: str):
    build, shapes = CORPUS[name]
    types = [f64(*shape) for shape in shapes]
    plain = function(build, *types)
    return plain, function(checkpointed(plain), *types), types


@pytest.mark.parametrize("name", CORPUS)
def test_gradients_are_the_same(name: str) -> None:
    plain, kept, types = _case(name)
    wrt = range(len(types))
    arguments = draw(*types)
    wanted = evaluate(value_and_grad(plain, wrt), arguments)
    made = value_and_grad(kept, wrt)
    verify(made)
    simple = simplify(made)
    verify(simple)
    kernel = lower(simple)
    verify_kernel(kernel)
    lowered = [np.empty(b.shape, b.dtype.numpy) for b in kernel.results]
    run_kernel(kernel, [a.copy() for a in arguments], lowered)
    for found in (evaluate(made, arguments), lowered):
        for got, want in zip(found, wanted, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", CORPUS)
def test_second_derivatives_are_the_same(name: str) -> None:
    plain, kept, types = _case(name)
    wrt = range(len(types))
    arguments = [*draw(*types), *draw(*types, seed=1)]
    results = [
        evaluate(jvp(value_and_grad(f, wrt), wrt), arguments) for f in (plain, kept)
    ]
    for got, want in zip(*results, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", CORPUS)
def test_loops_in_blocks_mean_the_same(name: str) -> None:
    plain, _, types = _case(name)
    made = blocked(plain)
    verify(made)
    arguments = draw(*types)
    for got, want in zip(
        evaluate(made, arguments), evaluate(plain, arguments), strict=True
    ):
        np.testing.assert_allclose(got, want, rtol=1e-12)


def test_gradients_of_gradients() -> None:
    def build(x: Expr) -> Expr:
        inner = function(lambda x: total(sin(x) * x), f64(3))
        return checkpoint(inner, (x,))[0] * total(x)

    check_grad(build, f64(3), order=2)


def test_lanes() -> None:
    _, kept, types = _case("until")
    made = vmap(value_and_grad(kept, range(len(types))), [True] * len(types), 4)
    verify(made.function)
    each = [draw(*types, seed=k) for k in range(4)]
    lanes = [np.stack(arrays) for arrays in zip(*each, strict=True)]
    found = evaluate(made.function, lanes)
    gradient = value_and_grad(kept, range(len(types)))
    for k in range(4):
        wanted = evaluate(gradient, [x[k] for x in lanes])
        for got, want in zip(found, wanted, strict=True):
            np.testing.assert_allclose(got[k], want, rtol=1e-9)


# What is kept


class Depths:
    """The depth of the tapes in an evaluation."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.deepest = 0
        step = functions._STEPS[TAPE_PUSH]

        def push(run, node, values):
            made = step(run, node, values)
            depth, below = 0, made
            while below:
                depth, below = depth + 1, below[0]
            self.deepest = max(self.deepest, depth)
            return made

        monkeypatch.setitem(functions._STEPS, TAPE_PUSH, push)

    def of(self, made: Function, *arguments: float) -> int:
        self.deepest = 0
        evaluate(made, [np.array(x) for x in arguments])
        return self.deepest


def step_of(x: Expr) -> Expr:
    return x + 0.01 * sin(x * x)


def counted(runs: int):
    def build(x: Expr) -> Expr:
        bounds = (index_const(0), index_const(runs), index_const(1))
        return counted_loop(*bounds, (x,), lambda i, x: (step_of(x),))[0]

    return build


def until(x: Expr) -> Expr:
    return while_loop((x,), lambda x: less(x, 1.4), lambda x: (step_of(x),))[0]


@pytest.mark.parametrize("runs", [100, 401])
def test_a_counted_loop_keeps_the_root_of_its_runs(
    runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = function(counted(runs), f64())
    depths = Depths(monkeypatch)
    assert depths.of(value_and_grad(plain, [0]), 0.5) == runs
    kept = function(checkpointed(plain), f64())
    assert depths.of(value_and_grad(kept, [0]), 0.5) <= math.isqrt(runs) + 1


def test_a_while_keeps_the_root_of_its_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = function(until, f64())
    depths = Depths(monkeypatch)
    runs = depths.of(value_and_grad(plain, [0]), 0.5)
    assert runs > 100
    kept = function(checkpointed(plain), f64())
    assert depths.of(value_and_grad(kept, [0]), 0.5) <= math.isqrt(2 * runs) + 2


def test_a_step_under_a_checkpoint_keeps_its_arguments_alone() -> None:
    """The state is pushed in each run, and nothing of what is made inside."""
    inner = function(lambda x: sin(sin(x) * x) * sin(x + 1.0), f64(5))

    def build(x: Expr) -> Expr:
        bounds = (index_const(0), index_const(20), index_const(1))
        (x,) = counted_loop(*bounds, (x,), lambda i, x: checkpoint(inner, (x,)))
        return total(x)

    made = value_and_grad(function(build, f64(5)), [0])
    pushes = [node for node in _everything(made) if node.op is TAPE_PUSH]
    assert [len(node.operands) - 1 for node in pushes] == [1]


def _everything(made: Function) -> list[Expr]:
    found, stack = [], [made]
    while stack:
        for node in postorder(stack.pop().roots):
            found.append(node)
            stack += [a for a in node.attrs.values() if isinstance(a, Function)]
    return found


def test_checks_inside_are_made_once() -> None:
    def build(x: Expr) -> Expr:
        positive = check(x, greater(x, 0.0), "DefnValueError", "not positive")
        return sin(positive) * positive

    inner = function(build, f64())
    kept = function(checkpointed(inner), f64())
    gradient = value_and_grad(kept, [0])
    assert len(gradient.effects) == 1
    with pytest.raises(ValueError, match="not positive"):
        evaluate(gradient, [np.array(-1.0)])


def test_branches_around_and_inside() -> None:
    inner = function(
        lambda x: cond(greater(x, 1.0), lambda: (sin(x),), lambda: (x * x,)), f64()
    )

    def build(x: Expr) -> Expr:
        made = cond(less(x, 5.0), lambda: checkpoint(inner, (x,)), lambda: (x,))
        return reshape(made[0], ()) * x

    for value in (0.5, 2.0):
        check_grad(build, f64(), seed=int(value))


def test_nothing_is_inlined_into_nothing() -> None:
    """A checkpoint in the forward run and its reverse stay apart when lowered."""
    plain = function(lambda x: total(sin(x) * sin(sin(x))), f64(4))
    kept = function(checkpointed(plain), f64(4))
    gradient = simplify(value_and_grad(kept, [0]))
    names = [node.op.name for node in gradient.nodes()]
    assert names.count("checkpoint") == 2
    assert "sin" not in names


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_a_program_drawn_at_random(data: st.DataObject) -> None:
    arrays = draw_arrays(data)
    inner = draw_program(data, arrays)
    types = [param.tensor for param in inner.params]
    wrt = range(len(arrays))
    plain, kept = (
        function(lambda *xs, f=f: sum(total(x) for x in f(xs)), *types)
        for f in (lambda xs: inline(inner, xs), lambda xs: checkpoint(inner, xs))
    )
    made = value_and_grad(kept, wrt)
    verify(made)
    pairs = zip(
        evaluate(made, arrays),
        evaluate(value_and_grad(plain, wrt), arrays),
        strict=True,
    )
    for got, want in pairs:
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)
