"""Questions about dtypes, answered when a program is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import ml_dtypes
import numpy as np

from defnpy.base.dtypes import DType, as_dtype, default_float
from defnpy.base.errors import DefnTypeError, DefnValueError
from defnpy.ir.expr import Expr
from defnpy.ops.family import common
from defnpy.ops.leaf import as_expr, const


@dataclass(frozen=True, slots=True)
class FloatInfo:
    """The limits of a float dtype, as Python numbers.

    Attributes:
        bits: size of one number.
        eps: distance from 1 to the next number.
        max: largest finite number.
        min: smallest finite number.
        smallest_normal: smallest positive number of full precision.
        dtype: the dtype, of a complex one that of its parts.
    """

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: np.dtype[Any]
    __defnpy_leaf__: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class IntegerInfo:
    """The limits of an integer dtype.

    Attributes:
        bits: size of one number.
        max: largest number.
        min: smallest number.
        dtype: the dtype.
    """

    bits: int
    max: int
    min: int
    dtype: np.dtype[Any]
    __defnpy_leaf__: ClassVar[bool] = True


def _dtype_of(value: Any) -> DType:
    if isinstance(value, Expr):
        return value.dtype
    return as_dtype(value)


def finfo(dtype: Any) -> FloatInfo:
    """Return the limits of a float dtype, or of a tensor's.

    >>> dn.finfo("f32").eps == 2**-23
    True
    """
    asked = _dtype_of(dtype)
    if not asked.is_inexact:
        raise DefnTypeError(f"{asked} is not a float dtype")
    info = ml_dtypes.finfo(asked.numpy)
    return FloatInfo(
        bits=info.bits,
        eps=float(info.eps),
        max=float(info.max),
        min=float(info.min),
        smallest_normal=float(info.smallest_normal),
        dtype=np.dtype(info.dtype),
    )


def iinfo(dtype: Any) -> IntegerInfo:
    """Return the limits of an integer dtype, or of a tensor's.

    >>> dn.iinfo("u8").max
    255
    """
    asked = _dtype_of(dtype)
    if not asked.is_integer:
        raise DefnTypeError(f"{asked} is not an integer dtype")
    info = np.iinfo(asked.numpy)
    return IntegerInfo(info.bits, int(info.max), int(info.min), info.dtype)


_KINDS = {
    "bool": "b",
    "signed integer": "i",
    "unsigned integer": "u",
    "integral": "iu",
    "real floating": "f",
    "complex floating": "c",
    "numeric": "iufc",
}


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether a dtype is of a kind: a name of the Array API, a dtype, or several.

    >>> dn.isdtype("f32", "real floating"), dn.isdtype("i32", ("bool", "u8"))
    (True, False)
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, each) for each in kind)
    asked = _dtype_of(dtype)
    if isinstance(kind, str) and kind in _KINDS and asked.kind in _KINDS[kind]:
        return True
    if isinstance(kind, str) and kind in _KINDS and kind != "bool":
        return False
    try:
        return asked == as_dtype(kind)
    except DefnTypeError:
        names = ", ".join(map(repr, _KINDS))
        raise DefnValueError(
            f"{kind!r} is no kind of dtype", hint=f"the kinds are {names}"
        ) from None


def can_cast(source: Any, target: Any) -> bool:
    """Whether every promotion keeps `source` within `target`.

    >>> dn.can_cast("i32", "f32"), dn.can_cast("f64", "f32")
    (True, False)
    """
    wanted = as_dtype(target)
    return common(const(0, _dtype_of(source)), const(0, wanted))[0].dtype == wanted


def result_type(*operands: Any) -> DType:
    """Return the dtype that tensors, numbers and dtypes have in common.

    >>> dn.result_type(np.int64, "f32"), dn.result_type(np.arange(3), 0.5)
    (dtype('float32'), dtype('float32'))
    """
    made = common(*map(_scalar, operands))[0]
    return default_float() if made.tensor.weak and made.dtype.is_float else made.dtype


def _scalar(operand: Any) -> Expr:
    if isinstance(operand, type | str | DType | np.dtype):
        return const(0, as_dtype(operand))
    x = as_expr(operand)
    return const(0, x.dtype, weak=x.tensor.weak)
