"""`dn.vmap` as users write it, held against a Python loop over the lanes."""

import numpy as np
import pytest
from interpreted import assert_same, is_tensor
from programs import CASES, Case

import defnpy as dn
from defnpy import defn
from defnpy.base import errors, tree

pytestmark = pytest.mark.cpu

LANES = 3
X = np.arange(12.0).reshape(4, 3) / 7 - 0.5
Y = np.arange(12.0).reshape(3, 4) / 5 - 1.0


def stacked(values):
    """Return results of lanes as one tree of arrays."""
    return tree.map(lambda *xs: np.stack(xs) if is_tensor(xs[0]) else xs[0], *values)


def lanes_of(value):
    """Return lanes of values like a leaf of arguments."""
    if not is_tensor(value):
        return value
    array = np.asarray(value)
    if array.ndim:
        return np.stack([np.roll(array, k) for k in range(LANES)])
    if array.dtype == bool:
        return np.array([value, not value, value])
    by = [1, 1.25, 0.75] if array.dtype.kind == "f" else [0, 1, -1]
    return np.array([value * s if array.dtype.kind == "f" else value + s for s in by])


def lane(value, k):
    return tree.map(lambda leaf: leaf[k] if is_tensor(leaf) else leaf, value)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_corpus(case: Case) -> None:
    f = defn(case.function)
    args = tree.map(lanes_of, case.args)
    raised, wanted = None, []
    try:
        wanted = [f(*lane(args, k)) for k in range(LANES)]
    except errors.DefnError as error:
        raised = type(error)
    g = dn.vmap(f)
    if raised is not None:
        with pytest.raises(raised):
            g(*args)
        return
    assert_same(g(*args), stacked(wanted))


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.differentiable], ids=lambda case: case.name
)
def test_gradients_of_the_corpus(case: Case) -> None:
    def summed(*args):
        return sum([dn.sum(leaf) for leaf in dn.tree.leaves(case.function(*args))])

    gradient = dn.grad(summed)
    args = tree.map(lanes_of, case.args)
    wanted = [gradient(*lane(args, k)) for k in range(LANES)]
    found = dn.vmap(gradient)(*args)
    for got, want in zip(tree.leaves(found), tree.leaves(stacked(wanted)), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


# Axes


def test_axes_in_and_out():
    def f(a, b):
        return a @ b, b * 2.0, b

    lanes, twice, b = dn.vmap(f, in_axes=(1, None), out_axes=(0, None, 1))(X, X[:, 0])
    np.testing.assert_allclose(lanes, X.T @ X[:, 0])
    np.testing.assert_array_equal(twice, X[:, 0] * 2)
    np.testing.assert_array_equal(b, np.stack([X[:, 0]] * 3, axis=1))
    last = dn.vmap(lambda x: x * 2.0, in_axes=-1, out_axes=-1)(X)
    np.testing.assert_array_equal(last, X * 2)


def test_axes_as_trees():
    params = {"w": Y, "b": 0.5}

    def f(params, x):
        return {"y": params["w"] @ x + params["b"], "n": 2, "name": "f"}

    for axes in ({"w": None, "b": None}, None):
        found = dn.vmap(f, in_axes=(axes, 0))(params, X[:, [0, 1, 2, 0]])
        np.testing.assert_allclose(found["y"], X[:, [0, 1, 2, 0]] @ Y.T + 0.5)
        np.testing.assert_array_equal(found["n"], [2, 2, 2, 2])
        assert found["name"] == "f"
    columns = ({"w": 1, "b": None}, None)
    found = dn.vmap(f, in_axes=columns)({"w": Y.T, "b": 1.0}, X[:, 0])
    np.testing.assert_allclose(found["y"], Y @ X[:, 0] + 1.0)


def test_options_are_static():
    @defn
    def f(x, *, axis, mode="sum"):
        return dn.sum(x, axis=axis) if mode == "sum" else dn.max(x, axis=axis)

    x = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(dn.vmap(f)(x, axis=1), x.sum(axis=2))
    np.testing.assert_array_equal(dn.vmap(f)(x, axis=0, mode="max"), x.max(axis=1))


def test_arguments_by_name():
    def f(x, y):
        return x - y

    np.testing.assert_array_equal(dn.vmap(f)(X, y=X * 2), -X)
    np.testing.assert_array_equal(defn(lambda x: dn.vmap(f)(x, y=x * 2))(X), -X)


def test_captured_arrays_are_shared():
    weights = Y[0]
    f = dn.vmap(lambda x: x @ weights)
    np.testing.assert_allclose(f(X.T), X.T @ Y[0])
    weights[:] = 0.0
    np.testing.assert_allclose(f(X.T), 0.0)


def test_no_lanes():
    def f(x):
        total = 0.0
        while total < x[0]:
            total += 1.0
        assert total >= 0
        return total, x / 2

    a, b = dn.vmap(f)(np.zeros((0, 2)))
    assert (a.shape, b.shape) == ((0,), (0, 2))


# Each lane by itself


def test_a_while_stops_each_lane_at_its_own_time():
    @defn
    def collatz(n):
        steps = 0
        while n != 1:
            n = n // 2 if n % 2 == 0 else 3 * n + 1
            steps += 1
        return steps

    lengths = dn.vmap(collatz)(np.arange(1, 200))
    assert_same(lengths, np.array([collatz(n) for n in range(1, 200)]))


def test_lanes_that_do_not_take_a_side_do_not_run_it():
    """Its loop would not end, and its index is out of bounds."""

    @defn
    def f(x, n):
        if n > 0:
            total = 0.0
            while total < n * 10.0:
                total += n
            return total + x[n - 1]
        return -1.0

    n = np.array([2, 0, -5, 3])
    found = dn.vmap(f, in_axes=(None, 0))(X[0], n)
    assert_same(found, np.array([f(X[0], k) for k in n]))


def test_a_branch_on_numbers_takes_both_sides():
    @defn
    def f(x):
        return dn.sqrt(x) if x > 0.0 else x * x

    x = np.array([-4.0, 0.0, 9.0])
    np.testing.assert_array_equal(dn.vmap(f)(x), [16.0, 0.0, 3.0])
    slopes = dn.vmap(dn.grad(f))(x)
    np.testing.assert_allclose(slopes, [-8.0, 0.0, 1 / 6])
    total = dn.grad(lambda x: dn.sum(dn.vmap(f)(x)))(x)
    np.testing.assert_allclose(total, slopes)
    assert "select" in dn.vmap(f).lower(x).ir


def test_ranges_that_differ():
    def f(n, x):
        total = 0.0
        for i in range(n):
            total += x[i % 3] * i
        return total

    n = np.array([0, 1, 5, 12])
    found = dn.vmap(f, in_axes=(0, None))(n, X[0])
    assert_same(found, np.array([defn(f)(k, X[0]) for k in n]))


def test_checks_hold_in_every_lane():
    @defn
    def f(x, i):
        assert x[0] > 0, "x must be positive"
        return x[i]

    f_lanes = dn.vmap(f)
    x = np.ones((3, 2))
    np.testing.assert_array_equal(f_lanes(x, np.array([0, 1, 1])), [1, 1, 1])
    with pytest.raises(IndexError, match=r"index 7 .* 2"):
        f_lanes(x, np.array([0, 7, 9]))
    with pytest.raises(AssertionError, match="x must be positive"):
        f_lanes(x * [[1], [1], [-1]], np.array([0, 1, 1]))


def test_integers_divided_by_zero_in_one_lane():
    f = dn.vmap(lambda a, b: a // b)
    np.testing.assert_array_equal(f(np.arange(3), np.array([1, 2, 2])), [0, 0, 1])
    with pytest.raises(ZeroDivisionError):
        f(np.arange(3), np.array([1, 0, 2]))


def test_stores_at_places_that_differ():
    def f(x, i):
        x[i] = 5.0
        x[i] += x[0]
        return x

    i = np.array([2, 0, 1])
    found = dn.vmap(f, in_axes=(None, 0))(X[0], i)
    assert_same(found, np.stack([defn(f)(X[0], k) for k in i]))


# Composition


def test_gradients_for_each_example():
    def loss(params, x, y):
        w, b = params
        return dn.mean((dn.tanh(x @ w + b) - y) ** 2)

    rng = np.random.default_rng(0)
    params = (rng.standard_normal((3, 2)), rng.standard_normal(2))
    x, y = rng.standard_normal((5, 3)), rng.standard_normal((5, 2))
    each = dn.vmap(dn.grad(loss), in_axes=(None, 0, 0))
    found = each(params, x, y)
    wanted = [dn.grad(loss)(params, x[k], y[k]) for k in range(5)]
    for got, want in zip(found, stacked(wanted), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12)
    assert "for" not in each.lower(params, x, y).ir
    whole = dn.grad(lambda p: dn.mean(dn.vmap(loss, in_axes=(None, 0, 0))(p, x, y)))
    for got, want in zip(whole(params), found, strict=True):
        np.testing.assert_allclose(got, want.mean(axis=0), rtol=1e-12)


def distance(a, b):
    """Return a number found by a loop inside of another."""
    total = 0.0
    for i in range(len(a)):
        if abs(a[i] - b[i]) > 0.3:
            total += abs(a[i] - b[i])
        k = 0
        while k < total:
            k += 1
        total += 0.1 * k
    return total


def test_lanes_of_lanes():
    one = defn(distance)
    wanted = np.array([[one(a, b) for b in X] for a in X])
    pairs = dn.vmap(dn.vmap(distance, in_axes=(None, 0)), in_axes=(0, None))
    np.testing.assert_allclose(pairs(X, X), wanted, rtol=1e-12)
    swapped = dn.vmap(dn.vmap(distance, in_axes=(0, None)), in_axes=(None, 0))
    np.testing.assert_allclose(swapped(X, X), wanted.T, rtol=1e-12)
    np.testing.assert_allclose(defn(lambda x: pairs(x, x))(X), wanted, rtol=1e-12)


def test_every_order_of_grad_and_vmap():
    def f(x, y):
        total = 0.0
        for i in range(len(x)):
            total += dn.sin(x[i] * y) * x[i]
        return total

    y = np.array([0.5, 1.5])
    each = np.array([[dn.grad(f)(x, k) for k in y] for x in X])
    inner = dn.vmap(dn.vmap(dn.grad(f), in_axes=(None, 0)), in_axes=(0, None))
    np.testing.assert_allclose(inner(X, y), each, rtol=1e-12)

    def middle(x):
        return dn.sum(dn.vmap(f, in_axes=(None, 0))(x, y))

    np.testing.assert_allclose(dn.vmap(dn.grad(middle))(X), each.sum(1), rtol=1e-12)
    second = dn.vmap(dn.hessian(f), in_axes=(0, None))(X, 0.5)
    wanted = np.stack([dn.hessian(f)(x, 0.5) for x in X])
    np.testing.assert_allclose(second, wanted, rtol=1e-12)


def test_the_basis_makes_a_jacobian():
    def f(x):
        return dn.tanh(Y @ dn.sin(x))

    def rows(x):
        _, pullback = dn.vjp(f, x)
        return dn.vmap(lambda ct: pullback(ct)[0])(dn.eye(3, dtype="f64"))

    x = X[:, 0]
    np.testing.assert_allclose(defn(rows)(x), dn.jacobian(f)(x), rtol=1e-12)


def test_lanes_of_what_customizes_gradients():
    @dn.custom_grad
    def doubled(x):
        return x * 1.0, lambda ct: ct * 2.0 * x

    def loss(x):
        return dn.sum(dn.checkpoint(lambda x: doubled(x) * dn.stop_gradient(x))(x))

    found = dn.vmap(dn.grad(loss))(X)
    np.testing.assert_allclose(found, 2 * X * X)
    np.testing.assert_allclose(
        dn.grad(lambda x: dn.sum(dn.vmap(loss)(x)))(X), 2 * X * X
    )


def test_random_numbers_for_each_key():
    keys = dn.random.split(dn.random.key(0), 4)
    draw = dn.vmap(lambda key: dn.random.normal(key, (3,)))
    wanted = np.stack([dn.random.normal(key, (3,)) for key in keys])
    np.testing.assert_allclose(draw(keys), wanted, rtol=1e-6)


# Mistakes


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: dn.vmap(lambda x, y: x)(X, Y),
            r"different sizes: 4, axis 0 of f64\[4,3\], and 3, axis 0 of f64\[3,4\]",
        ),
        (
            lambda: dn.vmap(lambda x, y: x)(X, 2.0),
            r"cannot map over axis 0 of float",
        ),
        (lambda: dn.vmap(lambda x: x, in_axes=2)(X), "cannot map over axis 2"),
        (lambda: dn.vmap(lambda x: x, in_axes=None)(X), "at least one argument"),
        (lambda: dn.vmap(lambda x: x, in_axes=(0, 0))(X), "in_axes .* does not fit"),
        (lambda: dn.vmap(lambda x: x, out_axes=(0, 0))(X), "out_axes .* does not fit"),
        (lambda: dn.vmap(lambda x: x, out_axes=None)(X), "so it needs an axis"),
        (lambda: dn.vmap(lambda x: x, out_axes=5)(X), "cannot put the lanes at axis 5"),
        (lambda: dn.vmap(lambda x: x, in_axes="0")(X), "in_axes '0' does not fit"),
        (lambda: dn.vmap(lambda x: x, axis=1), "vmap takes, after the function"),
        (lambda: dn.vmap(3), "decorates a function"),
        (lambda: defn(lambda x: dn.vmap(lambda y: y, axis=1)(x))(X), "not axis"),
    ],
)
def test_mistakes(call, text):
    with pytest.raises(errors.DefnError, match=text):
        call()
