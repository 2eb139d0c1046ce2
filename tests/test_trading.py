"""Arrays that trade places in a loop are not copied."""

from typing import Any

import numpy as np
import pytest
from arranging import arranged, found

from defnpy.ir import kernel as k
from defnpy.ir.statements import blocks, walk

pytestmark = pytest.mark.pure
RNG = np.random.default_rng(0)
U = RNG.random(7)


def copies_inside(kernel: k.Kernel) -> int:
    """Count copies inside of loops."""
    loops = [s for s in walk(kernel.body) if isinstance(s, k.Loop | k.While)]
    inside = {s for loop in loops for block in blocks(loop) for s in walk(block)}
    return sum(isinstance(s, k.Copy) for s in inside)


def swapped(u: Any, n: Any) -> Any:
    old, new = u.copy(), np.ones_like(u)
    for m in range(n):
        for i in range(1, len(u) - 1):
            new[i] = old[i - 1] + old[i + 1] * m
        old, new = new, old
    return old, new


def counting_down(u: Any, n: Any) -> Any:
    old, new = u.copy(), np.ones_like(u)
    for m in range(n, -3, -1):
        new[1:] = old[:-1] - m
        old, new = new, old
    return old


def wave(u: Any, n: Any) -> Any:
    before, now, after = u.copy(), u * 1.1, np.zeros_like(u)
    for _ in range(n):
        for i in range(1, len(u) - 1):
            after[i] = 2 * now[i] - before[i] + 0.1 * (now[i - 1] + now[i + 1])
        before, now, after = now, after, before
    return before, now


def leapfrog(u: Any, n: Any) -> Any:
    before, now, total = u.copy(), u * 1.1, 0.0
    for _ in range(n):
        before, now = now, 2 * now - before
        total = total + now[0]
    return before, now, total


def until_settled(u: Any, least: Any) -> Any:
    old, new, change, steps = u.copy(), u.copy(), 1.0, 0
    while change > least:
        for i in range(1, len(u) - 1):
            new[i] = (old[i - 1] + old[i + 1]) / 2
        change = np.max(np.abs(new - old))
        old, new = new, old
        steps += 1
    return old, new, steps


@pytest.mark.parametrize("n", [0, 1, 2, 3, 8])
@pytest.mark.parametrize("f", [swapped, counting_down, leapfrog])
def test_counts_known_when_it_runs(f: Any, n: int) -> None:
    assert copies_inside(arranged(f, U, n)) == 0


@pytest.mark.parametrize("n", [1, 2, 3, 8])
@pytest.mark.parametrize("f", [swapped, wave, leapfrog])
def test_counts_known_when_it_is_compiled(f: Any, n: int) -> None:
    def fixed(u: Any) -> Any:
        return f(u, n)

    kernel = arranged(fixed, U)
    assert copies_inside(kernel) == 0
    largest = [s.buffer for s in found(kernel, k.Alloc) if s.buffer.size == len(U)]
    assert len(largest) <= 2


@pytest.mark.parametrize("least", [2.0, 0.5, 0.2, 0.1, 0.05])
def test_loops_that_end_by_a_condition(least: float) -> None:
    assert copies_inside(arranged(until_settled, U, least)) == 0


def twice(u: Any) -> Any:
    a, b = u.copy(), u * 2
    for _ in range(3):
        a, b = b, b
    return a, b


def handed_on(u: Any) -> Any:
    a, b, c, d, e = u.copy(), u * 2, u * 3, u * 4, u * 5
    for _ in range(7):
        a, b, c, d, e = b, c, d, e, a
    return a, b, c, d, e


@pytest.mark.parametrize("f", [twice, handed_on])
def test_other_trades_are_copied(f: Any) -> None:
    assert copies_inside(arranged(f, U)) > 0


def rotated(u: Any, n: Any) -> Any:
    a, b, c = u.copy(), u * 2, u * 3
    for i in range(n):
        a, b, c = b, c, a
        a[0] += i
    return a, b, c


def rotated_while(u: Any, n: Any) -> Any:
    a, b, c, i = u.copy(), u * 2, u * 3, 0
    while i < n:
        a, b, c = b, c, a
        a[0] += i
        i += 1
    return a, b, c


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("f", [rotated, rotated_while])
def test_rotations_of_a_length_known_when_it_runs(f: Any, n: int) -> None:
    arranged(f, U, n)


def nested(u: Any) -> Any:
    a, b = u.copy(), u * 2
    for _ in range(2):
        for _ in range(3):
            a, b = b, a + b * 0.5
        b = b + a
    return a, b


def nested_rotation(u: Any) -> Any:
    a, b, c = u.copy(), u * 2, u * 3
    for _ in range(3):
        for i in range(5):
            a, b, c = b, c, a
            a[0] += i * b[1]
        b = b + c
    return a, b, c


@pytest.mark.parametrize("f", [nested, nested_rotation])
def test_trades_inside_of_a_loop_that_carries_on(f: Any) -> None:
    arranged(f, U)
