"""Source drawn at random gives what CPython gives, by the reference evaluator."""

import linecache
import random

import numpy as np
import pytest
from drawn_source import Writer
from interpreted import run

from defnpy.base import tree

pytestmark = pytest.mark.pure


def drawn_function(seed):
    text, file = Writer(seed).function(), f"<drawn {seed}>"
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    names = {}
    exec(compile(text, file, "exec"), names)
    return names["f"], text


def arguments(seed):
    draw = random.Random(seed)
    numbers = [draw.randint(-3, 5) for _ in range(3)]
    return *numbers, np.array([draw.randint(-5, 9) for _ in range(4)])


@pytest.mark.parametrize("seed", range(40))
def test_drawn_source(seed):
    function, text = drawn_function(seed)
    *numbers, x = arguments(seed)
    wanted = function(*numbers, x.copy())
    found = run(function, *numbers, x)
    for a, b in zip(tree.leaves(found), tree.leaves(wanted), strict=True):
        np.testing.assert_array_equal(a, b, err_msg=text)
