"""Functions whose result has as many elements as the values say.

A program's shapes are known before it runs, so these are for use outside of one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from defnpy.base.errors import DefnTypeError

if TYPE_CHECKING:
    from collections.abc import Callable


class Unsized:
    """A function that runs on arrays outside programs, and is refused inside.

    Attributes:
        outside: the function of NumPy arrays.
        instead: what to use in a program.
    """

    def __init__(self, outside: Callable[..., Any], instead: str, doc: str) -> None:
        """Keep NumPy's function, and what is said of it."""
        self.outside, self.instead = outside, instead
        self.__name__, self.__doc__ = outside.__name__, doc

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse."""
        raise DefnTypeError(
            f"the shape of {self.__name__}'s result depends on the values, so it cannot"
            " be part of a compiled function",
            hint=self.instead,
        )


_MASK = "use a mask with dn.where, or dn.count_nonzero, dn.argsort or dn.top_k"
_SORTED = "use dn.sort, and dn.diff to find where values change"

nonzero = Unsized(
    np.nonzero,
    _MASK,
    """Return the places of elements that are not zero, one vector for each axis.

    Outside compiled functions only: the result's size depends on the values.

    >>> dn.nonzero(np.array([0, 3, 4]))
    (array([1, 2]),)
    """,
)
unique_all = Unsized(
    np.unique_all,
    _SORTED,
    """Return distinct values, their first places, which each element is, and counts.

    Outside compiled functions only: the result's size depends on the values.

    >>> dn.unique_all(np.array([3, 1, 3])).counts
    array([1, 2])
    """,
)
unique_counts = Unsized(
    np.unique_counts,
    _SORTED,
    """Return distinct values in order, and how often each occurs.

    Outside compiled functions only: the result's size depends on the values.

    >>> dn.unique_counts(np.array([3, 1, 3])).values
    array([1, 3])
    """,
)
unique_inverse = Unsized(
    np.unique_inverse,
    _SORTED,
    """Return distinct values in order, and which of them each element is.

    Outside compiled functions only: the result's size depends on the values.

    >>> dn.unique_inverse(np.array([3, 1, 3])).inverse_indices
    array([1, 0, 1])
    """,
)
unique_values = Unsized(
    np.unique_values,
    _SORTED,
    """Return distinct values.

    Outside compiled functions only: the result's size depends on the values.

    >>> np.sort(dn.unique_values(np.array([3, 1, 3])))
    array([1, 3])
    """,
)
