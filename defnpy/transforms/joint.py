"""A body made forwards and in reverse at once, then cut into two functions.

Both halves are made in one scope, so the reverse names the forward's values
freely; `residuals` then says which of them to push.  The first function is the
body with the pushes, the second begins with the pops.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from defnpy.ir.expr import at, make_param, scope
from defnpy.ir.function import Function
from defnpy.ir.rewrite import postorder, rebuild
from defnpy.ops.control import CHECK, ITEM, TAPE, tape_pop, tape_push
from defnpy.transforms import residuals
from defnpy.transforms.cotangents import Cotangents, cotangent_type, zero
from defnpy.transforms.reverse import Sweep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defnpy.ir.expr import Expr


@dataclass(frozen=True, slots=True)
class Wish:
    """What the reverse of a body is to compute.

    Attributes:
        given: the results whose cotangents it is given.
        wrt: the parameters whose cotangents it returns.
        summed: those of `wrt` it is given a sum to add to.
        prices: of the parameters, see `residuals`.
        runs: how often the body runs, at least.
    """

    given: tuple[int, ...]
    wrt: tuple[int, ...]
    summed: tuple[int, ...]
    prices: tuple[float, ...]
    runs: int


@dataclass(frozen=True, slots=True)
class Joint:
    """A body with its reverse.

    Attributes:
        body: the forward half, not yet pushing.
        filled: its tape: a parameter, and the value after its branches and loops.
        residuals: what is to be pushed on that.
        inputs: cotangents and sums the reverse is given.
        outputs: the cotangents it returns.
        emptied: its tape, after the residuals are popped and at the end.
        leaves: the parameters of the body that the reverse reads.
    """

    body: Function
    filled: tuple[Expr, Expr]
    residuals: tuple[Expr, ...]
    inputs: tuple[Expr, ...]
    outputs: tuple[Expr, ...]
    emptied: tuple[Expr, Expr]
    leaves: tuple[int, ...]

    @property
    def uses_tape(self) -> bool:
        """Whether anything is pushed, here or further inside."""
        return bool(self.residuals) or self.filled[0] is not self.filled[1]

    def pushed(self) -> Expr:
        """Return the tape at the end of the forward half."""
        return tape_push(self.filled[1], self.residuals)

    def fixed(self) -> list[int]:
        """Return the inputs that the reverse of a loop returns as they are."""
        pairs = enumerate(zip(self.inputs, self.outputs, strict=True))
        return [k for k, (a, b) in pairs if a is b and a.type != TAPE]

    def reversed(
        self,
        leaves: Sequence[int],
        *,
        lead: Sequence[Expr] = (),
        fixed: Sequence[int] = (),
        tape: bool,
    ) -> Function:
        """Return the reverse half as a function.

        Its parameters are `lead`, the cotangents and sums, the tape if `tape`, the
        inputs in `fixed` and `leaves` of the body's; its results the cotangents
        without those of `fixed`, and the tape if `tape`.
        """
        carried = [k for k in range(len(self.inputs)) if k not in fixed]
        before = [*lead, *(self.inputs[k] for k in carried)]
        after = [self.inputs[k] for k in fixed]
        after += [self.body.params[k] for k in leaves]
        outputs = [each for k, each in enumerate(self.outputs) if k not in fixed]
        with scope(isolated=True):
            mapping = {param: _again(param) for param in (*before, *after)}
            given = make_param("tape", TAPE)
            popped, rest = tape_pop(given, [node.type for node in self.residuals])
            mapping |= dict(zip(self.residuals, popped, strict=True))
            mapping[self.emptied[0]] = rest
            results = _remake((*outputs, self.emptied[1]), mapping)
        params = [mapping[param] for param in before]
        params += [given] if tape else []
        params += [mapping[param] for param in after]
        return Function(
            f"{self.body.name}_reverse",
            tuple(params),
            tuple(results if tape else results[:-1]),
        )


def _again(param: Expr) -> Expr:
    return make_param(param.attrs["name"], param.type)


def _remake(roots: Sequence[Expr], mapping: dict[Expr, Expr]) -> list[Expr]:
    """Return `roots` made again; what was checked forwards is not checked again."""
    for node in postorder(roots, mapping.__contains__, residuals.sources):
        if node in mapping:
            continue
        operands = tuple(mapping[operand] for operand in residuals.sources(node))
        mapping[node] = operands[0] if node.op is CHECK else rebuild(node, operands)
    return [mapping[root] for root in roots]


def join(around: Sweep, function: Function, wish: Wish) -> Joint:
    """Return `function` with its reverse."""
    leaves = dict(zip(function.params, wish.prices, strict=True))
    before = residuals.prices(function.roots, leaves)
    with scope(isolated=True), at(None):
        tape = make_param("tape", TAPE)
        sweep = Sweep(around.dependence, around.augment, before.__getitem__, tape)
        params = [_again(param) for param in function.params]
        mapping = dict(zip(function.params, params, strict=True))
        wanted = [function.results[k] for k in wish.given]
        wrt = [function.params[k] for k in wish.wrt]
        made = sweep.forward(function.roots, wanted, wrt, mapping)
        split = len(function.effects)
        body = Function(
            function.name, tuple(params), tuple(made[split:]), tuple(made[:split])
        )
        filled = (tape, sweep.tape or tape)
        return _join(sweep, body, filled, wish)


def _join(sweep: Sweep, body: Function, filled: tuple[Expr, Expr], wish: Wish) -> Joint:
    targets = [body.results[k] for k in wish.given]
    given = [make_param("ct", cotangent_type(target.type)) for target in targets]
    summed = [body.params[k] for k in wish.summed]
    sums = [make_param("sum", cotangent_type(param.type)) for param in summed]
    emptied = make_param("tape", TAPE)
    cts = Cotangents()
    for node, ct in zip((*summed, *targets), (*sums, *given), strict=True):
        cts.add(node, ct)
    rest = sweep.reverse(targets, cts, emptied) or emptied
    found = [cts.get(body.params[k]) for k in wish.wrt]
    outputs = tuple(
        zero(body.params[k].type) if ct is None else ct
        for k, ct in zip(wish.wrt, found, strict=True)
    )
    roots = (*outputs, rest)
    kept = _residuals((*body.roots, filled[1]), roots, body, wish)
    reads = set(postorder(roots, set(kept).__contains__, residuals.sources))
    leaves = tuple(k for k, p in enumerate(body.params) if p in reads and p not in kept)
    inputs = (*given, *sums)
    return Joint(body, filled, kept, inputs, outputs, (emptied, rest), leaves)


def _residuals(
    forward: Sequence[Expr], reverse: Sequence[Expr], body: Function, wish: Wish
) -> tuple[Expr, ...]:
    leaves = dict(zip(body.params, wish.prices, strict=True))
    made = set(postorder(forward))
    used = postorder(reverse, made.__contains__)
    # A result that only the reverse looks at is a value of the forward all the same.
    taken = [node for node in used if node.op is ITEM and node.operands[0] in made]
    price = residuals.prices((*forward, *taken), leaves)
    needed = {node for node in postorder(reverse, price.__contains__) if node in price}
    return tuple(residuals.choose(list(price), needed, price, wish.runs))
