"""The transforms as users write them, outside of programs and inside."""

import numpy as np
import pytest
from interpreted import assert_same

import defnpy as dn
from defnpy import defn
from defnpy.base import errors

pytestmark = pytest.mark.cpu

V = np.array([0.5, -1.25, 2.0])
W = np.array([[0.3, -0.7, 1.1], [0.9, 0.2, -0.4]])


def both(function, *args):
    """Return what a program returns, compiled and evaluated alike."""
    f = defn(function)
    made = f(*args)
    assert_same(f.evaluate(*args), made)
    return made


def differences(f, x, step=1e-6):
    """Return the Jacobian of `f`, by central differences."""
    columns = []
    for place in np.ndindex(x.shape):
        ends = []
        for sign in (1, -1):
            moved = x.copy()
            moved[place] += sign * step
            ends.append(np.asarray(f(moved)))
        columns.append((ends[0] - ends[1]) / (2 * step))
    shape = columns[0].shape
    return np.moveaxis(np.array(columns), 0, -1).reshape(*shape, *x.shape)


def rosenbrock(x):
    return dn.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def squares(x):
    total = 0.0
    for value in x:
        total += value * value
    return total


# stop_gradient and custom_grad


def test_stop_gradient_takes_trees():
    def f(x):
        pair = dn.stop_gradient((x, {"y": x * 2}))
        return x * pair[0] + pair[1]["y"]

    assert both(lambda x: dn.grad(f)(x), 3.0) == 3.0
    assert_same(dn.stop_gradient([V, 2.0]), [V, 2.0])


@dn.custom_grad
def clipped(x):
    return x * 2.0, lambda ct: dn.clip(ct, -1.0, 1.0)


def test_a_clipped_gradient():
    def loss(x):
        return dn.sum(clipped(x) * np.array([5.0, 0.5, -3.0]))

    np.testing.assert_array_equal(clipped(V), V * 2)
    np.testing.assert_array_equal(dn.grad(loss)(V), [1.0, 0.5, -1.0])
    np.testing.assert_array_equal(both(lambda v: dn.grad(loss)(v), V), [1, 0.5, -1])


def test_a_gradient_of_several_arguments():
    @dn.custom_grad
    def f(x, params, n):
        value = x * params["w"]

        def gradients(ct):
            return ct * 10.0, {"w": ct * value}, None

        return value, gradients

    def loss(x, w):
        return f(x, {"w": w}, 3) + 0.0

    assert dn.grad(loss, argnums=(0, 1))(2.0, 3.0) == (10.0, 6.0)


def test_a_gradient_of_a_value_with_parts():
    @dn.custom_grad
    def parts(x):
        n = dn.argmax(x)
        return (x * 1.0, dn.sum(x), n), lambda cts: cts[0] * 2.0 + cts[1]

    def loss(x):
        a, b, n = parts(x)
        return dn.sum(a) * 3.0 + b * 5.0 + n * 0.0

    np.testing.assert_array_equal(dn.grad(loss)(V), [11.0, 11.0, 11.0])


def test_a_gradient_that_branches_and_checks():
    @dn.custom_grad
    def f(x, i):
        def gradient(ct):
            made = dn.zeros_like(x)
            made[i] = ct
            return made if ct > 0 else -made, None

        return x[i], gradient

    pick = defn(lambda x, i: 2.0 * f(x, i))
    np.testing.assert_array_equal(dn.grad(pick)(V, 1), [0.0, 2.0, 0.0])
    with pytest.raises(IndexError):
        dn.grad(pick)(V, 7)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: x, "returns a pair"),
        (lambda x: (x, lambda ct: (ct, ct)), "has not the structure"),
        (lambda x: (x, lambda ct: dn.sum(ct)), r"the gradient of f64\[3\] is given"),
        (lambda x: (x, lambda ct: {"x": ct}), "has not the structure"),
    ],
)
def test_mistakes_in_a_custom_gradient(function, text):
    f = dn.custom_grad(function)
    with pytest.raises(errors.DefnError, match=text):
        dn.grad(lambda x: dn.sum(f(x)))(V)


def test_the_gradients_are_as_many_as_the_arguments():
    f = dn.custom_grad(lambda x, y: (x * y, lambda ct: ct))
    with pytest.raises(errors.DefnTypeError, match="of 2 arguments are a tuple"):
        dn.grad(lambda x: dn.sum(f(x, x)))(V)


# jvp and vjp


