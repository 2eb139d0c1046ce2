"""Every record of the registry: its rules agree with one another and with NumPy.

The type rule is held against the evaluation, `vjp` and `jvp` against finite
differences, and `lower` against the evaluation at the values where floats are odd.
"""

import math
import pkgutil
from collections.abc import Callable, Sequence
from importlib import import_module

import ml_dtypes
import numpy as np
import pytest

import defnpy.ops
from defnpy.backends.reference import evaluate
from defnpy.base import dtypes
from defnpy.base.dtypes import DType, as_dtype
from defnpy.ir.expr import PARAM, Expr, make, make_param, scope
from defnpy.ir.function import Function
from defnpy.ir.op import Missing, Op, Sample
from defnpy.ir.rewrite import postorder, substitute
from defnpy.ir.types import TensorType
from defnpy.ir.verify import verify
from defnpy.ops import registry
from defnpy.ops.family import Elementwise, native
from defnpy.ops.leaf import const
from defnpy.ops.reduce import sum as sum_of
from defnpy.ops.registry import RECORDS

pytestmark = pytest.mark.pure

H = 1e-5
Arrays = Sequence[np.ndarray]


def _cases() -> list[tuple[Op, Sample]]:
    return [
        (op, sample)
        for op in RECORDS
        if not isinstance(op.samples, Missing)
        for sample in op.samples()
    ]


CASES = _cases()
SMOOTH = [(op, sample) for op, sample in CASES if sample.differentiable]


def _names(cases: Sequence[tuple[Op, Sample]]) -> list[str]:
    return [f"{op.name}-{k}" for k, (op, _) in enumerate(cases)]


# The records themselves


@pytest.mark.parametrize("op", RECORDS, ids=lambda op: op.name)
def test_a_record_is_complete(op: Op) -> None:
    assert op.doc.strip().endswith("."), op.doc
    for field in ("infer", "eval", "vjp", "jvp", "batch", "lower", "samples"):
        rule = getattr(op, field)
        assert callable(rule) or (isinstance(rule, Missing) and rule.reason), field


def test_names_are_unique() -> None:
    assert len({op.name for op in RECORDS}) == len(RECORDS)
    assert registry.by_name("add") in RECORDS


def test_no_module_of_records_is_left_out() -> None:
    for info in pkgutil.iter_modules(defnpy.ops.__path__, "defnpy.ops."):
        for value in vars(import_module(info.name)).values():
            if isinstance(value, Op) and value is not PARAM:
                assert value in RECORDS, f"{info.name}: {value}"
            elif isinstance(value, Elementwise):
                assert value.op in RECORDS, f"{info.name}: {value}"


# Types and evaluation


def _params(arrays: Arrays, *, weak: bool = False) -> tuple[Expr, ...]:
    return tuple(
        make_param(
            f"x{k}",
            TensorType(as_dtype(a.dtype), a.shape, weak and a.dtype == np.float64),
        )
        for k, a in enumerate(arrays)
    )


def _run(build: Callable[..., Sequence[Expr | None]], arrays: Arrays) -> list:
    """Return the values of what `build` makes of parameters; None stays None."""
    with scope():
        params = _params(arrays)
        made = list(build(*params))
    function = Function("f", params, tuple(e for e in made if e is not None))
    verify(function)
    values = iter(evaluate(function, arrays))
    return [None if e is None else next(values) for e in made]


@pytest.mark.parametrize(("op", "sample"), CASES, ids=_names(CASES))
def test_infer_agrees_with_eval(op: Op, sample: Sample) -> None:
    with scope():
        type = make(op, _params(sample.operands), **dict(sample.attrs)).tensor
    assert not isinstance(op.eval, Missing)
    value = np.asarray(op.eval(dict(sample.attrs), *sample.operands))
    assert (as_dtype(value.dtype), value.shape) == (type.dtype, type.shape)
    assert not type.weak


ELEMENTWISE = [
    (called, dtype)
    for called in dict.fromkeys(
        value
        for module in registry.MODULES
        for value in vars(module).values()
        if isinstance(value, Elementwise)
    )
    for dtype in dtypes.ALL
    if dtype.kind in called.kinds
]


def _odd_values(dtype: DType) -> np.ndarray:
    """Return the values of a dtype at which arithmetic is most likely wrong."""
    if dtype.kind == "c":
        return np.array([0, 1, -1j, 2 + 1j, complex(np.nan, np.inf)], dtype.numpy)
    if dtype.is_float:
        info = ml_dtypes.finfo(dtype.numpy)
        edges = [float(e) for e in (info.smallest_subnormal, info.tiny, info.max)]
        sizes = [0, 0.5, 1, 1.5, 2.5, 3, 1e4, 1e10, 3e-6, *edges, math.inf]
        values = [sign * size for size in sizes for sign in (1, -1)]
        with np.errstate(over="ignore"):
            return np.array([*values, math.nan]).astype(dtype.numpy)
    if dtype.kind == "b":
        return np.array([False, True])
    info = np.iinfo(dtype.numpy)
    wanted = {info.min, info.min + 1, -7, -2, -1, 0, 1, 2, 3, 8, info.max - 1, info.max}
    inside = sorted(v for v in wanted if info.min <= v <= info.max)
    return np.array(inside, dtype.numpy)


