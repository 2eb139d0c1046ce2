"""The examples in the docstrings of every module run as written.

Public functions may be made from records, so their examples are found through
the package's public names as well as through the modules that hold source.
"""

import doctest
import importlib
import pkgutil
from operator import attrgetter
from types import ModuleType

import numpy as np
import pytest

import defnpy

MODULES = sorted(
    info.name
    for info in pkgutil.walk_packages(defnpy.__path__, prefix="defnpy.")
    if not info.name.endswith("__main__")
)
PUBLIC = sorted(
    name
    for name in getattr(defnpy, "__all__", ())
    if not isinstance(getattr(defnpy, name), ModuleType)
)
PUBLIC += [f"fft.{name}" for name in defnpy.fft.__all__]
PUBLIC += [f"linalg.{name}" for name in defnpy.linalg.__all__]
GLOBALS = {"dn": defnpy, "np": np}


def _failures(examples: list[doctest.DocTest]) -> str:
    report: list[str] = []
    runner = doctest.DocTestRunner(
        optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    )
    for example in examples:
        runner.run(example, out=report.append)
    return "".join(report)


@pytest.mark.cpu
@pytest.mark.parametrize("name", ["defnpy", *MODULES])
def test_doctests_of_modules(name: str) -> None:
    module = importlib.import_module(name)
    finder = doctest.DocTestFinder()
    failures = _failures(finder.find(module, name, extraglobs=GLOBALS))
    assert not failures, failures


@pytest.mark.cpu
@pytest.mark.parametrize("name", PUBLIC)
def test_doctests_of_public_names(name: str) -> None:
    value = attrgetter(name)(defnpy)
    finder = doctest.DocTestFinder(recurse=False)
    failures = _failures(
        finder.find(value, f"defnpy.{name}", module=False, globs=dict(GLOBALS))
    )
    assert not failures, failures
