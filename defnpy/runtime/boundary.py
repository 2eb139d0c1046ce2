"""Where users call in: their errors leave without the compiler's frames."""

from __future__ import annotations

import functools
import itertools
import linecache
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from defnpy.base.errors import DefnError, DefnMemoryError, InternalError, is_users
from defnpy.base.flags import flags
from defnpy.base.span import Span

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_PACKAGE = str(Path(__file__).parent.parent) + os.sep


def shown_to_users(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` with errors that show no frames of the compiler.

    One without a place, as of wrong arguments, is placed at the user's call.
    """

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            __tracebackhide__ = True  # for pytest and IPython
            raise plain(error) from None

    return guarded


def plain(error: Exception) -> Exception:
    """Return an error as users see it: placed, and without a trace of how it arose.

    Other exceptions, and all where the traceback is to be full, are raised again.
    """
    if isinstance(error, MemoryError) and not isinstance(error, DefnError):
        error = DefnMemoryError(str(error) or "there is not enough memory")
    is_told = isinstance(error, DefnError | InternalError)
    if flags.traceback == "full" or not (is_told or is_users(error)):
        raise
    if isinstance(error, DefnError):
        error.at(users_place())
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def users_place() -> Span | None:
    """Return the expression of the user's that is calling us."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return None if frame is None else _running(frame)


def _running(frame: FrameType) -> Span | None:
    """Return the place of the instruction that a frame runs."""
    code = frame.f_code
    positions = itertools.islice(code.co_positions(), frame.f_lasti // 2, None)
    line, end_line, column, end_column = next(positions, (None,) * 4)
    if line is None or end_line is None or column is None or end_column is None:
        return None
    lines = linecache.getlines(code.co_filename, frame.f_globals)
    text = tuple(each.rstrip("\n") for each in lines[line - 1 : end_line])
    if not text:
        return None
    return Span(
        code.co_filename,
        line,
        _characters(text[0], column),
        end_line,
        _characters(text[-1], end_column),
        text[:3],
    )


def _characters(text: str, count: int) -> int:
    """Return how many characters the first `count` bytes of a line are."""
    return len(text.encode()[:count].decode(errors="ignore"))
