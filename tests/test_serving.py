"""Serving: requests of threads and coroutines, in batches, each with its answer."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import defnpy as dn
from defnpy.serving import ServingClosedError, ServingFullError

pytestmark = pytest.mark.pure

WAIT = 30  # seconds after which a test is given up; none waits so long


class Recorder:
    """A function of batches that records their sizes and can be held up."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, x: Any) -> Any:
        self.sizes.append(len(x))
        self.entered.set()
        assert self.gate.wait(WAIT)
        if (x == 13).any():
            raise ValueError("thirteen")
        return {"double": 2 * x, "sum": x.sum(axis=1)}

    def hold(self) -> None:
        self.entered.clear()
        self.gate.clear()


def row(value: float) -> np.ndarray:
    return np.full(2, value, np.float32)


def test_each_thread_gets_its_own_answer() -> None:
    f = Recorder()
    with dn.Serving(f, batch_size=8, batch_timeout=0.005) as serving:
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda k: serving.run(row(k)), range(20, 120)))
    for k, answer in zip(range(20, 120), answers, strict=True):
        assert np.array_equal(answer["double"], row(2 * k))
        assert answer["sum"] == 2 * k
    assert max(f.sizes) <= 8 and len(f.sizes) < 100


def test_requests_that_wait_run_as_one_padded_batch() -> None:
    f = Recorder()
    with dn.Serving(f, batch_size=16, batch_timeout=0.0) as serving:
        f.hold()
        with ThreadPoolExecutor(8) as pool:
            first = pool.submit(serving.run, row(1))
            assert f.entered.wait(WAIT)
            others = [pool.submit(serving.run, row(k)) for k in range(2, 7)]
            _wait_for(lambda: serving._count == 5)
            f.gate.set()
            answers = [each.result(WAIT) for each in (first, *others)]
    assert [answer["sum"] for answer in answers] == [2, 4, 6, 8, 10, 12]
    assert f.sizes == [1, 8]


def test_a_full_batch_does_not_wait() -> None:
    f = Recorder()
    with dn.Serving(f, batch_size=4, batch_timeout=WAIT) as serving:
        assert serving.run(np.ones((4, 2)), timeout=WAIT / 2)["sum"].shape == (4,)
    assert f.sizes == [4]


def test_rows_beyond_a_batch_are_split_and_joined() -> None:
    f = Recorder()
    x = np.arange(22, dtype=np.float32).reshape(11, 2) + 20
    with dn.Serving(f, batch_size=4, batch_timeout=0.0) as serving:
        answer = serving.run(x)
        empty = serving.run(x[:0])
    assert np.array_equal(answer["double"], 2 * x)
    assert empty["double"].shape == (0, 2)
    assert max(f.sizes) <= 4


def test_a_bad_request_fails_alone() -> None:
    f = Recorder()
    with dn.Serving(f, batch_size=8, batch_timeout=0.0) as serving:
        f.hold()
        with ThreadPoolExecutor(8) as pool:
            first = pool.submit(serving.run, row(1))
            assert f.entered.wait(WAIT)
            others = [pool.submit(serving.run, row(k)) for k in (12, 13, 14)]
            _wait_for(lambda: serving._count == 3)
            f.gate.set()
            assert first.result(WAIT)["sum"] == 2
            good, bad, fine = others
            assert good.result(WAIT)["sum"] == 24 and fine.result(WAIT)["sum"] == 28
            with pytest.raises(ValueError, match="thirteen"):
                bad.result(WAIT)
        assert serving.run(row(3))["sum"] == 6


def test_requests_of_other_shapes_have_batches_of_their_own() -> None:
    f = Recorder()
    with dn.Serving(f, batch_size=8, batch_timeout=0.01) as serving:
        with ThreadPoolExecutor(8) as pool:
            narrow = [pool.submit(serving.run, np.ones((2, 2))) for _ in range(3)]
            wide = [pool.submit(serving.run, np.ones((2, 3))) for _ in range(3)]
            assert all(each.result(WAIT)["sum"][0] == 2 for each in narrow)
            assert all(each.result(WAIT)["sum"][0] == 3 for each in wide)


def test_a_full_queue_rejects_at_once() -> None:
    f = Recorder()
    with dn.Serving(f, batch_size=1, batch_timeout=0.0, max_queue=2) as serving:
        f.hold()
        with ThreadPoolExecutor(8) as pool:
            taken = [pool.submit(serving.run, row(1))]
            assert f.entered.wait(WAIT)
            taken += [pool.submit(serving.run, row(k)) for k in (2, 3)]
            _wait_for(lambda: serving._count == 2)
            with pytest.raises(ServingFullError, match="2 requests wait"):
                serving.run(row(4))
            f.gate.set()
            assert [each.result(WAIT)["sum"] for each in taken] == [2, 4, 6]
        assert serving.run(row(5))["sum"] == 10


