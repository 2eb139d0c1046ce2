"""Arrays of which only the type is known."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from defnpy.base.dtypes import as_dtype
from defnpy.base.errors import DefnShapeError, DefnTypeError
from defnpy.runtime.boundary import shown_to_users

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Template:
    """The shape and dtype of an array, without its elements.

    Attributes:
        shape: sizes.
        dtype: NumPy's dtype.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    __defnpy_leaf__: ClassVar[bool] = True

    def __repr__(self) -> str:
        """Return ``template(f32[2,3])``."""
        return f"template({as_dtype(self.dtype)}[{','.join(map(str, self.shape))}])"

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)


@shown_to_users
def template(shape: Any, dtype: Any = "f32") -> Template:
    """Return a stand-in for an array: its shape and dtype without elements.

    >>> dn.template((2, 3), "f32")
    template(f32[2,3])
    """
    given = shape if isinstance(shape, tuple | list) else (shape,)
    try:
        sizes = tuple(operator.index(size) for size in given)
    except TypeError:
        raise DefnTypeError(f"a shape must be made of ints, not {shape!r}") from None
    if any(size < 0 for size in sizes):
        raise DefnShapeError(f"a size may not be negative: {sizes}")
    return Template(sizes, as_dtype(dtype).numpy)
