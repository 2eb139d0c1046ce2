"""Programs mean the same in every form: evaluated, simplified, and as a Kernel.

First one op at a time, then programs drawn at random.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from defnpy.backends.reference import evaluate, run_kernel
from defnpy.base.dtypes import F64, I64, as_dtype
from defnpy.base.errors import InternalError
from defnpy.ir.expr import Expr, make, make_param, scope
from defnpy.ir.function import Function, close
from defnpy.ir.op import Missing, Op, Sample
from defnpy.ir.types import TensorType
from defnpy.ir.verify import verify, verify_kernel
from defnpy.ops import control, dot, elementwise, indexing, movement, reduce
from defnpy.ops.axes import broadcast_to, reshape
from defnpy.ops.control import index_const
from defnpy.ops.family import convert
from defnpy.ops.registry import RECORDS
from defnpy.passes.lower import lower
from defnpy.passes.simplify import simplify

pytestmark = pytest.mark.pure

Arrays = Sequence[np.ndarray]


def build(made: Callable[..., Sequence[Expr]], *types: TensorType) -> Function:
    with scope() as region:
        params = tuple(make_param(f"x{k}", type) for k, type in enumerate(types))
        results = tuple(made(*params))
        return close("main", region, params, results)[0]


def types_of(arrays: Arrays) -> list[TensorType]:
    return [TensorType(as_dtype(a.dtype), a.shape) for a in arrays]


def run_lowered(function: Function, arguments: Arrays) -> list[np.ndarray]:
    kernel = lower(function)
    verify_kernel(kernel)
    results = [np.empty(b.shape, b.dtype.numpy) for b in kernel.results]
    run_kernel(kernel, [a.copy() for a in arguments], results)
    return results


def check(function: Function, arguments: Arrays) -> None:
    verify(function)
    wanted = evaluate(function, arguments)
    simple = simplify(function)
    verify(simple)
    assert simple.result_types == function.result_types
    forms = {
        "simplified": lambda: evaluate(simple, arguments),
        "lowered": lambda: run_lowered(function, arguments),
        "simplified and lowered": lambda: run_lowered(simple, arguments),
    }
    for form, run in forms.items():
        for made, value in zip(run(), wanted, strict=True):
            assert (made.dtype, made.shape) == (value.dtype, value.shape), form
            rtol = 1e-5 if value.dtype == np.float32 else 1e-10
            np.testing.assert_allclose(made, value, rtol, 1e-300, err_msg=form)


# One op at a time


NOT_LOWERED = {"argsort"}
XFAIL = pytest.mark.xfail(reason="it has no lowering yet", raises=InternalError)
CASES = [
    pytest.param(op, sample, marks=[XFAIL] if op.name in NOT_LOWERED else [])
    for op in RECORDS
    if not isinstance(op.samples, Missing)
    for sample in op.samples()
]
NAMES = [f"{case.values[0].name}-{k}" for k, case in enumerate(CASES)]


@pytest.mark.parametrize(("op", "sample"), CASES, ids=NAMES)
def test_an_op_alone(op: Op, sample: Sample) -> None:
    function = build(
        lambda *xs: [make(op, xs, **dict(sample.attrs))], *types_of(sample.operands)
    )
    check(function, sample.operands)


@pytest.mark.parametrize(("op", "sample"), CASES, ids=NAMES)
def test_an_op_among_others(op: Op, sample: Sample) -> None:
    """Its operands are computed, its result is used twice and returned too."""

    def made(*xs: Expr) -> Sequence[Expr]:
        operands = [x + x if x.dtype.is_float else x for x in xs]
        y = make(op, tuple(operands), **dict(sample.attrs))
        return y, elementwise.equal(y, y), y, reduce.sum(y * y)

    check(build(made, *types_of(sample.operands)), sample.operands)


# Programs whose memory is easily mistaken


def _branch_returns_one_value_twice(x: Expr) -> Sequence[Expr]:
    product = dot.dot(x, x)
    bounds = (index_const(0), index_const(3), index_const(1))

    def then() -> Sequence[Expr]:
        (made,) = control.counted_loop(
            *bounds, (product,), lambda i, total: (total + product,)
        )
        return made, product

    holds = elementwise.less(reduce.sum(x), 100.0)
    return control.cond(holds, then, lambda: (product, product))


def _checked(x: Expr) -> Expr:
    return control.check(x, elementwise.less(x, 9.0), "DefnValueError", "too large")


SQUARE = np.arange(4.0).reshape(2, 2)


@pytest.mark.parametrize(
    "made",
    [
        lambda x: [reshape(x + 1.0, (1, 2, 2))],
        lambda x: [reshape(reduce.sum(x), (1, 1))],
        lambda x: [reshape(_checked(reduce.sum(x)), (1,))],
        lambda x: [dot.dot(reshape(x, (4,)), reshape(x, (4,)))],
        _branch_returns_one_value_twice,
    ],
)
def test_a_program(made: Callable[..., Sequence[Expr]]) -> None:
    check(build(made, *types_of([SQUARE])), [SQUARE])


# Programs drawn at random: small whole numbers in f64, so that every order of
# evaluation gives the same bits.


SHAPES = ((), (2,), (3,), (2, 3), (3, 2), (1, 3), (2, 1, 3))
VALUES = st.integers(-3, 3)


def bounded(x: Expr) -> Expr:
    return elementwise.minimum(elementwise.maximum(x, -20.0), 20.0)


class Drawn:
    """A program under construction: values to choose from, all f64."""

    def __init__(self, data: st.DataObject, pool: list[Expr], depth: int) -> None:
        self.data, self.pool, self.depth = data, pool, depth

    def pick(self, choices: Sequence[object], label: str = "") -> object:
        return self.data.draw(st.sampled_from(choices), label)

    def value(self, where: Callable[[Expr], bool] = lambda e: True) -> Expr:
        found = [e for e in self.pool if where(e)]
        return self.data.draw(st.sampled_from(found)) if found else self.pool[0]

    def grow(self, steps: int) -> None:
        for _ in range(steps):
            kinds = STEPS if self.depth else STEPS[:-3]
            self.pool += self.pick(kinds)(self)

    def region(self, params: Sequence[Expr], like: Sequence[Expr]) -> list[Expr]:
        """Return values of the types of `like`, computed by new steps."""
        inner = Drawn(self.data, [*self.pool, *params], self.depth - 1)
        inner.grow(self.data.draw(st.integers(1, 3)))
        return [inner.value(lambda e, t=each.type: e.type == t) for each in like]


def _arithmetic(p: Drawn) -> list[Expr]:
    a = p.value()
    b = p.value(lambda e: e.shape in (a.shape, ()))
    ops = [elementwise.add, elementwise.subtract, elementwise.multiply]
    ops += [elementwise.maximum, elementwise.minimum]
    return [bounded(p.pick(ops)(a, b if b.shape in (a.shape, ()) else a))]


def _select(p: Drawn) -> list[Expr]:
    a = p.value()
    b = p.value(lambda e: e.shape == a.shape)
    compared = p.pick([elementwise.less, elementwise.equal])(a, b)
    return [elementwise.where(compared, b, elementwise.negative(a))]


def _reduction(p: Drawn) -> list[Expr]:
    x = p.value(lambda e: e.tensor.rank > 0)
    axis = p.data.draw(st.integers(0, x.tensor.rank - 1)) if x.tensor.rank else None
    op = p.pick([reduce.sum, reduce.max, reduce.min, reduce.argmax])
    if x.tensor.rank == 0:
        return []
    made = op(x, axis, keepdims=p.data.draw(st.booleans()))
    return [bounded(convert(made, F64))]


def _movement(p: Drawn) -> list[Expr]:
    x = p.value(lambda e: e.tensor.rank > 0)
    if x.tensor.rank == 0:
        return [broadcast_to(x, (2, 3))]
    flat = reshape(x, (-1,))
    moves = [
        lambda: movement.transpose(x),
        lambda: movement.flip(x),
        lambda: flat,
        lambda: movement.stack([x, bounded(x + 1.0)]),
        lambda: movement.strided_slice(
            flat, (flat.shape[0] - 1,), (-1,), (p.pick([-1, -2]),)
        ),
        lambda: movement.pad(flat, (1,), (2,), (p.pick([0, 1]),)),
        lambda: movement.concatenate([flat, -flat]),
        lambda: broadcast_to(x, (2, *x.shape)),
    ]
    made = p.pick(moves)()
    return [made] if made.tensor.size <= 48 and made.tensor.rank <= 4 else []


def _product(p: Drawn) -> list[Expr]:
    a = p.value(lambda e: e.tensor.rank > 0)
    b = p.value(lambda e: e.tensor.rank > 0 and e.shape[0] == a.shape[-1:][0:1])
    if a.tensor.rank == 0:
        return []
    if b.tensor.rank == 0 or a.shape[-1] != b.shape[0]:
        b = reshape(a, (-1, a.shape[-1]))
        b = movement.transpose(b)
    return [bounded(dot.dot_general(a, b, ((a.tensor.rank - 1,), (0,))))]


def _place(p: Drawn, size: int) -> Expr:
    """Return an index in bounds that is known when the program runs."""
    scalar = p.value(lambda e: e.shape == ())
    wished = scalar if scalar.shape == () else reduce.sum(scalar)
    inside = elementwise.remainder(convert(wished, I64), index_const(size))
    ok = elementwise.less(inside, index_const(size))
    return control.check(inside, ok, "DefnIndexError", "at {}", (inside,))


def _indexing(p: Drawn) -> list[Expr]:
    x = p.value(lambda e: e.tensor.rank == 1)
    if x.tensor.rank != 1:
        return []
    i = _place(p, x.shape[0])
    row = indexing.dynamic_slice(x, (i,), (1,))
    value = bounded(row * 2.0 + 1.0)
    index = movement.stack([i, _place(p, x.shape[0])])
    two = movement.concatenate([row, value])
    made = [
        lambda: row,
        lambda: indexing.dynamic_update(x, value, (i,)),
        lambda: indexing.dynamic_add(x, value, (i,)),
        lambda: indexing.gather(x, index),
        lambda: indexing.scatter(x, index, two),
        lambda: indexing.scatter_add(x, index, two),
    ]
    return [p.pick(made)()]


def _branch(p: Drawn) -> list[Expr]:
    like = [p.value(), p.value()]
    holds = elementwise.less(reduce.sum(p.value()), 1.0)
    return list(
        control.cond(holds, lambda: p.region((), like), lambda: p.region((), like))
    )


def _counted(p: Drawn) -> list[Expr]:
    init = [p.value(), p.value()]
    steps = p.pick([(0, 3, 1), (2, -1, -1), (0, 0, 1), (1, 6, 2)])
    bounds = [index_const(each) for each in steps]
    if p.data.draw(st.booleans()):
        bounds[1] = bounds[1] + _place(p, 2)

    def body(i: Expr, *carried: Expr) -> Sequence[Expr]:
        return p.region((convert(i, F64), *carried), carried)

    return list(control.counted_loop(*bounds, init, body))


def _while(p: Drawn) -> list[Expr]:
    init = [p.value()]

    def holds(n: Expr, *carried: Expr) -> Expr:
        small = elementwise.less(reduce.sum(carried[0]), 15.0)
        return elementwise.logical_and(elementwise.less(n, 4), small)

    def body(n: Expr, *carried: Expr) -> Sequence[Expr]:
        return [n + 1, *p.region(carried, carried)]

    return list(control.while_loop([index_const(0), *init], holds, body)[1:])


STEPS: list[Callable[[Drawn], list[Expr]]] = [
    _arithmetic,
    _select,
    _reduction,
    _movement,
    _product,
    _indexing,
    _branch,
    _counted,
    _while,
]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_program_drawn_at_random(data: st.DataObject) -> None:
    shapes = data.draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3))
    arrays = [
        np.array(
            data.draw(st.lists(VALUES, min_size=size, max_size=size)), np.float64
        ).reshape(shape)
        for shape in shapes
        for size in [int(np.prod(shape))]
    ]

    def made(*params: Expr) -> Sequence[Expr]:
        program = Drawn(data, list(params), 2)
        program.grow(data.draw(st.integers(2, 10)))
        return program.pool[len(params) :][-4:] or list(params)

    check(build(made, *types_of(arrays)), arrays)