def test_jvp():
    def f(x, y):
        return {"product": x @ y, "last": y[-1], "n": 3, "largest": dn.argmax(x)}

    value, tangent = dn.jvp(f, (V, V + 1), (W[0], W[1]))
    np.testing.assert_allclose(tangent["product"], W[0] @ (V + 1) + V @ W[1])
    assert tangent["last"] == W[1, -1]
    assert (value["n"], tangent["n"], tangent["largest"]) == (3, None, None)
    inside = both(lambda x, y, a, b: dn.jvp(f, (x, y), (a, b)), V, V + 1, *W)
    assert_same(inside, (value, tangent))


def test_jvp_of_numbers_and_of_loops():
    assert dn.jvp(lambda x: x**3, (2.0,), (1.0,)) == (8.0, 12.0)
    value, slope = both(lambda x, t: dn.jvp(squares, (x,), (t,)), V, W[0])
    np.testing.assert_allclose((value, slope), (V @ V, 2 * V @ W[0]))


def test_vjp():
    def f(x, params, n):
        return (x * params["w"], dn.sum(x) * n)

    value, pullback = dn.vjp(f, V, {"w": W[0]}, 2)
    assert_same(value, (V * W[0], V.sum() * 2))
    x, params, n = pullback((np.ones(3), 10.0))
    np.testing.assert_allclose(x, W[0] + 20.0)
    np.testing.assert_allclose(params["w"], V)
    assert n is None

    def inside(x, w):
        value, pullback = dn.vjp(lambda x, p: f(x, p, 2), x, {"w": w})
        return value, pullback((dn.ones(3), 10.0)), pullback((dn.zeros(3), 1.0))

    found = both(inside, V, W[0])
    assert_same(found[:2], (value, (x, params)))
    np.testing.assert_allclose(found[2][0], [2.0, 2.0, 2.0])


def test_the_pullback_keeps_its_arguments():
    x = V.copy()
    _, pullback = dn.vjp(squares, x)
    x[:] = 0.0
    np.testing.assert_allclose(pullback(1.0)[0], 2 * V)


def test_vjp_of_a_loop_inside():
    def f(x):
        value, pullback = dn.vjp(squares, x)
        return value, pullback(2.0)[0]

    value, found = both(f, V)
    np.testing.assert_allclose(value, V @ V)
    np.testing.assert_allclose(found, 4 * V)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: dn.jvp(squares, V, V), "the primals as a tuple"),
        (lambda: dn.jvp(squares, (V,), (V, V)), "have not the structure"),
        (lambda: dn.jvp(squares, (V,), (V[:2],)), r"tangent of f64\[3\] is given as"),
        (lambda: dn.jvp(squares, (np.arange(3),), (V,)), "only floats have tangents"),
        (lambda: dn.vjp(squares, V)[1](V), r"cotangent of f64\[\] is given as"),
        (lambda: dn.vjp(squares, V)[1]((1.0, 1.0)), "has not the structure"),
        (lambda: dn.jacobian(lambda x: x > 0)(V), "returns floats"),
        (lambda: dn.jacobian(squares)(np.arange(3)), "only floats have gradients"),
    ],
)
def test_mistakes_in_derivatives(call, text):
    with pytest.raises(errors.DefnError, match=text):
        call()


# jacobian and hessian


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: W @ x, V),  # fewer rows
        (lambda x: dn.outer(x, x**2), V),  # fewer columns
        (lambda x: dn.tanh(x), V),
        (lambda x: dn.stack([dn.sum(x), x[0, 1] ** 2]), W),
        (lambda x: dn.cumulative_sum(x) / x, V),
        (squares, V),
        (lambda x: x[:1] * dn.sum(x), V),
    ],
)
def test_a_jacobian(f, x):
    value = defn(f)(x)
    found = dn.jacobian(f)(x)
    assert found.shape == (*np.shape(value), *x.shape)
    np.testing.assert_allclose(found, differences(defn(f), x), rtol=1e-6, atol=1e-8)
    assert_same(both(lambda x: dn.jacobian(f)(x), x), found)


def test_the_jacobian_of_loops():
    def rows(x):
        y = dn.zeros(2, dtype="f64")
        for i in range(2):
            total = x[0]
            while total < 5.0:
                total = total * (1.5 + i) + dn.abs(x[i])
            y[i] = total
        return y

    x = np.array([0.5, -1.2, 0.7])
    np.testing.assert_allclose(
        dn.jacobian(rows)(x), differences(defn(rows), x), rtol=1e-6
    )
    wide = defn(lambda x: dn.concat([rows(x), rows(x * 2.0)]))
    np.testing.assert_allclose(dn.jacobian(wide)(x), differences(wide, x), rtol=1e-6)


