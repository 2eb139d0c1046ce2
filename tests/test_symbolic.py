"""Sizes that vary: axes become symbols, and later sizes compile nothing."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import defnpy as dn
from defnpy import defn
from defnpy.base import shapes, tree
from defnpy.base.dims import (
    LEAST,
    Decisions,
    Dim,
    NeedsSizeError,
    deciding,
    must,
    product,
    shown,
    substitute,
    symbol,
)
from defnpy.runtime.disk import counters
from tests.programs import CASES, Case

pytestmark = pytest.mark.cpu

N, M = symbol("n"), symbol("m")
RNG = np.random.default_rng(0)


# The algebra of sizes.

Pair = tuple[Any, Any]  # a size of n and m, and the number it should be


def _applied(pair: tuple[str, Pair, Pair]) -> Pair:
    name, (a, x), (b, y) = pair
    if name == "+":
        return a + b, x + y
    if name == "-":
        return a - b, x - y
    if name == "*":
        return a * b, x * y
    try:
        return (a // b, x // y) if name == "//" else (a % b, x % y)
    except (NeedsSizeError, ZeroDivisionError):
        return a, x


def _sizes(n: int, m: int) -> st.SearchStrategy[Pair]:
    leaves = st.one_of(
        st.just((N, n)), st.just((M, m)), st.integers(-4, 9).map(lambda k: (k, k))
    )
    return st.recursive(
        leaves,
        lambda inner: st.tuples(
            st.sampled_from(["+", "-", "*", "//", "%"]), inner, inner
        ).map(_applied),
        max_leaves=8,
    )


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_sizes_compute_as_numbers_do(data):
    sizes = {"n": data.draw(st.integers(2, 9)), "m": data.draw(st.integers(2, 9))}
    size, number = data.draw(_sizes(sizes["n"], sizes["m"]))
    other, second = data.draw(_sizes(sizes["n"], sizes["m"]))
    assert substitute(size, sizes) == number
    for test, truth in (
        (lambda: size < other, number < second),
        (lambda: size <= other, number <= second),
        (lambda: size > other, number > second),
        (lambda: size >= other, number >= second),
    ):
        assert not must(test) or truth  # what must hold does
        decisions = Decisions(sizes)
        with deciding(decisions):
            assert test() is truth
        assert decisions.hold(sizes)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(2, 30), st.integers(2, 30), st.integers(-9, 9), st.integers(-9, 9))
def test_decisions_hold_for_calls_that_decide_alike(first, second, a, b):
    decisions = Decisions({"n": first})
    with deciding(decisions):
        before = (N * 2 + a > b, N // 3 > 2)
    again = Decisions({"n": second})
    with deciding(again):
        after = (N * 2 + a > b, N // 3 > 2)
    assert not decisions.hold({"n": second}) or before == after


def test_equal_sizes_look_alike():
    assert 2 * N + 1 - N == N + 1
    assert (N * M * 6) // (2 * N) == 3 * M
    assert (4 * N + 6) // 2 == 2 * N + 3
    assert hash(N + M) == hash(M + N)
    assert N - N == 0
    assert N != M
    assert shown(2 * N + 1) == "2*n+1"
    assert product((N, 3, M)) == M * N * 3


def test_what_holds_for_every_size_is_known():
    assert must(lambda: N - 1 > 0)
    assert must(lambda: N * M > N)
    assert must(lambda: N - 1 < N)
    assert not must(lambda: N < M)
    assert not must(lambda: N > LEAST)


def test_a_number_is_never_made_up():
    for use in (int, float, range, lambda n: [0] * n, lambda n: "ab"[n]):
        with pytest.raises(NeedsSizeError):
            use(N)
    with deciding(Decisions({"n": 5})):
        for text in (str, repr, hash, lambda n: f"{n}"):
            with pytest.raises(NeedsSizeError):
                text(N)
        with pytest.raises(NeedsSizeError):
            _ = N == 5  # by chance


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.integers(2, 12), *[st.none() | st.integers(-14, 14)] * 2, st.integers(-3, 3))
def test_slices_have_the_bounds_and_lengths_of_python(size, start, stop, step):
    part = slice(start, stop, step or None)
    with deciding(Decisions({"n": size})):
        try:
            made = shapes.slice_bounds(part, N)
            count = shapes.count(*made)
        except NeedsSizeError:  # two sizes that are equal by chance
            return
    first, last, by = substitute(made, {"n": size})
    expected = range(*part.indices(size))
    assert substitute(count, {"n": size}) == len(expected)
    assert list(range(first, last, by)) == list(expected)


def test_broadcasting_meets_sizes():
    assert shapes.broadcast_shapes((N, 1), (M,)) == (N, M)
    assert shapes.broadcast_shapes((N,), (1,), ()) == (N,)
    with pytest.raises(ValueError):
        shapes.broadcast_shapes((N,), (3,))


# Programs.


def check(function: Any, calls: list[tuple[Any, ...]], variants: int) -> Any:
    """Hold each call against a program made for its sizes alone."""
    made = defn(function)
    for args in calls:
        agree(defn(function)(*args), made(*args))
    assert len(made.variants()) == variants, [v.signature for v in made.variants()]
    return made


def agree(expected: Any, found: Any) -> None:
    assert tree.flatten(expected)[1] == tree.flatten(found)[1]
    for a, b in zip(tree.leaves(expected), tree.leaves(found), strict=True):
        assert type(a) is type(b)
        a, b = np.asarray(a), np.asarray(b)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-13)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


SIZES = (4, 5, 6, 9, 100)


def test_a_thousand_batch_sizes_make_two_programs():
    @defn
    def predict(x, w1, b1, w2, b2):
        hidden = np.tanh(x @ w1 + b1)
        return dn.sigmoid(hidden @ w2 + b2)[:, 0]

    weights = (normal(4, 8), normal(8), normal(8, 1), normal(1))
    rows = normal(1100, 4)
    whole = predict(rows, *weights)
    before = dataclasses.replace(counters)
    for size in range(2, 1002):
        np.testing.assert_allclose(
            predict(rows[:size], *weights), whole[:size], rtol=1e-12
        )
    after = counters
    made = after.compiled + after.loaded - before.compiled - before.loaded
    assert made == 1
    assert len(predict.variants()) == 2
    assert predict.variants()[1].signature.startswith("x: f64[n0,4], w1: f64[4,8]")


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (lambda x: x * 2 + 1, ("n",)),
        (lambda x: x[1:] - x[:-1], ("n",)),
        (lambda x: (x[-2:], x[::2], x[1::3], x[-1], x[:-1].sum()), ("n",)),
        (lambda x: (x.mean(0), x.mean(), x.std(0)), ("n", 3)),
        (lambda x: dn.softmax(x, axis=-1), ("n", 7)),
        (lambda x: dn.softmax(x, axis=-1), (3, "n")),
        (lambda x: x.reshape(-1, 6).sum(1), ("n", 2, 3)),
        (lambda x: np.concatenate([x, x[1:], x * 2]), ("n", 2)),
        (lambda x: np.pad(x, (1, 2)), ("n",)),
        (lambda x: x[:, None] * x[None, :], ("n",)),
        (lambda x: np.where(x > 0, x, 0.0).T, ("n", 3)),
        (lambda x: np.zeros((len(x), 2)) + x[:, None], ("n",)),
        (lambda x: x * np.arange(len(x)), ("n",)),
        (lambda x: (np.argmax(x), np.cumsum(x)), ("n",)),
        (lambda x: (np.sort(x), np.argsort(x)), ("n",)),
        (lambda x: (x.shape, x.size, len(x) / 2 + x, x / len(x)), ("n", 3)),
        (lambda x: x.T @ x, ("n", 3)),
        (lambda x: dn.vmap(lambda row: row @ row + 1)(x), ("n", 3)),
    ],
)
def test_programs_of_one_size(function, shape):
    calls = [
        (normal(*(size if each == "n" else each for each in shape)),) for size in SIZES
    ]
    check(function, calls, 2)


@pytest.mark.parametrize("k", [3, 64])
def test_products_with_every_size_symbolic(k):
    check(lambda a, b: a @ b, [(normal(n, k), normal(k, 5)) for n in SIZES], 2)
    check(lambda a, b: a @ b, [(normal(k, n), normal(n, 5)) for n in SIZES], 2)
    check(lambda a, b: a @ b, [(normal(7, k), normal(k, n)) for n in SIZES], 2)
    calls = [(normal(n, n + 1), normal(n + 1, n + 2)) for n in SIZES]
    check(lambda a, b: a @ b, calls, 2)
    calls = [(normal(n, k, 4), normal(n, 4, k)) for n in SIZES]
    check(lambda a, b: a @ b, calls, 2)


def attention(q, k, v):
    scores = q @ np.swapaxes(k, -1, -2) / np.sqrt(8.0)
    return dn.softmax(scores, axis=-1) @ v


def test_attention_of_any_length():
    calls = [tuple(normal(2, n, 8) for _ in range(3)) for n in SIZES]
    check(attention, calls, 2)


def rows(x):
    total = 0.0
    for row in x:
        total = total + row @ row
    return total / (2 * len(x))


def neighbors(x):
    out = np.zeros(len(x))
    for i in range(1, len(x) - 1):
        out[i] = x[i - 1] + x[i + 1]
    return out


def until(x):
    i, total = 0, 0.0
    while i < len(x) and total < 10.0:
        total = total + x[i] ** 2
        i = i + 1
    return total, i


def distance(a, b):
    n, m = len(a), len(b)
    t = np.zeros((n + 1, m + 1))
    for i in range(n + 1):
        t[i, 0] = i
    for j in range(m + 1):
        t[0, j] = j
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            cost = 0.0 if a[i - 1] == b[j - 1] else 1.0
            t[i, j] = min(t[i - 1, j] + 1, t[i, j - 1] + 1, t[i - 1, j - 1] + cost)
    return t[n, m]


def test_loops():
    check(rows, [(normal(n, 3),) for n in SIZES], 2)
    check(neighbors, [(normal(n),) for n in SIZES], 2)
    check(until, [(normal(n),) for n in SIZES], 2)


def test_indices_in_a_loop_over_the_axis_need_no_checks():
    made = check(neighbors, [(normal(n),) for n in SIZES], 2)
    kernel = next(
        variant.stages.kernel
        for variants in made._dispatcher._variants.values()
        for variant in variants
        if variant.fit is not None
    )
    assert kernel.symbols and not kernel.faults


def test_sizes_equal_by_accident_part_later():
    def words(n, k):
        return (RNG.integers(0, 3, n), RNG.integers(0, 3, k))

    calls = [words(5, 5), words(6, 6), words(7, 8), words(8, 7), words(9, 9)]
    check(distance, calls, 3)


def step(params, x, y):
    def loss(params):
        hidden = np.tanh(x @ params["w1"] + params["b1"])
        made = hidden @ params["w2"] + params["b2"]
        return np.mean((made[:, 0] - y) ** 2)

    value, gradient = dn.value_and_grad(loss)(params)
    return value, {name: params[name] - 0.1 * gradient[name] for name in params}


def test_a_training_step_of_any_batch():
    params = {"w1": normal(3, 9), "b1": normal(9), "w2": normal(9, 1), "b2": normal(1)}
    check(step, [(params, normal(n, 3), normal(n)) for n in SIZES], 2)


def recurrent(x, w):
    def loss(w):
        h = np.zeros(4)
        for row in x:
            h = np.tanh(w @ h + row)
        return np.sum(h)

    return dn.value_and_grad(loss)(w)


def carried(x):
    def loss(x):
        h = x
        for _ in range(5):
            h = np.sin(h) * x
        return np.sum(h)

    return dn.value_and_grad(loss)(x)


def searched(x):
    def loss(x):
        i, total = 0, x[0]
        while i < len(x):
            total = total + np.sin(total * x[i])
            i = i + 1
        return total

    return dn.value_and_grad(loss)(x)


def test_gradients_through_loops():
    check(recurrent, [(normal(n, 4), normal(4, 4)) for n in SIZES], 2)
    check(carried, [(normal(n, 3),) for n in SIZES], 2)
    check(searched, [(normal(n),) for n in SIZES], 2)


def test_long_loops_are_shared_among_threads_as_ever():
    calls = [(normal(n),) for n in (10, 11, 300_000, 700_001)]
    check(lambda x: np.exp(x) * 2, calls, 2)
    check(lambda x: x.T + 1, [(normal(n, 300_000),) for n in (2, 3, 4)], 2)


def test_sizes_zero_and_one_have_programs_of_their_own():
    calls = [(normal(n, 3),) for n in (4, 5, 0, 1, 7, 1, 0)]
    check(lambda x: (x * 2, x.sum(), x.sum(0)), calls, 4)
    check(lambda x, y: x + y, [(normal(n, 4), normal(4)) for n in (1, 4, 5, 6)], 2)


def test_a_first_call_of_one_row_does_not_matter():
    check(rows, [(normal(n, 3),) for n in (1, 4, 5, 6)], 2)


def test_an_argument_that_does_not_fit_raises_as_ever():
    made = defn(lambda x, y: x + y)
    for n in (4, 5, 6):
        made(normal(n), normal(n))
    with pytest.raises(dn.DefnShapeError, match=r"f64\[7\] with f64\[8\]"):
        made(normal(7), normal(8))
    agree(np.zeros(9), made(np.zeros(9), np.zeros(9)))
    assert len(made.variants()) == 2


def test_an_index_out_of_bounds_names_the_size():
    made = defn(lambda x, i: x[i])
    for n in (4, 5, 6):
        made(normal(n), 1)
    with pytest.raises(IndexError, match=r"index 9 is out of bounds .* with size 7"):
        made(normal(7), 9)


def test_a_test_of_a_size_makes_a_program_for_each_side():
    check(lambda x: x if len(x) > 50 else x * 2, [(normal(n),) for n in SIZES], 3)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.reshape(-1, 2),
        lambda x: x + len(f"{len(x)}"),
        lambda x: x + (1 if len(x) in {4, 6} else 2),
        lambda x: x + {4: 1.0, 6: 2.0}.get(len(x), 9.0),
        lambda x: x + sum([k * 2 for k in range(len(x))]),
    ],
)
def test_programs_that_need_the_number_have_one_for_each_size(function):
    made = check(function, [(normal(n),) for n in (4, 6, 8, 10)], 4)
    assert "the program needs the number" in made.variants()[2].why


def test_one_axis_stays_a_number_and_the_other_does_not():
    def function(x, y):
        return x.reshape(-1, 2), y * 2

    calls = [(normal(4), normal(n)) for n in SIZES]
    calls += [(normal(6), normal(n)) for n in SIZES]
    check(function, calls, 3)


def test_captured_arrays_keep_their_sizes():
    weights = normal(3, 2)

    def function(x):
        return x @ weights

    made = check(function, [(normal(n, 3),) for n in SIZES], 2)
    weights = normal(3, 2)
    agree(defn(function)(normal(4, 3) * 0), made(normal(4, 3) * 0))
    x = normal(11, 3)
    np.testing.assert_allclose(made(x), x @ weights)


def test_lower_and_evaluate_are_about_the_sizes_given():
    made = defn(lambda x: x * 2)
    for n in SIZES:
        made(normal(n))
    assert "f64[7]" in made.lower(normal(7)).ir
    agree(np.full(8, 2.0), made.evaluate(np.ones(8)))


def _grown(args: Any, more: int) -> Any:
    """Return arguments whose arrays are longer along axis 0."""

    def grown(leaf: Any) -> Any:
        if not isinstance(leaf, np.ndarray) or not leaf.ndim or len(leaf) < LEAST:
            return leaf
        return np.concatenate([leaf, np.resize(leaf, (more, *leaf.shape[1:]))])

    return tree.map(grown, args)


def _has_arrays(case: Case) -> bool:
    return any(isinstance(leaf, np.ndarray) for leaf in tree.leaves(case.args))


def _outcome(function: Any, args: Any) -> Any:
    try:
        return function(*args)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize(
    "case", [c for c in CASES if _has_arrays(c)], ids=lambda case: case.name
)
def test_the_corpus_with_longer_arrays(case):
    made = defn(case.function)
    made(*case.args)
    for more in (1, 2, 4):
        args = _grown(case.args, more)
        expected, found = (_outcome(f, args) for f in (defn(case.function), made))
        if isinstance(expected, str) or isinstance(found, str):
            assert found == expected
        else:
            agree(expected, found)


def test_dims_are_pickled():
    import pickle

    assert pickle.loads(pickle.dumps(N * 2 + 1)) == N * 2 + 1
    assert isinstance(pickle.loads(pickle.dumps(N)), Dim)
