"""How programs are made: captures, guards, transforms, loops, sources."""

import linecache
import textwrap

import numpy as np
import pytest
from interpreted import assert_same, program_of, run, type_of

import defnpy as dn
from defnpy.base import errors, tree
from defnpy.frontend.specialize import ResultSlot, specialize
from defnpy.frontend.target import DefnTarget, TransformTarget
from defnpy.ir.types import TensorType

pytestmark = pytest.mark.pure

V = np.array([1.0, 2.0, 3.0])
WEIGHTS = np.array([1.0, 2.0, 3.0])
SCALE = 2.0
CONFIG = {"rate": 0.5, "bias": np.array([1.0, 1.0, 1.0])}


def types(value):
    """Return the types of the arrays of a tree."""
    return tree.map(type_of, value)


def ops(program):
    """Return names of the operations of a program, those of its bodies too."""
    found, stack = [], [program.function]
    while stack:
        for node in stack.pop().nodes():
            found.append(node.op.name)
            stack += [a for a in node.attrs.values() if hasattr(a, "nodes")]
    return found


def test_captured_arrays_are_hidden_arguments():
    def f(x):
        return x * WEIGHTS + WEIGHTS

    program = program_of(f, V)
    assert [c.name for c in program.captures] == ["WEIGHTS"]
    assert program.captures[0].read() is WEIGHTS
    assert len(program.function.params) == 2
    assert_same(run(f, V), f(V))


def test_captured_statics_are_guarded(monkeypatch):
    def f(x):
        return x * SCALE

    program = program_of(f, V)
    assert program.captures == ()
    assert all(guard() for guard in program.guards)
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    assert not all(guard() for guard in program.guards)


def test_captured_trees_are_taken_apart_and_guarded(monkeypatch):
    def f(x):
        return x * CONFIG["rate"] + CONFIG["bias"]

    program = program_of(f, V)
    assert len(program.captures) == 1
    assert program.captures[0].read() is CONFIG["bias"]
    assert_same(run(f, V), f(V))
    monkeypatch.setitem(CONFIG, "bias", np.zeros(3))
    assert all(guard() for guard in program.guards)
    monkeypatch.setitem(CONFIG, "rate", 0.75)
    assert not all(guard() for guard in program.guards)


def test_closure_variables_are_captured_and_guarded():
    rate, offset = 0.5, np.ones(3)

    def f(x):
        return x * rate + offset

    program = program_of(f, V)
    assert [c.name for c in program.captures] == ["offset"]
    assert all(guard() for guard in program.guards)
    rate = 0.25
    assert not all(guard() for guard in program.guards)


def test_functions_it_calls_are_guarded(monkeypatch):
    def f(x):
        return _scaled(x)

    program = program_of(f, V)
    monkeypatch.setitem(globals(), "_scaled", lambda x: x)
    assert not all(guard() for guard in program.guards)


def _scaled(x):
    return x * 2


def test_results_hold_static_leaves():
    def f(x):
        return {"value": x, "name": "f", "size": len(x), "none": None}

    result = program_of(f, V).result
    assert result == {"value": ResultSlot(0), "name": "f", "size": 3, "none": None}


def test_static_parameters_decide_branches():
    def f(x, mode, *, power=2):
        if mode == "double":
            return 2 * x
        return x**power

    assert "cond" not in ops(program_of(f, V, "double"))
    assert_same(run(f, V, "other", power=3), V**3)


def test_arguments_are_parameters_in_the_order_of_their_tree():
    def f(params, x):
        return params["b"] + x @ params["a"]

    params = {"b": np.float32(1), "a": np.ones(3, np.float32)}
    program = specialize(DefnTarget(f), (types(params), types(V)), {})
    shapes = [param.type.shape for param in program.function.params]
    assert shapes == [(3,), (), (3,)]


def test_a_loop_stays_a_loop():
    def f(x):
        total = 0.0
        for i in range(len(x)):
            total += x[i]
        return total

    found = ops(program_of(f, V))
    assert found.count("for") == 1
    assert "check" not in found  # every index is in bounds


