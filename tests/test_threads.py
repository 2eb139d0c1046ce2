"""Parallel loops: the same bits for any number of threads, whoever calls."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import defnpy as dn
from defnpy import defn

pytestmark = pytest.mark.cpu
RNG = np.random.default_rng(0)
LONG = RNG.standard_normal(300_001).astype(np.float32)
EVEN = LONG[: 4096 * 64 + 192]  # all pieces of a loop fill whole vectors
WIDE = RNG.standard_normal((257, 1100))


@defn
def elementwise(x):
    return dn.tanh(dn.exp(-x * x) + dn.sin(x)) * x, x > 0.5


@defn
def softmax(x):
    e = dn.exp(x - dn.max(x, axis=-1, keepdims=True))
    return e / dn.sum(e, axis=-1, keepdims=True)


@defn
def reductions(x):
    return dn.sum(dn.exp(x), 1), dn.argmax(x * x, 1), dn.max(x, 1)


@defn
def totals(x):
    return dn.sum(dn.exp(x)), dn.max(x), dn.mean(x * x)


@defn
def adam(p, m, v, g):
    for _ in range(3):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        p = p - 0.01 * m / (dn.sqrt(v) + 1e-8)
    return p, m, v


@defn
def moved(x):
    return dn.exp(x.T[::-1]) + dn.sin(x[:1, :1])


@defn
def by_rows(x):
    y = np.zeros_like(x)
    for i in range(len(x)):
        scale = 1.0 if i % 3 == 0 else i * 0.5
        y[i] = dn.exp(-x[i] * x[i]) * scale
        if i > 100:
            y[i, 0] = i
    return y


@defn
def roots(a):
    x = a.copy()
    for i in range(len(a)):
        r = a[i]
        while abs(r * r - a[i]) > 1e-12 * a[i]:
            r = 0.5 * (r + a[i] / r)
        x[i] = r
    return x


CALLS = [
    (elementwise, (LONG,)),
    (elementwise, (EVEN,)),
    (softmax, (WIDE,)),
    (softmax, (WIDE.astype(np.float32),)),
    (reductions, (WIDE,)),
    (adam, (LONG, LONG * 0.5, LONG**2, LONG[::-1].copy())),
    (moved, (WIDE,)),
    (totals, (LONG,)),
    (by_rows, (WIDE,)),
]
each_call = pytest.mark.parametrize(("f", "args"), CALLS)


@pytest.fixture(autouse=True)
def restored():
    yield
    dn.config.threads = 0


def bits(value):
    return [np.asarray(leaf).tobytes() for leaf in dn.tree.leaves(value)]


@each_call
def test_loops_are_parallel_and_agree_with_the_evaluator(f, args):
    assert "defnpy_parallel" in f.lower(*args).compile().llvm
    for found, wanted in zip(
        dn.tree.leaves(f(*args)), dn.tree.leaves(f.evaluate(*args)), strict=True
    ):
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=1e-6)


@each_call
def test_the_bits_do_not_depend_on_the_number_of_threads(f, args):
    dn.config.threads = 1
    wanted = bits(f(*args))
    for count in (2, 8, 3, 1):
        dn.config.threads = count
        for _ in range(5):
            assert bits(f(*args)) == wanted


def test_turns_in_lanes_are_shared_too():
    a = RNG.uniform(0.5, 9, 100_003)
    assert "defnpy_parallel" in roots.lower(a).compile().llvm
    for dn.config.threads in (1, 2, 5):
        np.testing.assert_allclose(roots(a), np.sqrt(a), rtol=1e-11)


def test_many_callers_at_once():
    dn.config.threads = 4
    wanted = [bits(f(*args)) for f, args in CALLS]
    start = threading.Barrier(16)

    def work(k):
        start.wait()
        turned = CALLS[k % 3 :] + CALLS[: k % 3]
        return [bits(f(*args)) for f, args in turned]

    with ThreadPoolExecutor(16) as pool:
        for found in pool.map(work, range(16)):
            assert sorted(found) == sorted(wanted)


def test_a_child_made_by_fork_has_threads_of_its_own():
    dn.config.threads = 4
    wanted = bits(elementwise(LONG))
    for _ in range(3):
        child = os.fork()
        if child == 0:
            good = all(bits(elementwise(LONG)) == wanted for _ in range(3))
            os._exit(0 if good else 1)
        assert os.waitpid(child, 0)[1] == 0
    assert bits(elementwise(LONG)) == wanted


def test_small_loops_stay_on_one_thread():
    assert "defnpy_parallel" not in elementwise.lower(LONG[:100]).compile().llvm


def test_pieces_that_fill_vectors_leave_no_turns_over():
    odd, even = (len(elementwise.lower(x).compile().asm) for x in (LONG, EVEN))
    assert even < 0.8 * odd
    for found, wanted in zip(elementwise(EVEN), elementwise(LONG), strict=True):
        np.testing.assert_array_equal(found, wanted[: len(EVEN)])
