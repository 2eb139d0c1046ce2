"""The functions that are like no others beside NumPy, on drawn arrays.

A function of ours that NumPy has too is held against it somewhere in these files.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_arrays import Wanted, arrays, pairs, shapes
from hypothesis import given
from hypothesis import strategies as st
from oracles import (
    agree,
    called,
    common_dtype,
    drawn,
    float_dtype,
    quietly,
    real_dtype,
    ways,
    wide,
)

import defnpy as dn
from docs.operations import functions

pytestmark = pytest.mark.cpu

FINITE = Wanted("iuf", special=False)
ANY = Wanted("biufc")
# Answered without arrays, another name of what is compared, or in test_counting.py.
ALONE = {
    *("argwhere", "flatnonzero", "extract"),
    *("can_cast", "isdtype", "empty", "empty_like", "from_dlpack", "unique_values"),
    *("concat", "transpose", "absolute", "mod", "pow", "left_shift", "right_shift"),
    *("select", "fft.fftfreq", "fft.rfftfreq", "linalg.tensorinv", "tri"),
    *("linalg.tensorsolve", "broadcast_shapes", "finfo", "iinfo", "result_type"),
    *("zeros", "ones", "full", "arange", "eye", "asarray", "astype", "linspace"),
}


@dataclass(frozen=True)
class Case:
    """How a function is compared.

    Attributes:
        args: draws arguments, arrays first.
        arrays: how many of them are arrays.
        dtype: the dtype of the result, of the arrays.
        ulps: how far it may be off.
        scale: a size whose ulps are meant.
        theirs: NumPy's function, if it is not the one of the name.
    """

    args: Callable[[st.DataObject], tuple]
    arrays: int = 1
    dtype: Callable[..., Any] = common_dtype
    ulps: float = 0
    scale: float = 0.0
    theirs: Callable[..., Any] | None = None


def one(wanted: Wanted, *shape: int) -> Callable[[st.DataObject], tuple]:
    return lambda data: (data.draw(arrays(wanted, shape or None)),)


def two(wanted: Wanted) -> Callable[[st.DataObject], tuple]:
    return lambda data: data.draw(pairs(wanted))


def vectors(wanted: Wanted, *sizes: int) -> Callable[[st.DataObject], tuple]:
    return lambda data: tuple(data.draw(arrays(wanted, (size,))) for size in sizes)


def integer(*_: Any) -> np.dtype:
    return np.dtype(np.int64)


def boolean(*_: Any) -> np.dtype:
    return np.dtype(bool)


CASES = {
    "allclose": Case(two(Wanted("biuf")), 2, boolean),
    "isclose": Case(two(Wanted("biuf")), 2, boolean),
    "isin": Case(two(FINITE), 2, boolean),
    "average": Case(
        lambda d: (d.draw(arrays(FINITE, (3, 4))), None, np.full((3, 4), 0.5, "f4")),
        1,
        lambda x: float_dtype(x, np.zeros(0, "f4")),
        8,
        5,
    ),
    "cov": Case(one(FINITE, 3, 5), 1, float_dtype, 40, 50),
    "corrcoef": Case(one(Wanted("f", special=False), 2, 5), 1, float_dtype, 200, 1),
    "bincount": Case(
        lambda d: (d.draw(arrays(Wanted("i", 0, 6, special=False), (5,))), None, 7),
        1,
        integer,
    ),
    "diag": Case(one(ANY, 4)),
    "angle": Case(
        one(Wanted("iufc", special=False)), 1, lambda x: real_dtype(float_dtype(x)), 4
    ),
    "full_like": Case(lambda d: (d.draw(arrays(ANY)), 1)),
    "ones_like": Case(one(ANY)),
    "zeros_like": Case(one(ANY)),
    "broadcast_arrays": Case(lambda d: (d.draw(arrays(ANY, (3, 1))),)),
    "nextafter": Case(vectors(Wanted("f"), 5, 5), 2),
    "trapezoid": Case(one(Wanted("f", special=False), 3, 4), 1, float_dtype, 16, 20),
    "interp": Case(
        lambda d: (*vectors(Wanted("f"), 6)(d), np.arange(4.0), np.arange(4.0) ** 2),
        1,
        lambda x: np.dtype(np.float64),
        4,
    ),
    "percentile": Case(
        lambda d: (d.draw(arrays(FINITE, (7,))), 30.0), 1, float_dtype, 4, 5
    ),
    "nanpercentile": Case(
        lambda d: (d.draw(arrays(FINITE, (7,))), 60.0), 1, float_dtype, 4, 5
    ),
    "nanquantile": Case(
        lambda d: (d.draw(arrays(FINITE, (7,))), 0.9), 1, float_dtype, 4, 5
    ),
    "nanstd": Case(one(Wanted("f", huge=False), 4, 3), 1, float_dtype, 40, 5),
    "nancumprod": Case(one(Wanted("f", -2, 2, huge=False), 4), 1, common_dtype, 16, 16),
    "nanargmax": Case(one(FINITE, 4, 3), 1, integer),
    "nanargmin": Case(one(FINITE, 4, 3), 1, integer),
    "dot": Case(vectors(Wanted("iufc", special=False), 5, 5), 2, common_dtype, 20, 60),
    "fft.fftshift": Case(one(ANY, 3, 4)),
    "fft.ifftshift": Case(one(ANY, 5)),
    "linalg.cross": Case(
        vectors(Wanted("if", special=False), 3, 3), 2, common_dtype, 4, 50
    ),
}
SEVERAL = {
    "divmod": lambda a, b: (np.floor_divide(a, b), np.remainder(a, b)),
    "meshgrid": lambda a, b: tuple(np.meshgrid(a, b)),
}


@pytest.mark.parametrize("name", CASES)
@drawn
@given(st.data())
def test_as_numpy(name: str, data: st.DataObject) -> None:
    case, function = CASES[name], called(name)
    args = case.args(data)
    given_, rest = args[: case.arrays], args[case.arrays :]
    theirs: Any = case.theirs or np
    for part in name.split(".") if case.theirs is None else ():
        theirs = getattr(theirs, part)
    common = common_dtype(*given_)
    exact = name == "nextafter"  # of a dtype's own numbers
    if exact and common.kind != "f":
        return
    plain = [x.astype(common) if exact else wide(x, common) for x in given_]
    expected = quietly(theirs, *plain, *rest)
    if isinstance(expected, tuple | list):
        (expected,) = expected
    sized = {"length": 7} if name == "bincount" else {}
    for way in ways(lambda *arrays: function(*arrays, *rest, **sized)):
        got = way(*given_)
        got = got[0] if isinstance(got, tuple) else got
        agree(got, expected, case.dtype(*given_), case.ulps, case.scale)


@pytest.mark.parametrize("name", SEVERAL)
@drawn
@given(st.data())
def test_several_results(name: str, data: st.DataObject) -> None:
    numbers = Wanted("iuf", 1.0, 5.0, special=False)
    a = data.draw(arrays(numbers, (4,)))
    b = data.draw(arrays(numbers, (4,), common_dtype(a)))
    dtype, function = common_dtype(a), called(name)
    expected = SEVERAL[name](wide(a, dtype), wide(b, dtype))
    for way in ways(lambda a, b: function(a, b)):
        for got, wanted in zip(way(a, b), expected, strict=True):
            agree(got, wanted, dtype, 2)


@drawn
@given(st.data())
def test_histograms(data: st.DataObject) -> None:
    x = data.draw(arrays(Wanted("iuf", special=False, least_size=1)))
    bins = data.draw(st.sampled_from([1, 3, 8]))
    plain = wide(x, float_dtype(x)).astype(float_dtype(x)).astype(np.float64)
    expected = np.histogram(plain, bins, range=(-5.5, 5.5))
    for way in ways(lambda x: dn.histogram(x, bins, range=(-5.5, 5.5))):
        counts, edges = way(x)
        # Rounding of an edge may move what lies on it.
        assert counts.sum() == expected[0].sum() == x.size
        agree(edges, expected[1], float_dtype(x), 4, 5.5)


EINSUMS = ("ij,jk->ik", "ij,ij->i", "ij->ji", "ij,kj->", "ii", "...j,j->...")


@drawn
@given(st.data())
def test_einsum_and_chains(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(EINSUMS))
    n = data.draw(st.integers(0, 4))
    count = text.split("->", maxsplit=1)[0].count(",") + 1
    numbers = Wanted("iufc", special=False)
    sizes = [(n, n)] * count if not text.startswith("...") else [(2, n, n), (n,)]
    parts = [data.draw(arrays(numbers, size)) for size in sizes]
    dtype = common_dtype(*parts)
    expected = np.einsum(text, *(wide(each, dtype) for each in parts))
    for way in ways(lambda *parts: dn.einsum(text, *parts)):
        agree(way(*parts), expected, dtype, 8 * (n + 1) ** 2, 25.0 * (n + 1) ** 2)
    if dtype.kind in "iu" or n == 0:
        return
    chain = [data.draw(arrays(numbers, (n, n), dtype)) for _ in range(3)]
    expected = np.linalg.multi_dot([wide(each, dtype) for each in chain])
    for way in ways(lambda a, b, c: dn.linalg.multi_dot([a, b, c])):
        agree(way(*chain), expected, dtype, 40 * n * n, 125.0 * n * n)


@drawn
@given(st.data())
def test_splitting(data: st.DataObject) -> None:
    x = data.draw(arrays(ANY, data.draw(shapes(Wanted(least_rank=1)))))
    places = data.draw(st.lists(st.integers(0, 4), max_size=3).map(sorted))
    expected = np.split(x.astype(common_dtype(x)), places, 0)
    for way in ways(lambda x: dn.split(x, places, 0)):
        for got, wanted in zip(way(x), expected, strict=True):
            agree(got, wanted, common_dtype(x), 0)


def test_no_function_of_numpys_is_left_out() -> None:
    shared = set()
    for name in functions():
        module, _, short = name.rpartition(".")
        if hasattr(getattr(np, module) if module else np, short):
            shared.add(name)
    texts = [
        p.read_text("utf-8") for p in Path(__file__).parent.glob("test_oracles*.py")
    ]
    text = "\n".join(texts)
    left = {
        name
        for name in shared - ALONE
        if not any(
            f"{before}{name.rpartition('.')[2]}{after}" in text
            for before, after in (
                ('"', '"'),
                (".", "("),
                (".", ")"),
                (".", ","),
                (".", '"'),
            )
        )
    }
    assert left == set()