def test_jacobians_of_trees():
    def f(x, p):
        return {"a": x * p["w"], "b": (dn.sum(x) * p["c"],)}

    found = dn.jacobian(f, argnums=(1, 0))(V, {"w": W[0], "c": 2.0})
    np.testing.assert_allclose(found["a"][0]["w"], np.diag(V))
    np.testing.assert_allclose(found["a"][0]["c"], np.zeros(3))
    np.testing.assert_allclose(found["a"][1], np.diag(W[0]))
    np.testing.assert_allclose(found["b"][0][1], [2.0, 2.0, 2.0])
    assert found["b"][0][0]["c"] == V.sum()


def test_jacobians_have_the_dtype_of_the_argument():
    x = V.astype(np.float32)
    for f in (lambda x: dn.astype(x, "f64"), lambda x: dn.astype(x, "f64")[:2]):
        assert dn.jacobian(f)(x).dtype == np.float32
    assert dn.jacobian(lambda x: x * x)(3.0) == 6.0


def test_the_hessian_of_rosenbrock():
    x = np.array([0.8, -0.3, 1.4, 0.2])
    found = dn.hessian(rosenbrock)(x)
    np.testing.assert_allclose(found, found.T, atol=1e-9)
    np.testing.assert_allclose(
        found, differences(dn.grad(rosenbrock), x), rtol=1e-6, atol=1e-5
    )
    assert_same(both(lambda x: dn.hessian(rosenbrock)(x), x), found)


def test_newton_with_hessians_in_a_loop():
    @defn
    def minimum(x):
        for _ in range(12):
            a = dn.hessian(rosenbrock)(x)
            g = dn.grad(rosenbrock)(x)
            d = a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0]
            step = dn.stack(
                [a[1, 1] * g[0] - a[0, 1] * g[1], a[0, 0] * g[1] - a[1, 0] * g[0]]
            )
            x = x - step / d
        return x

    np.testing.assert_allclose(minimum(np.array([-1.2, 1.0])), [1.0, 1.0])


def test_the_hessian_by_two_arguments():
    found = dn.hessian(lambda x, y: x**2 * y**3, argnums=(0, 1))(2.0, 3.0)
    assert_same(found, ((54.0, 108.0), (108.0, 72.0)))


# In CPython


def test_in_cpython_customized_functions_run_as_written():
    seen = []

    def note(x):
        seen.append(type(x))
        return x

    @dn.custom_grad
    def doubled(x):
        note(x)
        return x * 2.0, lambda ct: ct

    @dn.checkpoint
    def halved(x):
        return note(x) / 2.0

    f = defn(lambda x: doubled(x) + halved(x))
    np.testing.assert_array_equal(f.python(V), V * 2.5)
    assert seen == [np.ndarray, np.ndarray]


def test_transforms_of_public_functions():
    np.testing.assert_allclose(dn.vmap(dn.dot)(W, W), (W * W).sum(axis=1))
    np.testing.assert_array_equal(dn.grad(dn.sum)(V), np.ones(3))
    np.testing.assert_allclose(dn.jacobian(dn.sin)(V), np.diag(np.cos(V)))
    assert_same(dn.jvp(dn.multiply, (V, V), (V, V)), (V * V, 2 * V * V))


@pytest.mark.parametrize(
    "made",
    [
        lambda x, i: lambda y: x * y,
        lambda x, i: x[:i],
        lambda x, i: dn.grad(lambda y: x @ y),
    ],
)
def test_what_has_a_meaning_only_inside_stays_there(made):
    def f(x, i):
        return dn.value_and_grad(lambda x: (dn.sum(x), made(x, i)), has_aux=True)(x)

    with pytest.raises(errors.DefnTypeError, match="cannot be returned by a function"):
        defn(f)(V, 2)


def test_a_slice_of_run_time_length_is_shared_or_refused():
    def f(x, i):
        return dn.vmap(lambda v, part: v * dn.sum(part), in_axes=(0, None))(x, x[:i])

    np.testing.assert_allclose(both(f, V, 2), V * V[:2].sum())
    with pytest.raises(errors.DefnTypeError, match="vmap cannot map over"):
        defn(lambda x, i: dn.vmap(lambda part: part)(x[:i]))(V, 2)
