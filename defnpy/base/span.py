"""Places in the user's source."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

# How many calls are told, from the inside out.
_CALLS = 3


@dataclass(frozen=True, slots=True)
class Span:
    """A range of source text: 1-based lines, 0-based columns, in one file.

    `text` holds the source lines the range covers; `backward` marks what a
    gradient made out of the code at this place; `called` is where the function
    was called that the place is in, where that is of interest.
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    text: tuple[str, ...] = ()
    backward: bool = False
    called: Span | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        """Return ``file:line:column``, columns counted from 1."""
        return f"{self.file}:{self.line}:{self.column + 1}"

    def within(self, called: Span | None) -> Span:
        """Return this place in a function that was called at `called`."""
        return self if called is None else replace(self, called=called)

    def calls(self) -> str | None:
        """Return where the function was called, where its caller was, and so on."""
        found: list[str] = []
        here = self.called
        while here is not None and len(found) < _CALLS:
            found.append(f"{here}")
            here = here.called
        return f"called at {', from '.join(found)}" if found else None

    def underline(self) -> list[str]:
        """Return up to three source lines, each with carets under its part."""
        shown: list[str] = []
        for offset, line in enumerate(self.text[:3]):
            number = self.line + offset
            start = self.column if offset == 0 else len(line) - len(line.lstrip())
            end = self.end_column if number == self.end_line else len(line.rstrip())
            prefix = f"{number:>5} | "
            shown.append(prefix + line.rstrip())
            shown.append(
                " " * (len(prefix) - 2) + "| " + " " * start + "^" * max(end - start, 1)
            )
        return shown
