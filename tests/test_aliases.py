"""Stores through one of two names of an array: told where CPython would show them."""

import copy
import dataclasses
import functools
import linecache
from typing import Any, NamedTuple

import numpy as np
import pytest
from interpreted import assert_same, run

import defnpy as dn
from defnpy.base.errors import DefnTypeError

pytestmark = pytest.mark.pure

V = np.array([0.5, -1.25, 2.0])
TABLE = np.zeros(3)


class Pair(NamedTuple):
    a: object
    b: object


@dataclasses.dataclass
class Record:
    a: object
    b: object


class Holder:
    def __init__(self):
        self.table = np.zeros(3)


HOLDER = Holder()


def first_of(values):
    return values[0]


def overwrite(values):
    values[0] = 9
    return 0.0


# How `y` may come to be `x`, a copy of the argument.
SHARING = {
    "a name": "y = x",
    "a slice": "y = x[1:]",
    "a transpose": "y = x.T",
    "asarray": "y = np.asarray(x)",
    "flip": "y = np.flip(x)",
    "split": "y, z = np.split(x, [1])",
    "astype": "y = x.astype(np.float64, copy=False)",
    "a conditional": "y = x if x[0] > 0 else x * 2",
    "a list": "y = [x, 1][0]",
    "append": "l = []; l.append(x); y = l[0]",
    "append and store": "y = []; y.append(x)",
    "extend": "l = []; l.extend([x]); y = l[0]",
    "a longer list": "l = []; l += [x]; y = l[0]",
    "a sum of lists": "y = ([x] + [1])[0]",
    "list": "y = list((x, 1))[0]",
    "sorted": "y = sorted([x], key=len)[0]",
    "a dict": "y = {'a': x}['a']",
    "an item of a dict": "d = {}; d['a'] = x; y = d['a']",
    "update": "d = {}; d.update({'a': x}); y = d['a']",
    "setdefault": "y = {}.setdefault('a', x)",
    "dict": "y = dict(a=x)['a']",
    "a copied dict": "y = {'a': x}.copy()['a']",
    "copy.copy": "y = copy.copy([x])[0]",
    "a comprehension": "y = [v for v in (x, 1)][0]",
    "a NamedTuple": "y = Pair(x, 1).a",
    "a dataclass": "y = Record(x, 1).a",
    "getattr": "y = getattr(Record(x, 1), 'a')",
    "replace": "y = dataclasses.replace(Record(1, 1), a=x).a",
    "map": "y = list(map(lambda v: v, [x]))[0]",
    "reduce": "y = functools.reduce(lambda a, b: b, [1, x])",
    "tree.map": "y = dn.tree.map(lambda v: v, {'a': x})['a']",
    "a function": "y = first_of((x, 1))",
    "a closure": "f = lambda: x; y = f()",
    "a partial": "y = functools.partial(first_of, [x])()",
    "unpacking": "y, *z = [x, 1]",
    "walrus": "z = (y := x)",
}


# What the sources name.
NAMES = {each.__name__: each for each in (copy, dataclasses, functools)} | {
    **{"np": np, "dn": dn, "TABLE": TABLE, "HOLDER": HOLDER},
    **{each.__name__: each for each in (Pair, Record, first_of, overwrite)},
}


def function_of(*lines: str) -> Any:
    """Return the function of `x` with these lines, its source kept for us."""
    text = "\n    ".join(["def f(x):", "x = x.copy()", *lines]) + "\n"
    file = f"<aliases {hash(text)}>"
    kept = [str(line) for line in text.splitlines(True)]
    linecache.cache[file] = (len(text), None, kept, file)
    names = dict(NAMES)
    exec(compile(text, file, "exec"), names)
    return names["f"]


@pytest.mark.parametrize("how", SHARING)
def test_store_that_another_name_would_show(how):
    item = "y[0]" if how == "append and store" else "y"
    f = function_of(*SHARING[how].split("; "), f"{item}[0] = 9", "return x")
    assert 9 in f(V)
    with pytest.raises(DefnTypeError, match="`y` and `x` may be one array"):
        run(f, V)


def test_store_in_a_function_that_was_called():
    for call in (
        "overwrite(x)",
        "overwrite(*[x])",
        "functools.partial(overwrite, x)()",
    ):
        with pytest.raises(DefnTypeError, match="and `x` may be one array"):
            run(function_of(f"z = {call}", "return x"), V)


def test_store_through_what_a_match_or_a_default_binds():
    matching = ["match (x, 1):", "    case (y, 1):", "        y[0] = 9", "return x"]
    default = ["def g(y=x):", "    y[0] = 9", "    return 0", "g()", "return x"]
    for lines in (matching, default):
        with pytest.raises(DefnTypeError, match="`y` and `x` may be one array"):
            run(function_of(*lines), V)


def test_store_into_what_is_outside():
    for value in ("TABLE", "HOLDER.table", "[TABLE][0]", "TABLE[1:]"):
        with pytest.raises(DefnTypeError, match="`y` may be an array from outside"):
            run(function_of(f"y = {value}", "y[0] = 9", "return y"), V)


def test_container_that_holds_one_array_twice():
    for value in ("[x] * 2", "[x, x]", "{0: x, 1: x}", "[x for _ in range(2)]"):
        f = function_of(f"y = {value}", "x = x * 2", "y[0][0] = 9", "return y")
        with pytest.raises(DefnTypeError, match="`y` may hold one array twice"):
            run(f, V)


def test_store_while_a_loop_runs_over_the_array():
    lines = ["for v in x:", "    {}", "    y = v", "return y"]
    for store in ("x[1] = v", "z = overwrite(x)", "x[1] = v; x = x * 2"):
        over = [line.format(store) for line in lines]
        with pytest.raises(DefnTypeError, match="while a loop runs over it"):
            run(function_of(*over), V)


# Stores that no other name would show.
APART = {
    "a loop over a copy": "for v in x.copy():\n        x[1] = v",
    "a loop over a product": "for k, v in enumerate(x * 1.0):\n        x[k] = v * 2",
    "a new array by the name of a loop's": "for v in x:\n        x = x * 2; x[1] = v",
    "a copy": "y = x[1:].copy(); y[0] = 9",
    "deepcopy": "y = copy.deepcopy([x])[0]; y[0] = 9",
    "an array of a list": "y = [x * 2, x * 3]; y[0][0] = 9; x = y[0]",
    "a gradient": "y = dn.grad(lambda v: v @ v)(x); y[0] = 9",
    "a sum of arrays": "y = sum([x, x]); y[0] = 9",
    "a fancy index": "y = x[[0, 1]]; y[0] = 9",
    "arrays that swap names": "y = x * 2; x, y = y, x; y[0] = 9",
    "a default that is not used": (
        "def g(y=x):\n        y[0] = 9\n        return y\n    y = g(x * 2)"
    ),
}


@pytest.mark.parametrize("how", APART)
def test_store_that_no_other_name_shows(how):
    f = function_of(*APART[how].split("; "), "return x")
    assert_same(run(f, V), f(V))
