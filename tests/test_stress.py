"""Many threads, forks, nested calls and dying interpreters at once."""

import gc
import os
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import defnpy as dn
from defnpy import defn

pytestmark = pytest.mark.cpu
RNG = np.random.default_rng(0)
THREADS = 32
WIDE = RNG.standard_normal((300, 1000)).astype(np.float32)


@defn
def normalized(x):
    e = dn.exp(x - dn.max(x, axis=-1, keepdims=True))
    return {"p": e / dn.sum(e, axis=-1, keepdims=True), "total": dn.sum(e)}


@defn
def nested(x):
    return normalized(x)["p"] @ x.T


def bits(value: Any) -> list[bytes]:
    return [np.asarray(leaf).tobytes() for leaf in dn.tree.leaves(value)]


def in_threads(work: Any, count: int = THREADS) -> list[Any]:
    """Return what each of many threads makes, all let go at once."""
    barrier = threading.Barrier(count)

    def waited(k: int) -> Any:
        barrier.wait()
        return work(k)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(waited, range(count)))


def test_one_function_from_many_threads() -> None:
    wanted = bits(normalized(WIDE))
    assert all(
        made == wanted
        for all_made in in_threads(lambda _: [bits(normalized(WIDE)) for _ in range(2)])
        for made in all_made
    )


def test_many_functions_while_others_compile() -> None:
    def fresh(k: int) -> Any:
        return defn(lambda x: dn.sum(x * k) + k)

    whole = np.arange(1000.0)
    normalized(WIDE)

    def work(k: int) -> bool:
        if k % 4:
            return bool(normalized(WIDE)["total"] > 0)
        made = [fresh(k)(whole) for _ in range(2)]
        return made == [whole.sum() * k + k] * 2

    assert all(in_threads(work))


def test_one_compilation_serves_threads_that_ask_at_once() -> None:
    made = defn(lambda x: dn.tanh(x) * 3)
    results = in_threads(lambda _: bits(made(WIDE)))
    assert len(made.variants()) == 1 and len(set(map(tuple, results))) == 1


def test_sizes_that_vary_from_many_threads() -> None:
    made = defn(lambda x: dn.sum(x * 2))
    results = in_threads(lambda k: made(np.ones(2 + k)))
    assert results == [2 * (2.0 + k) for k in range(THREADS)]


def test_functions_that_die_while_they_run_elsewhere() -> None:
    holder = [defn(lambda x: dn.exp(x) + 1)]
    wanted = bits(holder[0](WIDE))

    def work(k: int) -> bool:
        good = True
        for _ in range(6):
            f = holder[0]
            if k == 0:
                holder[0] = defn(lambda x: dn.exp(x) + 1)
                gc.collect()
            good &= bits(f(WIDE)) == wanted
        return good

    assert all(in_threads(work, 6))


def test_results_dropped_in_other_threads_are_not_seen_again() -> None:
    kept: list[Any] = [None] * 4

    def work(k: int) -> bool:
        good = True
        for turn in range(40):
            made = normalized(WIDE * np.float32(k + 1))["p"]
            wanted = made.sum(dtype=np.float64)
            kept[(k + turn) % 4] = made  # drops what another thread made
            good &= made.sum(dtype=np.float64) == wanted
        return good

    normalized(WIDE)
    assert all(in_threads(work, 8))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_computes_and_the_parent_goes_on() -> None:
    wanted = bits(nested(WIDE))
    done = threading.Event()

    def busy() -> None:
        while not done.is_set():
            nested(WIDE)

    others = [threading.Thread(target=busy) for _ in range(2)]
    for thread in others:
        thread.start()
    try:
        for _ in range(4):
            child = os.fork()
            if child == 0:
                os._exit(0 if bits(nested(WIDE)) == wanted else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            assert bits(nested(WIDE)) == wanted
    finally:
        done.set()
        for thread in others:
            thread.join()


def test_calls_out_of_what_a_program_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = defn(lambda x: dn.sum(x) + 1)
    seen: list[float] = []

    class Calling:
        def write(self, text: str) -> int:
            if text.strip():
                seen.append(float(inner(WIDE)))
            return len(text)

        def flush(self) -> None:
            pass

    @defn
    def printing(x):
        for i in range(3):
            print("row", i, dn.sum(x[i]))
        return dn.sum(x)

    wanted = printing(WIDE)
    monkeypatch.setattr(sys, "stdout", Calling())
    again = printing(WIDE)
    monkeypatch.undo()
    assert again == wanted and set(seen) == {float(inner(WIDE))}


def test_threads_that_run_while_the_interpreter_ends(tmp_path: Any) -> None:
    program = tmp_path / "ending.py"
    program.write_text(
        textwrap.dedent("""
            import atexit, threading
            import numpy as np
            import defnpy as dn

            x = np.ones((400, 1000), np.float32)
            f = dn.defn(lambda x: {"y": dn.exp(x) * 2, "s": dn.sum(x)})
            f(x)

            def work():
                while True:
                    f(x)

            for _ in range(4):
                threading.Thread(target=work, daemon=True).start()
            atexit.register(lambda: print(f(x)["s"]))

            class Late:
                def __del__(self, f=f, x=x):
                    f(x)

            late = Late()
        """)
    )
    done = subprocess.run(
        [sys.executable, str(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "400000.0\n"), done.stderr
