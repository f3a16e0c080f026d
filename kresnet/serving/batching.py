"""Batching: requests that wait for the same model are run together; what arrives during a run is the next batch.

No request waits for others to come, so that a lone client has the latency of a plain call. Where several runs may take
place at once, a request of many rows is split among them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from kresnet.export.capi import RuntimeFailure

Arrays = dict[str, np.ndarray]
BatchFunction = Callable[[Arrays], Arrays]

#: Smallest number of rows of a part of a split request: fewer are not worth a run of their own.
MIN_PART_ROWS = 8


@dataclass(slots=True)
class _WaitingRequest:
    inputs: Arrays
    rows: int
    answer: asyncio.Future[Arrays]


class RequestBatcher:
    """Joins the requests of several clients along their first axis, and runs them together."""

    def __init__(
        self, executor: Executor, *, max_concurrent_runs: int, max_batch_rows: int, max_waiting_rows: int
    ) -> None:
        """
        Args:
            executor: the threads in which the model is run.
            max_concurrent_runs: number of runs that may take place at once.
            max_batch_rows: largest number of rows of one run; a single request of more rows is a run of its own.
            max_waiting_rows: number of rows that may wait in all queues together; further requests are refused.
        """
        self._executor, self._max_concurrent_runs, self._free_runs = executor, max_concurrent_runs, max_concurrent_runs
        self._max_batch_rows, self._max_waiting_rows = max_batch_rows, max_waiting_rows
        self._queues: dict[Hashable, tuple[BatchFunction, deque[_WaitingRequest]]] = {}  # first come, first served
        self._waiting_rows = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, key: Hashable, run: BatchFunction, inputs: Arrays, rows: int) -> Arrays:
        """Return the outputs of `run` for `inputs`, run together with other requests of the same `key`, or in parts.

        `rows` is 1 for inputs that cannot be joined or split along their first axis.

        Raises:
            RuntimeFailure: what the run raises, or UNAVAILABLE where too many requests wait.
        """
        if self._waiting_rows and self._waiting_rows + rows > self._max_waiting_rows:
            raise RuntimeFailure("UNAVAILABLE", "The batch scheduling queue to which this task was submitted is full")
        parts = min(self._max_concurrent_runs, rows // MIN_PART_ROWS)
        if parts < 2:
            return await self._enqueue(key, run, inputs, rows)
        split = {name: np.array_split(array, parts) for name, array in inputs.items()}
        split_inputs = [{name: arrays[part] for name, arrays in split.items()} for part in range(parts)]
        sizes = [len(next(iter(each.values()))) for each in split_inputs]
        answers = await asyncio.gather(
            *(self._enqueue(key, run, each, size) for each, size in zip(split_inputs, sizes, strict=True)),
            return_exceptions=True,
        )
        done = [answer for answer in answers if isinstance(answer, dict)]
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return {name: np.concatenate([answer[name] for answer in done]) for name in done[0]}

    async def _enqueue(self, key: Hashable, run: BatchFunction, inputs: Arrays, rows: int) -> Arrays:
        waiting = _WaitingRequest(inputs, rows, asyncio.get_running_loop().create_future())
        self._queues.setdefault(key, (run, deque()))[1].append(waiting)
        self._waiting_rows += rows
        self._start_runs()
        return await waiting.answer

    def _start_runs(self) -> None:
        while self._free_runs and self._queues:
            key = next(iter(self._queues))
            run, queue = self._queues.pop(key)
            batch = self._next_batch(queue)
            if queue:
                self._queues[key] = (run, queue)  # behind the others
            if batch:
                self._free_runs -= 1
                task = asyncio.create_task(self._run_batch(run, batch))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def _next_batch(self, queue: deque[_WaitingRequest]) -> list[_WaitingRequest]:
        """Take the next batch off a queue, without the requests whose client has gone."""
        batch: list[_WaitingRequest] = []
        rows = 0
        while queue and (not batch or rows + queue[0].rows <= self._max_batch_rows):
            waiting = queue.popleft()
            self._waiting_rows -= waiting.rows
            if not waiting.answer.done():
                batch.append(waiting)
                rows += waiting.rows
        return batch

    async def _run_batch(self, run: BatchFunction, batch: list[_WaitingRequest]) -> None:
        loop = asyncio.get_running_loop()
        try:
            joined = batch[0].inputs
            if len(batch) > 1:
                joined = {name: np.concatenate([request.inputs[name] for request in batch]) for name in joined}
            try:
                outputs = await loop.run_in_executor(self._executor, run, joined)
                _deliver_outputs(batch, outputs)
            except RuntimeFailure as failure:
                if len(batch) == 1:
                    _deliver_error(batch[0], failure)
                    return
                for request in batch:  # whose fault it was shows when each runs by itself
                    try:
                        _deliver_outputs([request], await loop.run_in_executor(self._executor, run, request.inputs))
                    except RuntimeFailure as own:
                        _deliver_error(request, own)
        except Exception as error:
            for request in batch:
                _deliver_error(request, error)
        finally:
            self._free_runs += 1
            self._start_runs()


def _deliver_outputs(batch: list[_WaitingRequest], outputs: Arrays) -> None:
    """Hand each request its own rows of the outputs of a batch."""
    start = 0
    for request in batch:
        rows = slice(start, start + request.rows)
        start += request.rows
        if not request.answer.done():
            whole = len(batch) == 1
            request.answer.set_result(outputs if whole else {name: array[rows] for name, array in outputs.items()})


def _deliver_error(request: _WaitingRequest, error: Exception) -> None:
    if not request.answer.done():
        request.answer.set_exception(error)
