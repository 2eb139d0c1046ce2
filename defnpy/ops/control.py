"""Branches, loops, run-time checks and the tape that gradients of loops use.

Bodies are closed Functions; what they capture is passed as operands after what
the loop carries.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from defnpy.base.dtypes import BOOL, I64
from defnpy.base.errors import InternalError
from defnpy.ir.expr import Expr, at, make, make_param, scope, whole_span
from defnpy.ir.function import Function, captured, close
from defnpy.ir.op import Attrs, Missing, Op
from defnpy.ir.types import TapeType, TensorType, TupleType, Type
from defnpy.ops.leaf import const, scalar_of

_EVALUATOR = Missing("the reference evaluator runs its functions")
_TRANSFORM = Missing("transforms differentiate its functions")
_VMAP = Missing("vmap knows what becomes of it")
_STATEMENT = Missing("it becomes a statement of the Kernel language")
_SAMPLES = Missing("it is tested by the programs of the corpus")


def _control(name: str, infer: Callable[..., Any], doc: str) -> Op:
    return Op(
        name=name,
        infer=infer,
        eval=_EVALUATOR,
        vjp=_TRANSFORM,
        jvp=_TRANSFORM,
        batch=_VMAP,
        lower=_STATEMENT,
        doc=doc,
        family="control",
        samples=_SAMPLES,
    )


def _infer_item(attrs: Attrs, x: Type) -> Type:
    if not isinstance(x, TupleType):
        raise InternalError(f"item of {x}")
    return x.items[attrs["index"]]


ITEM = _control("item", _infer_item, "One of several results.")


def items(x: Expr) -> tuple[Expr, ...]:
    """Return every result of an expression with several."""
    if not isinstance(x.type, TupleType):
        raise InternalError(f"items of {x.type}")
    return tuple(make(ITEM, (x,), index=k) for k in range(len(x.type.items)))


def _check_call(function: Function, types: Sequence[Type]) -> None:
    if function.types != tuple(types):
        given = ", ".join(map(str, types))
        wanted = ", ".join(map(str, function.types))
        raise InternalError(f"{function.name}({wanted}) is called with ({given})")


def _infer_cond(attrs: Attrs, p: Type, *types: Type) -> TupleType:
    then, orelse = attrs["then"], attrs["orelse"]
    _check_call(then, types)
    _check_call(orelse, types)
    if then.result_types != orelse.result_types or p != TensorType(BOOL):
        raise InternalError(f"cond of {then.result_types} and {orelse.result_types}")
    return TupleType(then.result_types)


COND = _control("cond", _infer_cond, "The results of one of two functions.")


def _infer_for(attrs: Attrs, *types: Type) -> TupleType:
    body, count = attrs["body"], attrs["count"]
    index = TensorType(I64)
    if types[:3] != (index, index, index):
        raise InternalError(f"for with bounds {types[:3]}")
    _check_call(body, (index, *types[3:]))
    if body.result_types != types[3 : 3 + count]:
        raise InternalError(f"for carries {types[3 : 3 + count]}, {body.result_types}")
    return TupleType(body.result_types)


FOR = _control(
    "for", _infer_for, "Carried values after a body for each index of a range."
)


def _infer_while(attrs: Attrs, *types: Type) -> TupleType:
    condition, body, count = attrs["condition"], attrs["body"], attrs["count"]
    _check_call(condition, types)
    _check_call(body, types)
    if condition.result_types != (TensorType(BOOL),):
        raise InternalError(f"while on {condition.result_types}")
    if body.result_types != types[:count]:
        raise InternalError(f"while carries {types[:count]}, {body.result_types}")
    return TupleType(body.result_types)


WHILE = _control(
    "while", _infer_while, "Carried values after a body, while a condition holds."
)


Results = Sequence[Expr]


def cond(
    p: Expr, then: Callable[[], Results], orelse: Callable[[], Results]
) -> tuple[Expr, ...]:
    """Return what `then` makes where the bool scalar `p` holds, else `orelse`.

    Only the side taken runs.
    """
    known = scalar_of(p)
    if known is not None:
        return tuple(then() if known else orelse())
    regions = []
    for build in (then, orelse):
        with scope() as region:
            regions.append((region, tuple(build())))
    return close_cond(p, regions[0], regions[1])


def close_cond(p: Expr, then: Any, orelse: Any) -> tuple[Expr, ...]:
    """Return the results of a cond between two ``(region, results)``."""
    found = dict.fromkeys(captured(then[0], (), then[1]))
    found |= dict.fromkeys(captured(orelse[0], (), orelse[1]))
    captures = tuple(found)
    first, _ = close("then", then[0], (), then[1], captures)
    second, _ = close("else", orelse[0], (), orelse[1], captures)
    return items(make(COND, (p, *captures), then=first, orelse=second))


def counted_loop(
    start: Expr,
    stop: Expr,
    step: Expr,
    init: Sequence[Expr],
    body: Callable[..., Results],
) -> tuple[Expr, ...]:
    """Return the carried values after ``body(index, *carried)`` for a range.

    The bounds are i64 scalars and strong; `step` is not zero.
    """
    with scope() as region:
        index = make_param("i", TensorType(I64))
        params = (index, *(make_param(f"x{k}", e.type) for k, e in enumerate(init)))
        results = tuple(body(*params))
    return close_for((start, stop, step), init, region, params, results)


def close_for(
    bounds: tuple[Expr, Expr, Expr],
    init: Sequence[Expr],
    region: Any,
    params: tuple[Expr, ...],
    results: tuple[Expr, ...],
) -> tuple[Expr, ...]:
    """Return the results of a counted loop whose body is `region`.

    `params` are the index and then the carried values.
    """
    function, captures = close("body", region, params, results)
    operands = (*bounds, *init, *captures)
    return items(make(FOR, operands, body=function, count=len(init)))


def while_loop(
    init: Sequence[Expr], condition: Callable[..., Expr], body: Callable[..., Results]
) -> tuple[Expr, ...]:
    """Return the carried values after ``body`` while ``condition`` holds."""
    params = tuple(make_param(f"x{k}", e.type) for k, e in enumerate(init))
    with scope() as test:
        holds = (condition(*params),)
    with scope() as region:
        results = tuple(body(*params))
    return close_while(init, params, (test, holds), (region, results))


def close_while(
    init: Sequence[Expr], params: tuple[Expr, ...], test: Any, body: Any
) -> tuple[Expr, ...]:
    """Return the results of a while between two ``(region, results)``.

    Both regions use the same `params`, which stand for the carried values.
    """
    found = dict.fromkeys(captured(test[0], params, test[1]))
    found |= dict.fromkeys(captured(body[0], params, body[1]))
    captures = tuple(found)
    condition, _ = close("condition", test[0], params, test[1], captures)
    function, _ = close("body", body[0], params, body[1], captures)
    operands = (*init, *captures)
    return items(
        make(WHILE, operands, condition=condition, body=function, count=len(init))
    )


def _infer_checkpoint(attrs: Attrs, *types: Type) -> TupleType:
    body = attrs["body"]
    _check_call(body, types)
    return TupleType(body.result_types)


CHECKPOINT = _control(
    "checkpoint",
    _infer_checkpoint,
    "The results of a function, which gradients compute again and do not keep.",
)


def checkpoint(
    body: Function, operands: Sequence[Expr], *, loops: bool = True
) -> tuple[Expr, ...]:
    """Return the results of `body`, of which a gradient keeps the operands alone.

    With `loops`, loops right in `body` are computed again in blocks, so that of n
    runs some √n are kept at a time.
    """
    return items(make(CHECKPOINT, tuple(operands), body=body, loops=loops))


def _infer_check(attrs: Attrs, value: Type, ok: Type, *shown: Type) -> Type:
    if ok != TensorType(BOOL):
        raise InternalError(f"check of {ok}")
    return value


CHECK = Op(
    name="check",
    infer=_infer_check,
    eval=_EVALUATOR,
    vjp=lambda ct, y, value, ok, *shown: (ct, None, *(None for _ in shown)),
    jvp=lambda tangents, y, value, ok, *shown: tangents[0],
    batch=_VMAP,
    lower=_STATEMENT,
    doc="The first operand, once the second holds; otherwise an exception.",
    family="check",
    samples=_SAMPLES,
    effect=True,
)


FIRST_NAN = "DefnFloatingPointError"  # what checks for the first NaN raise


class _Checks(threading.local):
    bounds = True


_checks = _Checks()


@contextmanager
def bounds_checks(wanted: bool) -> Iterator[None]:
    """Tell whether indices are checked that may be out of bounds."""
    before, _checks.bounds = _checks.bounds, wanted
    try:
        yield
    finally:
        _checks.bounds = before


def check(
    value: Expr, ok: Expr, error: str, message: str, shown: Sequence[Expr] = ()
) -> Expr:
    """Return `value`; at run time raise unless the bool scalar `ok` holds.

    Args:
        value: what depends on the check.
        ok: a bool scalar.
        error: name of the class in `defnpy.base.errors`.
        message: its text, a format string for the values of `shown`; notes follow
            in it, each after `errors.NOTE`.
        shown: scalars of at most 64 bits.
    """
    if scalar_of(ok) is True:
        return value
    if error == "DefnIndexError" and not _checks.bounds:
        return value
    with at(whole_span()):
        return make(CHECK, (value, ok, *shown), error=error, message=message)


TAPE = TapeType()


def _tape_op(name: str, infer: Callable[..., Any], vjp: Any, doc: str) -> Op:
    return Op(
        name=name,
        infer=infer,
        eval=_EVALUATOR,
        vjp=vjp,
        jvp=_TRANSFORM,
        batch=_VMAP,
        lower=_STATEMENT,
        doc=doc,
        family="tape",
        samples=_SAMPLES,
    )


TAPE_NEW = _tape_op("tape_new", lambda attrs: TAPE, _TRANSFORM, "An empty tape.")
TAPE_PUSH = _tape_op(
    "tape_push", lambda attrs, tape, *values: TAPE, _TRANSFORM, "A tape and values."
)
TAPE_POP = _tape_op(
    "tape_pop",
    lambda attrs, tape: TupleType((*attrs["types"], TAPE)),
    _TRANSFORM,
    "The values last pushed, and the tape without them.",
)


def tape_new() -> Expr:
    """Return an empty tape; each is used by one expression only, in turn."""
    return make(TAPE_NEW, serial=object())


def tape_push(tape: Expr, values: Sequence[Expr]) -> Expr:
    """Return `tape` with `values` on top."""
    return make(TAPE_PUSH, (tape, *values)) if values else tape


def tape_pop(tape: Expr, types: Sequence[Type]) -> tuple[tuple[Expr, ...], Expr]:
    """Return the values on top of `tape`, of these types, and what is below."""
    if not types:
        return (), tape
    found = items(make(TAPE_POP, (tape,), types=tuple(types)))
    return found[:-1], found[-1]


def index_const(value: int) -> Expr:
    """Return a strong i64 scalar constant."""
    return const(value, I64)
