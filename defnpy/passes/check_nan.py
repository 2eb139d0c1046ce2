"""Programs that stop where the first NaN is made, and say where that is.

A value that is NaN although none of its operands is was made by its operation: a
check of that stands behind every operation that could.  What only goes where it is
not chosen, as into the other side of a `where`, or times a cotangent of zero, may be
NaN.  NaNs among the arguments are nobody's doing.
"""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING

from defnpy.base.dtypes import I64
from defnpy.ir.expr import Expr, at, make, make_param, scope
from defnpy.ir.function import Function
from defnpy.ir.kernel import SHOWN
from defnpy.ir.rewrite import rebuild
from defnpy.ir.types import TensorType
from defnpy.ops import reduce
from defnpy.ops.axes import SUM
from defnpy.ops.control import (
    CHECKPOINT,
    COND,
    FIRST_NAN,
    FOR,
    ITEM,
    WHILE,
    check,
    index_const,
)
from defnpy.ops.dot import DOT
from defnpy.ops.elementwise import isnan, logical_and, logical_not
from defnpy.ops.indexing import DYNAMIC_ADD, SCATTER_ADD
from defnpy.passes.demand import demands, holds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_INDEX = TensorType(I64)
# Elementwise ops of which no real result is NaN unless an operand is.
_SAFE = frozenset(
    {
        *("convert", "negative", "abs", "sign", "maximum", "minimum", "copysign"),
        *("floor", "ceil", "trunc", "round", "select", "stop_gradient", "bitcast"),
        *("real", "imag", "complex", "exp", "tanh", "sigmoid", "softplus"),
    }
)
_MAKERS = (SUM, reduce.PROD, DOT, DYNAMIC_ADD, SCATTER_ADD)
_CALLED = {"scale": "multiply", "integer_power": "power"}


def check_nan(function: Function) -> Function:
    """Return `function` with checks that raise where the first NaN is made."""
    return _checked(function, 0)


def _checked(function: Function, around: int, own: Expr | None = None) -> Function:
    """Return the function of a body, with checks.

    Args:
        function: the body.
        around: how many loops are around; the numbers of their iterations are
            given after its own parameters.
        own: the number of the iteration, if it is a loop's.
    """
    outer = tuple(make_param("n", _INDEX) for _ in range(around))
    with scope(isolated=True) as region:
        body = _Body(function, outer if own is None else (*outer, own))
        body.run()
    return Function(
        function.name,
        (*function.params, *outer),
        tuple(body.mapping[result] for result in function.results),
        tuple(region.effects),
    )


def _counting(function: Function, number: Expr, place: int, *, steps: bool) -> Function:
    """Return a function of a `while` with its number as a parameter at `place`.

    If it `steps`, the next number is its last result.
    """
    before, after = function.params[:place], function.params[place:]
    with scope(isolated=True):
        following = (number + index_const(1),) if steps else ()
    results = (*function.results, *following)
    return replace(function, params=(*before, number, *after), results=results)


class _Body:
    """One function, made again in the current scope with its checks.

    Attributes:
        mapping: what its expressions became.
        numbers: those of the iterations it runs in, outermost first.
    """

    def __init__(self, function: Function, numbers: Sequence[Expr]) -> None:
        self.numbers = tuple(numbers)
        self.mapping = {param: param for param in function.params}
        self._nodes = sorted(function.nodes(), key=attrgetter("serial"))
        self._demands = demands(function, self._nodes)

    def run(self) -> None:
        """Make everything, each check as soon as what it reads is there."""
        due: dict[Expr, list[Expr]] = {}
        for node in self._nodes:
            if self._demands[node] and _may_make(node):
                asked = [c.node for path in self._demands[node] for c in path]
                last = max((node, *asked), key=attrgetter("serial"))
                due.setdefault(last, []).append(node)
        for node in self._nodes:
            if node not in self.mapping:
                self.mapping[node] = self._again(node)
            for made in due.get(node, ()):
                with at(made.span):
                    self._check(made)

    def _again(self, node: Expr) -> Expr:
        operands = tuple(self.mapping[operand] for operand in node.operands)
        with at(node.span):
            if node.op is FOR:
                body: Function = node.attrs["body"]
                made = _checked(body, len(self.numbers), body.params[0])
                return self._control(node, operands, {"body": made})
            if node.op is WHILE:
                return self._while(node, operands)
            if node.op is COND or node.op is CHECKPOINT:
                sides = {
                    name: _checked(value, len(self.numbers))
                    for name, value in node.attrs.items()
                    if isinstance(value, Function)
                }
                return self._control(node, operands, sides)
        return rebuild(node, operands)

    def _control(
        self, node: Expr, operands: tuple[Expr, ...], attrs: Mapping[str, object]
    ) -> Expr:
        return make(node.op, (*operands, *self.numbers), **{**node.attrs, **attrs})

    def _while(self, node: Expr, operands: tuple[Expr, ...]) -> Expr:
        """Make a `while` that counts its iterations."""
        count, around = node.attrs["count"], len(self.numbers)
        made: dict[str, object] = {"count": count + 1}
        for name in ("body", "condition"):
            number = make_param("n", _INDEX)
            inside = _checked(node.attrs[name], around, number)
            made[name] = _counting(inside, number, count, steps=name == "body")
        operands = (*operands[:count], index_const(0), *operands[count:])
        return self._control(node, operands, made)

    def _check(self, node: Expr) -> None:
        """Check that `node` made no NaN."""
        source = node.operands[0] if node.op is ITEM else node
        y, *operands = (self.mapping[each] for each in (node, *source.operands))
        made, given = isnan(y), [x for x in operands if x.dtype.is_inexact]
        if any(x.shape != y.shape for x in given):
            made = reduce.any(made)
        for x in given:
            had = isnan(x)
            had = had if made.shape == x.shape else reduce.any(had)
            made = logical_and(made, logical_not(had))
        needed = holds(self._demands[node], made.shape, self.mapping)
        if needed is not None:
            made = logical_and(made, needed)
        ok = logical_not(reduce.any(made))
        text, shown = self._told(node, operands)
        check(ok, ok, FIRST_NAN, text, shown)

    def _told(self, node: Expr, operands: list[Expr]) -> tuple[str, list[Expr]]:
        """Return the text of an error, and the scalars it shows."""
        name = (node.operands[0] if node.op is ITEM else node).op.name
        what = f"`{_CALLED.get(name, name)}`"
        shown: list[Expr] = []
        if node.tensor.rank == 0 and node.op.family == "elementwise":
            if all(x.dtype.is_float for x in operands):
                what += " of " + " and ".join(["{}"] * len(operands))
                shown = operands
        numbers = self.numbers[max(len(self.numbers) + len(shown) - SHOWN, 0) :]
        where = ", in iteration {}" if numbers else ""
        if len(numbers) > 1:
            listed = ", ".join(["{}"] * len(numbers))
            where = f", in iterations {listed} of the loops around, outermost first"
        is_backward = node.span is not None and node.span.backward
        text = f"{what} made the first NaN{where}"
        if is_backward:
            text = f"the gradient of this made the first NaN, in {what}{where}"
        return text, [*shown, *numbers]


def _may_make(node: Expr) -> bool:
    """Whether an operation may make a NaN of what is none."""
    if not isinstance(node.type, TensorType) or not node.dtype.is_inexact:
        return False
    if node.op.family == "elementwise":
        return node.op.name not in _SAFE or node.dtype.kind == "c"
    if node.op is ITEM:
        node = node.operands[0]
    return node.op in _MAKERS or node.op.family == "routine"
