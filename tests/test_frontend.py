"""Programs of the corpus, interpreted and evaluated, give CPython's values."""

import copy

import pytest
from interpreted import assert_same, run
from programs import CASES

pytestmark = pytest.mark.pure


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_program_gives_what_cpython_gives(case):
    wanted = case.function(*copy.deepcopy(case.args))
    assert_same(run(case.function, *case.args), wanted)