def _grid(dtype: DType, arity: int) -> list[np.ndarray]:
    """Return operands that hold every combination of odd values."""
    grid = np.meshgrid(*[_odd_values(dtype)] * arity, indexing="ij")
    return [np.ascontiguousarray(axis.ravel()) for axis in grid]


@pytest.mark.parametrize(
    ("called", "dtype"), ELEMENTWISE, ids=[f"{c.__name__}-{d}" for c, d in ELEMENTWISE]
)
def test_odd_values_of_every_dtype_evaluate(called: Elementwise, dtype: DType) -> None:
    if called.floats and not dtype.is_inexact:
        return
    operands = _grid(dtype, called.arity)
    (made,) = _run(lambda *xs: [make(called.op, xs)], operands)
    one = [operand[:1].reshape(()) for operand in operands]
    (first,) = _run(lambda *xs: [make(called.op, xs)], one)
    np.testing.assert_array_equal(_known(first), _known(made[0]))


def _known(array: np.ndarray) -> np.ndarray:
    """Return bfloat16, whose NaN NumPy does not know, as f32."""
    return array.astype(np.float32) if array.dtype == ml_dtypes.bfloat16 else array


# Derivatives


def _is_float(array: np.ndarray) -> bool:
    return array.dtype == np.float64


def _direction(arrays: Arrays, seed: int) -> list[np.ndarray]:
    """Return one random direction, zero for operands that are not floats."""
    rng = np.random.default_rng(seed)
    return [
        rng.standard_normal(a.shape) if _is_float(a) else np.zeros(a.shape, a.dtype)
        for a in arrays
    ]


def _along(
    function: Callable[[Arrays], np.ndarray], at: Arrays, along: Arrays
) -> np.ndarray:
    """Return the central difference of `function` at a place, along a direction."""
    ahead, behind = (
        function(
            [a + (sign * H * d).astype(a.dtype) for a, d in zip(at, along, strict=True)]
        )
        for sign in (1, -1)
    )
    return (ahead - behind) / (2 * H)


def _inner(cts: Sequence[np.ndarray | None], along: Arrays) -> float:
    return sum(
        float(np.sum(ct * d))
        for ct, d in zip(cts, along, strict=True)
        if ct is not None and _is_float(d)
    )


def _pullback(root: Expr, ct: Expr, wrt: Sequence[Expr]) -> list[Expr | None]:
    """Return cotangents of `wrt`: the reverse walk, by the records' rules alone."""
    cts: dict[Expr, Expr] = {root: ct}
    for node in reversed(postorder([root])):
        if node not in cts or not node.operands:
            continue
        assert not isinstance(node.op.vjp, Missing), node
        found = node.op.vjp(cts[node], node, *node.operands)
        for operand, each in zip(node.operands, found, strict=True):
            if each is not None and operand.dtype.is_float:
                assert each.type == operand.type, (node, operand, each)
                cts[operand] = cts[operand] + each if operand in cts else each
    return [cts.get(each) for each in wrt]


def _vjp(op: Op, sample: Sample) -> Callable[..., list[Expr | None]]:
    def build(ct: Expr, *operands: Expr) -> list[Expr | None]:
        return _pullback(make(op, operands, **dict(sample.attrs)), ct, operands)

    return build


def _value(op: Op, sample: Sample) -> Callable[[Arrays], np.ndarray]:
    return lambda at: _run(lambda *xs: [make(op, xs, **dict(sample.attrs))], at)[0]


def _cotangent(op: Op, sample: Sample) -> np.ndarray:
    shape = _value(op, sample)(sample.operands).shape
    return np.random.default_rng(7).standard_normal(shape)


@pytest.mark.parametrize(("op", "sample"), SMOOTH, ids=_names(SMOOTH))
def test_vjp_is_the_derivative(op: Op, sample: Sample) -> None:
    ct, along = _cotangent(op, sample), _direction(sample.operands, 8)
    cts = _run(_vjp(op, sample), [ct, *sample.operands])
    slope = _along(_value(op, sample), sample.operands, along)
    np.testing.assert_allclose(
        _inner(cts, along), np.sum(ct * slope), rtol=1e-6, atol=1e-7
    )


@pytest.mark.parametrize(("op", "sample"), SMOOTH, ids=_names(SMOOTH))
def test_vjp_of_vjp_is_the_second_derivative(op: Op, sample: Sample) -> None:
    """Differentiate g = <vjp, d> once more, in the operands and the cotangent."""
    at = [_cotangent(op, sample), *sample.operands]
    along, second = _direction(sample.operands, 8), _direction(at, 9)

    def slope(*params: Expr) -> Expr | None:
        terms = [
            sum_of(ct * const(d))
            for ct, d in zip(_vjp(op, sample)(*params), along, strict=True)
            if ct is not None
        ]
        return None if not terms else _total(terms)

    def gradient(*params: Expr) -> list[Expr | None]:
        made = slope(*params)
        return [] if made is None else _pullback(made, const(1.0, made.dtype), params)

    cts = _run(gradient, at)
    if not cts:
        return
    found = _along(lambda x: _run(lambda *p: [slope(*p)], x)[0], at, second)
    np.testing.assert_allclose(_inner(cts, second), found, rtol=1e-5, atol=1e-6)


