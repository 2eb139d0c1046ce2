"""The examples of the pages under docs/ run as written, from top to bottom."""

import doctest
import linecache
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.cpu

PAGES = sorted((Path(__file__).resolve().parent.parent / "docs").glob("*.md"))
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def blocks(text: str) -> list[tuple[int, str]]:
    """Return the Python of a page: for each block its first line, from 0."""
    return [
        (text.count("\n", 0, found.start(1)), found[1])
        for found in BLOCK.finditer(text)
    ]


def is_session(block: str) -> bool:
    return block.startswith(">>>")


def as_program(text: str) -> list[str]:
    """Return the lines of a page with all but its programs left empty."""
    lines = [""] * len(text.splitlines())
    for start, block in blocks(text):
        if not is_session(block):
            inside = block.splitlines()
            lines[start : start + len(inside)] = inside
    return [f"{line}\n" for line in lines]


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_a_page_runs_as_written(page: Path) -> None:
    text = page.read_text("utf-8")
    program = as_program(text)
    linecache.cache[page.name] = (len(text), None, program, page.name)
    names = {"__name__": page.stem}
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    for start, block in blocks(text):
        if is_session(block):
            parsed = doctest.DocTestParser().get_doctest(
                block, names, page.name, str(page), start
            )
            parsed.globs = names  # not a copy: functions see what is bound anew
            runner.run(parsed, out=report.append, clear_globs=False)
        else:
            exec(compile("\n" * start + block, page.name, "exec"), names)
    assert not report, "".join(report)
    assert runner.tries > 10
