"""What an error says of the values met: what the user calls them, and their types."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from defnpy.base.errors import DefnError, DefnStaticError
from defnpy.frontend.liveness import parameter_names
from defnpy.frontend.values import describe, tensors_in
from defnpy.ir.expr import Expr, current_span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from defnpy.frontend.frame import Frame

# Longest name, and longest line of them, in characters.
_NAME, _LINE = 24, 76


class noting:  # noqa: N801 - it is used like a function
    """Tell the types of operands in an error of what is evaluated here.

    Args:
        frame: where it is evaluated.
        pairs: syntax of operands, and their values.
    """

    __slots__ = ("_frame", "_pairs", "_place")

    def __init__(self, frame: Frame, pairs: Sequence[tuple[ast.expr, Any]]) -> None:
        """Keep them; a class is half the cost of a generator here."""
        self._frame, self._pairs = frame, pairs

    def __enter__(self) -> None:
        """Begin."""
        self._place = current_span()

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        """Add to an error that belongs here and tells no types yet."""
        # What a library calls its values says nothing to the user.
        if not isinstance(error, DefnError) or self._frame.is_library:
            return
        if error.span is None or error.span == self._place:
            if not error.notes:
                error.notes = named(self._pairs)
            if error.hint is None and isinstance(error, DefnStaticError):
                error.hint = _make_static(self._frame, self._pairs)


def named(pairs: Sequence[tuple[ast.expr, Any]]) -> tuple[str, ...]:
    """Return the types of what has a name, on one line where they fit."""
    found = list(dict.fromkeys(_named(pairs)))
    line = "   ".join(found)
    return (line,) if found and len(line) <= _LINE else tuple(found[:4])


def _named(pairs: Sequence[tuple[ast.expr, Any]]) -> Iterator[str]:
    for node, value in pairs:
        if isinstance(node, ast.Tuple | ast.List):
            if isinstance(value, tuple | list) and len(value) == len(node.elts):
                yield from _named(list(zip(node.elts, value, strict=True)))
        elif isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
            text = ast.unparse(node)
            if len(text) <= _NAME and not _says_itself(value):
                yield f"{text}: {describe(value)}"


def _says_itself(value: Any) -> bool:
    """Whether the type of a value tells nothing that its name does not."""
    return callable(value) and not isinstance(value, Expr)


def _make_static(frame: Frame, pairs: Sequence[tuple[ast.expr, Any]]) -> str | None:
    """Return how an argument can be made known, where one is a parameter."""
    parameters = parameter_names(frame.code.node.args)
    for node, value in pairs:
        for each in ast.walk(node):
            if isinstance(each, ast.Name) and each.id in parameters:
                if _is_scalar(frame.env.get(each.id)) and tensors_in(value):
                    return (
                        f'`@defn(static=("{each.id}",))` makes the argument'
                        f" `{each.id}` known when compiling"
                    )
    return None


def _is_scalar(value: Any) -> bool:
    return isinstance(value, Expr) and value.shape == ()
