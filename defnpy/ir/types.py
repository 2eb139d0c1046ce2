"""The types of expressions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from defnpy.base.dims import product, same, shown

if TYPE_CHECKING:
    from defnpy.base.dtypes import DType

_PYTHON = {"b": "bool", "i": "int", "f": "float", "c": "complex"}


@dataclass(frozen=True, slots=True)
class TensorType:
    """A tensor of one dtype and shape; `weak` for values of Python's precision."""

    dtype: DType
    shape: tuple[Any, ...] = ()  # of ints, and of Dims
    weak: bool = False
    __defnpy_leaf__: ClassVar[bool] = True

    def __str__(self) -> str:
        """Return ``f32[2,3]``; a Python number's type is called as Python does."""
        if self.weak and self.shape == ():
            return _PYTHON.get(self.dtype.kind, self.text)
        return self.text

    @property
    def text(self) -> str:
        """The type as the IR shows it: a weak one has a star after its dtype."""
        star = "*" if self.weak else ""
        return f"{self.dtype}{star}[{','.join(map(shown, self.shape))}]"

    def __eq__(self, other: object) -> bool:
        """Whether the types are the same whatever the symbols are."""
        if self is other:
            return True
        if not isinstance(other, TensorType):
            return NotImplemented
        alike = self.dtype is other.dtype and self.weak == other.weak
        return alike and same(self.shape, other.shape)

    def __hash__(self) -> int:
        """Return a hash of all but the sizes that have none."""
        numbers = [size for size in self.shape if type(size) is int]
        return hash((self.dtype, self.rank, self.weak, *numbers))

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> Any:
        """Number of elements."""
        return product(self.shape)

    @property
    def bytes(self) -> Any:
        """Bytes the elements take."""
        return self.size * self.dtype.bytes

    def with_dtype(self, dtype: DType, weak: bool = False) -> TensorType:
        """Return the type of the same shape and another dtype."""
        return TensorType(dtype, self.shape, weak)

    def with_shape(self, shape: tuple[Any, ...]) -> TensorType:
        """Return the type of the same dtype and another shape."""
        return TensorType(self.dtype, tuple(shape), self.weak)


@dataclass(frozen=True, slots=True)
class TapeType:
    """A stack that a loop fills with what its gradient will need."""

    def __str__(self) -> str:
        """Return ``tape``."""
        return "tape"


@dataclass(frozen=True, slots=True)
class TupleType:
    """Several results of one expression, each taken out by ``item``."""

    items: tuple[Type, ...]

    def __str__(self) -> str:
        """Return ``(f32[2], i64[])``."""
        return f"({', '.join(map(str, self.items))})"


Type = TensorType | TapeType | TupleType
