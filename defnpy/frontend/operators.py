"""Python's operators on static values and tensors."""

from __future__ import annotations

import ast
import operator
from typing import TYPE_CHECKING, Any

from defnpy.base.dims import Dim, NeedsSizeError, must, symbols_of
from defnpy.base.dtypes import BOOL, I64
from defnpy.base.errors import (
    NOTE,
    DefnShapeError,
    DefnStaticError,
    DefnTypeError,
    DefnZeroDivisionError,
)
from defnpy.frontend import ragged
from defnpy.frontend.values import (
    Ragged,
    has_tensors,
    is_number,
    is_tensor_like,
    tensors_in,
)
from defnpy.ir.expr import Expr
from defnpy.ir.types import TensorType
from defnpy.ops import elementwise, reduce
from defnpy.ops.axes import reshape
from defnpy.ops.bounds import bounds_of
from defnpy.ops.control import check
from defnpy.ops.family import convert
from defnpy.ops.leaf import as_expr, scalar_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from defnpy.frontend.frame import Frame

BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.MatMult: operator.matmul,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}
_PYTHON_BOOL = TensorType(BOOL, (), weak=True)
COMPARE: dict[type[ast.cmpop], tuple[Callable[..., Any], Callable[..., Any]]] = {
    ast.Eq: (operator.eq, elementwise.equal),
    ast.NotEq: (operator.ne, elementwise.not_equal),
    ast.Lt: (operator.lt, elementwise.less),
    ast.LtE: (operator.le, elementwise.less_equal),
    ast.Gt: (operator.gt, elementwise.greater),
    ast.GtE: (operator.ge, elementwise.greater_equal),
}


def binary(frame: Frame, kind: type[ast.operator], a: Any, b: Any) -> Any:
    """Return ``a op b``."""
    if isinstance(a, Ragged) or isinstance(b, Ragged):
        return _ragged(frame, kind, a, b)
    if isinstance(a, Dim) or isinstance(b, Dim):
        a, b = _sized(kind, a, b)
    if not isinstance(a, Expr) and not isinstance(b, Expr):
        return _static(frame, kind, a, b)
    if isinstance(a, list) and kind is ast.Mult:
        raise DefnStaticError(
            "how often a list is repeated must be known when compiling"
        )
    if kind not in (ast.BitAnd, ast.BitOr, ast.BitXor):
        a, b = _counted(a, b)
    if kind in (ast.FloorDiv, ast.Mod):
        sign = "//" if kind is ast.FloorDiv else "%"
        b = nonzero(frame, as_expr(a), as_expr(b), sign)
    return BINARY[kind](as_expr(a), as_expr(b))


def _static(frame: Frame, kind: type[ast.operator], a: Any, b: Any) -> Any:
    """Return what Python computes of static values."""
    try:
        return frame.static(BINARY[kind], a, b)
    except DefnTypeError:
        for each in (a, b):
            if not is_number(each):
                as_expr(each)  # says what it is, if it is no array
        raise


def _ragged(frame: Frame, kind: type[ast.operator], a: Any, b: Any) -> Any:
    if kind is ast.MatMult:
        return ragged.product(a, b)
    if isinstance(b, Ragged) and kind in (ast.FloorDiv, ast.Mod):
        b = ragged.filled(b, 1)
    return ragged.apply(lambda x, y: binary(frame, kind, x, y), a, b)


_OF_SIZES = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod)


def _sized(kind: type[ast.operator], a: Any, b: Any) -> list[Any]:
    """Return operands of which one is a size, as tensors if the result is no size."""
    sizes = all(isinstance(each, Dim) or type(each) is int for each in (a, b))
    if sizes and kind in _OF_SIZES:
        return [a, b]
    if isinstance(a, str) or not all(map(is_tensor_like, (a, b))):
        raise NeedsSizeError(symbols_of(a) | symbols_of(b))
    return [as_expr(a), as_expr(b)]


def _counted(*operands: Any) -> list[Any]:
    """Return Python's bools as integers, where all operands are bools."""
    made = [as_expr(each) for each in operands if is_tensor_like(each)]
    if len(made) < len(operands) or any(x.type != _PYTHON_BOOL for x in made):
        return list(operands)
    return [convert(x, I64, weak=True) for x in made]


