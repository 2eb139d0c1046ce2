"""Calls with trees of arrays take the quick way, and only those it is for."""

import enum
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

import defnpy as dn
from defnpy import defn

pytestmark = pytest.mark.cpu


class Pair(NamedTuple):
    first: Any
    second: Any


@dataclass
class Layer:
    kernel: Any
    bias: Any


@dn.tree.register_dataclass(static=("rate",))
@dataclass
class Rated:
    value: Any
    rate: float


def array(value: float = 1.0) -> np.ndarray:
    return np.full(3, value, np.float32)


def quick(f: Any) -> Any:
    """Return what a function does with calls like the last one at once."""
    made = f._dispatcher.quick
    return None if made is None else made.run


TREES = {
    "dict": lambda: {"b": array(1), "a": array(2)},
    "keys of ints": lambda: {3: array(1), -1: array(2)},
    "tuple": lambda: (array(1), array(2)),
    "list": lambda: [array(1), array(2)],
    "named tuple": lambda: Pair(array(1), array(2)),
    "dataclass": lambda: Layer(array(1), array(2)),
    "nested": lambda: {"x": [Pair(array(1), {"y": array(2)})], "z": (), "n": None},
    "numbers": lambda: [1.5, array(2), 3],
}


@pytest.mark.parametrize("make", TREES.values(), ids=TREES.keys())
def test_trees_go_the_quick_way_and_come_back_alike(make: Any) -> None:
    @defn
    def moved(tree, x):
        return dn.tree.map(lambda leaf: None if leaf is None else leaf + x, tree)

    wanted = moved(make(), array(5))
    made = quick(moved)(make(), array(5))
    assert made is not NotImplemented
    assert dn.tree.flatten(made)[1] == dn.tree.flatten(wanted)[1]
    for found, known in zip(dn.tree.leaves(made), dn.tree.leaves(wanted), strict=True):
        np.testing.assert_array_equal(found, known)
        assert type(found) is type(known)


def test_dicts_keep_their_order() -> None:
    @defn
    def renamed(d):
        return {"z": d["a"] + 1, "a": d["z"] * 2, "k": 7}

    given = {"z": array(2), "a": array(3)}
    slow = renamed(given)
    made = quick(renamed)(dict(reversed(given.items())))
    assert list(made) == list(slow) == ["z", "a", "k"] and made["k"] == 7
    np.testing.assert_array_equal(made["z"], array(4))


@defn
def total(tree):
    return {"total": tree["a"] + tree["b"].first + tree["b"].second[0]}


def tree(**changes: Any) -> dict[str, Any]:
    return {"a": array(1), "b": Pair(array(2), [array(3)]), **changes}


OTHERS = {
    "another key": {"a": array(), "c": Pair(array(), [array()])},
    "one more": tree(c=array()),
    "one less": {"a": array()},
    "a subclass of dict": OrderedDict(tree()),
    "a tuple": (array(), Pair(array(), [array()])),
    "a tuple without names": tree(b=(array(), [array()])),
    "a longer list": tree(b=Pair(array(), [array(), array()])),
    "a tuple for a list": tree(b=Pair(array(), (array(),))),
    "another dtype": tree(a=np.ones(3)),
    "another shape": tree(a=np.ones(4, np.float32)),
    "strides": tree(a=np.ones(6, np.float32)[::2]),
    "a subclass of arrays": tree(a=array().view(type("Sub", (np.ndarray,), {}))),
    "none": tree(a=None),
    "nothing": None,
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_other_structures_are_left_alone(other: Any) -> None:
    np.testing.assert_array_equal(total(tree())["total"], array(6))
    run = quick(total)
    assert run(tree()) is not NotImplemented
    assert run(other) is NotImplemented
    assert run() is run(tree(), tree()) is NotImplemented


def test_static_fields_and_odd_keys_go_the_general_way() -> None:
    class Color(enum.Enum):
        RED = 1

    @defn
    def scaled(x):
        return x.value * x.rate

    for rate in (2.0, 3.0, 2.0):
        np.testing.assert_array_equal(scaled(Rated(array(), rate)), array(rate))
    assert quick(scaled) is None

    @defn
    def keyed(d):
        return d[Color.RED] + 1

    np.testing.assert_array_equal(keyed({Color.RED: array()}), array(2))
    assert quick(keyed) is None


def test_a_fault_is_told_as_on_the_general_way() -> None:
    @defn
    def picked(d, i):
        return d["x"][i]

    given = {"x": array()}
    assert picked(given, 1) == picked(given, 2) == 1
    assert quick(picked) is not None
    with pytest.raises(IndexError, match="3"):
        picked(given, 3)
    with pytest.raises(TypeError):
        picked(given)
