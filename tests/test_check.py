"""`dn.check`: what agrees passes, and what does not is named."""

import numpy as np
import pytest

import defnpy as dn
from defnpy import checking, defn

pytestmark = pytest.mark.cpu
V = np.array([1.0, 2.0, -3.0])


@defn
def loss(params, x, *, power=2):
    return ((x @ params["w"] + params["b"]) ** power).mean()


def test_it_compares_every_way():
    params = {"w": V, "b": 0.5}
    report = dn.check(loss, params, np.ones((4, 3)), power=3)
    assert report.is_good
    assert report.name == "loss"
    assert [(each.what, each.against, each.where) for each in report.comparisons] == [
        ("compiled", "evaluator", "result"),
        ("compiled", "CPython", "result"),
        ("gradient", "finite differences", "args[0]"),
        ("gradient", "finite differences", "args[1]"),
    ]
    lines = str(report).splitlines()
    assert lines[0] == "loss"
    assert len(lines) == 5
    assert "finite differences  args[1]" in lines[4]


@pytest.mark.parametrize(
    ("function", "args", "count"),
    [
        (lambda x: x * 2.0, (V,), 2),  # not a scalar: no gradient
        (lambda x: x.sum(), (np.arange(3),), 2),
        (lambda x, n: {"a": (x + n, None), "b": "text"}, (V, 3), 2),
        (lambda x, n: np.exp(x[n]) * x.sum(), (V.astype(np.float32), 1), 3),
        (lambda x: np.sin(x) * x, (0.5,), 3),
        (lambda x: np.imag(x * 1j).sum(), (V,), 3),
        (lambda x: x.sum() * 1e8 + 1.0, (np.zeros((2, 0)),), 3),
        (lambda x: np.sort(x).sum() / 0.0, (V * 0,), 3),
        (lambda x: x.astype(np.float16).sum(), (V,), 3),
    ],
)
def test_programs_that_agree(function, args, count):
    report = dn.check(function, *args)
    assert report.is_good
    assert len(report.comparisons) == count


def test_transforms_have_no_python_of_their_own():
    report = dn.check(dn.grad(lambda x: x**3), 2.0)
    assert [each.against for each in report.comparisons] == [
        "evaluator",
        "finite differences",
    ]


def test_other_values_in_cpython_are_named(monkeypatch):
    f = defn(lambda x: {"x": x, "y": x + 2.0})
    monkeypatch.setattr(f, "_function", lambda x: {"x": x, "y": x + 1.0})
    with pytest.raises(dn.DefnAssertionError) as caught:
        dn.check(f, V)
    text = str(caught.value)
    assert "compiled and CPython differ in `result['y']` by 0.33" in text
    assert "compiled, evaluator" in text
    monkeypatch.setattr(f, "_function", lambda x: (x, x + 2.0))
    with pytest.raises(dn.DefnAssertionError, match="differ in `result` by inf"):
        dn.check(f, V)


def test_errors_in_cpython_are_named(monkeypatch):
    f = defn(lambda x: x)

    def broken(x):
        raise KeyError("gone")

    monkeypatch.setattr(f, "_function", broken)
    with pytest.raises(dn.DefnAssertionError, match="in CPython it raises KeyError"):
        dn.check(f, V)


def test_wrong_gradients_are_named():
    @dn.custom_grad
    def wrong(x):
        return x**2, lambda ct: ct * x

    @defn
    def f(x, y):
        return wrong(x) * y

    with pytest.raises(dn.DefnAssertionError) as caught:
        dn.check(f, 3.0, 2.0)
    text = str(caught.value)
    assert "f: gradient and finite differences differ in `args[0]` by 0.5" in text
    assert "gradient, finite differences  args[1]" in text


def test_what_has_no_gradient_is_told(monkeypatch):
    def refusing(function, argnums):
        raise dn.DefnTypeError("it has no gradient")

    assert "not finite" in str(dn.check(lambda x: np.log(x), -1.0))
    monkeypatch.setattr(checking, "grad", refusing)
    report = dn.check(lambda x: x * 2.0, 3.0)
    assert report.is_good
    assert "it has no gradient" in str(report)


def test_what_is_compared_and_how():
    assert checking._difference(V, V[:2], True) == np.inf
    assert checking._difference(V, V.astype(np.float32), True) == np.inf
    assert checking._difference(V, V.astype(np.float32), False) == 0.0
    assert (
        checking._difference(np.array([np.nan, 1.0]), np.array([np.nan, 1.0]), True)
        == 0
    )
    assert checking._difference(np.array([np.nan]), np.array([1.0]), True) == np.inf
    assert checking._difference(np.array([np.inf]), np.array([-np.inf]), True) == np.inf
    assert checking._difference(V, V * 1.5, False) == 0.5 * 3 / 4.5
    assert checking._difference("a", "a", True) == 0.0
    assert checking._difference(None, 0, True) == np.inf
