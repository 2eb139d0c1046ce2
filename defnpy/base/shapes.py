"""What NumPy and Python compute from sizes, for sizes that may be symbols too."""

from __future__ import annotations

from typing import Any

from defnpy.base.dims import Dim, Size


def count(start: Size, stop: Size, step: int) -> Any:
    """Return the length of ``range(start, stop, step)``."""
    if not any(isinstance(each, Dim) for each in (start, stop, step)):
        return len(range(start, stop, step))  # pyright: ignore[reportArgumentType]
    span: Any = stop - start if step > 0 else start - stop
    return (span + abs(step) - 1) // abs(step) if span > 0 else 0


def slice_bounds(part: slice, size: Size) -> tuple[Any, Any, Any]:
    """Return what ``slice.indices`` does, for sizes that may be symbols."""
    given = (size, part.start, part.stop, part.step)
    if not any(isinstance(each, Dim) for each in given):
        return part.indices(size)  # pyright: ignore[reportArgumentType]
    step = 1 if part.step is None else part.step
    lowest, highest = (0, size) if step > 0 else (-1, size - 1)

    def placed(bound: Any, default: Any) -> Any:
        if bound is None:
            return default
        if bound < 0:
            bound = bound + size
            return lowest if bound < lowest else bound
        return highest if bound > highest else bound

    first, last = (lowest, highest) if step > 0 else (highest, lowest)
    return placed(part.start, first), placed(part.stop, last), step


def broadcast_shapes(*shapes: tuple[Size, ...]) -> tuple[Any, ...]:
    """Return the shape NumPy broadcasts to; ValueError where there is none."""
    rank = max(map(len, shapes), default=0)
    made: list[Size] = [1] * rank
    for shape in shapes:
        for axis, size in enumerate(shape, rank - len(shape)):
            if size == 1 or size == made[axis]:
                continue
            if made[axis] != 1:
                raise ValueError("shapes cannot be broadcast")
            made[axis] = size
    return tuple(made)
