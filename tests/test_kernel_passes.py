"""Kernels that are arranged mean what they meant, and have the form we want."""

from typing import Any

import numpy as np
import pytest
from arranging import arranged, found, innermost

from defnpy.ir import kernel as k
from defnpy.ir.statements import walk
from defnpy.ops.leaf import scalar_of
from defnpy.passes.kernel import delay, sharing

pytestmark = pytest.mark.pure
RNG = np.random.default_rng(0)


def floyd_warshall(d: Any) -> Any:
    d = d.copy()
    for m in range(len(d)):
        for i in range(len(d)):
            through = d[i, m]
            for j in range(len(d)):
                d[i, j] = min(d[i, j], through + d[m, j])
    return d


def running(d: Any) -> Any:
    d = d.copy()
    for i in range(1, len(d)):
        for j in range(1, d.shape[1]):
            d[i, j] = d[i, j] + 0.5 * d[i, j - 1] - 0.25 * d[i - 1, j]
    return d


def reversed_rows(d: Any) -> Any:
    e = np.zeros_like(d)
    for i in range(len(d)):
        for j in range(d.shape[1]):
            e[len(d) - 1 - i, 2 * j // 4] = d[i, j]
    return e


D = RNG.uniform(1, 9, (7, 7))


def test_turns_that_keep_to_their_own_column_are_independent() -> None:
    kernel = arranged(floyd_warshall, D)
    (inner,) = innermost(kernel)
    assert inner.independent
    assert not any(each.independent for each in found(kernel, k.Loop) if each != inner)


def test_turns_that_read_what_others_write_are_not_independent() -> None:
    assert not any(each.independent for each in found(arranged(running, D), k.Loop))


def test_only_an_index_that_is_another_in_each_turn_tells_turns_apart() -> None:
    *_, outer, inner = found(arranged(reversed_rows, D), k.Loop)
    assert outer.independent and not inner.independent


@pytest.fixture
def rows_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delay, "LEAST", 0)
    monkeypatch.setattr(delay, "ROW", 0)


def heat(u: Any) -> Any:
    for _ in range(3):
        around = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]
        new = u.copy()
        new[1:-1, 1:-1] = u[1:-1, 1:-1] + 0.1 * (around - 4 * u[1:-1, 1:-1])
        u = new
    return u


def heat_loops(u: Any) -> Any:
    for _ in range(3):
        new = u.copy()
        for i in range(1, u.shape[0] - 1):
            for j in range(1, u.shape[1] - 1):
                around = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]
                new[i, j] = u[i, j] + 0.1 * (around - 4 * u[i, j])
        u = new
    return u


def life(u: Any) -> Any:
    for _ in range(3):
        new = np.zeros_like(u)
        for i in range(1, u.shape[0] - 1):
            for j in range(1, u.shape[1] - 1):
                near = np.sum(u[i - 1 : i + 2, j - 1 : j + 2]) - u[i, j]
                if near == 3 or (near == 2 and u[i, j] == 1):
                    new[i, j] = 1
        u = new
    return u


def falling(u: Any) -> Any:
    k = 0
    while k < 4:
        new = np.zeros_like(u)
        for i in range(2, len(u)):
            new[i] = u[i - 2] + 1
        for i in range(1, len(u) - 1):
            new[i] = 2 * new[i] - u[i + 1]
        u = new
        k += 1
    return u


def layers(u: Any) -> Any:
    for _ in range(2):
        new = u.copy()
        new[:-3] = u[3:] + u[:-3]
        u = new * 2
    return u


U = RNG.integers(0, 2, (9, 6)).astype(float)


@pytest.mark.parametrize(
    ("f", "u", "rows"),
    [
        (heat, U, 2),
        (heat_loops, U, 2),
        (life, U, 2),
        (falling, U, 4),
        (layers, np.stack([U] * 2, 2), 1),
    ],
)
@pytest.mark.usefixtures("rows_of_any_size")
def test_new_values_need_a_few_rows_only(f: Any, u: np.ndarray, rows: int) -> None:
    kernel = arranged(f, u)
    made = [each.buffer.shape for each in found(kernel, k.Alloc) if each.buffer.shape]
    assert made[0][0] == rows and len(u) not in {shape[0] for shape in made}
    assert len(list(found(kernel, k.Copy))) == 1  # of the argument, once