def nonzero(frame: Frame, a: Expr, b: Expr, sign: str) -> Expr:
    """Return the divisor `b` of ``a // b`` or ``a % b``; zero raises for integers."""
    if not (a.dtype.kind in "biu" and b.dtype.kind in "biu"):
        return b
    message = "integer division or modulo by zero"
    value = scalar_of(b)
    if value is not None and value != 0:
        return b
    if value is not None:
        raise DefnZeroDivisionError(message)
    if is_apart_from_zero(frame, b):
        return b
    ok = strong(reduce.all(elementwise.not_equal(b, 0)))
    if b.shape != ():
        message = f"{message}{NOTE}an element of the divisor, {b.type}, is 0"
        return check(b, ok, "DefnZeroDivisionError", message)
    if a.shape != ():
        return check(b, ok, "DefnZeroDivisionError", message)
    message = f"{message}{NOTE}{{}} {sign} {{}}"
    return check(b, ok, "DefnZeroDivisionError", message, (a, b))


def is_apart_from_zero(frame: Frame, x: Expr) -> bool:
    """Whether what is known of an integer tells that it is not zero."""
    low, high = bounds_of(x, frame.session.ranges) or (0, 0)
    return must(lambda: low > 0) or must(lambda: high < 0)


def strong(x: Expr) -> Expr:
    """Return a bool tensor that is not weak."""
    return convert(elementwise.as_bool(x), BOOL)


def compare(frame: Frame, op: ast.cmpop, a: Any, b: Any) -> Any:
    """Return one comparison."""
    if isinstance(op, ast.Is):
        return a is b or (is_number(a) and type(a) is type(b) and a == b)
    if isinstance(op, ast.IsNot):
        return not compare(frame, ast.Is(), a, b)
    if isinstance(op, ast.In | ast.NotIn):
        return _contains(frame, a, b, isinstance(op, ast.NotIn))
    python, builder = COMPARE[type(op)]
    if isinstance(a, Ragged) or isinstance(b, Ragged):
        return ragged.apply(builder, a, b)
    if isinstance(a, Expr) or isinstance(b, Expr):
        if not (is_tensor_like(a) and is_tensor_like(b)):
            return _unlike(op, a, b)
        return builder(as_expr(a), as_expr(b))
    if has_tensors(a, b):
        raise DefnTypeError(
            "containers of tensors cannot be compared; compare their items"
        )
    return frame.static(python, a, b)


def _unlike(op: ast.cmpop, a: Any, b: Any) -> bool:
    x, other = (a, b) if isinstance(a, Expr) else (b, a)
    if isinstance(op, ast.Eq | ast.NotEq) and (other is None or isinstance(other, str)):
        if x.shape != ():
            raise DefnTypeError(
                f"each element of {x.type} would be compared with {other!r}",
                hint="`is None` asks whether there is an array"
                if other is None
                else None,
            )
        return isinstance(op, ast.NotEq)
    as_expr(other)
    raise DefnTypeError(f"a tensor cannot be compared with {other!r}")


def _contains(frame: Frame, item: Any, container: Any, negated: bool) -> Any:
    if isinstance(container, Expr):
        hit: Any = reduce.any(elementwise.equal(container, as_expr(item)))
    elif has_tensors(item) or (
        isinstance(container, list | tuple) and tensors_in(container)
    ):
        found = [compare(frame, ast.Eq(), item, each) for each in container]
        hit = False
        for each in found:
            hit = each if hit is False else elementwise.logical_or(hit, each)
    elif isinstance(item, Dim) and not isinstance(container, list | tuple):
        raise NeedsSizeError(symbols_of(item))
    else:
        found = frame.static(operator.contains, container, item)
        return not found if negated else found
    if not isinstance(hit, Expr):
        return hit != negated
    return elementwise.logical_not(hit) if negated else hit


def unary(frame: Frame, op: ast.unaryop, x: Any) -> Any:
    """Return ``op x``."""
    if isinstance(op, ast.Not):
        value = truth(x)
        return elementwise.logical_not(value) if isinstance(value, Expr) else not value
    if isinstance(x, Ragged):
        return ragged.apply(lambda each: unary(frame, op, each), x)
    if isinstance(x, Expr):
        (x,) = _counted(x)
        if isinstance(op, ast.UAdd):
            return x
        return -x if isinstance(op, ast.USub) else ~x
    python = {ast.UAdd: operator.pos, ast.USub: operator.neg, ast.Invert: operator.inv}
    return frame.static(python[type(op)], x)


def truth(value: Any) -> Any:
    """Return whether `value` is true: a bool, or a strong bool scalar."""
    if isinstance(value, Ragged):
        raise ragged.unsupported(value)
    if not isinstance(value, Expr):
        return bool(value)
    if value.tensor.size != 1:
        raise DefnShapeError(
            f"the truth of {value.type} is not defined: it has"
            f" {value.tensor.size} elements",
            hint="use `.any()` or `.all()`, or `np.where` to choose by element",
        )
    number = scalar_of(value)
    return bool(number) if number is not None else strong(reshape(value, ()))
