"""`@defn(bounds=False)`: no check of the indices of that function."""

import numpy as np
import pytest

import defnpy as dn
from defnpy import defn

pytestmark = pytest.mark.cpu
V = np.array([1.0, 2.0, 3.0])


def pick(x, i):
    return x[i] + x[i - 1 : i + 1].sum() + dn.take(x, i)


def test_unchecked_indices_give_the_same_values():
    free = defn(pick, bounds=False)
    for i in (1, 2):
        assert free(V, i) == defn(pick)(V, i)
    assert "raise" not in free.lower(V, 1).compile().kernels
    assert "raise" in defn(pick).lower(V, 1).compile().kernels


def test_negative_indices_still_count_from_the_end():
    @defn(bounds=False)
    def f(x, i):
        y = x.copy()
        y[i] = 9.0
        return x[i], y

    last, stored = f(V, -1)
    assert last == 3.0
    np.testing.assert_array_equal(stored, [1.0, 2.0, 9.0])


def test_functions_called_keep_their_own_checks():
    @defn
    def inner(x, i):
        return x[i]

    def helper(x, i):
        return x[i]

    @defn(bounds=False)
    def outer(x, i):
        return inner(x, i) + x[i] + helper(x, i)

    kernel = outer.lower(V, 1).compile().kernels
    assert kernel.count("raise DefnIndexError") == 1
    with pytest.raises(dn.DefnIndexError, match="index 5 is out of bounds"):
        defn(lambda x, i: inner(x, i))(V, 5)
    with pytest.raises(dn.DefnIndexError, match="index 5 is out of bounds"):
        outer(V, 5)


def test_options_are_given_where_a_function_is_defined():
    made = defn(pick)
    assert defn(made) is made
    for options in ({"bounds": False}, {"check_nan": True}, {"static": ("i",)}):
        with pytest.raises(dn.DefnTypeError, match="takes no options"):
            defn(made, **options)


def test_other_checks_stay():
    @defn(bounds=False)
    def f(x, n):
        assert n > 0, "not positive"
        return x[0] + 1 // n

    with pytest.raises(dn.DefnAssertionError, match="not positive"):
        f(V, -1)
    with pytest.raises(dn.DefnIndexError, match="out of bounds"):
        defn(lambda x: x[7], bounds=False)(V)  # known when compiling
