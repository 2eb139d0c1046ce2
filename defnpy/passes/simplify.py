"""Rewrites to simpler programs of the same meaning.

Each rule is a law beside its name.  Rules never change a value, its type or
whether it is NaN, except that the rewrites of logarithms give the more accurate
value where the written one would round to 0, 1 or infinity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from defnpy.ir.expr import Expr, make, scope
from defnpy.ir.function import Function
from defnpy.ir.rewrite import rebuild, substitute
from defnpy.ops.axes import BROADCAST, RESHAPE, SUM, broadcast_to, reduce_sum, reshape
from defnpy.ops.dot import DOT, untransposed
from defnpy.ops.elementwise import (
    add,
    isfinite,
    multiply,
    negative,
    subtract,
    where,
)
from defnpy.ops.family import fold
from defnpy.ops.leaf import CONST, const
from defnpy.ops.math.exponential import exp
from defnpy.ops.math.logarithm import log
from defnpy.ops.math.logistic import log_sigmoid, softplus
from defnpy.ops.movement import TRANSPOSE, transpose
from defnpy.ops.reduce import max
from defnpy.passes.prune import prune
from defnpy.passes.tiling import joined

Apply = Callable[..., "Expr | None"]  # (node, *operands) -> replacement
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Rule:
    """One law: the op at its root, and the replacement where it applies."""

    law: str
    op: str
    apply: Apply


def splat(x: Expr) -> Any | None:
    """Return the one value of all elements of `x`, if that is known."""
    while x.op is BROADCAST or x.op is RESHAPE:
        (x,) = x.operands
    if x.op is CONST and x.tensor.size == 1:
        return x.attrs["value"].reshape(()).item()
    return None


def _is(x: Expr, value: float) -> bool:
    found = splat(x)
    return found is not None and found == value and not isinstance(found, bool)


def _is_zero_of_sum(x: Expr) -> bool:
    """Whether adding `x` changes nothing: -0.0, or the integer 0."""
    found = splat(x)
    if found is None or found != 0:
        return False
    return not x.dtype.is_inexact or bool(
        isinstance(found, float) and np.signbit(found)
    )


def _is_op(x: Expr, name: str) -> bool:
    return x.op.name == name


def _when(condition: bool, value: Callable[[], Expr]) -> Expr | None:
    return value() if condition else None


def _scale(node: Expr, ct: Expr, factor: Expr) -> Expr | None:
    known = splat(factor)
    if known is not None and np.isfinite(known):
        return multiply(ct, factor)
    known = splat(ct)
    return _when(known is not None and known != 0, lambda: multiply(ct, factor))


def _under_moves(x: Expr) -> Expr:
    """Return what `x` only moves elements of."""
    while x.op.family in ("movement", "gather"):
        x = x.operands[0]
    return x


def _log_of_moved(node: Expr, x: Expr) -> Expr | None:
    """Take the logarithm first where a rule below can then apply."""
    under = _under_moves(x)
    if under is x or not _has_stable_log(under):
        return None
    inner = fold(make(node.op, (x.operands[0],)))
    return rebuild(x, (inner, *x.operands[1:]))


def _has_stable_log(x: Expr) -> bool:
    if x.op.name in ("sigmoid", "exp") or _flipped(x) is not None:
        return True
    if x.op is SUM:
        return _is_op(x.operands[0], "exp")
    return _is_op(x, "divide") and _is_op(_under_moves(x.operands[0]), "exp")


def _log_of_quotient(node: Expr, x: Expr) -> Expr | None:
    """log(exp(a) / b) = a - log(b), as in the logarithm of a softmax."""
    if not _is_op(x, "divide") or not _is_op(x.operands[0], "exp"):
        return None
    (a,) = x.operands[0].operands
    return subtract(a, log(x.operands[1]))


def _log_sum_exp(node: Expr, x: Expr) -> Expr | None:
    """log(sum(exp(a))) = m + log(sum(exp(a - m))) with m the largest a."""
    if x.op is not SUM or not _is_op(x.operands[0], "exp"):
        return None
    (a,) = x.operands[0].operands
    axes = x.attrs["axes"]
    if not a.tensor.size:
        return None
    if _is_shifted(a, axes):
        return None
    largest = max(a, axes, keepdims=True)
    finite = _finite_or_zero(largest)
    total = reduce_sum(exp(subtract(a, broadcast_to(finite, a.shape))), axes)
    return add(log(total), reshape(finite, total.shape))


def _finite_or_zero(x: Expr) -> Expr:
    return where(isfinite(x), x, const(0, x.dtype))


def _is_shifted(a: Expr, axes: tuple[int, ...]) -> bool:
    """Whether the largest element was already subtracted."""
    if not _is_op(a, "subtract"):
        return False
    under = _under_moves(a.operands[1])
    if _is_op(under, "select"):
        under = _under_moves(under.operands[1])
    return _is_op(under, "max") and under.operands[0] is a.operands[0]


def _log_of_difference(node: Expr, x: Expr) -> Expr | None:
    """log(1 - sigmoid(a)) = log_sigmoid(-a); elsewhere 1 - sigmoid stays cheap."""
    a = _flipped(x)
    return None if a is None else log_sigmoid(negative(a))


def _flipped(x: Expr) -> Expr | None:
    """Return a if `x` is 1 - sigmoid(a)."""
    if not _is_op(x, "subtract") or not _is(x.operands[0], 1):
        return None
    under = x.operands[1]
    return under.operands[0] if _is_op(under, "sigmoid") else None


def _softplus(a: Expr, b: Expr) -> Expr | None:
    return softplus(b.operands[0]) if _is(a, 1) and _is_op(b, "exp") else None


def _log_of_sum(node: Expr, x: Expr) -> Expr | None:
    if not _is_op(x, "add"):
        return None
    a, b = x.operands
    return _softplus(a, b) or _softplus(b, a)


def _log1p(node: Expr, x: Expr) -> Expr | None:
    if _is_op(x, "exp"):
        return softplus(x.operands[0])
    if _is_op(x, "negative") and _is_op(x.operands[0], "sigmoid"):
        return log_sigmoid(negative(x.operands[0].operands[0]))
    return None


def _compose_transposes(node: Expr, x: Expr) -> Expr | None:
    if x.op is not TRANSPOSE:
        return None
    inner = x.attrs["axes"]
    return transpose(x.operands[0], [inner[a] for a in node.attrs["axes"]])


def _dot_of_turned(node: Expr, *operands: Expr) -> Expr | None:
    """Contract other axes of what is transposed, if the free ones keep their order."""
    pairs = zip(node.attrs["contract"], node.attrs["batch"], strict=True)
    turned = [untransposed(x, *p) for x, p in zip(operands, pairs, strict=True)]
    made, contract, batch = zip(*turned, strict=True)
    if made == operands:
        return None
    return make(DOT, made, contract=contract, batch=batch)


def _broadcast_scalar(node: Expr, x: Expr) -> Expr | None:
    """Skip the axes of size 1 that a scalar is given on the way."""
    if x.op is not RESHAPE or x.operands[0].tensor.rank:
        return None
    return broadcast_to(x.operands[0], node.shape)


RULES = (
    Rule("x + 0 = x", "add", lambda n, a, b: _when(_is_zero_of_sum(b), lambda: a)),
    Rule("0 + x = x", "add", lambda n, a, b: _when(_is_zero_of_sum(a), lambda: b)),
    Rule("x - 0 = x", "subtract", lambda n, a, b: _when(_is_plus_zero(b), lambda: a)),
    Rule("x * 1 = x", "multiply", lambda n, a, b: _when(_is(b, 1), lambda: a)),
    Rule("1 * x = x", "multiply", lambda n, a, b: _when(_is(a, 1), lambda: b)),
    Rule("x * -1 = -x", "multiply", lambda n, a, b: _negated(a, b)),
    Rule("-1 * x = -x", "multiply", lambda n, a, b: _negated(b, a)),
    Rule("x / 1 = x", "divide", lambda n, a, b: _when(_is(b, 1), lambda: a)),
    Rule("--x = x", "negative", lambda n, x: _operand_of(x, "negative")),
    Rule("ct * finite", "scale", _scale),
    Rule("transpose(transpose(x))", "transpose", _compose_transposes),
    Rule("dot(transpose(x), y) = dot(x, y)", "dot", _dot_of_turned),
    Rule("broadcast(reshape(scalar))", "broadcast", _broadcast_scalar),
    Rule("windows that fill a tensor", "dynamic_add", joined),
    Rule("log(exp(x)) = x", "log", lambda n, x: _operand_of(x, "exp")),
    Rule(
        "log(sigmoid(x)) = log_sigmoid(x)",
        "log",
        lambda n, x: _when(_is_op(x, "sigmoid"), lambda: log_sigmoid(x.operands[0])),
    ),
    Rule("log(1 - sigmoid(x))", "log", _log_of_difference),
    Rule("log(exp(a) / b) = a - log(b)", "log", _log_of_quotient),
    Rule("log(sum(exp(a)))", "log", _log_sum_exp),
    Rule("log(1 + exp(x)) = softplus(x)", "log", _log_of_sum),
    Rule("log1p(exp(x)) = softplus(x)", "log1p", _log1p),
    Rule("log(move(x)) = move(log(x))", "log", _log_of_moved),
)


def _operand_of(x: Expr, name: str) -> Expr | None:
    return x.operands[0] if _is_op(x, name) else None


def _is_plus_zero(x: Expr) -> bool:
    found = splat(x)
    if found is None or found != 0:
        return False
    return not np.signbit([np.real(found), np.imag(found)]).any()


def _negated(x: Expr, factor: Expr) -> Expr | None:
    return negative(x) if x.dtype.is_inexact and _is(factor, -1) else None


_BY_OP: dict[str, list[Rule]] = {}
for _rule in RULES:
    _BY_OP.setdefault(_rule.op, []).append(_rule)


def simplify(
    function: Function, done: dict[Function, Function] | None = None
) -> Function:
    """Return a function of the same meaning with every rule applied.

    `done` remembers what became of the bodies of loops and branches.
    """
    done = {} if done is None else done
    made = done.get(function)
    if made is not None:
        return made
    made = function
    for _ in range(ROUNDS):
        made, fired = _once(made, done)
        if not fired:
            break
    made = prune(made)
    done[function] = done[made] = made
    return made


def _once(function: Function, done: dict[Function, Function]) -> tuple[Function, bool]:
    """Return the function with rules applied once, and whether any was."""
    fired = False

    def rewrite(node: Expr, operands: tuple[Expr, ...]) -> Expr | None:
        nonlocal fired
        if node.op.family == "control":
            return _with_bodies(node, operands, done)
        made = _rewrite(node, operands)
        fired = fired or made is not None
        return made

    with scope(isolated=True):
        mapping = {param: param for param in function.params}
        made = substitute(function.roots, mapping, rewrite)
    split = len(function.effects)
    results, effects = tuple(made[split:]), tuple(made[:split])
    return Function(function.name, function.params, results, effects), fired


def _with_bodies(
    node: Expr, operands: tuple[Expr, ...], done: dict[Function, Function]
) -> Expr:
    attrs = {
        name: simplify(value, done) if isinstance(value, Function) else value
        for name, value in node.attrs.items()
    }
    return make(node.op, operands, **attrs)


def _rewrite(node: Expr, operands: tuple[Expr, ...]) -> Expr | None:
    sunk = _sink_broadcast(node, operands)
    if sunk is not None:
        return sunk
    for rule in _BY_OP.get(node.op.name, ()):
        made = rule.apply(node, *operands)
        if made is not None and made.type == node.type:
            return made
    return None


def _sink_broadcast(node: Expr, operands: Iterable[Expr]) -> Expr | None:
    """Compute once what is the same for every element."""
    if node.op.family != "elementwise" or node.tensor.rank == 0:
        return None
    scalars = []
    for operand in operands:
        under = operand
        while under.op is BROADCAST:
            (under,) = under.operands
        if under.tensor.rank != 0:
            return None
        scalars.append(under)
    return broadcast_to(fold(make(node.op, tuple(scalars), **node.attrs)), node.shape)
