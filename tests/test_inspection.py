"""What a function tells about itself: `lower`, `explain`, `variants`."""

import dataclasses
from typing import Any

import numpy as np
import pytest

import defnpy as dn
from defnpy import defn

pytestmark = pytest.mark.cpu
V = np.array([1.0, 2.0, 3.0])
FACTOR = 2.0
HELD = np.array([1.0, 2.0, 3.0])


@defn
def doubled(x):
    return x * 2 + 1


@defn
def counted(x, n):
    s = 0.0
    for _ in range(n):
        s = s + x.sum()
    return s


def test_cost_counts_a_loop_as_often_as_it_runs():
    @defn
    def rolled(x):
        s = 0.0
        for _ in range(100):
            s = s + (x * x).sum()
        return s

    x = np.ones(10)
    cost = rolled.lower(x).compile().cost
    assert cost["flops"] == 100 * (10 + 10 + 1)
    assert cost["bytes"] == 80 + 8
    once = counted.lower(x, 3).compile().cost  # a bound that is a tensor
    assert 10 < once["flops"] < 20


def test_cost_of_nested_loops_branches_and_products():
    @defn
    def f(a, b):
        s = 0.0
        for i in range(4):
            for j in range(5):
                if a[0, 0] > 0:
                    s = s + i * j
        return (a @ b).sum() + s

    a, b = np.ones((20, 30)), np.ones((30, 40))
    flops = f.lower(a, b).compile().cost["flops"]
    product = 2 * 20 * 30 * 40 + 20 * 40
    assert product < flops < product + 4 * 5 * 10 + 10


def test_memory_tells_temporaries():
    @defn
    def f(x):
        y = dn.cumulative_sum(x)
        return y / y[-1]

    memory = f.lower(np.ones(1000)).compile().memory
    assert memory["arguments"] == memory["results"] == 8000
    assert memory["temporaries"] >= 8000


def test_lowered_shows_in_notebooks():
    lowered = doubled.lower(V)
    assert repr(lowered) == "<lowered doubled(f64[3]) → f64[3]>"
    assert "&lt;" not in lowered._repr_html_()
    assert lowered._repr_html_().startswith("<details open><summary>")
    assert f"```\n{lowered.ir}\n```" in lowered._repr_markdown_()
    compiled = lowered.compile()
    assert "for i" in compiled._repr_html_()
    assert "flops" in repr(compiled)
    assert "define" in compiled._repr_markdown_()
    named = defn(lambda x: x).lower(V)
    assert "&lt;lambda&gt;" in named._repr_html_()


def test_explain_tells_what_was_fused():
    @defn
    def f(x, w):
        y = np.exp(x) * w
        return (y - 1.0).sum()

    text = f.explain(V, 2.0)
    assert "x: f64[3], w: float" in text
    assert "it is the first call" in text
    (loop,) = [line for line in text.splitlines() if line.startswith("loop")]
    assert loop.startswith("loop of 3: exp, multiply, subtract, sum → f64[]")
    assert "4 operations in one pass" in loop
    assert "in parallel      nothing" in text


def test_explain_tells_what_runs_in_parallel_and_row_by_row():
    @defn
    def f(x):
        y = np.exp(x - np.max(x, axis=1, keepdims=True))
        return y / y.sum(axis=1, keepdims=True)

    small, large = f.explain(np.ones((3, 4))), f.explain(np.ones((2000, 1000)))
    assert "in parallel" in large and "row by row" in large
    assert "in parallel      nothing" in small


def test_explain_names_lines():
    @defn
    def f(x):
        y = np.exp(x)
        z = y.sum()
        return z * y

    first = f.python.__self__._function.__code__.co_firstlineno
    text = f.explain(V)
    assert f"(lines {first + 2}-{first + 3})" in text
    assert f"(line {first + 4})" in text


def test_explain_names_products():
    @defn
    def f(a, b, c):
        return a @ b, c @ c

    a, c = np.ones((64, 64)), np.ones((2, 2))
    text = f.explain(a, a, c)
    assert "by gemm 64×64 · 64×64" in text
    assert "product f64[2,2] · f64[2,2] → f64[2,2] by loops" in text


