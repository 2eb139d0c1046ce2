"""Programs to be differentiated, straight ones and ones with branches and loops.

Each entry is what builds the value from parameters, and the shapes of those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradient_checks import element, f64, index, stored

from defnpy.base.dtypes import BOOL, F64, I64
from defnpy.ops import reduce
from defnpy.ops.axes import broadcast_to, full, reduce_sum, reshape
from defnpy.ops.control import cond, counted_loop, while_loop
from defnpy.ops.elementwise import less, logical_and, where
from defnpy.ops.gradient import custom_grad
from defnpy.ops.indexing import dynamic_slice, gather, scatter_add
from defnpy.ops.leaf import const
from defnpy.ops.movement import concatenate, flip, iota, strided_slice, transpose
from defnpy.ops.reduce import sum as total

if TYPE_CHECKING:
    from defnpy.ir.expr import Expr


Corpus = dict[str, tuple[Any, list[tuple[int, ...]]]]


def loop(n: Any, init: Any, body: Any, start: Any = 0, step: Any = 1) -> Any:
    """Return the carries after a counted loop."""
    return counted_loop(index(start), index(n), index(step), init, body)


def one() -> Expr:
    return const(1.0, F64)


def power(x: Expr, n: int = 4) -> Expr:
    """x ** (n + 1), by a loop whose carry meets itself."""
    return loop(n, [x], lambda i, y: [y * x])[0]


def nested(x: Expr, w: Expr) -> Expr:
    def outer(i: Expr, h: Expr) -> list[Expr]:
        def inner(j: Expr, s: Expr) -> list[Expr]:
            return [s * 0.5 + element(x, i, j) * h * s]

        (s,) = loop(3, [h], inner)
        return [s * element(w, i) + h]

    return loop(4, [one()], outer)[0]


def two_in_one(x: Expr) -> Expr:
    """Two loops in one share its tape."""

    def outer(i: Expr, h: Expr, g: Expr) -> list[Expr]:
        (a,) = loop(2, [h], lambda j, y: [y * g])
        (b,) = loop(3, [g], lambda j, y: [y * a * 0.5])
        return [(a + b) * 0.4 + h * 0.1, g * 0.9]

    return loop(3, [x, x * x], outer)[0]


def until(x: Expr) -> Expr:
    """How often it runs depends on the value."""
    return while_loop(
        [x, const(0, I64)],
        lambda y, n: logical_and(less(y, 40.0), less(n, 30)),
        lambda y, n: [y * (y + 0.5) + x, n + index(1)],
    )[0]


def never(x: Expr) -> Expr:
    return while_loop([x * x], lambda y: less(y, -1.0), lambda y: [y * y])[0]


def walk(x: Expr) -> Expr:
    """Follow a pointer through an array."""

    def body(i: Expr, at: Expr, s: Expr) -> list[Expr]:
        following = (at * index(3) + index(1)) % index(7)
        return [following, s * element(x, at) + s]

    return loop(9, [index(2), one()], body)[1]


def branches(x: Expr) -> Expr:
    def arm() -> list[Expr]:
        return [total(x * x * x)]

    def other() -> list[Expr]:
        return [element(x, 1) * element(x, 0)]

    return cond(less(total(x), 3.0), arm, other)[0]


def branch_in_loop_in_branch(x: Expr) -> Expr:
    def arm() -> list[Expr]:
        def body(i: Expr, s: Expr) -> Any:
            e = element(x, i)
            return cond(less(e, 1.0), lambda: [s * e * s], lambda: [s + power(e, 2)])

        return loop(5, [element(x, 0)], body)

    return cond(less(total(x), 5.0), arm, lambda: [total(x * x)])[0]


def break_out(x: Expr) -> Expr:
    """A loop that is left early, as the frontend writes it."""

    def body(i: Expr, s: Expr, going: Expr) -> list[Expr]:
        grown = s + element(x, i) * s
        on = less(grown, 3.0)
        (kept,) = cond(on, lambda: [grown], lambda: [s])
        return [i + index(1), kept, on]

    init = [index(0), one(), const(True, BOOL)]
    return while_loop(init, lambda i, s, g: logical_and(less(i, 6), g), body)[1]


def table(x: Expr) -> Expr:
    """Dynamic programming: each entry of the two above it, and of `x`."""

    def outer(i: Expr, t: Expr) -> Any:
        def inner(j: Expr, t: Expr) -> list[Expr]:
            above = element(t, i - index(1), j)
            before = element(t, i - index(1), j - index(1))
            return [stored(t, before * above * element(x, i) + before, i, j)]

        return loop(4, [t], inner, start=1)

    (t,) = loop(4, [full(f64(4, 4), 0.5)], outer, start=1)
    return element(t, 3, 3)


def recurrence(x: Expr) -> Expr:
    """A short inner loop reads an array that the outer one carries."""

    def outer(i: Expr, t: Expr) -> list[Expr]:
        def inner(k: Expr, s: Expr) -> list[Expr]:
            e = element(t, i - k - index(1))
            return [s + e * e * element(x, k)]

        (s,) = loop(2, [const(0.1, F64)], inner)
        return [stored(t, s, i)]

    (t,) = loop(8, [x * 1.0], outer, start=2)
    return element(t, 7)


def neighbours(x: Expr) -> Expr:
    def body(i: Expr, s: Expr) -> list[Expr]:
        return [s + element(x, i) * element(x, i + index(1))]

    return loop(5, [const(0.0, F64)], body)[0]


def chosen(x: Expr) -> Expr:
    """Elements are read in one of two branches."""

    def body(i: Expr, s: Expr) -> Any:
        def arm() -> list[Expr]:
            return [s + element(x, i) * element(x, i)]

        return cond(less(s, 2.0), arm, lambda: [s * 0.5])

    return loop(6, [const(0.0, F64)], body)[0]


def wide(x: Expr) -> Expr:
    """A scalar is carried, and made large in the body."""

    def body(i: Expr, s: Expr) -> list[Expr]:
        large = broadcast_to(reshape(s, (1, 1)), (4, 5))
        return [reduce_sum(large * large * element(x, i), (0, 1)) * 0.01]

    return loop(3, [one()], body)[0]


def squares(x: Expr, w: Expr) -> Expr:
    """The course's cost: everything follows from the index."""

    def body(i: Expr, s: Expr) -> list[Expr]:
        row = reshape(dynamic_slice(x, (i, index(0)), (1, 3)), (3,))
        error = row @ w - 0.3
        return [s + error * error]

    return loop(4, [const(0.0, F64)], body)[0]


