"""Every error a user can meet, and how one is shown.

Each class derives from ``DefnError`` and from the builtin it refines, so that
``except TypeError`` works as people expect.
"""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from defnpy.base.span import Span


class DefnError(Exception):
    """The base of all errors about the user's program or arguments.

    Args:
        message: one sentence that says what is wrong.
        span: the source it is about, where known.
        notes: lines naming the types or shapes met.
        hint: one suggested change.
    """

    def __init__(
        self,
        message: str,
        *,
        span: Span | None = None,
        notes: tuple[str, ...] = (),
        hint: str | None = None,
    ) -> None:
        """Keep the parts; the text is made when shown."""
        super().__init__(message)
        self.message, self.span, self.notes, self.hint = message, span, notes, hint

    def at(self, span: Span | None) -> DefnError:
        """Return the same error, placed at `span` unless it has a place."""
        if self.span is None:
            self.span = span
        return self

    def __str__(self) -> str:
        """Return the text a user reads: place, sentence, source, carets, notes."""
        if self.span is None:
            lines = [self.message]
        else:
            lines = [f"{self.span}: {type(self).__name__}: {self.message}"]
            lines += self.span.underline()
        lines += [f"  {note}" for note in self.notes]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


class DefnSyntaxError(DefnError, SyntaxError):
    """A construct the language does not have."""

    __str__ = DefnError.__str__


class DefnTypeError(DefnError, TypeError):
    """A value of the wrong type or dtype."""


class DefnStaticError(DefnTypeError):
    """A tensor where a value that is known when compiling is needed."""


class DefnValueError(DefnError, ValueError):
    """A value out of its range."""


class DefnShapeError(DefnError, ValueError):
    """Shapes that do not fit."""


class DefnIndexError(DefnError, IndexError):
    """An index out of bounds."""


class DefnNameError(DefnError, NameError):
    """A name that is not defined."""


class DefnUnboundLocalError(DefnError, UnboundLocalError):
    """A local name read before it is assigned."""


class DefnAttributeError(DefnError, AttributeError):
    """An attribute that does not exist."""


class DefnKeyError(DefnError, KeyError):
    """A key that does not exist."""

    __str__ = DefnError.__str__


class DefnAssertionError(DefnError, AssertionError):
    """An ``assert`` that does not hold."""


class DefnZeroDivisionError(DefnError, ZeroDivisionError):
    """An integer division by zero."""


class DefnOverflowError(DefnError, OverflowError):
    """A Python number that does not fit the dtype it meets."""


class DefnMemoryError(DefnError, MemoryError):
    """Memory that could not be had."""


class DefnRecursionError(DefnError, RecursionError):
    """A recursion whose depth is not known when the function is specialised."""


class InternalError(Exception):
    """A fault of defnpy's own; please report it with the text shown."""


_REFINED = (
    *(DefnTypeError, DefnValueError, DefnIndexError, DefnNameError),
    *(DefnAttributeError, DefnKeyError, DefnAssertionError),
    *(DefnZeroDivisionError, DefnOverflowError),
)


def refine(error: Exception) -> DefnError:
    """Return the DefnError that refines a builtin error raised for the user.

    >>> type(refine(ZeroDivisionError("division by zero"))).__name__
    'DefnZeroDivisionError'
    """
    for cls in _REFINED:
        if isinstance(error, cls.__mro__[2]):
            break
    else:
        cls = DefnError
    text = error.args[0] if error.args else builtins.str(error)
    return cls(f"{text}" if text else type(error).__name__)