def upside_down(u: Any) -> Any:
    for _ in range(3):
        u = u[::-1] + u
    return u


def from_the_first(u: Any) -> Any:
    for _ in range(3):
        new = u.copy()
        for i in range(len(u)):
            new[i] = u[i] + u[0]
        u = new
    return u


def through_a_row_of_the_new(u: Any) -> Any:
    for _ in range(3):
        new = u.copy()
        for i in range(1, len(u)):
            new[i] = new[i - 1] + u[i]
        u = new
    return u


@pytest.mark.parametrize("f", [upside_down, from_the_first, through_a_row_of_the_new])
@pytest.mark.usefixtures("rows_of_any_size")
def test_other_rows_that_are_needed_keep_the_whole_array(f: Any) -> None:
    kernel = arranged(f, U)
    assert U.shape in [each.buffer.shape for each in found(kernel, k.Alloc)]


@pytest.mark.parametrize("low", [-3, -1, 0, 2])
@pytest.mark.parametrize("high", [-2, 0, 1, 3])
@pytest.mark.parametrize("start", [0, 3])
@pytest.mark.usefixtures("rows_of_any_size")
def test_the_copy_lags_far_enough(low: int, high: int, start: int) -> None:
    first, last = max(start, -low, -high), 11 - max(low, high, 0)

    def shifted(u: Any) -> Any:
        for _ in range(2):
            new = u * 0.5
            for i in range(first, last):
                new[i] = u[i + low] - u[i + high] + u[i]
            u = new
        return u

    kernel = arranged(shifted, RNG.random((11, 3)))
    (alloc,) = found(kernel, k.Alloc)
    assert alloc.buffer.shape == (1 << max(-low, -high, 0).bit_length(), 3)


