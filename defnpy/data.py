"""Data handed out in batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import defnpy as dn
from defnpy import tree

if TYPE_CHECKING:
    from collections.abc import Iterator


def to_batched(x: Any, n: int, leftover: str = "partial") -> Iterator[Any]:
    """Return an iterator over batches of `n` along the first axis.

    Args:
        x: an array, or a tree of arrays with first axes of one size.
        n: elements in each batch.
        leftover: what is done with a last batch that is not full: ``"partial"``
            gives it as it is, ``"repeat"`` fills it with the first elements,
            ``"discard"`` leaves it out.

    >>> [batch.tolist() for batch in dn.to_batched(np.arange(5), 2)]
    [[0, 1], [2, 3], [4]]
    >>> [batch.tolist() for batch in dn.to_batched(np.arange(5), 2, leftover="repeat")]
    [[0, 1], [2, 3], [4, 0]]
    """
    if leftover not in ("partial", "repeat", "discard"):
        raise dn.DefnValueError(
            f"leftover must be 'partial', 'repeat' or 'discard', not {leftover!r}"
        )
    if not isinstance(n, int | np.integer) or n < 1:
        raise dn.DefnValueError(f"a batch needs at least one element, not {n!r}")
    leaves, treedef = tree.flatten(x)
    arrays = [dn.asarray(leaf) for leaf in leaves]
    sizes = {np.shape(array)[:1] for array in arrays}
    if len(sizes) != 1 or sizes == {()}:
        shapes = ", ".join(str(np.shape(array)) for array in arrays)
        raise dn.DefnShapeError(f"batches need first axes of one size, not {shapes}")
    return _batches(arrays, treedef, int(n), leftover)


def _batches(
    arrays: list[np.ndarray], treedef: Any, n: int, leftover: str
) -> Iterator[Any]:
    size = len(arrays[0])
    for start in range(0, size, n):
        stop = min(start + n, size)
        if stop - start == n or leftover == "partial":
            yield tree.unflatten(treedef, [array[start:stop] for array in arrays])
        elif leftover == "repeat":
            places = np.arange(start, start + n) % size
            yield tree.unflatten(treedef, [array[places] for array in arrays])
