"""Several mistakes of one function, told together.

When a statement of the outermost function fails, those after it that read nothing
of what it binds are run as well, and what fails of them is told after it.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from defnpy.base.errors import (
    DefnAssertionError,
    DefnError,
    DefnRecursionError,
    together,
)
from defnpy.frontend.liveness import bound_in, reads, root_name
from defnpy.frontend.values import CONTAINERS, Poison

if TYPE_CHECKING:
    from defnpy.frontend.frame import Frame

# What stands after these was not meant to be reached, or costs too much.
_LAST = (DefnAssertionError, DefnRecursionError)
# A statement that holds one may leave the function, and nothing is known after it.
_LEAVING = (ast.Return, ast.Raise)


class Mistakes:
    """What went wrong in the outermost function so far."""

    def __init__(self) -> None:
        """Start with none."""
        self._found: list[DefnError] = []
        self._unknown: set[str] = set()

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._found)

    def concerns(self, frame: Frame, statement: ast.stmt) -> bool:
        """Whether a statement reads what a failed one should have bound."""
        if not self._found:
            return False
        read = set(reads(statement))
        if isinstance(statement, ast.AugAssign):
            read.add(root_name(statement.target) or "")
        if not read & self._unknown:
            return False
        self._forget(frame, statement, self._found[-1])
        return True

    def take(self, frame: Frame, statement: ast.stmt, error: DefnError) -> bool:
        """Keep an error; return whether to go on after the statement."""
        self.add(error)
        if isinstance(error, _LAST):
            return False
        if any(isinstance(each, _LEAVING) for each in ast.walk(statement)):
            return False
        self._forget(frame, statement, error)
        return True

    def add(self, error: DefnError) -> None:
        """Keep an error, unless the same was found before."""
        key = (type(error), error.message)
        if key not in {(type(each), each.message) for each in self._found}:
            self._found.append(error)

    def _forget(self, frame: Frame, statement: ast.stmt, error: DefnError) -> None:
        """Note that what a statement binds, or may change, is not known."""
        bound = bound_in([statement])
        for name in bound:
            frame.env[name] = Poison(error)
        self._unknown |= bound
        for each in ast.walk(statement):
            # A method may have been to change the container it belongs to.
            if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute):
                name = root_name(each.func.value)
                if name and isinstance(frame.env.get(name), CONTAINERS):
                    self._unknown.add(name)

    def combined(self) -> DefnError:
        """Return the first error, which tells of the others too."""
        return together(self._found)
