"""`check_nan`: the line, the operation and the iteration that made the first NaN."""

import inspect

import numpy as np
import pytest
from programs import CASES

import defnpy as dn
from defnpy import defn
from defnpy.base.flags import Flags

pytestmark = pytest.mark.cpu
V = np.array([1.0, -1.0, 4.0])


def failure(function, *args):
    """Return the error of compiled and evaluated runs, which are the same."""
    found = []
    for way in (function, function.evaluate):
        with pytest.raises(dn.DefnFloatingPointError) as caught:
            way(*args)
        assert isinstance(caught.value, FloatingPointError)
        found.append(str(caught.value))
    assert found[0] == found[1]
    return caught.value


def line_of(function, text):
    """Return the number of the line of `function` that holds `text`."""
    lines, first = inspect.getsourcelines(function)
    return first + next(k for k, line in enumerate(lines) if text in line)


def test_it_names_the_line_the_operation_and_its_operands():
    def f(x, y):
        z = x * 2.0
        return z / y + 1.0

    error = failure(defn(f, check_nan=True), 0.0, 0.0)
    assert error.message == "`divide` of 0.0 and 0.0 made the first NaN"
    assert error.span.line == line_of(f, "z / y")
    assert error.span.text[0][error.span.column : error.span.end_column] == "z / y"


def test_of_several_it_names_the_first():
    def f(x):
        a = np.sqrt(x)
        b = np.log(x)
        return (b + a).sum()

    error = failure(defn(f, check_nan=True), V)
    assert error.message == "`sqrt` made the first NaN"
    assert error.span.line == line_of(f, "sqrt")


def test_it_names_the_iteration():
    def counted(x):
        s = 0.0
        for i in range(1, 3):
            s = s + np.log(x[i] + 0.5)
        return s

    def nested(x):
        k = 0.0
        while x > -3.0:
            for j in range(3):
                x = x - 1.0
                if j == 2:
                    k = k + np.sqrt(x)
        return k

    error = failure(defn(counted, check_nan=True), V)
    assert error.message == "`log` of -0.5 made the first NaN, in iteration 1"
    error = failure(defn(nested, check_nan=True), 5.0)
    assert error.message == (
        "`sqrt` of -1.0 made the first NaN, in iterations 1, 2 of the loops around,"
        " outermost first"
    )
    assert error.span.line == line_of(nested, "sqrt")


@pytest.mark.parametrize(
    ("function", "args", "operation"),
    [
        (lambda x: x.sum(), (np.array([np.inf, -np.inf]),), "sum"),
        (lambda x: x @ x, (np.array([np.inf, 0.0]) * V[:2],), None),
        (lambda x, y: x @ y, (np.array([np.inf]), np.array([0.0])), "dot"),
        (lambda x: np.prod(x), (np.array([np.inf, 0.0]),), "prod"),
        (lambda x: x % 0.0, (2.0,), "remainder"),
        (lambda x: x**0.3, (-2.0,), "power"),
        (lambda x: np.arccos(x), (V * 2,), "acos"),
        (lambda x: x - x, (np.array([1.0, np.inf]),), "subtract"),
        (lambda x: x * 0, (np.array([np.inf], np.float32),), "multiply"),
        (lambda x: x / x, (np.array([1 + 1j, 0j]),), "divide"),
    ],
)
def test_every_kind_of_operation(function, args, operation):
    checked = defn(function, check_nan=True)
    if operation is None:
        assert np.isinf(checked(*args))
        return
    assert f"`{operation}`" in failure(checked, *args).message


def test_stores_that_add():
    def f(x, i):
        x = x.copy()
        x = dn.indexed_add(x, i, np.array([-np.inf, 1.0, 1.0]))
        return x

    error = failure(
        defn(f, check_nan=True), np.array([np.inf, 0.0]), np.array([0, 1, 1])
    )
    assert "made the first NaN" in error.message


def test_nans_among_the_arguments_are_nobodys():
    @defn(check_nan=True)
    def f(x):
        y = np.exp(x) * 2.0
        return y.sum(), y @ y, np.sort(y)

    total, product, _ = f(np.array([1.0, np.nan]))
    assert np.isnan(total) and np.isnan(product)


