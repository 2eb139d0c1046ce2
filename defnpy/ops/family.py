"""Constructors of records that share their shape: elementwise ops.

An elementwise record is strict (its operands have one dtype and one shape); the
`Elementwise` object around it is what people call: it promotes, broadcasts and
makes the expression.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from defnpy.base import dims, dtypes, shapes
from defnpy.base.dtypes import BOOL, DType
from defnpy.base.errors import DefnShapeError, DefnTypeError, InternalError
from defnpy.ir.expr import Expr, make
from defnpy.ir.op import Attrs, Lower, Missing, Op, Sample
from defnpy.ir.types import TensorType, Type
from defnpy.ops.axes import Batched, broadcast_to, in_every_lane
from defnpy.ops.leaf import as_expr, const, is_const

Partial = Callable[..., "Expr | float | None"]  # (result, *operands) -> derivative
Partials = Sequence[Partial] | Missing


def native(attrs: Attrs, *operands: Expr) -> Expr:
    """Mark an op that every backend has an instruction or a call for."""
    raise InternalError("a native op is not expanded")


def batch_elementwise(y: Expr, batched: Batched, *operands: Expr) -> Expr:
    """Return the elementwise op of `y` applied in every lane."""
    return make(y.op, in_every_lane(batched, operands), **y.attrs)


_KINDS = {
    **{"b": "bools", "i": "integers", "u": "unsigned integers", "f": "floats"},
    "c": "complex numbers",
}


class Elementwise:
    """An elementwise operation as people call it.

    Args:
        op: the strict record.
        arity: number of operands.
        floats: whether integers become the default float first.
        kinds: kinds of dtype accepted, of ``b i u f c``.
        compare: whether operands are promoted but the result is bool.
    """

    def __init__(self, op: Op, arity: int, *, floats: bool, kinds: str) -> None:
        """Keep the record and the promotion rule."""
        self.op, self.arity, self.floats, self.kinds = op, arity, floats, kinds
        self.__name__ = op.name
        self.__doc__ = op.doc

    def __repr__(self) -> str:
        """Return the name."""
        return f"<elementwise {self.__name__}>"

    @property
    def __signature__(self) -> inspect.Signature:
        """The signature, of positional operands."""
        names = [f"x{k + 1}" for k in range(self.arity)] if self.arity > 1 else ["x"]
        kind = inspect.Parameter.POSITIONAL_ONLY
        return inspect.Signature([inspect.Parameter(name, kind) for name in names])

    @property
    def taken(self) -> str:
        """Which operands it takes, in words."""
        *others, last = (_KINDS[kind] for kind in self.kinds)
        return f"{', '.join(others)} and {last}" if others else last

    def __call__(self, *operands: Any) -> Expr:
        """Return the op applied to promoted, broadcast operands."""
        if len(operands) != self.arity:
            count = "1 operand" if self.arity == 1 else f"{self.arity} operands"
            raise DefnTypeError(
                f"{self.__name__} takes {count}, {len(operands)} were given"
            )
        ready = common(*map(as_expr, operands), floats=self.floats)
        kind = ready[0].dtype.kind
        if kind not in self.kinds:
            raise DefnTypeError(
                f"{self.__name__} takes {self.taken}, not {ready[0].dtype}"
            )
        return fold(make(self.op, tuple(ready)))


def common(*operands: Expr, floats: bool = False) -> list[Expr]:
    """Return operands converted to their common dtype and shape."""
    first = operands[0].type
    if all(e.type == first for e in operands[1:]):  # the most frequent case
        if not floats or operands[0].dtype.is_inexact:
            return list(operands)
    dtype, weak = dtypes.promote(*((e.dtype, e.tensor.weak) for e in operands))
    if floats and not dtype.is_inexact:
        dtype = dtypes.F64 if weak else dtypes.default_float()
    shape = broadcast_shape(*operands)
    return [broadcast_to(convert(e, dtype, weak=weak), shape) for e in operands]


def broadcast_shape(*operands: Expr) -> tuple[int, ...]:
    """Return the shape NumPy would broadcast to, or say which axes differ."""
    first, *others = [e.shape for e in operands if e.shape] or [()]
    if all(dims.same(shape, first) for shape in others):
        return first
    try:
        return shapes.broadcast_shapes(first, *others)
    except ValueError:
        shown = " with ".join(str(e.type) for e in operands)
        raise DefnShapeError(f"cannot broadcast {shown}") from None


def fold(expr: Expr) -> Expr:
    """Return a constant if all operands of shape () are constants."""
    if expr.shape == () and expr.operands and all(map(is_const, expr.operands)):
        assert not isinstance(expr.op.eval, Missing)
        with np.errstate(all="ignore"):
            value = expr.op.eval(
                expr.attrs, *(operand.attrs["value"] for operand in expr.operands)
            )
        return const(value, expr.dtype, weak=expr.tensor.weak)
    return expr


def _eval_convert(attrs: Attrs, x: np.ndarray) -> np.ndarray:
    target: DType = attrs["dtype"]
    if x.dtype.kind == "c" and target.kind not in "cb":
        x = np.real(x)
    if x.dtype.kind in "fV" and target.is_integer:
        return _float_to_integer(x.astype(np.float64), target)
    with np.errstate(all="ignore"):
        return np.asarray(x).astype(target.numpy)


def _float_to_integer(x: np.ndarray, target: DType) -> np.ndarray:
    """Truncate; NaN becomes 0 and values out of range the nearest extreme."""
    info = np.iinfo(target.numpy)
    high = np.nextafter(np.float64(info.max), 0.0) if target.bits == 64 else info.max
    with np.errstate(invalid="ignore"):
        inside = np.clip(np.nan_to_num(x, nan=0.0), info.min, high).astype(target.numpy)
    return np.where(x >= float(info.max), target.numpy.type(info.max), inside)


CONVERT = Op(
    name="convert",
    infer=lambda attrs, x: x.with_dtype(attrs["dtype"], attrs["weak"]),
    eval=_eval_convert,
    vjp=lambda ct, y, x: (
        convert(ct, x.dtype, weak=x.tensor.weak)
        if x.dtype.is_inexact and y.dtype.is_inexact
        else None,
    ),
    jvp=lambda tangents, y, x: convert(tangents[0], y.dtype, weak=y.tensor.weak),
    batch=batch_elementwise,
    lower=native,
    doc="Return x with another dtype; NaN becomes the integer 0, infinities its"
    " extremes.",
    family="elementwise",
    samples=lambda: [
        Sample((np.array([[1.5]]),), (("dtype", dtypes.F32), ("weak", False)), False),
        Sample(
            (np.array([1.5, -7.9, np.nan, np.inf]),),
            (("dtype", dtypes.I32), ("weak", False)),
            differentiable=False,
        ),
    ],
)


def convert(x: Expr, dtype: DType, *, weak: bool = False) -> Expr:
    """Return `x` with dtype `dtype`."""
    if x.dtype == dtype and x.tensor.weak == weak:
        return x
    if is_const(x) and x.tensor.weak and x.shape == () and x.dtype.kind == "i":
        return const(x.attrs["value"].item(), dtype, weak=weak)  # checks the range
    return fold(make(CONVERT, (x,), dtype=dtype, weak=weak))


def scale(ct: Expr, factor: Expr | float) -> Expr:
    """Return ``ct * factor``, exactly zero where `ct` is."""
    if not isinstance(factor, Expr):
        if factor == 1.0:
            return ct
        factor = const(factor)
    return make(SCALE, tuple(common(ct, factor)))


def elementwise(
    name: str,
    eval: Callable[..., Any],
    *,
    arity: int,
    doc: str,
    partials: Partials,
    lower: Lower = native,
    result: DType | None = None,
    floats: bool = False,
    kinds: str = "biuf",
    domains: Sequence[tuple[float, float]] = (),
    cost: int = 1,
) -> Elementwise:
    """Return an elementwise operation.

    Args:
        name: its name.
        eval: the NumPy function of its operands.
        arity: number of operands.
        doc: its documentation.
        partials: for each operand, ``(result, *operands) -> derivative``; None
            stands for zero.
        lower: its expansion to native scalar ops.
        result: the result's dtype where it is not the operands'.
        floats: whether integers become floats first.
        kinds: kinds of dtype it takes.
        domains: for each operand, an interval to draw test values from.
        cost: rough scalar operations per element.
    """

    def infer(attrs: Attrs, *types: Type) -> Type:
        first = types[0]
        assert isinstance(first, TensorType)
        for other in types[1:]:
            if other != first:
                raise InternalError(f"{name} of {', '.join(map(str, types))}")
        return first if result is None else first.with_dtype(result, first.weak)

    def evaluate(attrs: Attrs, *operands: np.ndarray) -> Any:
        with np.errstate(all="ignore"):
            made = eval(*operands)
        dtype = result.numpy if result else operands[0].dtype
        return np.asarray(made).astype(dtype, copy=False)

    def vjp(ct: Expr, y: Expr, *operands: Expr) -> list[Expr | None]:
        assert not isinstance(partials, Missing)
        found = (partial(y, *operands) for partial in partials)
        return [None if each is None else scale(ct, each) for each in found]

    def jvp(tangents: Sequence[Expr | None], y: Expr, *operands: Expr) -> Any:
        assert not isinstance(partials, Missing)
        total = None
        for tangent, partial in zip(tangents, partials, strict=True):
            each = None if tangent is None else partial(y, *operands)
            if each is not None and tangent is not None:
                term = scale(tangent, each)
                total = term if total is None else total + term
        return total

    missing = partials if isinstance(partials, Missing) else None
    smooth = missing is None and result is None
    op = Op(
        name=name,
        infer=infer,
        eval=evaluate,
        vjp=missing or vjp,
        jvp=missing or jvp,
        batch=batch_elementwise,
        lower=lower,
        doc=doc,
        family="elementwise",
        samples=lambda: _samples(arity, kinds, floats, domains, smooth),
        cost=cost,
    )
    return Elementwise(op, arity, floats=floats, kinds=kinds)


_NUMPY_KINDS = {
    "b": (np.bool_,),
    "i": (np.int32, np.int64),
    "u": (np.uint8, np.uint32),
    "f": (np.float64, np.float32),
}


def _samples(
    arity: int,
    kinds: str,
    floats: bool,
    domains: Sequence[tuple[float, float]],
    differentiable: bool,
) -> list[Sample]:
    rng = np.random.default_rng(0)
    intervals = list(domains) or [(-2.0, 2.0)] * arity
    made: list[Sample] = []
    for kind in "f" if floats else kinds.replace("c", ""):
        for scalar in _NUMPY_KINDS[kind]:
            smooth = differentiable and scalar is np.float64
            values = (_draw(rng, kind, *interval) for interval in intervals)
            made.append(
                Sample(tuple(v.astype(scalar) for v in values), (), smooth),
            )
    return made


def _draw(rng: np.random.Generator, kind: str, low: float, high: float) -> np.ndarray:
    if kind == "f":
        return rng.uniform(low, high, (2, 3))
    low = 0 if kind in "ub" else int(low * 3)
    return rng.integers(low, max(int(high * 3), 2), (2, 3))


def unary(name: str, eval: Callable[..., Any], partial: Any, **options: Any) -> Any:
    """Return an elementwise operation of one operand."""
    partials = partial if isinstance(partial, Missing) else (partial,)
    if "domain" in options:
        options["domains"] = (options.pop("domain"),)
    return elementwise(name, eval, arity=1, partials=partials, **options)


def binary(name: str, eval: Callable[..., Any], partials: Any, **options: Any) -> Any:
    """Return an elementwise operation of two operands."""
    return elementwise(name, eval, arity=2, partials=partials, **options)


def compare(name: str, eval: Callable[..., Any], doc: str, **options: Any) -> Any:
    """Return an elementwise comparison."""
    zero = [lambda y, a, b: None] * 2
    options.setdefault("kinds", "biuf")
    return binary(name, eval, zero, result=BOOL, doc=doc, **options)


SCALE = elementwise(
    "scale",
    lambda ct, factor: np.where(ct == 0, np.zeros_like(ct), ct * factor),
    arity=2,
    kinds="fc",
    partials=(lambda y, ct, factor: factor, lambda y, ct, factor: ct),
    doc="Return ct * factor, zero where ct is zero whatever the factor: how a"
    " cotangent meets a derivative that may not be finite.",
).op
