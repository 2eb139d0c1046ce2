"""Element types, their names, and the promotion rules of the language.

Promotion is NumPy 2's with weak Python scalars, except that an integer array
meeting a float array takes the float's dtype, as in JAX, PyTorch and Nx.
"""

from __future__ import annotations

import difflib
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, ClassVar

import ml_dtypes
import numpy as np

from defnpy.base.dims import Dim
from defnpy.base.errors import DefnTypeError
from defnpy.base.flags import flags

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, eq=False)
class DType:
    """One element type: its short name, kind (``b i u f c``) and size in bits.

    There is one object for each, so that comparing them is quick.
    """

    name: str
    kind: str
    bits: int
    numpy: np.dtype = field(compare=False, repr=False)
    __defnpy_leaf__: ClassVar[bool] = True  # a value, not a tree of its fields

    def __str__(self) -> str:
        """Return the short name."""
        return self.name

    def __reduce__(self) -> tuple[object, tuple[str]]:
        """Pickle by name."""
        return as_dtype, (self.name,)

    @property
    def bytes(self) -> int:
        """Size of one element in bytes."""
        return max(self.bits // 8, 1)

    @property
    def is_float(self) -> bool:
        """Whether values are real floating-point numbers."""
        return self.kind == "f"

    @property
    def is_integer(self) -> bool:
        """Whether values are signed or unsigned integers."""
        return self.kind in "iu"

    @property
    def is_inexact(self) -> bool:
        """Whether values are real or complex floating-point numbers."""
        return self.kind in "fc"


def _dtype(name: str, kind: str, bits: int, numpy: object) -> DType:
    return DType(name, kind, bits, np.dtype(numpy))  # pyright: ignore


BOOL = _dtype("bool", "b", 8, np.bool_)
I8 = _dtype("i8", "i", 8, np.int8)
I16 = _dtype("i16", "i", 16, np.int16)
I32 = _dtype("i32", "i", 32, np.int32)
I64 = _dtype("i64", "i", 64, np.int64)
U8 = _dtype("u8", "u", 8, np.uint8)
U16 = _dtype("u16", "u", 16, np.uint16)
U32 = _dtype("u32", "u", 32, np.uint32)
U64 = _dtype("u64", "u", 64, np.uint64)
F16 = _dtype("f16", "f", 16, np.float16)
BF16 = _dtype("bf16", "f", 16, ml_dtypes.bfloat16)
F32 = _dtype("f32", "f", 32, np.float32)
F64 = _dtype("f64", "f", 64, np.float64)
C64 = _dtype("c64", "c", 64, np.complex64)
C128 = _dtype("c128", "c", 128, np.complex128)

ALL = (
    *(BOOL, I8, I16, I32, I64, U8, U16, U32, U64),
    *(F16, BF16, F32, F64, C64, C128),
)
_BY_NAME = {d.name: d for d in ALL}
_BY_NUMPY = {d.numpy: d for d in ALL}
_KIND_ORDER = "biufc"


def as_dtype(value: object) -> DType:
    """Return the DType for a DType, a short name, or anything NumPy accepts.

    >>> as_dtype("f32"), as_dtype(np.float64).name
    (DType(name='f32', kind='f', bits=32), 'f64')
    """
    if isinstance(value, DType):
        return value
    if isinstance(value, str) and value in _BY_NAME:
        return _BY_NAME[value]
    try:
        return _BY_NUMPY[np.dtype(value).newbyteorder("=")]  # pyright: ignore
    except (TypeError, ValueError, KeyError):
        pass
    known = [*_BY_NAME, *(dtype.name for dtype in _BY_NUMPY)]
    near = difflib.get_close_matches(value, known, 1) if isinstance(value, str) else ()
    raise DefnTypeError(
        f"{value!r} is not a dtype",
        hint=f"did you mean {near[0]!r}?"
        if near
        else f"the dtypes are {', '.join(_BY_NAME)}",
    )


class _Override(threading.local):
    default_float: DType | None = None


_override = _Override()


@contextmanager
def float_defaults(dtype: DType) -> Iterator[None]:
    """Make `dtype` the default float inside, as NumPy's names need."""
    before = _override.default_float
    _override.default_float = dtype
    try:
        yield
    finally:
        _override.default_float = before


def default_float() -> DType:
    """Return the dtype of untyped floats, ``f32`` unless configured."""
    return _override.default_float or _BY_NAME[flags.default_float]


def of_python(value: bool | int | float | complex | Dim) -> DType:
    """Return the dtype of a Python number's own precision, or of a size.

    >>> of_python(True).name, of_python(1).name, of_python(1.0).name
    ('bool', 'i64', 'f64')
    """
    if isinstance(value, Dim):
        return I64
    for kind, dtype in ((bool, BOOL), (int, I64), (float, F64), (complex, C128)):
        if isinstance(value, kind):
            return dtype
    raise DefnTypeError(f"{value!r} is not a number")


def promote(*operands: tuple[DType, bool]) -> tuple[DType, bool]:
    """Return the common ``(dtype, weak)`` of ``(dtype, weak)`` pairs.

    >>> promote((I64, False), (F32, False))[0].name
    'f32'
    >>> promote((I32, False), (F64, True))[0].name  # int array, Python float
    'f32'
    >>> promote((I64, True), (F64, True))
    (DType(name='f64', kind='f', bits=64), True)
    """
    strong = [d for d, weak in operands if not weak]
    weak = [d for d, weak in operands if weak]
    if not strong:
        return _fold(weak), True
    dtype = _fold(strong)
    return _fold([_meet_weak(dtype, w) for w in weak] or [dtype]), False


def _meet_weak(strong: DType, weak: DType) -> DType:
    if _rank(weak) <= _rank(strong):
        return strong
    if weak.kind == "c":
        return _complex_of(strong if strong.is_float else default_float())
    if weak.kind == "f":
        return default_float()
    return weak  # a weak integer meeting a bool array is an i64


def _rank(dtype: DType) -> int:
    return {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3}[dtype.kind]


def _fold(dtypes: list[DType]) -> DType:
    # Floats first: what integers would become among themselves does not matter.
    result, *rest = sorted(dtypes, key=_rank, reverse=True)
    for dtype in rest:
        result = _promote_two(result, dtype)
    return result


@cache
def _promote_two(a: DType, b: DType) -> DType:
    if a == b:
        return a
    if _rank(a) > _rank(b):
        a, b = b, a
    if b.kind == "c":
        a = _complex_of(a) if a.is_float else a
        return _wider(a, b) if a.kind == "c" else b
    if b.kind == "f":
        if a.kind != "f":
            return b
        return F32 if {a, b} == {F16, BF16} else _wider(a, b)
    return _BY_NUMPY[np.promote_types(a.numpy, b.numpy)]


def _wider(a: DType, b: DType) -> DType:
    return a if a.bits >= b.bits else b


def _complex_of(real: DType) -> DType:
    return C128 if real == F64 else C64


def real_of(dtype: DType) -> DType:
    """Return the real dtype of a complex one; any other dtype is its own.

    >>> real_of(C64).name
    'f32'
    """
    return {C64: F32, C128: F64}.get(dtype, dtype)


def can_store(source: DType, target: DType) -> bool:
    """Whether a store may cast: within a kind, or up ``bool → int → float``.

    >>> can_store(F64, F32), can_store(F32, I32)
    (True, False)
    """
    return _rank(source) <= _rank(target)