def while_in_for_in_while(x: Expr) -> Expr:
    def outer(y: Expr) -> list[Expr]:
        def middle(i: Expr, z: Expr) -> Any:
            return while_loop(
                [z], lambda w: less(w, 2.0), lambda w: [w * w + y * 0.5 + 0.3]
            )

        return [loop(2, [y], middle)[0] * 1.5]

    return while_loop([x], lambda y: less(y, 20.0), outer)[0]


def swapped(x: Expr, y: Expr) -> Expr:
    a, b = loop(5, [x, y], lambda i, a, b: [b, a * b])
    return a + b


def doubling(x: Expr) -> Expr:
    return while_loop([x], lambda y: less(y, 9.0), lambda y: [y + y])[0]


def custom(x: Expr) -> Expr:
    """A square that says its own derivative, the right one, in a loop."""

    def square(z: Expr) -> Expr:
        return custom_grad([z * z], [z], lambda ct: [ct * z * 2.0])[0]

    return loop(3, [x], lambda i, s: [square(s) * x + s])[0]


PROGRAMS: Corpus = {
    "arithmetic": (lambda x, y: total((x * y - x / y) * 2.0 - (-x) * x), [(3,), (3,)]),
    "broadcast": (lambda x, y: total(x * y + y), [(4, 1), (3,)]),
    "scalar and array": (lambda x, y: total(x * y) * x, [(), (2, 3)]),
    "matmul": (lambda a, b: total((a @ b) * (a @ b)), [(2, 3), (3, 4)]),
    "vectors": (lambda a, b: (a @ b) * (b @ b), [(4,), (4,)]),
    "batches": (lambda a, b: total((a @ b) * (a @ b)), [(3, 2, 4), (4, 2)]),
    "axis": (lambda x: total(total(x, 0) * total(x, 0)), [(3, 4)]),
    "extremes": (lambda x: total(reduce.max(x, 1) * reduce.min(x)), [(3, 4)]),
    "product": (lambda x: total(reduce.prod(x, 0)) * reduce.prod(x), [(2, 3)]),
    "views": (lambda x: total(transpose(flip(x, 1)) * reshape(x, (4, 3))), [(3, 4)]),
    "slices": (
        lambda x: (
            total(
                strided_slice(x, (1,), (6,), (1,)) * strided_slice(x, (0,), (5,), (1,))
            )
            + total(strided_slice(x, (5,), (-1,), (-2,)))
        ),
        [(6,)],
    ),
    "elements": (lambda x: element(x, 1) * element(x, 2) * element(x, 1), [(4,)]),
    "stores": (
        lambda x: total(stored(x * x, element(x, 1) * element(x, 0), 2) * x),
        [(4,)],
    ),
    "gather": (
        lambda x: total(gather(x, iota(2) * 2) * gather(x, iota(2))),
        [(4, 3)],
    ),
    "scatter": (
        lambda x, v: total(scatter_add(x, iota(2) * 0, v) * x),
        [(3,), (2,)],
    ),
    "pieces": (
        lambda x, y: total(concatenate([x, y * y]) * concatenate([y, x])),
        [(2,), (2,)],
    ),
    "where": (lambda x, y: total(where(less(x, y), x * y, y * y)), [(3,), (3,)]),
    "used often": (lambda x: (lambda y: y * y * x + y)(x * x), [()]),
}


REGIONS: Corpus = {
    "power": (power, [()]),
    "no trip": (lambda x: power(x, 0), [()]),
    "one trip": (lambda x: power(x, 1), [()]),
    "nested": (nested, [(4, 3), (4,)]),
    "two in one": (two_in_one, [()]),
    "until": (until, [()]),
    "never": (never, [()]),
    "walk": (walk, [(7,)]),
    "branches": (branches, [(3,)]),
    "branch in loop in branch": (branch_in_loop_in_branch, [(5,)]),
    "break": (break_out, [(6,)]),
    "table": (table, [(4,)]),
    "recurrence": (recurrence, [(8,)]),
    "neighbours": (neighbours, [(6,)]),
    "chosen": (chosen, [(6,)]),
    "wide": (wide, [(3,)]),
    "squares": (squares, [(4, 3), (3,)]),
    "while in for in while": (while_in_for_in_while, [()]),
    "swapped": (swapped, [(), ()]),
    "doubling": (doubling, [()]),
    "custom": (custom, [()]),
}
