"""Functions whose result has as many elements as the values say.

A program's shapes are known before it runs, so in one they are told the size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base.errors import DefnTypeError
from defnpy.ops import counting, distinct

if TYPE_CHECKING:
    from collections.abc import Callable


class Unsized:
    """A function that runs on arrays outside programs, and inside with a size.

    Attributes:
        outside: the function of NumPy arrays.
        inside: the builder that takes the size.
        option: what the size is called.
    """

    def __init__(
        self,
        outside: Callable[..., Any],
        inside: Callable[..., Any],
        doc: str,
        option: str = "size",
    ) -> None:
        """Keep both functions, and what is said of them."""
        self.outside, self.inside, self.option = outside, inside, option
        self.__name__, self.__doc__ = outside.__name__, doc
        self.__wrapped__ = inside  # for the signature

    def is_sized(self, options: dict[str, Any]) -> bool:
        """Whether a call tells the size of its result."""
        return options.get(self.option) is not None

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Return the result of the size that is told, or refuse."""
        if self.is_sized(options):
            return self.inside(*args, **options)
        raise DefnTypeError(
            f"the shape of {self.__name__}'s result depends on the values, so it cannot"
            " be part of a compiled function",
            hint=f"`dn.{self.__name__}(..., {self.option}=n)` has n elements",
        )


nonzero = Unsized(
    np.nonzero,
    distinct.nonzero,
    """Return the places of elements that are not zero, one vector for each axis.

    In a compiled function `size` says how many are returned, and `fill_value` what
    is there if there are fewer; by default 0.

    >>> dn.nonzero(np.array([0, 3, 4]))
    (array([1, 2]),)
    >>> dn.nonzero(np.array([0, 3, 4]), size=3, fill_value=-1)
    (array([ 1,  2, -1]),)
    """,
)
flatnonzero = Unsized(
    np.flatnonzero,
    distinct.flatnonzero,
    """Return the places in the flattened tensor of elements that are not zero.

    In a compiled function `size` says how many are returned, and `fill_value` what
    is there if there are fewer; by default 0.

    >>> dn.flatnonzero(np.array([[0, 3], [4, 0]]))
    array([1, 2])
    """,
)
argwhere = Unsized(
    np.argwhere,
    distinct.argwhere,
    """Return the places of elements that are not zero, one a row.

    In a compiled function `size` says how many are returned, and `fill_value` what
    is there if there are fewer; by default 0.

    >>> dn.argwhere(np.array([[0, 3], [4, 0]]))
    array([[0, 1],
           [1, 0]])
    """,
)
extract = Unsized(
    np.extract,
    distinct.extract,
    """Return the elements of a tensor where a condition holds: ``x[condition]``.

    In a compiled function `size` says how many are returned, and `fill_value` what
    is there if there are fewer; by default 0.

    >>> x = np.array([3.0, -1.0, 2.0])
    >>> dn.extract(x > 0, x), dn.extract(x > 0, x, size=3, fill_value=np.nan)
    (array([3., 2.]), array([ 3.,  2., nan]))
    """,
)
unique_all = Unsized(
    np.unique_all,
    distinct.unique_all,
    """Return distinct values, their first places, which each element is, and counts.

    In a compiled function `size` says how many are returned, and `fill_value` what
    is there if there are fewer; by default the least value.

    >>> dn.unique_all(np.array([3, 1, 3])).counts
    array([1, 2])
    """,
)
unique_counts = Unsized(
    np.unique_counts,
    distinct.unique_counts,
    """Return distinct values in order, and how often each occurs.

    In a compiled function `size` says how many are returned, and `fill_value` what
    is there if there are fewer; by default the least value.

    >>> dn.unique_counts(np.array([3, 1, 3])).values
    array([1, 3])
    """,
)
unique_inverse = Unsized(
    np.unique_inverse,
    distinct.unique_inverse,
    """Return distinct values in order, and which of them each element is.

    In a compiled function `size` says how many are returned, and `fill_value` what
    is there if there are fewer; by default the least value.

    >>> dn.unique_inverse(np.array([3, 1, 3])).inverse_indices
    array([1, 0, 1])
    """,
)
unique_values = Unsized(
    np.unique_values,
    distinct.unique_values,
    """Return distinct values.

    In a compiled function `size` says how many are returned, and `fill_value` what
    is there if there are fewer; by default the least value.

    >>> np.sort(dn.unique_values(np.array([3, 1, 3])))
    array([1, 3])
    """,
)
bincount = Unsized(
    np.bincount,
    counting.bincount,
    """Return how often each integer from 0 on occurs, or the sum of its weights.

    In a compiled function `length` says how many integers there are; one that is
    not below it raises an `IndexError`.

    Args:
        x: vector of integers.
        weights: what each element adds, instead of 1.
        minlength: the least length of the result.
        length: its length.

    >>> dn.bincount(np.array([1, 3, 1])), dn.bincount(np.array([1, 3, 1]), length=5)
    (array([0, 2, 0, 1]), array([0, 2, 0, 1, 0]))
    """,
    "length",
)
