"""Every operation there is, in one place to walk.

A record belongs to the module that defines it; a module's records are all the
`Op` and `Elementwise` values among its names, so none can be forgotten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from defnpy.base.errors import InternalError
from defnpy.ir.op import Op
from defnpy.ops import (
    axes,
    complex,
    control,
    convolution,
    dot,
    elementwise,
    family,
    fft,
    gradient,
    indexing,
    leaf,
    linalg,
    math,
    movement,
    printing,
    reduce,
    sorting,
)
from defnpy.ops.family import Elementwise

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

MODULES = (
    leaf,
    axes,
    family,
    elementwise,
    complex,
    math,
    movement,
    indexing,
    *linalg.MODULES,
    *fft.MODULES,
    reduce,
    dot,
    convolution,
    control,
    gradient,
    sorting,
    printing,
)


def _records(module: ModuleType) -> Iterator[Op]:
    for value in vars(module).values():
        if isinstance(value, Op):
            yield value
        elif isinstance(value, Elementwise):
            yield value.op


RECORDS: tuple[Op, ...] = tuple(
    dict.fromkeys(record for module in MODULES for record in _records(module))
)
_BY_NAME = {record.name: record for record in RECORDS}


def by_name(name: str) -> Op:
    """Return the record of this name.

    >>> by_name("add").family
    'elementwise'
    """
    if name not in _BY_NAME:
        raise InternalError(f"there is no operation called {name!r}")
    return _BY_NAME[name]