def test_closing_answers_those_that_wait() -> None:
    f = Recorder()
    serving = dn.Serving(f, batch_size=2, batch_timeout=WAIT).start()
    f.hold()
    with ThreadPoolExecutor(8) as pool:
        requests = [pool.submit(serving.run, row(k)) for k in (1, 1, 1)]
        assert f.entered.wait(WAIT)
        _wait_for(lambda: serving._count == 1)  # the third one is in the queue
        closing = pool.submit(serving.close)
        _wait_for(lambda: serving._closed)
        with pytest.raises(ServingClosedError, match="closed"):
            serving.run(row(2))
        f.gate.set()
        closing.result(WAIT)
        assert [each.result(WAIT)["sum"] for each in requests] == [2, 2, 2]
    with pytest.raises(ServingClosedError, match="starts once"):
        serving.start()


def test_a_serving_must_be_started() -> None:
    with pytest.raises(ServingClosedError, match="with serving"):
        dn.Serving(Recorder()).run(row(1))


def test_coroutines_share_batches() -> None:
    f = Recorder()

    async def ask(serving: Any) -> list[Any]:
        requests = (serving.arun(row(k)) for k in range(10, 16))
        return await asyncio.gather(*requests, return_exceptions=True)

    with dn.Serving(f, batch_size=6, batch_timeout=WAIT) as serving:
        answers = asyncio.run(ask(serving))
        again = asyncio.run(ask(serving))
    for found in (answers, again):
        assert isinstance(found[3], ValueError)
        assert [found[k]["sum"] for k in (0, 1, 2, 4, 5)] == [20, 22, 24, 28, 30]


def test_a_cancelled_request_is_dropped() -> None:
    f = Recorder()

    async def cancel_one(serving: Any) -> Any:
        f.hold()
        first = asyncio.create_task(serving.arun(row(1)))
        await asyncio.to_thread(f.entered.wait, WAIT)
        dropped = asyncio.create_task(serving.arun(row(13)))
        kept = asyncio.create_task(serving.arun(row(2)))
        while serving._count < 2:
            await asyncio.sleep(0.001)
        dropped.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dropped
        f.gate.set()
        return await first, await kept

    with dn.Serving(f, batch_size=4, batch_timeout=0.0) as serving:
        first, kept = asyncio.run(cancel_one(serving))
        assert (first["sum"], kept["sum"]) == (2, 4)
        assert serving._count == 0
    assert f.sizes == [1, 1]


def test_a_time_limit_drops_the_request() -> None:
    f = Recorder()
    with dn.Serving(f, batch_size=4, batch_timeout=WAIT) as serving:
        with pytest.raises(TimeoutError):
            serving.run(row(1), timeout=0.01)
        assert serving.run(np.ones((4, 2)))["sum"].shape == (4,)
    assert f.sizes == [4]


def test_a_template_warms_up_every_size_and_checks_requests() -> None:
    f = Recorder()
    template = dn.template((1, 2), "f32")
    with dn.Serving(f, batch_size=6, batch_timeout=0.0, template=template) as serving:
        assert f.sizes == [1, 2, 4, 6]
        for rows in range(1, 7):
            serving.run(np.ones((rows, 2), np.float32))
        with pytest.raises(dn.DefnShapeError, match=r"shape \(2,\), not \(3,\)"):
            serving.run(np.ones((1, 3), np.float32))
    assert set(f.sizes) == {1, 2, 4, 6}


def test_trees_and_lists() -> None:
    def f(x: Any) -> Any:
        return x["a"] + x["b"].sum(axis=1)

    with dn.Serving(f, batch_size=4, batch_timeout=0.0) as serving:
        answer = serving.run({"a": np.ones(3), "b": np.ones((3, 2))})
        with pytest.raises(dn.DefnShapeError, match="rows along axis 0"):
            serving.run({"a": np.ones(3), "b": np.ones((2, 2))})
    assert np.array_equal(answer, [3, 3, 3])
    with dn.Serving(lambda x: x[:, 0], batch_timeout=0.0) as serving:
        assert serving.run([200, 13.9]) == 200


def test_a_result_without_rows_is_said_to_be_wrong() -> None:
    with dn.Serving(lambda x: x.sum(), batch_timeout=0.0) as serving:
        with pytest.raises(dn.DefnShapeError, match="axis 0 of a result"):
            serving.run(np.ones((2, 2)))


@pytest.mark.parametrize(
    "options", [{"batch_size": 0}, {"max_queue": 0}, {"batch_timeout": -1.0}]
)
def test_options_are_checked(options: Any) -> None:
    with pytest.raises(dn.DefnValueError):
        dn.Serving(Recorder(), **options)


def test_a_storm_leaves_nothing_behind() -> None:
    f = Recorder()
    random = np.random.default_rng(0)
    counts = random.integers(1, 6, 200)

    def ask(k: int) -> bool:
        x = np.full((counts[k], 2), 13.0 if k % 17 == 0 else k + 20.0)
        try:
            answer = serving.run(x, timeout=0.0 if k % 11 == 0 else None)
        except (ValueError, TimeoutError):
            return k % 17 == 0 or k % 11 == 0
        return bool(np.array_equal(answer["double"], 2 * x))

    with dn.Serving(f, batch_size=8, batch_timeout=0.001) as serving:
        with ThreadPoolExecutor(16) as pool:
            assert all(pool.map(ask, range(200)))
        assert serving.run(row(1))["sum"] == 2
        assert serving._count == 0 and not serving._waiting
    assert max(f.sizes) <= 8


def _wait_for(condition: Any) -> None:
    until = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.001)
