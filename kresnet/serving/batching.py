"""Requests that wait for the same model are run together: what arrives during a run is the next run's batch.

No request waits for others to come, so a lone client has the latency of a plain call; where several runs may take place
at once, a large batch is dealt out among those that are free.
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
Run = Callable[[Arrays], Arrays]

#: Rows of a part of a request, at least: fewer are not worth a run of their own.
LEAST_ROWS = 8


@dataclass(slots=True)
class _Waiting:
    inputs: Arrays
    rows: int
    answer: asyncio.Future[Arrays]


class RequestBatcher:
    """Joins requests along their first axis."""

    def __init__(self, executor: Executor, *, runs_at_once: int, most_rows: int, most_waiting_rows: int) -> None:
        """
        Args:
            executor: threads that runs take place in.
            runs_at_once: how many may.
            most_rows: of one run; a request of more is a run of its own.
            most_waiting_rows: in all queues together; further requests are refused.
        """
        self._executor, self._runs_at_once, self._free_runs = executor, runs_at_once, runs_at_once
        self._most_rows, self._most_waiting = most_rows, most_waiting_rows
        self._queues: dict[Hashable, tuple[Run, deque[_Waiting]]] = {}  # first come, first served
        self._waiting_rows = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, key: Hashable, run: Run, inputs: Arrays, rows: int) -> Arrays:
        """The outputs of `run` for `inputs`, possibly run with those of other requests of the same `key`, or in parts.

        `rows` is 1 for inputs that cannot be joined or split along their first axis.

        Raises:
            RuntimeFailure: the run's own, or UNAVAILABLE where too many wait.
        """
        if self._waiting_rows and self._waiting_rows + rows > self._most_waiting:
            raise RuntimeFailure("UNAVAILABLE", "The batch scheduling queue to which this task was submitted is full")
        parts = min(self._runs_at_once, rows // LEAST_ROWS)
        if parts < 2:
            return await self._queued(key, run, inputs, rows)
        split = {name: np.array_split(array, parts) for name, array in inputs.items()}
        dealt = [{name: arrays[part] for name, arrays in split.items()} for part in range(parts)]
        sizes = [len(next(iter(each.values()))) for each in dealt]
        answers = await asyncio.gather(
            *(self._queued(key, run, each, size) for each, size in zip(dealt, sizes, strict=True)),
            return_exceptions=True,
        )
        done = [answer for answer in answers if isinstance(answer, dict)]
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return {name: np.concatenate([answer[name] for answer in done]) for name in done[0]}

    async def _queued(self, key: Hashable, run: Run, inputs: Arrays, rows: int) -> Arrays:
        waiting = _Waiting(inputs, rows, asyncio.get_running_loop().create_future())
        self._queues.setdefault(key, (run, deque()))[1].append(waiting)
        self._waiting_rows += rows
        self._start_runs()
        return await waiting.answer

    def _start_runs(self) -> None:
        while self._free_runs and self._queues:
            key = next(iter(self._queues))
            run, queue = self._queues.pop(key)
            batch = self._take(queue)
            if queue:
                self._queues[key] = (run, queue)  # behind the others
            if batch:
                self._free_runs -= 1
                task = asyncio.create_task(self._run(run, batch))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def _take(self, queue: deque[_Waiting]) -> list[_Waiting]:
        """The next batch, without the requests whose client has gone."""
        batch: list[_Waiting] = []
        rows = 0
        while queue and (not batch or rows + queue[0].rows <= self._most_rows):
            waiting = queue.popleft()
            self._waiting_rows -= waiting.rows
            if not waiting.answer.done():
                batch.append(waiting)
                rows += waiting.rows
        return batch

    async def _run(self, run: Run, batch: list[_Waiting]) -> None:
        loop = asyncio.get_running_loop()
        try:
            joined = batch[0].inputs
            if len(batch) > 1:
                joined = {name: np.concatenate([one.inputs[name] for one in batch]) for name in joined}
            try:
                outputs = await loop.run_in_executor(self._executor, run, joined)
                _share(batch, outputs)
            except RuntimeFailure as failure:
                if len(batch) == 1:
                    _refuse(batch[0], failure)
                    return
                for one in batch:  # whose fault it was shows when each runs by itself
                    try:
                        _share([one], await loop.run_in_executor(self._executor, run, one.inputs))
                    except RuntimeFailure as own:
                        _refuse(one, own)
        except Exception as error:
            for one in batch:
                _refuse(one, error)
        finally:
            self._free_runs += 1
            self._start_runs()


def _share(batch: list[_Waiting], outputs: Arrays) -> None:
    start = 0
    for one in batch:
        part = (
            outputs if len(batch) == 1 else {name: array[start : start + one.rows] for name, array in outputs.items()}
        )
        start += one.rows
        if not one.answer.done():
            one.answer.set_result(part)


def _refuse(one: _Waiting, error: Exception) -> None:
    if not one.answer.done():
        one.answer.set_exception(error)