def test_explain_tells_stores_in_place_from_copies():
    @defn
    def in_place(n):
        x = np.zeros(100)
        for i in range(n):
            x[i] = i * 2.0
        return x

    @defn
    def copied(x):
        y = x.copy()
        y[0] = 1.0
        return x, y

    text = in_place.explain(5)
    assert "for loop, as often as run-time bounds say, carrying f64[100] in place" in (
        text
    )
    assert "dynamic_update in place" in text
    assert "dynamic_update into a copy of f64[100]" in copied.explain(np.ones(100))


def test_explain_follows_branches_and_gradients():
    @defn
    def f(x):
        s = 0.0
        for i in range(3):
            if x[i] > 0:
                s = (s + x[i]) ** 3
        return s

    text = dn.grad(f).explain(V)
    assert "for loop, 3 times" in text
    assert "branch" in text and "then, backward:" in text
    assert "for the gradient" in text
    assert ", backward)" in text


def test_explain_tells_where_the_machine_code_came_from(tmp_path, monkeypatch):
    monkeypatch.setattr(dn.config, "cache_dir", str(tmp_path))

    def source(x):
        return x * 3 + x

    assert "compiled in this process" in defn(source).explain(V)
    assert "found on disk" in defn(source).explain(V)


def test_variants_say_why_they_exist():
    @defn
    def f(x, params, *, axis=0):
        return x.sum(axis=axis) * params["w"]

    f(V, {"w": 1.0})
    f(V, {"w": 2.0})
    f(V[:2], {"w": 2.0})
    f(V, {"w": V})
    f(np.ones((2, 2)), {"w": 2.0}, axis=1)
    found = f.variants()
    assert [each.why for each in found] == [
        "it is the first call",
        "`x` is f64[n0], not f64[3], as its sizes vary",
        "`params['w']` is f64[3], not float",
        "`x` is f64[2,2], not f64[3], `axis` is new",
    ]
    assert found[0].signature == "x: f64[3], params['w']: float"
    assert found[3].signature.endswith("axis: 1")
    assert [each.compilations for each in found] == [1, 1, 1, 1]


@dn.tree.register_dataclass(static=("power",))
@dataclasses.dataclass
class Term:
    factor: Any
    power: int


def test_variants_tell_static_fields_and_structure():
    f = defn(lambda terms: terms[0].factor ** terms[0].power)
    f([Term(V, 1)])
    f([Term(V, 2)])
    f((Term(V, 2),))
    whys = [each.why for each in f.variants()]
    assert whys[1] == "`terms[0].power` is 2, not 1"
    assert whys[2] == "an argument is built of other containers"
    assert f.variants()[1].signature.endswith("terms[0].power: 2")


def test_variants_tell_changed_settings(monkeypatch):
    @defn
    def f(x):
        return dn.zeros(3) + x

    f(1.0)
    monkeypatch.setattr(dn.config, "default_float", "f64")
    f(1.0)
    assert f.variants()[1].why == "`config.default_float` is 'f64', not 'f32'"


def test_variants_tell_changed_captures(monkeypatch):
    @defn
    def f(x):
        return x * FACTOR + HELD

    f(V)
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    f(V)
    monkeypatch.setitem(globals(), "HELD", np.ones(3, np.float32))
    assert "`HELD` it captures changed" in f.explain(V)
    (only,) = f.variants()
    assert only.compilations == 3
    assert only.why == (
        "it is the first call; then `FACTOR` it captures changed; "
        "then `HELD` it captures changed"
    )


def test_variants_of_transforms_and_of_functions_never_called():
    assert doubled.__class__(doubled.__defnpy_target__.function, ()).variants() == []
    grad = dn.grad(lambda x, *rest: (x**2).sum() + rest[0])
    grad(V, 1.0)
    assert grad.variants()[0].signature == "x: f64[3], rest[0]: float"