def test_a_loop_whose_index_must_be_static_is_expanded():
    def f(x):
        weights = (1.0, 2.0, 3.0)
        total = 0.0
        for i in range(3):
            total += x[i] * weights[i]
        return total

    assert "for" not in ops(program_of(f, V))


@pytest.mark.parametrize("unroll", [2, 4, True])
def test_unrolled_loops_give_the_same(unroll):
    def f(x, n, *, unroll):
        total = 0.0
        for i in dn.range(len(x), unroll=unroll):
            total = total * 0.5 + x[i]
        return total

    x = np.arange(7.0)
    assert_same(run(f, x, 7, unroll=unroll), f(x, 7, unroll=unroll))
    assert ("for" in ops(program_of(f, x, 7, unroll=unroll))) == (unroll is not True)


@pytest.mark.parametrize("n", [0, 1, 5, 8])
def test_unrolling_a_loop_of_run_time_length(n):
    def f(n):
        total = 0
        for i in dn.range(n, unroll=3):
            total = total * 3 + i
            if total > 1000:
                break
        return total

    assert_same(run(f, n), f(n))


def test_dead_names_are_not_carried():
    def f(x):
        total = 0.0
        for i in range(len(x)):
            square = x[i] * x[i]
            total += square
        return total

    program = program_of(f, V)
    (loop,) = [n for n in program.function.nodes() if n.op.name == "for"]
    assert loop.attrs["count"] == 1


def test_carries_are_widened_before_the_loop():
    def f(x):
        total = 0
        for i in range(len(x)):
            total = total + x[i]
        return total

    x = np.arange(3, dtype=np.float32)
    found = run(f, x)
    assert found.dtype == np.float32
    assert found == 3


def test_an_inner_gradient():
    def f(w, x):
        def loss(w):
            return ((x * w - WEIGHTS) ** 2).sum()

        value, slope = dn.value_and_grad(loss)(w)
        return value, slope, dn.grad(loss)(w)

    value, slope, again = run(f, 2.0, V)
    assert value == ((V * 2 - WEIGHTS) ** 2).sum()
    np.testing.assert_allclose(slope, (2 * (V * 2 - WEIGHTS) * V).sum())
    assert slope == again


def test_gradients_have_the_tree_of_the_argument():
    def f(params, x):
        def loss(params, x):
            return (params["w"] * x).sum() + params["b"], {"size": len(x)}

        grads, aux = dn.grad(loss, has_aux=True)(params, x)
        both = dn.grad(lambda p, x: loss(p, x)[0], argnums=(1, 0))(params, x)
        return grads, aux, both

    params = {"w": WEIGHTS, "b": 1.0}
    grads, aux, both = run(f, params, V)
    wanted = {"w": V, "b": np.float64(1.0)}
    assert_same(grads, wanted)
    assert aux == {"size": 3}
    assert_same(both, (WEIGHTS, wanted))


def test_second_derivatives():
    def f(x):
        return dn.grad(dn.grad(lambda x: x**3))(x)

    np.testing.assert_allclose(run(f, 2.0), 12.0)


def test_a_transform_is_a_target():
    def loss(w, x):
        return ((w * x) ** 2).sum()

    target = TransformTarget("value_and_grad", DefnTarget(loss), (("argnums", 1),))
    program = specialize(target, (types(2.0), types(V)), {})
    assert program.function.result_types == (
        TensorType(types(V).dtype),
        TensorType(types(V).dtype, (3,)),
    )


def test_gradient_descent_in_a_loop():
    def f(w, x):
        for _ in range(50):
            w = w - 0.01 * dn.grad(lambda w: ((x * w - WEIGHTS) ** 2).mean())(w)
        return w

    np.testing.assert_allclose(run(f, 0.0, V), 1.0, rtol=0.02)


