"""Answer requests from many threads and coroutines in batches.

Requests are gathered up to a size or a time and run as one batch.  Batches are
padded to a few sizes with copies of a row that is there, so that few programs
are compiled, and no answer shows the padding.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

import defnpy as dn
from defnpy import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType


class ServingFullError(errors.DefnError, queue.Full):
    """As many requests wait as may; the request was not taken."""


class ServingClosedError(errors.DefnError, RuntimeError):
    """The serving is not running, so the request was not taken."""


Key = tuple[Any, tuple[tuple[tuple[int, ...], np.dtype], ...]]


@dataclass(frozen=True, eq=False)
class _Request:
    """Rows that wait for their answers; requests of one key share batches."""

    leaves: list[np.ndarray]
    key: Key
    rows: int
    arrived: float = field(default_factory=time.monotonic)
    future: Future[Any] = field(default_factory=Future)


class Serving:
    """Runs a function of batches for requests of rows; a context manager.

    Args:
        function: from arrays with rows along axis 0 to arrays with rows there.
            Each row's answer may depend on that row alone.
        batch_size: most rows of a batch.
        batch_timeout: seconds that a request waits for others at most.
        max_queue: most requests that wait; beyond them a request is rejected.
        template: a batch, or a template of one, for which every size of batch is
            run at the start, so that nothing is compiled later.

    >>> with dn.Serving(lambda x: 2 * x, batch_size=4, batch_timeout=0.0) as serving:
    ...     serving.run(np.array([1.0, 2.0]))
    array([2., 4.])
    """

    def __init__(
        self,
        function: Callable[[Any], Any],
        *,
        batch_size: int = 32,
        batch_timeout: float = 0.01,
        max_queue: int = 1024,
        template: Any = None,
    ) -> None:
        """Check the options; the serving starts with `start` or ``with``."""
        for name, value in (("batch_size", batch_size), ("max_queue", max_queue)):
            if not isinstance(value, int) or value < 1:
                raise dn.DefnValueError(f"{name} is a positive number, not {value!r}")
        if not batch_timeout >= 0:
            raise dn.DefnValueError(
                f"batch_timeout is a number of seconds, not {batch_timeout!r}"
            )
        self._function = function
        self._batch_size, self._timeout = batch_size, float(batch_timeout)
        self._max_queue, self._template = max_queue, template
        powers = {1 << k for k in range(batch_size.bit_length())}
        self.buckets = tuple(sorted({*powers, batch_size}))
        self._waiting: dict[Key, deque[_Request]] = {}
        self._count = 0
        self._changed = threading.Condition()
        self._worker: threading.Thread | None = None
        self._closed, self._process = False, os.getpid()

    def start(self) -> Serving:
        """Warm up, then take requests until `close`."""
        if self._closed or self._worker is not None:
            state = "closed" if self._closed else "running"
            raise ServingClosedError(f"a serving starts once; this one is {state}")
        if self._template is not None:
            for size in self.buckets:
                self._run_batch(*_warm_up_rows(self._template, size))
        self._process = os.getpid()
        self._worker = threading.Thread(
            target=self._work, name="defnpy-serving", daemon=True
        )
        self._worker.start()
        return self

    def close(self) -> None:
        """Take no more requests, answer those that wait, and stop."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._worker is not None and self._process == os.getpid():
            self._worker.join()

    def __enter__(self) -> Serving:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def run(self, inputs: Any, *, timeout: float | None = None) -> Any:
        """Return the answer for rows, or for a single row; from any thread.

        Arrays of the rank of a batch are rows, those with an axis less one row,
        whose answer has no axis of rows either.  Without a template an array of
        at most one axis is one row.

        Raises:
            ServingFullError: too many requests wait.
            ServingClosedError: the serving is not running.
            TimeoutError: no answer in `timeout` seconds; the request is dropped.
        """
        requests, single = self._submitted(inputs)
        until = None if timeout is None else time.monotonic() + timeout
        try:
            answers = []
            for request in requests:
                left = None if until is None else max(0.0, until - time.monotonic())
                answers.append(request.future.result(left))
        except BaseException:
            for request in requests:
                request.future.cancel()
            raise
        return _joined(answers, single)

    async def arun(self, inputs: Any) -> Any:
        """Return the answer like `run`, from a coroutine of any event loop.

        A request whose task is cancelled while it waits is dropped.
        """
        requests, single = self._submitted(inputs)
        futures = [asyncio.wrap_future(request.future) for request in requests]
        return _joined(await asyncio.gather(*futures), single)

    def _submitted(self, inputs: Any) -> tuple[list[_Request], bool]:
        """Queue the parts of a request, all or none of them."""
        given = dn.tensor(inputs) if isinstance(inputs, list) else inputs
        leaves, treedef = dn.tree.flatten(given)
        arrays = [np.asarray(dn.asarray(leaf)) for leaf in leaves]
        single = _is_single(arrays, self._template)
        if single:
            arrays = [array[None] for array in arrays]
        rows = _row_count(arrays, self._template)
        key = (treedef, tuple((a.shape[1:], a.dtype) for a in arrays))
        parts = []
        for start in range(0, max(rows, 1), self._batch_size):
            stop = min(start + self._batch_size, rows)
            part = [array[start:stop].copy() for array in arrays]
            parts.append(_Request(part, key, stop - start))
        with self._changed:
            self._check_open()
            if self._count + len(parts) > self._max_queue:
                self._drop_cancelled()
            if self._count + len(parts) > self._max_queue:
                raise ServingFullError(
                    f"{self._count} requests wait and at most {self._max_queue} may"
                )
            self._waiting.setdefault(key, deque()).extend(parts)
            self._count += len(parts)
            self._changed.notify_all()
        return parts, single

    def _check_open(self) -> None:
        if self._closed:
            raise ServingClosedError("the serving is closed")
        if self._worker is None:
            raise ServingClosedError(
                "the serving is not running", hint="use `with serving:`"
            )
        if self._process != os.getpid():
            raise ServingClosedError("the serving was started in another process")

    def _work(self) -> None:
        try:
            while batch := self._next_batch():
                self._answer(batch)
        finally:
            with self._changed:
                self._closed = True
                left = [r for waiting in self._waiting.values() for r in waiting]
                self._waiting.clear()
            for request in left:
                request.future.set_exception(ServingClosedError("the serving stopped"))

    def _next_batch(self) -> list[_Request]:
        """Wait for a batch that is full or due; nothing once closed and empty."""
        with self._changed:
            while True:
                self._drop_cancelled()
                if self._closed and not self._waiting:
                    return []
                now, due = time.monotonic(), float("inf")
                for key, waiting in self._waiting.items():
                    full = sum(r.rows for r in waiting) >= self._batch_size
                    key_due = waiting[0].arrived + self._timeout
                    if full or self._closed or key_due <= now:
                        return self._taken(key)
                    due = min(due, key_due)
                self._changed.wait(None if due == float("inf") else due - now)

    def _taken(self, key: Key) -> list[_Request]:
        waiting, batch, rows = self._waiting[key], [], 0
        while waiting and rows + waiting[0].rows <= self._batch_size:
            batch.append(waiting.popleft())
            rows += batch[-1].rows
        if not waiting:
            del self._waiting[key]
        self._count -= len(batch)
        return batch

    def _drop_cancelled(self) -> None:
        for key, waiting in list(self._waiting.items()):
            kept = deque(r for r in waiting if not r.future.cancelled())
            self._count -= len(waiting) - len(kept)
            if kept:
                self._waiting[key] = kept
            else:
                del self._waiting[key]

    def _answer(self, batch: list[_Request]) -> None:
        """Run a batch; if it fails, each request alone, so that it fails alone."""
        batch = [r for r in batch if r.future.set_running_or_notify_cancel()]
        if not batch:
            return
        try:
            answers = self._answers(batch)
        except BaseException as error:
            if len(batch) == 1:
                batch[0].future.set_exception(error)
                return
            for request in batch:
                try:
                    (answer,) = self._answers([request])
                except BaseException as own:
                    request.future.set_exception(own)
                else:
                    request.future.set_result(answer)
            return
        for request, answer in zip(batch, answers, strict=True):
            request.future.set_result(answer)

    def _answers(self, batch: list[_Request]) -> list[Any]:
        """Return each request's rows of the result of one run."""
        rows = sum(request.rows for request in batch)
        size = next((b for b in self.buckets if b >= rows), rows)
        columns = zip(*(request.leaves for request in batch), strict=True)
        leaves = [_padded(np.concatenate(column), size) for column in columns]
        result = self._run_batch(leaves, batch[0].key[0])
        answers, start = [], 0
        for request in batch:
            stop = start + request.rows
            answers.append(
                dn.tree.map(lambda a, s=slice(start, stop): a[s].copy(), result)
            )
            start = stop
        return answers

    def _run_batch(self, leaves: list[np.ndarray], treedef: Any) -> Any:
        result = dn.tree.map(
            np.asarray, self._function(dn.tree.unflatten(treedef, leaves))
        )
        size = len(leaves[0])
        for leaf in dn.tree.leaves(result):
            if leaf.shape[:1] != (size,):
                raise dn.DefnShapeError(
                    f"the served function made {leaf.shape} of a batch of {size} rows; "
                    "axis 0 of a result is that of the rows"
                )
        return result


