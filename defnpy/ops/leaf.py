"""Constants, and the conversion of Python and NumPy values to expressions."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base import dtypes
from defnpy.base.dims import Dim
from defnpy.base.dtypes import I64
from defnpy.base.errors import DefnOverflowError, DefnTypeError
from defnpy.ir.expr import Expr, make
from defnpy.ir.op import Attrs, Missing, Op
from defnpy.ir.types import TensorType

if TYPE_CHECKING:
    from defnpy.base.dtypes import DType

_LEAF = Missing("a constant has no operands")


def _infer_const(attrs: Attrs) -> TensorType:
    value = attrs["value"]
    return TensorType(dtypes.as_dtype(value.dtype), value.shape, attrs["weak"])


CONST = Op(
    name="const",
    infer=_infer_const,
    eval=lambda attrs: attrs["value"],
    vjp=_LEAF,
    jvp=_LEAF,
    batch=_LEAF,
    lower=_LEAF,
    doc="A value known when the function is specialised.",
    family="leaf",
    samples=_LEAF,
)


SIZE = Op(
    name="size",
    infer=lambda attrs: TensorType(I64, (), attrs["weak"]),
    eval=Missing("it is a number when the program runs only"),
    vjp=_LEAF,
    jvp=_LEAF,
    batch=_LEAF,
    lower=_LEAF,
    doc="A size that is known when the program runs.",
    family="leaf",
    samples=_LEAF,
)


def const(value: Any, dtype: DType | None = None, *, weak: bool = False) -> Expr:
    """Return a constant of `dtype`, or of the value's own.

    Python numbers without a dtype are weak.  A size that is known only when the
    program runs may stand for one.
    """
    if isinstance(value, Dim):
        return _size(value, dtype, weak=weak)
    if dtype is None and isinstance(value, bool | int | float | complex):
        if not isinstance(value, np.generic):
            dtype, weak = dtypes.of_python(value), True
    if dtype is not None and isinstance(value, int) and dtype.is_integer:
        _check_range(value, dtype)
    array = np.array(value, dtype=dtype.numpy if dtype else None)
    if array.dtype.kind == "O":
        raise DefnTypeError(f"{value!r} is not a number")
    array = array.astype(dtypes.as_dtype(array.dtype).numpy, copy=False)
    array.flags.writeable = False
    return make(CONST, value=array, weak=weak)


def _size(value: Dim, dtype: DType | None, *, weak: bool) -> Expr:
    made = make(SIZE, dim=value, weak=weak or dtype is None)
    if dtype is None or dtype == I64:
        return made
    # What converts is built on leaves.
    return Expr.operators["convert"](made, dtype, weak=weak)


def _check_range(value: int, dtype: DType) -> None:
    info = np.iinfo(dtype.numpy)
    if not info.min <= value <= info.max:
        raise DefnOverflowError(f"{value} does not fit in {dtype}")


def as_expr(value: Any) -> Expr:
    """Return `value` as an expression; Python numbers become weak constants."""
    if isinstance(value, Expr):
        return value
    if isinstance(value, bool | int | float | complex | np.ndarray | np.generic | Dim):
        return const(value)
    hint = None
    if isinstance(value, list | tuple):
        hint = "`dn.tensor(...)` makes an array of numbers in a list"
    elif isinstance(value, dict):
        hint = "`dn.tree.map(function, tree)` computes with every array of a tree"
    elif hasattr(value, "__name__") and not isinstance(value, type | ModuleType):
        hint = f"call it, as in `{value.__name__}(...)`"
    raise DefnTypeError(f"{_named(value)} is not an array or a number", hint=hint)


def _named(value: Any) -> str:
    if value is None:
        return "None"
    name = getattr(value, "__name__", None)
    if name is not None and not isinstance(value, type | ModuleType):
        return f"the function `{name}`"
    if isinstance(value, np.dtype):
        return f"the dtype {value}"
    kind = {"str": "string"}.get(type(value).__name__, type(value).__name__)
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def is_const(expr: Expr) -> bool:
    """Whether the expression is a constant."""
    return expr.op is CONST


def scalar_of(expr: Expr) -> Any | None:
    """Return the Python number of a constant of shape (), None otherwise."""
    if expr.op is CONST and expr.shape == ():
        return expr.attrs["value"].item()
    return None