def test_source_of_executed_text():
    text = textwrap.dedent(
        """
        def f(x):
            total = 0.0
            for v in x:
                total += v
            return total

        g, h = (lambda x: x * 2), (lambda x: x * 3)
        """
    )
    file = "<a cell>"
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    names = {}
    exec(compile(text, file, "exec"), names)
    assert_same(run(names["f"], V), np.float64(6.0))
    assert_same(run(names["g"], V), V * 2)
    assert_same(run(names["h"], V), V * 3)


def test_source_that_cannot_be_found():
    names = {}
    exec("def f(x):\n    return x", names)
    with pytest.raises(errors.DefnSyntaxError, match="source of `f` cannot be found"):
        run(names["f"], V)


def test_numpy_dtypes_by_the_name_of_the_module():
    def f(n):
        return np.sqrt(n), dn.sqrt(n), np.zeros(2), dn.zeros(2), np.mean(n)

    found = [t.dtype.name for t in program_of(f, np.arange(3)).function.result_types]
    assert found == ["f64", "f32", "f64", "f32", "f64"]


def test_weak_numbers_adapt():
    def f(x, a):
        return x * a, a * 2, x * 2.5

    found = program_of(f, np.ones(2, np.float32), 3.0).function.result_types
    assert [str(t) for t in found] == ["f32[2]", "float", "f32[2]"]


def test_a_function_defined_elsewhere_is_inlined():
    @dn.defn
    def inner(x):
        return x + 1

    def f(x):
        return inner(x) * 2

    assert_same(run(f, V), (V + 1) * 2)


def test_only_the_taken_side_runs():
    def f(x, i):
        return x[i] if i < len(x) else -1.0

    assert run(f, V, 1) == 2.0
    assert run(f, V, 7) == -1.0


def test_tests_stop_where_they_are_decided():
    def f(x, i):
        return i < 3 and x[i] > 0, i >= 3 or x[i] > 0, 0 <= i < 3

    assert_same(run(f, V, 7), f(V, 7))
    assert_same(run(f, V, 1), f(V, 1))


def test_containers_are_changed_where_they_were_made():
    def f(x):
        table = {"a": [x]}
        table["b"] = x * 2
        table["a"].append(x + 1)
        stack = [1, 2, 3]
        while stack:
            top = stack.pop()
            table[f"k{top}"] = x * top
        return table

    assert_same(run(f, V), f(V))


def test_recursion_to_a_static_depth():
    def power(x, n):
        return x if n == 0 else power(x, n - 1) * 1.5

    def f(x):
        return power(x, 100)

    np.testing.assert_allclose(run(f, 1.0), 1.5**100)


class Settings:
    def __init__(self):
        self.rate = 0.5
        self.bias = np.ones(3)
        self.activation = np.tanh


SETTINGS = Settings()


def test_attributes_of_objects_are_captured_and_guarded(monkeypatch):
    def f(x):
        return SETTINGS.activation(x * SETTINGS.rate + SETTINGS.bias)

    program = program_of(f, V)
    assert [c.name for c in program.captures] == ["bias"]
    assert program.captures[0].read() is SETTINGS.bias
    assert_same(run(f, V), f(V))
    assert all(guard() for guard in program.guards)
    monkeypatch.setattr(SETTINGS, "rate", 0.25)
    assert not all(guard() for guard in program.guards)
    monkeypatch.setattr(SETTINGS, "rate", 0.5)
    monkeypatch.setattr(SETTINGS, "activation", np.sin)
    assert not all(guard() for guard in program.guards)


def test_arrays_of_another_shape_break_a_guard(monkeypatch):
    def f(x):
        return x * WEIGHTS

    program = program_of(f, V)
    monkeypatch.setitem(globals(), "WEIGHTS", np.zeros(3))
    assert all(guard() for guard in program.guards)
    monkeypatch.setitem(globals(), "WEIGHTS", np.zeros((2, 3)))
    assert not all(guard() for guard in program.guards)


def test_a_long_while_of_static_numbers_is_a_loop():
    def f(x):
        steps = 0
        while steps < 20_000:
            steps += 1
        return x + steps

    assert_same(run(f, 1.0), f(1.0))
