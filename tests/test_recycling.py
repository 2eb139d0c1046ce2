"""Memory of results and temporaries is used again, and never while it is seen."""

import gc
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import defnpy as dn
from defnpy import defn
from defnpy.backends.cpu import recycling
from defnpy.backends.cpu.recycling import LEAST

pytestmark = pytest.mark.cpu
COUNT = 500_000
BYTES = 4 * COUNT
X = np.arange(COUNT, dtype=np.float32)


@defn
def twice(x):
    return x * 2


@defn
def adam(params, state, grads):
    m = {k: 0.9 * state[0][k] + 0.1 * grads[k] for k in grads}
    v = {k: 0.99 * state[1][k] + 0.01 * grads[k] ** 2 for k in grads}
    moved = {k: params[k] - 0.01 * m[k] / (dn.sqrt(v[k]) + 1e-8) for k in params}
    return moved, (m, v)


@defn
def sorted_rows(x):
    return dn.sum(dn.sort(x * 2.0) * dn.sort(x + 1.0))


@pytest.fixture(autouse=True)
def nothing_spare():
    limit = dn.config.spare_memory
    gc.collect()
    dn.cache.release()
    yield
    dn.config.spare_memory = limit


def live() -> int:
    return recycling.recycling().live()


def test_a_dropped_result_gives_its_memory_to_the_next():
    first = twice(X)
    place = first.ctypes.data
    del first
    assert recycling.held() >= BYTES
    second = twice(X + 1)
    assert second.ctypes.data == place and recycling.held() == 0
    np.testing.assert_array_equal(second, (X + 1) * 2)


def test_results_are_plain_arrays():
    for made in (twice(X), twice(X[::2])):  # by the builtin function, and not
        assert type(made) is np.ndarray and made.base is None
        assert made.flags.owndata and made.flags.writeable and made.flags.aligned
        assert made.ctypes.data % 64 == 0


@pytest.mark.parametrize(
    "seen",
    [
        lambda a: a[5:10],
        lambda a: a.reshape(-1, 2).T,
        lambda a: memoryview(a),
        lambda a: np.from_dlpack(a),
        lambda a: np.lib.stride_tricks.as_strided(a, (3,), (4,)),
        lambda a: a.view(np.int32).view(np.float32),
    ],
)
def test_memory_that_a_view_refers_to_is_left_alone(seen):
    result = twice(X)
    view = seen(result)
    before = np.array(view)
    del result
    for k in range(3):
        twice(X + k)
    np.testing.assert_array_equal(np.array(view), before)


def test_a_result_may_be_resized():
    result = twice(X)
    result.resize(3 * COUNT)
    np.testing.assert_array_equal(result[:COUNT], X * 2)
    assert not result[COUNT:].any()
    result.resize(10)
    np.testing.assert_array_equal(result, X[:10] * 2)


def test_arrays_of_others_are_made_as_before():
    twice(X)
    held = recycling.held()
    other = np.empty(COUNT, np.float32)
    assert recycling.held() == held
    del other
    assert recycling.held() == held


def test_training_holds_what_the_caller_holds_and_no_more():
    names = ("a", "b", "c")
    params = {k: twice(X) for k in names}
    state = ({k: twice(X * 0) for k in names}, {k: twice(X * 0) for k in names})
    dn.cache.release()
    held = live()  # parameters and state, as the caller holds them
    assert held >= 9 * BYTES
    grads = {k: X for k in names}
    recycling.recycling().peak()
    for _ in range(5):
        params, state = adam(params, state, grads)
    # What is assigned exists beside what it replaces, and nothing else does.
    assert recycling.recycling().peak() <= 2 * held * 1.01
    del params, state
    assert live() == recycling.held()


def test_temporaries_are_kept_between_calls():
    sorted_rows(X)
    made = live()
    assert made == recycling.held() >= BYTES
    recycling.recycling().peak()
    for _ in range(3):
        sorted_rows(X)
    assert recycling.recycling().peak() == made


def test_no_more_is_kept_than_the_setting_says():
    dn.config.spare_memory = 5
    results = [twice(X) for _ in range(8)]
    results.clear()
    assert 0 < recycling.held() <= 5 << 20
    dn.config.spare_memory = 0
    assert recycling.held() == live() == 0
    twice(X)
    assert recycling.held() == 0


def test_what_is_kept_can_be_given_back():
    twice(X)
    assert dn.cache.release() >= BYTES
    assert recycling.held() == live() == 0


def test_small_results_are_left_to_numpy():
    twice(np.ones(LEAST // 4 - 64, np.float32))
    assert recycling.held() == 0


def test_spare_memory_hardly_larger_than_asked_for_is_taken():
    twice(X)
    twice(X[: COUNT // 2].copy())  # too small for it: half would lie idle
    assert live() > BYTES * 1.4


def test_threads_share_what_is_spare():
    wrong: list[float] = []

    def work(seed: int) -> None:
        for k in range(60):
            result = twice(X[: COUNT - 999 * (k % 7)] + seed)
            if result[-1] != result[0] + 2 * (len(result) - 1):
                wrong.append(result[-1])

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert live() == recycling.held() <= dn.config.spare_memory << 20


def test_a_fault_leaves_nothing_behind():
    @defn
    def reached(x, i):
        return (x * 2)[i], x + 1

    reached(X, 3)
    dn.cache.release()
    for _ in range(4):
        with pytest.raises(IndexError):
            reached(X, COUNT)
    assert live() == recycling.held()


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_results_may_outlive_everything_else(tmp_path):
    """Arrays that modules hold die when the interpreter does, in any order."""
    program = tmp_path / "kept.py"
    program.write_text(
        "import atexit, sys, threading\nimport numpy as np\nimport defnpy as dn\n"
        "f = dn.defn(lambda x: x * 2)\n"
        "sys.kept = f(np.ones(500_000)); np.kept = f(np.ones(500_000))\n"
        "kept = [f(np.ones(500_000)), lambda: kept]\n"
        "atexit.register(lambda: print(f(np.ones(500_000))[0]))\n"
    )
    done = run(
        f"exec(compile(open({str(program)!r}).read(), {str(program)!r}, 'exec'))"
    )
    assert (done.returncode, done.stdout.strip()) == (0, "2.0"), done.stderr


def test_a_device_that_is_not_there_is_refused_in_the_environment():
    done = run("import defnpy", DEFNPY_DEVICE="cuda")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        "DEFNPY_DEVICE must be 'cpu', as functions do not run on CUDA yet, not 'cuda'"
    )
