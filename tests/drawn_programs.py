"""Programs drawn at random.

All values are f64, and small whole numbers in their forward computation, so that
every order of evaluation gives the same bits.
"""

from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import strategies as st

from defnpy.base.dtypes import F64, I64, as_dtype
from defnpy.ir.expr import Expr, make_param, scope
from defnpy.ir.function import Function, close
from defnpy.ir.types import TensorType
from defnpy.ops import control, dot, elementwise, indexing, movement, reduce
from defnpy.ops.axes import broadcast_to, reshape
from defnpy.ops.control import index_const
from defnpy.ops.family import convert

Arrays = Sequence[np.ndarray]


def build(made: Callable[..., Sequence[Expr]], *types: TensorType) -> Function:
    with scope() as region:
        params = tuple(make_param(f"x{k}", type) for k, type in enumerate(types))
        results = tuple(made(*params))
        return close("main", region, params, results)[0]


def types_of(arrays: Arrays) -> list[TensorType]:
    return [TensorType(as_dtype(a.dtype), a.shape) for a in arrays]


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


def draw_arrays(data: st.DataObject) -> list[np.ndarray]:
    """Return one to three arrays."""
    shapes = data.draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3))
    sizes = [int(np.prod(shape)) for shape in shapes]
    lists = [data.draw(st.lists(VALUES, min_size=n, max_size=n)) for n in sizes]
    return [
        np.array(values, np.float64).reshape(shape)
        for values, shape in zip(lists, shapes, strict=True)
    ]


def draw_program(data: st.DataObject, arrays: Arrays) -> Function:
    """Return a function of arrays of these types with up to four results."""

    def made(*params: Expr) -> Sequence[Expr]:
        program = Drawn(data, list(params), 2)
        program.grow(data.draw(st.integers(2, 10)))
        return program.pool[len(params) :][-4:] or list(params)

    return build(made, *types_of(arrays))


def total(results: Sequence[Expr]) -> Expr:
    """Return the sum of all elements of all results."""
    made = reduce.sum(results[0])
    for result in results[1:]:
        made = made + reduce.sum(result)
    return made
