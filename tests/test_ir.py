"""What a program is: construction, closing, printing and verifying."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from defnpy.backends.reference import kernels
from defnpy.base import dtypes
from defnpy.base.dtypes import F32, F64, I64
from defnpy.base.errors import DefnShapeError, InternalError
from defnpy.base.span import Span
from defnpy.ir import printer
from defnpy.ir import verify as verifier
from defnpy.ir.expr import Expr, at, make_param, scope
from defnpy.ir.function import Function, check_closed, close, inline
from defnpy.ir.kernel import (
    Alloc,
    Buffer,
    Copy,
    Fault,
    FaultSite,
    If,
    Kernel,
    Let,
    Loop,
    Statement,
    Store,
    TapePush,
    While,
    load,
    loop_index,
    variable,
)
from defnpy.ir.printer import kernel_text, text
from defnpy.ir.types import TensorType
from defnpy.ir.verify import verify, verify_kernel
from defnpy.ops import control, elementwise, reduce
from defnpy.ops.axes import reduce_sum
from defnpy.ops.control import index_const
from defnpy.ops.family import convert
from defnpy.ops.leaf import const

pytestmark = pytest.mark.pure

VECTOR = TensorType(F32, (3,))


def vector(name: str = "x") -> Expr:
    return make_param(name, VECTOR)


# Construction


def test_equal_expressions_of_a_scope_are_one() -> None:
    with scope():
        x, y = vector(), vector()
        assert x + y is x + y
        assert x + y is not y + x
        assert x is not y
        with scope():
            assert x + y is x + y


def test_sibling_scopes_share_nothing() -> None:
    with scope():
        x = vector()
        with scope():
            first = x * x
        with scope():
            assert x * x is not first


NUMBERS = st.one_of(
    st.booleans(),
    st.integers(-3, 3),
    st.floats(width=64),
    st.sampled_from([0.0, -0.0, 1.0, float("nan"), -float("nan")]),
)


@settings(max_examples=60, deadline=None)
@given(NUMBERS, NUMBERS)
def test_constants_are_one_only_if_their_bits_are(a: float, b: float) -> None:
    with scope():
        same = const(a) is const(b)
    alike = np.asarray(a).tobytes() == np.asarray(b).tobytes()
    assert same == (alike and type(a) is type(b))


def test_an_error_of_type_has_the_place_of_the_user() -> None:
    span = Span("user.py", 7, 4, 7, 9, ("    max(y)",))
    empty = make_param("y", TensorType(F32, (0,)))
    with scope(), pytest.raises(DefnShapeError, match=r"user.py:7:5"), at(span):
        reduce.max(empty)


# Closing


def _nested() -> tuple[Function, tuple[Expr, ...], tuple[Expr, ...]]:
    with scope():
        outer = (vector("a"), vector("b"))
        both = outer[0] * outer[1]
        with scope() as region:
            p = vector("p")
            results = ((p + both) * 2.0,)
        function, captures = close("inner", region, (p,), results)
    return function, captures, (both,)


def test_closing_turns_what_is_outside_into_parameters() -> None:
    function, captures, outside = _nested()
    assert captures == outside
    assert function.types == (VECTOR, VECTOR)
    check_closed(function)
    verify(function)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_closing_closes(data: st.DataObject) -> None:
    """Random bodies over a pool of outer and inner values have no free names."""
    with scope():
        pool = [vector(f"o{k}") for k in range(3)]
        pool += [pool[0] + pool[1], const(2.0, F32)]
        with scope() as region:
            params = (vector("p"), vector("q"))
            pool += params
            for _ in range(data.draw(st.integers(1, 8))):
                a, b = (data.draw(st.sampled_from(pool)) for _ in range(2))
                pool.append(elementwise.multiply(a, b))
            results = (pool[-1], elementwise.add(pool[-2], pool[-1]))
        function, captures = close("f", region, params, results)
        again = inline(function, (*params, *captures))
    verify(function)
    assert len(function.params) == len(params) + len(captures)
    assert [r.type for r in again] == list(function.result_types)
    assert not any(c.op.name == "const" for c in captures)


# Printing


def test_a_function_prints_with_types_and_bodies() -> None:
    with scope() as region:
        x, n = vector(), make_param("n", TensorType(I64))
        bounds = (index_const(0), n, index_const(1))
        (made,) = control.counted_loop(*bounds, (x,), lambda i, a: (a * x,))
        loss = reduce_sum(made, (0,)) * const(2.0)
    function, _ = close("f", region, (x, n), (loss, const(3)))
    assert text(function) == "\n".join(
        [
            "f(x: f32[3], n: i64[]):",
            "    %0 = for(0, n, 1, x, x, count=1): (f32[3])",
            "        body(i: i64[], x0: f32[3], c0: f32[3]):",
            "            %0 = multiply(x0, c0): f32[3]",
            "            return %0",
            "    %1 = item(%0, index=0): f32[3]",
            "    %2 = sum(%1, axes=(0,)): f32[]",
            "    %3 = multiply(%2, 2.0): f32[]",
            "    return %3, 3*",
        ]
    )


def test_spans_and_effects_are_printed() -> None:
    span = Span("user.py", 7, 4, 7, 9, ())
    with scope() as region:
        i = make_param("i", TensorType(I64))
        with at(span):
            control.check(i, elementwise.less(i, 3), "DefnIndexError", "no {}", (i,))
    function, _ = close("f", region, (i,), ())
    shown = text(function, spans=True).splitlines()
    assert shown[2].endswith("message='no {}'): i64[]  # user.py:7:5")
    assert shown[3:] == ["    effects %1", "    return"]


X = Buffer("x", F32, (3, 4), "param")
Y = Buffer("y", F32, (3,), "result")
SUM = Buffer("total", F32, ())
ZERO, ONE, TWO = (index_const(k) for k in range(3))


def _rows() -> Kernel:
    """Return a kernel that stores for each row the sum of s + s·s, s = 2x."""
    with scope():
        i, j, v = loop_index("i"), loop_index("j"), variable("v", F32)
        s = load(X, (i, j)) * const(2.0, F32)
        inner = (
            Let(v, s + s * s),
            Store(SUM, (), load(SUM, ()) + v),
        )
        ok = elementwise.less(load(SUM, ()), const(99.0, F32))
        body = (
            Alloc(SUM),
            Store(SUM, (), const(0.0, F32)),
            Loop(j, ZERO, index_const(4), ONE, inner, reassociate=True),
            Fault(ok, 0, (i,)),
            Store(Y, (i,), load(SUM, ())),
        )
        loop = Loop(i, ZERO, index_const(3), ONE, body, parallel=True)
    return Kernel(
        "rows", (X,), (Y,), (loop,), (FaultSite("DefnValueError", "r", None),)
    )


def test_a_kernel_prints_like_python() -> None:
    assert kernel_text(_rows()) == "\n".join(
        [
            "def rows(x: f32[3,4], y: f32[3]):",
            "    for i in range(3):  # parallel",
            "        total = empty(f32[])",
            "        total[()] = 0.0",
            "        for j in range(4):  # reassociate",
            "            t = x[i, j] * 2.0",
            "            v: f32 = t + (t * t)",
            "            total[()] = total[()] + v",
            "        if not (total[()] < 99.0): raise DefnValueError('r').format(i)",
            "        y[i] = total[()]",
        ]
    )


# Verifying


def _forged(type: TensorType) -> Function:
    x = vector()
    with scope():
        right = x + x
    wrong = Expr(right.op, right.operands, right.attrs, type, None, None)
    return Function("f", (x,), (wrong,))


def test_types_are_inferred_again() -> None:
    verify(_forged(VECTOR))
    with pytest.raises(InternalError, match=r"f32\[3\]") as caught:
        verify(_forged(TensorType(F64, (3,))))
    assert "# here:\n    %0 = add(x, x): f64[3]" in str(caught.value)


def test_a_foreign_parameter_is_found() -> None:
    x = vector()
    with pytest.raises(InternalError, match="foreign"):
        verify(Function("f", (), (x,)))


def test_bodies_are_verified_too() -> None:
    x = vector()
    with scope():
        (good,) = control.while_loop(
            (x,), lambda a: const(True, dtypes.BOOL), lambda a: (a,)
        )
    loop = good.operands[0]
    with scope():
        wide = convert(x, F64)
    wrong = Expr(wide.op, wide.operands, wide.attrs, VECTOR, None, None)
    attrs = {**loop.attrs, "body": Function("f", (x,), (wrong,))}
    bad = Expr(loop.op, loop.operands, attrs, loop.type, None, None)
    with pytest.raises(InternalError, match="should have the type"):
        verify(
            Function(
                "f", (x,), (Expr(good.op, (bad,), good.attrs, VECTOR, None, None),)
            )
        )


def test_a_tape_is_used_once() -> None:
    x = vector()
    with scope():
        tape = control.tape_push(control.tape_new(), (x,))
        (first,), rest = control.tape_pop(tape, (VECTOR,))
        (second,), _ = control.tape_pop(tape, (VECTOR,))
        verify(Function("f", (x,), (first, rest)))
        again = control.tape_push(tape, (first,))
        with pytest.raises(InternalError, match="used twice"):
            verify(Function("f", (x,), (second, again)))


def test_a_good_kernel_is_accepted() -> None:
    verify_kernel(_rows())


def _unbound() -> Statement:
    return Store(Y, (loop_index("k"),), const(0.0, F32))


BAD = {
    "not bound": _unbound(),
    "has no memory": Store(SUM, (), const(0.0, F32)),
    "should be of f32": Store(Y, (ZERO,), const(0.0, F64)),
    "indices for x": Store(Y, (ZERO,), load(X, (ZERO,))),
    "is written": Store(X, (ZERO, ZERO), const(0.0, F32)),
    "is indexed by": Store(Y, (const(0, dtypes.I32),), const(0.0, F32)),
    "should be of bool": If(ZERO, ()),
    "should be of i64": Loop(loop_index("i"), ZERO, const(1.0), ONE, ()),
    "there is no fault": Fault(const(True), 1),
    "there is no tape": TapePush(0, (X,)),
    "differ": Copy(Y, X),
    "does not belong": While((), reduce_sum(const([True]), (0,)), ()),
    "is shown as": Store(Y.view((4,)), (ZERO,), const(0.0, F32)),
}


@pytest.mark.parametrize("message", BAD)
def test_a_bad_kernel_is_refused(message: str) -> None:
    kernel = _rows()
    bad = Kernel("bad", (X,), (Y,), (*kernel.body, BAD[message]), kernel.faults)
    with pytest.raises(InternalError, match=message) as caught:
        verify_kernel(bad)
    assert "# here:" in str(caught.value)


def test_what_a_block_binds_ends_with_it() -> None:
    i = loop_index("i")
    loop = Loop(i, ZERO, TWO, ONE, (Alloc(SUM), Store(SUM, (), const(0.0, F32))))
    after = Store(Y, (i,), const(0.0, F32))
    with pytest.raises(InternalError, match="not bound"):
        verify_kernel(Kernel("k", (X,), (Y,), (loop, after)))
    after = Store(Y, (ZERO,), load(SUM, ()))
    with pytest.raises(InternalError, match="has no memory"):
        verify_kernel(Kernel("k", (X,), (Y,), (loop, after)))


@pytest.mark.parametrize("module", [printer, verifier, kernels])
def test_every_statement_is_known(module: object) -> None:
    table = module._STATEMENTS  # pyright: ignore
    assert set(table) == set(get_args(Statement))
