"""The README's examples run as written."""

import doctest
from pathlib import Path

import pytest

pytestmark = pytest.mark.cpu
README = Path(__file__).resolve().parent.parent / "README.md"


def test_the_tour_runs_as_written() -> None:
    failures, count = doctest.testfile(
        str(README),
        module_relative=False,
        optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS,
    )
    assert count >= 15
    assert failures == 0
