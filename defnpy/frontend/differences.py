"""What is said where a loop or a branch changes what it must leave alike."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from defnpy.base import tree
from defnpy.base.errors import (
    DefnError,
    DefnShapeError,
    DefnStaticError,
    DefnTypeError,
)
from defnpy.frontend.frame import RESULT
from defnpy.frontend.values import describe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from defnpy.base.span import Span
    from defnpy.ir.types import TensorType


_LONGEST = 48  # characters of a source line that is quoted


def reshaped(path: str, kind: TensorType, found: TensorType) -> DefnError:
    """Return the error of a loop that changes a shape."""
    return DefnShapeError(
        f"the loop changes the shape of {_label(path)}",
        notes=_both(kind, found),
        hint="begin with an array of the final shape, or write"
        " `dn.range(..., unroll=True)`",
    )


def changed(path: str, before: Any, after: Any) -> DefnError:
    """Return the error of a loop that changes what is no number."""
    return DefnStaticError(
        f"the loop changes {_label(path)}, which is not an array or a number",
        notes=_both(before, after),
        hint="begin with a number or an array" if before is None else None,
    )


def restructured(name: str, before: Any, after: Any) -> DefnError:
    """Return the error of a loop that changes the structure of a tree."""
    old, new = (dict.fromkeys(tree.paths(each, name)) for each in (before, after))
    parts = [f"new: {path}" for path in new if path not in old]
    parts += [f"missing: {path}" for path in old if path not in new]
    return DefnStaticError(
        f"the loop changes the structure of {_label(name)}",
        notes=(*_both(before, after), "   ".join(parts[:_PARTS])),
    )


_PARTS = 3  # differences of structures that are told


def _label(path: str) -> str:
    return "the result" if path.startswith(RESULT) else f"`{path}`"


def _both(before: Any, after: Any) -> tuple[str, str]:
    return (
        f"before the loop: {describe(before)}",
        f"after an iteration: {describe(after)}",
    )


@contextmanager
def told_of_both(
    name: str,
    before: Mapping[str, Span | None],
    after: Mapping[str, Span | None],
) -> Iterator[None]:
    """Place an error where the loop binds `name`; tell what bound it before."""
    try:
        yield
    except DefnError as error:
        old, new = before.get(name), after.get(name)
        if new is not None and new is not old:
            error.at(new)
        if old is not None and error.notes:
            first, *rest = error.notes
            error.notes = (f"{first}, by line {old.line}: `{_quoted(old)}`", *rest)
        raise


def _quoted(span: Span) -> str:
    text = span.text[0].strip() if span.text else ""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def differ(
    name: str, values: tuple[Any, Any], what: str, place: Span | None
) -> DefnError:
    """Return the error of a branch whose sides leave different things.

    Args:
        name: of what differs; empty for a value.
        values: of the side where the test holds, and of the other.
        what: how they differ.
        place: of the test.
    """
    is_value = name in ("", RESULT)
    label = "the results have" if is_value else f"`{name}` has"
    where = f"line {place.line}" if place else "the branch"
    kind = DefnShapeError if "shapes" in what else DefnTypeError
    first, second = map(describe, values)
    return kind(
        f"{label} {what} on the two sides of the test at {where}",
        span=place,
        notes=(f"where it holds: {first}   otherwise: {second}",),
    )
