"""Source is found wherever a function was written."""

import doctest
import functools
import linecache
from typing import Any

import numpy as np
import pytest

import defnpy as dn
from defnpy import defn

pytestmark = pytest.mark.cpu
X = np.arange(3.0)


def run(text: str, file: str) -> dict[str, Any]:
    """Run source as a notebook or a prompt does: it is kept under a name of its own."""
    lines = [str(line) for line in text.splitlines(True)]
    linecache.cache[file] = (len(text), None, lines, file)
    names: dict[str, Any] = {"defn": defn, "np": np}
    exec(compile(text, file, "exec"), names)
    return names


CELL = """
@defn
def doubled(x):
    return x * 2
"""


@pytest.mark.parametrize(
    "file", ["<python-input-3>", "<ipython-input-1-0a>", "/tmp/ipykernel_1/1.py"]
)
def test_cells_of_notebooks_and_prompts(file: str) -> None:
    np.testing.assert_array_equal(run(CELL, file)["doubled"](X), X * 2)


def test_a_cell_that_is_run_again_changed() -> None:
    first = run(CELL, "<cell>")["doubled"]
    assert first(1.0) == 2.0
    second = run(CELL.replace("2", "3"), "<cell>")["doubled"]
    assert second(1.0) == 3.0
    assert first(1.0) == 2.0


def test_source_that_is_nowhere() -> None:
    names: dict[str, Any] = {}
    exec("def nowhere(x):\n    return x\n", names)
    with pytest.raises(dn.DefnSyntaxError, match="source of `nowhere` cannot be found"):
        defn(names["nowhere"])


def documented() -> None:
    """Hold an example.

    >>> @defn
    ... def halved(x):
    ...     return x / 2
    >>> halved(3.0)
    np.float64(1.5)
    """


def test_examples_of_docstrings() -> None:
    test = doctest.DocTestFinder().find(documented, globs={"defn": defn})[0]
    assert doctest.DocTestRunner().run(test).failed == 0


def test_lambdas_of_one_line() -> None:
    f, g = defn(lambda x: x + 1), defn(lambda x: x + 2)
    assert (f(1.0), g(1.0)) == (2.0, 3.0)


def plus_one(function: Any) -> Any:
    @functools.wraps(function)
    def wrapped(*args: Any) -> Any:
        return function(*args) + 1

    return wrapped


@defn
@plus_one
def wrapped_inside(x: Any) -> Any:
    return x * 2


@plus_one
@defn
def wrapped_outside(x: Any) -> Any:
    return x * 2


class Shape:
    @staticmethod
    @defn
    def area(width: Any, height: Any) -> Any:
        return width * height


def test_decorators_above_and_below_and_class_bodies() -> None:
    assert wrapped_inside(2.0) == wrapped_outside(2.0) == 5.0
    assert Shape.area(2.0, 3.0) == 6.0