def clipped(x: Any) -> Any:
    y = np.zeros_like(x)
    count = 0
    last = 0.0
    for i in range(len(x)):
        v = x[i]
        if (v > 0.5 and v < 0.8) or v == 0:
            count += 1
            if count % 2 == 0:
                last = v * 2
            else:
                v = last - v
        elif i > 3:
            v = v + x[i // 2]
        y[i] = v
    return y, count, last


def expensive(x: Any) -> Any:
    total = 0.0
    for i in range(len(x)):
        if x[i] > 0.5:
            total = total + np.exp(np.sin(x[i]))
    return total


def stored(x: Any) -> Any:
    y = x.copy()
    for i in range(len(x)):
        if x[i] > 0.5:
            y[i] = 0
    return y


def outside(x: Any, start: Any) -> Any:
    total = 0.0
    for i in range(len(x)):
        j = i + start
        if j < len(x):
            total = total + x[j]
    return total


X = RNG.random(12)


def test_short_branches_become_choices() -> None:
    assert not list(found(arranged(clipped, X), k.If))


@pytest.mark.parametrize("f", [expensive, stored])
def test_branches_that_are_dear_or_store_elements_stay(f: Any) -> None:
    assert len(list(found(arranged(f, X), k.If))) == 1


def test_what_may_be_outside_is_read_only_where_it_is_asked_for() -> None:
    assert len(list(found(arranged(outside, X, 7), k.If))) == 1


def escapes(xs: Any, ys: Any) -> Any:
    counts = np.zeros((len(ys), len(xs)), dtype=np.int32)
    for i in range(len(ys)):
        for j in range(len(xs)):
            x = y = 0.0
            n = 0
            while n < 9 and x * x + y * y <= 4:
                x, y = x * x - y * y + xs[j], 2 * x * y + ys[i]
                n += 1
            counts[i, j] = n
    return counts


def roots(a: Any) -> Any:
    total = 0.0
    products = np.ones(len(a))
    for i in range(2, len(a)):
        x = a[i] * 2
        steps = i % 2
        while abs(x * x - a[i]) > 1e-9:
            x = 0.5 * (x + a[i] / x)
            steps += 1
        total = total + x * total / 2 + steps
        products[i] = products[i - 1] * x + i
    return total, products


def table_steps(a: Any) -> Any:
    out = np.zeros(len(a), dtype=np.int64)
    for i in range(len(a)):
        at = i
        k = 0
        while a[at % 7] < 0.9 and k < 5:
            at = at + k
            k = k + 1
        out[i] = at
    return out


A = RNG.uniform(0.5, 9, 77)


def has_lanes(kernel: k.Kernel) -> bool:
    return any((32,) == each.buffer.shape for each in found(kernel, k.Alloc))


@pytest.mark.parametrize(
    ("f", "args", "rest"),
    [
        (escapes, (np.linspace(-2, 0.5, 64), np.linspace(-1, 1, 3)), 0),
        (escapes, (np.linspace(-2, 0.5, 65), np.linspace(-1, 1, 2)), 1),
        (roots, (A,), 1),
        (table_steps, (RNG.random(70),), 1),
    ],
)
def test_loops_that_end_at_different_times_run_in_lanes(
    f: Any, args: Any, rest: int
) -> None:
    kernel = arranged(f, *args)
    assert has_lanes(kernel)
    assert sum(bool(each.body) for each in found(kernel, k.While)) == rest


def searched(a: Any) -> Any:
    out = np.zeros(len(a), dtype=np.int64)
    for i in range(len(a)):
        at = i
        while at < len(a) and a[at] < 5:
            at += 1
        out[i] = at
    return out


def chained(a: Any) -> Any:
    x = 1.0
    out = np.zeros(len(a))
    for i in range(len(a)):
        while x < a[i]:
            x = 2 * x
        x = x / 3
        out[i] = x
    return out


def through_memory(a: Any) -> Any:
    out = a.copy()
    for i in range(1, len(a)):
        x = out[i - 1]
        while x < a[i]:
            x = 2 * x
        out[i] = x / 3
    return out


def divided(a: Any) -> Any:
    out = np.zeros(len(a), dtype=np.int64)
    for i in range(len(a)):
        m, n = i, 60
        while n > 0:
            m, n = n, m % n
        out[i] = m
    return out


@pytest.mark.parametrize("f", [searched, chained, through_memory, divided])
def test_turns_that_depend_on_others_or_may_do_harm_are_run_in_turn(f: Any) -> None:
    assert not has_lanes(arranged(f, A))


def shared(kernel: k.Kernel) -> list[k.Loop]:
    return [each for each in found(kernel, k.Loop) if each.parallel]


def test_the_outermost_long_loop_of_independent_turns_is_shared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    args = np.linspace(-2, 0.5, 64), np.linspace(-1, 1, 3)
    assert not shared(arranged(escapes, *args))
    monkeypatch.setattr(sharing, "PARALLEL_WORK", 3000)
    (loop,) = shared(arranged(escapes, *args))
    assert any(isinstance(each, k.While) for each in walk(loop.body))
    assert not shared(arranged(running, D))


def adding_to_new(u: Any) -> Any:
    for _ in range(2):
        new = u.copy()
        for i in range(1, u.shape[0] - 1):
            for j in range(u.shape[1] - 1):
                new[i, j] += u[i + 1, j]
        u = new
    return u


def sometimes(u: Any) -> Any:
    for _ in range(2):
        new = u.copy()
        for i in range(u.shape[0]):
            for j in range(1, u.shape[1] - 1):
                if u[i, j] > 0:
                    new[i, j] = u[i, j - 1] + 2
        u = new
    return u


@pytest.mark.parametrize(
    ("f", "whole"), [(heat_loops, False), (adding_to_new, True), (sometimes, True)]
)
@pytest.mark.usefixtures("rows_of_any_size")
def test_only_what_changed_is_moved(f: Any, whole: bool) -> None:
    sizes = [scalar_of(each.stop) for each in innermost(arranged(f, U))]
    assert (U.shape[1] in sizes) is whole
