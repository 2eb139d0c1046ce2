"""The reference evaluator: order, control flow, checks and tapes."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from defnpy.backends.reference import evaluate
from defnpy.base.dtypes import F32, I64
from defnpy.base.errors import DefnIndexError, InternalError
from defnpy.base.span import Span
from defnpy.ir.expr import Expr, at, make_param, scope
from defnpy.ir.function import Function, close
from defnpy.ir.types import TensorType
from defnpy.ops import control, elementwise
from defnpy.ops.control import index_const

pytestmark = pytest.mark.pure

VECTOR = TensorType(F32, (3,))
COUNT = TensorType(I64)


def function_of(build: Callable[..., Sequence[Expr]], *types: TensorType) -> Function:
    with scope() as region:
        params = tuple(make_param(f"p{k}", type) for k, type in enumerate(types))
        results = tuple(build(*params))
    made, captures = close("f", region, params, results)
    assert not captures
    return made


def run(build: Callable[..., Sequence[Expr]], *arguments: np.ndarray) -> list:
    types = [TensorType({"f": F32, "i": I64}[a.dtype.kind], a.shape) for a in arguments]
    return evaluate(function_of(build, *types), arguments)


def x() -> np.ndarray:
    return np.arange(3, dtype=np.float32)


def n(value: int) -> np.ndarray:
    return np.asarray(value, np.int64)


def test_a_counted_loop_carries_and_captures() -> None:
    def build(x: Expr, stop: Expr) -> Sequence[Expr]:
        bounds = (index_const(0), stop, index_const(2))
        return control.counted_loop(*bounds, (x,), lambda i, a: (a * x + i,))

    (made,) = run(build, x(), n(4))
    np.testing.assert_array_equal(made, [2, 3, 10])
    assert made.dtype == np.float32
    (kept,) = run(build, x(), n(0))
    np.testing.assert_array_equal(kept, x())


def test_a_while_loop_stops_when_its_condition_fails() -> None:
    def build(stop: Expr) -> Sequence[Expr]:
        return control.while_loop(
            (index_const(0), index_const(1)),
            lambda i, a: elementwise.less(a, stop),
            lambda i, a: (i + 1, a * 2),
        )

    assert [int(each) for each in run(build, n(100))] == [7, 128]


def _guarded(value: Expr, ok: Expr) -> Expr:
    return control.check(value, ok, "DefnIndexError", "at {} of 3", (value,))


def test_only_the_side_taken_runs() -> None:
    def build(i: Expr) -> Sequence[Expr]:
        return control.cond(
            elementwise.less(i, 3),
            lambda: (i,),
            lambda: (_guarded(i, elementwise.less(i, i)),),
        )

    assert run(build, n(2)) == [2]
    with pytest.raises(DefnIndexError, match="at 5 of 3"):
        run(build, n(5))


def test_effects_run_in_order_though_no_result_uses_them() -> None:
    span = Span("user.py", 3, 0, 3, 4, ("x[i]",))

    def build(i: Expr) -> Sequence[Expr]:
        with at(span):
            _guarded(i, elementwise.less(i, 3))
        control.check(i, elementwise.less(i, 2), "DefnValueError", "second")
        return (i,)

    assert run(build, n(1)) == [1]
    with pytest.raises(DefnIndexError, match=r"user.py:3:1: .*at 4 of 3"):
        run(build, n(4))


def test_a_tape_gives_back_what_was_pushed_last() -> None:
    def build(x: Expr) -> Sequence[Expr]:
        bounds = (index_const(0), index_const(3), index_const(1))

        def push(i: Expr, a: Expr, tape: Expr) -> Sequence[Expr]:
            return a + 1, control.tape_push(tape, (a, i))

        def pop(i: Expr, a: Expr, tape: Expr) -> Sequence[Expr]:
            (value, number), below = control.tape_pop(tape, (x.type, COUNT))
            return a * 10 + value * number, below

        _, tape = control.counted_loop(*bounds, (x, control.tape_new()), push)
        made, _ = control.counted_loop(*bounds, (x * 0, tape), pop)
        return (made,)

    (made,) = run(build, x()[:1])
    np.testing.assert_array_equal(made, [410])


def test_results_are_new_arrays() -> None:
    given = x()
    first, second = run(lambda x: (x, x), given)
    first += 1
    np.testing.assert_array_equal(given, x())
    np.testing.assert_array_equal(second, x())


def test_arguments_of_another_type_are_refused() -> None:
    identity = function_of(lambda x: (x,), VECTOR)
    with pytest.raises(InternalError, match="float64"):
        evaluate(identity, [np.zeros(3)])
    with pytest.raises(InternalError, match=r"\[2\]"):
        evaluate(identity, [np.zeros(2, np.float32)])
