"""The whole text of a user's mistakes, as the user sees it.

Each page of `golden/` shows programs and, below each, what calling it raises.  To
write the texts anew after a change: ``python tests/test_errors_golden.py``.
"""

import linecache
import math
import re
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import defnpy as dn
from defnpy import defn
from defnpy.base.errors import DefnError

pytestmark = pytest.mark.cpu

PAGES = Path(__file__).resolve().parent / "golden"
# A program, and what it raises.
SECTION = re.compile(
    r"^## (?P<title>.+?)\n\n```python\n(?P<code>.*?)^```\n"
    r"(?:\n```text\n(?P<text>.*?)^```\n)?",
    re.DOTALL | re.MULTILINE,
)
FOREIGN = ("numba", "llvmlite", "optree", "defnpy/", "<param", "Expr", "InternalError")


@dataclass(frozen=True)
class Mistake:
    """A program that is wrong, and what is said about it."""

    page: str
    title: str
    code: str
    text: str

    @property
    def id(self) -> str:
        return f"{self.page}: {self.title}"


def mistakes(page: Path) -> Iterator[Mistake]:
    for found in SECTION.finditer(page.read_text("utf-8")):
        yield Mistake(page.stem, found["title"], found["code"], found["text"] or "")


def raised(mistake: Mistake) -> BaseException | None:
    """Run a program as a file of its own and return what it raises."""
    name = "program.py"
    lines = mistake.code.splitlines(keepends=True)
    linecache.cache[name] = (len(mistake.code), None, lines, name)
    names = {"dn": dn, "defn": defn, "np": np, "math": math, "__name__": "program"}
    try:
        exec(compile(mistake.code, name, "exec"), names)
    except Exception as error:
        return error
    return None


def shown(error: BaseException) -> str:
    return f"{error}\n"


MISTAKES = [each for page in sorted(PAGES.glob("*.md")) for each in mistakes(page)]


@pytest.mark.parametrize("mistake", MISTAKES, ids=[each.id for each in MISTAKES])
def test_what_is_said_of_a_mistake(mistake: Mistake) -> None:
    error = raised(mistake)
    assert isinstance(error, DefnError), error
    text = shown(error)
    assert text == mistake.text
    assert len(text.splitlines()) <= 12
    assert not [name for name in FOREIGN if name in text]
    assert text.startswith("program.py:")
    frames = traceback.extract_tb(error.__traceback__)
    assert len([each for each in frames if "/defnpy/" in each.filename]) <= 1
    assert error.__cause__ is None and (
        error.__context__ is None or error.__suppress_context__
    )


def rewrite(page: Path) -> None:
    """Put into a page what its programs raise now."""

    def filled(found: re.Match[str]) -> str:
        error = raised(Mistake(page.stem, found["title"], found["code"], ""))
        if error is None:
            text = "nothing was raised\n"
        elif isinstance(error, DefnError):
            text = shown(error)
        else:
            text = "".join(traceback.format_exception(error)[-4:])
        shown_code = f"## {found['title']}\n\n```python\n{found['code']}```\n"
        return f"{shown_code}\n```text\n{text}```\n"

    page.write_text(SECTION.sub(filled, page.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    asked = sys.argv[1:] or [page.stem for page in sorted(PAGES.glob("*.md"))]
    for stem in asked:
        rewrite(PAGES / f"{stem}.md")