def _total(terms: Sequence[Expr]) -> Expr:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


@pytest.mark.parametrize(("op", "sample"), SMOOTH, ids=_names(SMOOTH))
def test_jvp_is_the_derivative(op: Op, sample: Sample) -> None:
    along = _direction(sample.operands, 8)
    floats = [k for k, a in enumerate(sample.operands) if _is_float(a)]
    for given in {tuple(floats), *((k,) for k in floats)}:
        moved = [d if k in given else d * 0 for k, d in enumerate(along)]

        def tangent(*params: Expr, given: tuple[int, ...] = given) -> list[Expr | None]:
            operands, rest = params[: len(along)], iter(params[len(along) :])
            y = make(op, operands, **dict(sample.attrs))
            tangents = [next(rest) if k in given else None for k in range(len(along))]
            assert not isinstance(op.jvp, Missing)
            made = op.jvp(tangents, y, *operands)
            assert made is None or made.type == y.type
            return [made]

        (made,) = _run(tangent, [*sample.operands, *(along[k] for k in given)])
        slope = _along(_value(op, sample), sample.operands, moved)
        np.testing.assert_allclose(
            slope * 0 if made is None else made, slope, rtol=1e-6, atol=1e-7
        )


@pytest.mark.parametrize(("op", "sample"), SMOOTH, ids=_names(SMOOTH))
def test_derivatives_of_weak_values_are_weak(op: Op, sample: Sample) -> None:
    with scope():
        operands = _params(sample.operands, weak=True)
        y = make(op, operands, **dict(sample.attrs))
        ct = make_param("ct", y.type)
        for operand, each in zip(operands, _pullback(y, ct, operands), strict=True):
            assert each is None or each.type == operand.type
        tangents = [x if x.dtype.is_float else None for x in operands]
        assert not isinstance(op.jvp, Missing)
        made = op.jvp(tangents, y, *operands)
        assert made is None or made.type == y.type


def test_a_zero_cotangent_stays_zero_where_the_derivative_is_not_finite() -> None:
    for name in ("sqrt", "divide"):
        op = registry.by_name(name)
        operands = [np.zeros(2)] * (1 if name == "sqrt" else 2)
        sample = Sample(tuple(operands))
        for ct in _run(_vjp(op, sample), [np.zeros(2), *operands]):
            np.testing.assert_array_equal(ct, 0.0)


# Lowering


EXPANDED = [
    op
    for op in RECORDS
    if op.family == "elementwise" and callable(op.lower) and op.lower is not native
]


def _expand(root: Expr) -> Expr:
    """Return `root` in native ops alone."""

    def rule(node: Expr, operands: tuple[Expr, ...]) -> Expr | None:
        if node.op.lower is native or node.op.family != "elementwise":
            return None
        assert not isinstance(node.op.lower, Missing), node
        made = node.op.lower(node.attrs, *operands)
        assert made.type == node.type, (node, made)
        return made

    for _ in range(20):
        if all(
            e.op.lower is native or e.op.family == "leaf" or e.op.name == "broadcast"
            for e in postorder([root])
        ):
            return root
        (root,) = substitute([root], {}, rule)
    raise AssertionError(f"{root} has no end")


LOWERED = [
    (op, dtype)
    for op in EXPANDED
    for dtype in dtypes.ALL
    if dtype.kind in {as_dtype(s.operands[0].dtype).kind for s in op.samples()}
]


@pytest.mark.parametrize(
    ("op", "dtype"), LOWERED, ids=[f"{op.name}-{dtype}" for op, dtype in LOWERED]
)
def test_lower_agrees_with_eval(op: Op, dtype: DType) -> None:
    arity = len(op.samples()[0].operands)
    operands = _grid(dtype, arity)
    with scope():
        scalars = tuple(make_param(f"s{k}", TensorType(dtype)) for k in range(arity))
        assert _expand(make(op, scalars)).type == make(op, scalars).type
    wanted, made = _run(lambda *xs: [make(op, xs), _expand(make(op, xs))], operands)
    if not dtype.is_float:
        np.testing.assert_array_equal(made, wanted)
        return
    info = ml_dtypes.finfo(dtype.numpy)
    made, wanted = _known(made), _known(wanted)
    np.testing.assert_allclose(
        made, wanted, rtol=8 * float(info.eps), atol=float(info.smallest_subnormal)
    )
    zero = wanted == 0
    np.testing.assert_array_equal(np.signbit(made)[zero], np.signbit(wanted)[zero])