def _is_single(arrays: list[np.ndarray], template: Any) -> bool:
    if template is None:
        return all(array.ndim <= 1 for array in arrays)
    leaves = dn.tree.leaves(template)
    return len(leaves) == len(arrays) and all(
        array.ndim == len(leaf.shape) - 1
        for array, leaf in zip(arrays, leaves, strict=True)
    )


def _row_count(arrays: list[np.ndarray], template: Any) -> int:
    """Return the number of rows, once the arrays are known to fit."""
    sizes = {array.shape[:1] for array in arrays}
    if len(sizes) != 1 or sizes == {()}:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise dn.DefnShapeError(f"a request needs rows along axis 0, not {shapes}")
    if template is not None:
        wanted = [tuple(leaf.shape[1:]) for leaf in dn.tree.leaves(template)]
        given = [array.shape[1:] for array in arrays]
        if wanted != given:
            raise dn.DefnShapeError(
                f"rows have shape {_one(wanted)}, not {_one(given)}"
            )
    ((rows,),) = sizes
    return rows


def _one(shapes: list[tuple[int, ...]]) -> str:
    return str(shapes[0] if len(shapes) == 1 else tuple(shapes))


def _warm_up_rows(template: Any, size: int) -> tuple[list[np.ndarray], Any]:
    leaves, treedef = dn.tree.flatten(template)
    rows = []
    for leaf in leaves:
        known = isinstance(leaf, np.ndarray) and len(leaf)
        shape = (size, *leaf.shape[1:])
        rows.append(
            _padded(leaf[:size], size) if known else np.zeros(shape, leaf.dtype)
        )
    return rows, treedef


def _padded(array: np.ndarray, size: int) -> np.ndarray:
    """Return rows filled up to `size` with copies of the last one."""
    missing = size - len(array)
    if missing == 0 or len(array) == 0:
        return array
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)])


def _joined(answers: Iterable[Any], single: bool) -> Any:
    first, *rest = answers
    if rest:
        first = dn.tree.map(lambda *parts: np.concatenate(parts), first, *rest)
    return dn.tree.map(lambda array: array[0], first) if single else first
