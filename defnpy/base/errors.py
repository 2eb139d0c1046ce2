"""Every error a user can meet, and how one is shown.

Each class derives from ``DefnError`` and from the builtin it refines, so that
``except TypeError`` works as people expect.
"""

from __future__ import annotations

import builtins
import difflib
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from defnpy.base.span import Span


class _Told(Exception):  # noqa: N818 - what is told, whoever is at fault
    """An exception with a place in the user's source, notes and a hint.

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

    def at(self, span: Span | None) -> Self:
        """Return the same error, placed at `span` unless it has a place."""
        if self.span is None:
            self.span = span
        return self

    def __str__(self) -> str:
        """Return the text a user reads: place, sentence, source, carets, notes."""
        lines = self._placed()
        if self.span is not None:
            calls = self.span.calls()
            lines += [f"  {calls}"] if calls else []
        lines += [f"  {note}" for note in self.notes]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)

    def _placed(self) -> list[str]:
        """Return the place, the sentence and the source."""
        if self.span is None:
            return [self.message]
        first = f"{self.span}: {type(self).__name__}: {self.message}"
        return [first, *self.span.underline()]


_LINES = 12  # of a text, at most


class DefnError(_Told):
    """The base of all errors about the user's program or arguments.

    Attributes:
        others: further mistakes of the same function.
    """

    others: tuple[DefnError, ...] = ()

    def __str__(self) -> str:
        """Return the text, with those of the other mistakes, shorter, below."""
        lines = super().__str__().split("\n")
        for k, other in enumerate(self.others):
            whole, rest = other._placed(), len(self.others) - k - 1
            room = _LINES - len(lines) - rest
            if room < 1:
                lines.append(f"and {rest + 1} more")
                break
            lines += whole if len(whole) <= room else whole[:1]
        return "\n".join(lines)


def together(errors: Sequence[DefnError]) -> DefnError:
    """Return the first of errors, which tells of the others too."""
    first, *others = errors
    if others:
        first = again(first)
        first.others = tuple(others)
    return first


def again(error: DefnError) -> DefnError:
    """Return a copy of an error that is raised more than once."""
    return type(error)(
        error.message, span=error.span, notes=error.notes, hint=error.hint
    )


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


class DefnFloatingPointError(DefnError, FloatingPointError):
    """A NaN, where a program looks for the first one."""


class DefnOverflowError(DefnError, OverflowError):
    """A Python number that does not fit the dtype it meets."""


class DefnLinAlgError(DefnError, np.linalg.LinAlgError):
    """A matrix that linear algebra cannot take, such as a singular one."""


class DefnMemoryError(DefnError, MemoryError):
    """Memory that could not be had."""


class DefnRecursionError(DefnError, RecursionError):
    """A recursion whose depth is not known when the function is specialised."""


class InternalError(_Told):
    """A fault of defnpy's own; please report it with the text shown.

    Attributes:
        report: the path of a file that repeats it, None if none was written.
    """

    report: str | None = None


_ALIKE = 0.7  # from 0 to 1, how much alike names must be


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return a hint that names what is spelled almost like `name`."""
    names = [each for each in known if each[:1] != "%"]
    found = difflib.get_close_matches(name, names, 1, _ALIKE)
    return f"did you mean `{found[0]}`?" if found else None


def users(error: BaseException) -> BaseException:
    """Mark an exception that the user's own `raise` raised, and return it."""
    error.__dict__["__defnpy_users__"] = True
    return error


def is_users(error: BaseException) -> bool:
    """Whether the user's own `raise` raised an exception."""
    return error.__dict__.get("__defnpy_users__", False)


# In the text of a run-time check, what comes before each note.
NOTE = "\x1f"


def fault(name: str, text: str, span: Span | None) -> DefnError:
    """Return the error of a run-time check, of the class `name` here."""
    message, *notes = text.split(NOTE)
    return globals()[name](message, span=span, notes=tuple(notes))


_REFINED = (
    *(DefnTypeError, DefnValueError, DefnIndexError, DefnNameError),
    *(DefnAttributeError, DefnKeyError, DefnAssertionError),
    *(DefnZeroDivisionError, DefnOverflowError, DefnFloatingPointError),
)


def refine(error: Exception) -> DefnError:
    """Return the DefnError that refines a builtin error raised for the user.

    >>> type(refine(ZeroDivisionError("division by zero"))).__name__
    'DefnZeroDivisionError'
    """
    for cls in _REFINED:
        if isinstance(error, cls.__bases__[1]):
            break
    else:
        cls = DefnError
    text = error.args[0] if error.args else builtins.str(error)
    return cls(f"{text}" if text else type(error).__name__)
