"""Functions of whole arrays beside NumPy: dtypes, shapes, layouts, odd values.

What is compared is drawn; the seed is fixed.  `DEFNPY_EXAMPLES=1000` draws more.
Where NumPy refuses, ours does.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from drawn_arrays import Wanted, arrays, dtypes, pairs, shapes
from hypothesis import given
from hypothesis import strategies as st
from oracles import (
    agree,
    called,
    common_dtype,
    drawn,
    float_dtype,
    is_inexact,
    quietly,
    real_dtype,
    refuses,
    sum_dtype,
    ways,
    wide,
)

pytestmark = pytest.mark.cpu

MODERATE = Wanted("biufc", huge=False)
ORDERED = Wanted("biuf")
ANY = Wanted("biufc")


def some_axis(data: st.DataObject, rank: int, *, one: bool = False) -> Any:
    """Draw an axis, None, or unless `one` is asked for several."""
    single = st.integers(-rank, rank - 1) if rank else st.none()
    if one or rank == 0:
        return data.draw(st.one_of(st.none(), single))
    several = st.lists(st.integers(0, rank - 1), unique=True).map(tuple)
    return data.draw(st.one_of(st.none(), single, several))


# Names, the arrays they take, and the dtype of the result.
REDUCTIONS: dict[str, tuple[Wanted, Callable[[np.ndarray], np.dtype]]] = {
    "sum": (MODERATE, sum_dtype),
    "prod": (Wanted("biufc", -2.0, 2.0, huge=False), sum_dtype),
    "mean": (MODERATE, float_dtype),
    "var": (MODERATE, lambda x: real_dtype(float_dtype(x))),
    "std": (MODERATE, lambda x: real_dtype(float_dtype(x))),
    "nansum": (MODERATE, sum_dtype),
    "nanprod": (Wanted("iuf", -2.0, 2.0, huge=False), sum_dtype),
    "nanmean": (MODERATE, float_dtype),
    "nanvar": (MODERATE, lambda x: real_dtype(float_dtype(x))),
    "nanmedian": (Wanted("iuf", special=False), float_dtype),
    "max": (ORDERED, common_dtype),
    "min": (ORDERED, common_dtype),
    "nanmax": (ORDERED, common_dtype),
    "nanmin": (ORDERED, common_dtype),
    "any": (ANY, lambda x: np.dtype(bool)),
    "all": (ANY, lambda x: np.dtype(bool)),
    "count_nonzero": (ANY, lambda x: np.dtype(np.int64)),
    "median": (Wanted("iuf", special=False), float_dtype),
}


@pytest.mark.parametrize("name", REDUCTIONS)
@drawn
@given(st.data())
def test_reductions(name: str, data: st.DataObject) -> None:
    wanted_of, result = REDUCTIONS[name]
    x = data.draw(arrays(wanted_of))
    options = {"axis": some_axis(data, x.ndim), "keepdims": data.draw(st.booleans())}
    function, dtype = called(name), result(x)
    if "median" in name and x.size == 0:
        return  # there is none
    if name in ("any", "all", "count_nonzero") or x.dtype.kind in "biu":
        given_ = x
    else:
        given_ = wide(x, common_dtype(x))
    if dtype.kind == "f" and x.dtype.kind in "biu":
        given_ = x.astype(np.float64)
    try:
        expected = quietly(getattr(np, name), given_, **options)
    except ValueError:
        refuses(lambda x: function(x, **options), x)
        return
    ulps, scale = 0, 0.0
    if is_inexact(dtype) and name not in ("max", "min", "nanmax", "nanmin"):
        terms = np.abs(wide(x, common_dtype(x))[np.isfinite(x)]).astype(float)
        ulps = 4 + x.size
        scale = 0.0 if "prod" in name else np.max(terms, initial=0.0) * x.size
    for way in ways(lambda x: function(x, **options)):
        agree(way(x), expected, dtype, ulps, scale)


PLACES = ("argmax", "argmin")


@pytest.mark.parametrize("name", PLACES)
@drawn
@given(st.data())
def test_places_of_extremes(name: str, data: st.DataObject) -> None:
    x = data.draw(arrays(ORDERED))
    options = {
        "axis": some_axis(data, x.ndim, one=True),
        "keepdims": data.draw(st.booleans()),
    }
    function = called(name)
    try:
        expected = getattr(np, name)(wide(x, common_dtype(x)), **options)
    except ValueError:
        refuses(lambda x: function(x, **options), x)
        return
    for way in ways(lambda x: function(x, **options)):
        agree(way(x), expected, np.dtype(np.int64), 0)


@pytest.mark.parametrize("name", ["sort", "argsort"])
@drawn
@given(st.data())
def test_sorting(name: str, data: st.DataObject) -> None:
    x = data.draw(arrays(ORDERED, data.draw(shapes(Wanted(least_rank=1)))))
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    function, plain = called(name), wide(x, common_dtype(x))
    expected = getattr(np, name)(plain, axis, kind="stable")
    dtype = common_dtype(x) if name == "sort" else np.dtype(np.int64)
    for way in ways(lambda x: function(x, axis)):
        agree(way(x), expected, dtype, 0)
    if name == "argsort" or (plain.dtype.kind == "f" and np.isnan(plain).any()):
        return
    for way in ways(lambda x: function(x, axis, descending=True)):
        agree(way(x), np.flip(expected, axis), dtype, 0)


CUMULATIVE = {
    "cumsum": (np.cumsum, sum_dtype),
    "cumprod": (np.cumprod, sum_dtype),
    "nancumsum": (np.nancumsum, sum_dtype),
    "cumulative_sum": (np.cumulative_sum, sum_dtype),
    "cumulative_prod": (np.cumulative_prod, sum_dtype),
    "cumulative_max": (np.maximum.accumulate, common_dtype),
    "cumulative_min": (np.minimum.accumulate, common_dtype),
    "diff": (np.diff, common_dtype),
}


@pytest.mark.parametrize("name", CUMULATIVE)
@drawn
@given(st.data())
def test_prefixes(name: str, data: st.DataObject) -> None:
    function, result = CUMULATIVE[name]
    ordered = result is common_dtype and name != "diff"
    kinds = "biuf" if ordered else "biufc"
    shape = data.draw(shapes(Wanted(least_rank=1)))
    x = data.draw(arrays(Wanted(kinds, -2.0, 2.0, huge=False), shape))
    axis, ours, dtype = (
        data.draw(st.integers(-x.ndim, x.ndim - 1)),
        called(name),
        result(x),
    )
    plain = x if x.dtype.kind in "biu" else wide(x, common_dtype(x))
    expected = quietly(function, plain, axis=axis)
    scale = 2.0 * x.shape[axis]
    for way in ways(lambda x: ours(x, axis=axis)):
        agree(way(x), expected, dtype, 0 if ordered else 8, scale)


MOVEMENTS: dict[str, Callable[[Any, st.DataObject], tuple]] = {
    "flip": lambda x, d: (some_axis(d, x.ndim),),
    "roll": lambda x, d: (d.draw(st.integers(-9, 9)), some_axis(d, x.ndim, one=True)),
    "repeat": lambda x, d: (d.draw(st.integers(0, 3)), some_axis(d, x.ndim, one=True)),
    "tile": lambda x, d: (tuple(d.draw(st.lists(st.integers(0, 2), max_size=4))),),
    "permute_dims": lambda x, d: (tuple(d.draw(st.permutations(range(x.ndim)))),),
    "expand_dims": lambda x, d: (d.draw(st.integers(-x.ndim - 1, x.ndim)),),
    "squeeze": lambda x, d: (),
    "reshape": lambda x, d: (-1,),
    "moveaxis": lambda x, d: (
        d.draw(st.integers(-x.ndim, x.ndim - 1)),
        d.draw(st.integers(-x.ndim, x.ndim - 1)),
    ),
    "swapaxes": lambda x, d: (
        d.draw(st.integers(-x.ndim, x.ndim - 1)),
        d.draw(st.integers(-x.ndim, x.ndim - 1)),
    ),
    "tril": lambda x, d: (d.draw(st.integers(-4, 4)),),
    "triu": lambda x, d: (d.draw(st.integers(-4, 4)),),
    "diagonal": lambda x, d: (d.draw(st.integers(-3, 3)),),
    "broadcast_to": lambda x, d: ((*d.draw(shapes(Wanted(), 2)), *x.shape),),
    "matrix_transpose": lambda x, d: (),
    "pad": lambda x, d: (
        d.draw(st.integers(0, 3)),
        d.draw(st.sampled_from(["constant", "edge", "reflect", "symmetric", "wrap"])),
    ),
    "unstack": lambda x, d: (),
    "concatenate": lambda x, d: (),
}
MATRICES = {"tril", "triu", "diagonal", "matrix_transpose"}


@pytest.mark.parametrize("name", MOVEMENTS)
@drawn
@given(st.data())
def test_movements(name: str, data: st.DataObject) -> None:
    least = 2 if name in MATRICES else 1
    x = data.draw(arrays(ANY, data.draw(shapes(Wanted(least_rank=least)))))
    rest, function, theirs = MOVEMENTS[name](x, data), called(name), getattr(np, name)
    plain = x.astype(common_dtype(x))
    try:
        expected = theirs(plain, *rest)
    except ValueError:
        refuses(lambda x: function(x, *rest), x)
        return
    for way in ways(lambda x: function(x, *rest)):
        got = way(x)
        pairs_ = (
            zip(got, expected, strict=True) if name == "unstack" else [(got, expected)]
        )
        for one, other in pairs_:
            agree(one, other, plain.dtype, 0)


@drawn
@given(st.data())
def test_joining(data: st.DataObject) -> None:
    a = data.draw(arrays(ANY, data.draw(shapes(Wanted(least_rank=1)))))
    axis = data.draw(st.integers(-a.ndim, a.ndim - 1))
    sizes = list(a.shape)
    sizes[axis] = data.draw(st.integers(0, 3))
    b = data.draw(arrays(ANY, tuple(sizes)))
    dtype = common_dtype(a, b)
    expected = np.concatenate([wide(a, dtype), wide(b, dtype)], axis)
    for way in ways(lambda a, b: called("concatenate")([a, b], axis)):
        agree(way(a, b), expected, dtype, 0)
    c = data.draw(arrays(ANY, a.shape))
    dtype = common_dtype(a, c)
    expected = np.stack([wide(a, dtype), wide(c, dtype)], axis)
    for way in ways(lambda a, b: called("stack")([a, b], axis)):
        agree(way(a, c), expected, dtype, 0)


@drawn
@given(st.data())
def test_taking(data: st.DataObject) -> None:
    x = data.draw(arrays(ANY, data.draw(shapes(Wanted(least_rank=1, least_size=1)))))
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    size = x.shape[axis]
    index = data.draw(arrays(Wanted("i", -size, size - 1, special=False)))
    plain = x.astype(common_dtype(x))
    for way in ways(lambda x, k: called("take")(x, k, axis)):
        agree(way(x, index), np.take(plain, index, axis), plain.dtype, 0)
    for mode in ("clip", "wrap"):
        far = (index * 3).astype(index.dtype)
        for way in ways(lambda x, k: called("take")(x, k, axis, mode=mode)):  # noqa: B023
            got = way(x, far)
            agree(got, np.take(plain, far, axis, mode=mode), plain.dtype, 0)
    sizes = list(x.shape)
    sizes[axis] = data.draw(st.integers(0, 3))
    along = data.draw(arrays(Wanted("i", -size, size - 1, special=False), tuple(sizes)))
    expected = np.take_along_axis(plain, along, axis)
    for way in ways(lambda x, k: called("take_along_axis")(x, k, axis)):
        agree(way(x, along), expected, plain.dtype, 0)


@drawn
@given(st.data())
def test_places_in_sorted_vectors(data: st.DataObject) -> None:
    dtype = data.draw(dtypes(ORDERED))
    x = data.draw(arrays(ORDERED, (data.draw(st.integers(0, 9)),), dtype))
    x = np.sort(x.astype(common_dtype(x)))
    values = data.draw(arrays(ORDERED, dtype=dtype))
    side = data.draw(st.sampled_from(["left", "right"]))
    expected = np.searchsorted(
        wide(x, x.dtype), wide(values, common_dtype(values)), side
    )
    for way in ways(lambda x, v: called("searchsorted")(x, v, side)):
        agree(way(x, values), expected, np.dtype(np.int64), 0)


SIZED = ("nonzero", "unique_all", "unique_counts", "unique_inverse")


@pytest.mark.parametrize("name", SIZED)
@drawn
@given(st.data())
def test_sizes_that_depend_on_values(name: str, data: st.DataObject) -> None:
    least = Wanted(least_rank=1, least_size=1)
    x = data.draw(
        arrays(Wanted("iuf", 0.0, 3.0, special=False), data.draw(shapes(least, 3)))
    )
    x = np.floor(x.astype(common_dtype(x)).astype(np.float64)).astype(common_dtype(x))
    if common_dtype(x).kind not in "iuf":
        return
    expected = tuple(getattr(np, name)(x))
    size = len(expected[0])
    function = called(name)
    for way in (function, *ways(lambda x: function(x, size=size))):
        for one, other in zip(way(x), expected, strict=True):
            np.testing.assert_array_equal(one, other)


PRODUCTS = ("matmul", "vecdot", "outer", "kron", "tensordot")


@pytest.mark.parametrize("name", PRODUCTS)
@drawn
@given(st.data())
def test_products(name: str, data: st.DataObject) -> None:
    n, m, k = (data.draw(st.integers(0, 4)) for _ in range(3))
    rest = data.draw(shapes(Wanted(), 2))
    sizes = {
        "matmul": ((*rest, n, k), (k, m)),
        "vecdot": ((*rest, k), (k,)),
        "outer": ((n,), (m,)),
        "kron": ((n, k), (*rest, m)),
        "tensordot": ((n, m, k), (m, k, n)),
    }[name]
    moderate = Wanted("biufc", special=False)
    a, b = (data.draw(arrays(moderate, size)) for size in sizes)
    dtype, function = common_dtype(a, b), called(name)
    expected = getattr(np, name)(wide(a, dtype), wide(b, dtype))
    if dtype.kind == "b":
        return
    for way in ways(lambda a, b: function(a, b)):
        agree(way(a, b), expected, dtype, 4 * max(k * m, 1), 25.0 * max(k * m, 1))


def _quantile(x: Any, q: float, axis: Any, method: str) -> Any:
    return called("quantile")(x, q, axis, method=method)


@drawn
@given(st.data())
def test_quantiles(data: st.DataObject) -> None:
    x = data.draw(arrays(Wanted("iuf", special=False, least_size=1)))
    q, axis = data.draw(st.sampled_from([0.0, 0.3, 0.5, 1.0])), some_axis(data, x.ndim)
    if axis == ():
        return
    method = data.draw(st.sampled_from(["linear", "lower", "higher", "midpoint"]))
    dtype = float_dtype(x)
    expected = np.quantile(wide(x, dtype), q, axis, method=method)
    for way in ways(lambda x: _quantile(x, q, axis, method)):
        agree(way(x), expected, dtype, 4, 5.0)


@pytest.mark.parametrize("name", ["add", "atan2", "maximum", "less", "isclose"])
@drawn
@given(st.data())
def test_shapes_that_do_not_fit(name: str, data: st.DataObject) -> None:
    a, b = data.draw(pairs(Wanted("f", least_rank=1, least_size=2)))
    longer = np.zeros((*b.shape[:-1], 5), b.dtype)
    if a.ndim and a.shape[-1] > 1:
        refuses(called(name), a, longer)