def test_what_is_not_chosen_may_be_nan():
    @defn(check_nan=True)
    def chosen(x):
        return np.where(x > 0, np.log(x) * 2.0, 0.0).sum()

    @defn(check_nan=True)
    def other(x):
        return np.where(x > 2, 0.0, np.log(x)).sum()

    @defn(check_nan=True)
    def scalar(x, y):
        return np.where(x > 0, np.sqrt(y), x).sum()

    @defn(check_nan=True)
    def cleaned(x):
        y = np.log(x)
        finite = np.where(np.isfinite(y), y, 7.0)
        return np.where(np.isnan(y), 0.0, y) + finite

    assert chosen(V) == np.log(4.0) * 2.0
    np.testing.assert_array_equal(dn.grad(chosen)(V), [2.0, 0.0, 0.5])
    assert "`log` made the first NaN" in failure(other, V).message
    assert scalar(-V[:1], -1.0) == -1.0
    assert "`sqrt`" in failure(scalar, V, -1.0).message
    assert cleaned(-2.0) == 7.0


def test_branches_not_taken_are_not_looked_at():
    @defn(check_nan=True)
    def f(x):
        if x > 0:
            return np.log(x)
        return x

    assert f(-1.0) == -1.0


def test_gradients_are_looked_at_too():
    def looped(x):
        s = 0.0
        for i in range(3):
            s = s + np.sqrt(x[i]) / x[i]  # for tiny x the gradient is inf - inf
        return s

    def stopped(x):
        n, s = 0, 0.0
        while n < 2:
            s = s + np.sqrt(x) / x
            x = x * 1e-320
            n = n + 1
        return s

    x = np.array([1.0, 1e-320, 4.0])
    for function, args, text in (
        (looped, (x,), "in iteration 1"),
        (stopped, (1.0,), "in iteration 1"),
    ):
        assert np.isfinite(defn(function, check_nan=True)(*args))
        error = failure(dn.grad(defn(function, check_nan=True)), *args)
        assert error.message.startswith("the gradient of this made the first NaN, in `")
        assert error.message.endswith(text)
        assert error.span.backward
        assert error.span.line == line_of(function, "sqrt")
    assert np.isfinite(dn.grad(defn(looped, check_nan=True))(x + 1.0)).all()


def test_a_nan_comes_before_what_it_makes_fail():
    @defn(check_nan=True)
    def f(x):
        y = np.log(x)
        assert y < 10
        return y

    assert "`log`" in failure(f, -1.0).message


def test_functions_called_are_looked_at():
    @defn(check_nan=True)
    def inner(x):
        return np.log(x)

    @defn
    def outer(x):
        return inner(x) + dn.softmax(np.array([1.0, 2.0])).sum()

    assert "`log`" in failure(outer, -1.0).message


def test_the_setting(monkeypatch):
    @defn
    def f(x):
        return np.log(x)

    assert np.isnan(f(-1.0))
    monkeypatch.setattr(dn.config, "check_nan", True)
    failure(f, -1.0)
    assert f.variants()[1].why == "`config.check_nan` is True, not False"
    monkeypatch.setattr(dn.config, "check_nan", False)
    assert np.isnan(f(-1.0))
    monkeypatch.setenv("DEFNPY_CHECK_NAN", "1")
    assert Flags.from_environment().check_nan
    with pytest.raises(dn.DefnValueError, match="True or False"):
        dn.config.check_nan = "yes"


def test_without_it_a_kernel_has_no_checks():
    def f(x):
        return np.log(x / 2.0)

    assert "raise" not in defn(f).lower(V).compile().kernels
    assert "raise" in defn(f, check_nan=True).lower(V).compile().kernels


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_changes_no_result(case):
    plain, checked = defn(case.function), defn(case.function, check_nan=True)
    wanted = dn.tree.leaves(plain.evaluate(*case.args))
    found = dn.tree.leaves(checked.evaluate(*case.args))
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, strict=True)
