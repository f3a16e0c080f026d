"""How long steps wait for data, told from when batches were ready; nothing is measured inside a step."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kresnet.data.graph_mapping import map_graph


class BatchClock:
    """Notes when each batch of a data set was asked for, and when it was there.

    The clock is Python's, on the thread that asks: TensorFlow's own refuses to run where a recipe is `deterministic`.
    """

    def __init__(self) -> None:
        self._asked: dict[int, float] = {}
        self._there: dict[int, float] = {}

    def timed(self, batches: tf.data.Dataset, first_step: int) -> tf.data.Dataset:
        """Return the same batches, noting the times of each by its step; the first one is that of `first_step`."""
        steps = tf.data.Dataset.range(first_step, np.iinfo(np.int64).max)

        def noting(times: dict[int, float]) -> tf.data.Dataset:
            def note(step: np.int64) -> np.int64:
                times.setdefault(int(step), time.perf_counter())  # several workers repeat the data at their end
                return step

            # TensorFlow is told that it is stateless: else a deterministic pipeline would do nothing ahead.
            return map_graph(steps, lambda step: tf.numpy_function(note, [step], tf.int64, stateful=False))

        options = tf.data.Options()
        options.autotune.enabled = False  # else it would note times ahead, in parallel
        in_turn = tf.data.Dataset.zip((noting(self._asked), batches, noting(self._there)))
        return map_graph(in_turn, lambda asked, batch, there: batch).with_options(options)

    def seconds_waited(self, steps: range, began: float, ended: float, *, buffered: bool) -> float:
        """Return how long steps that ran one after the other from `began` to `ended` had no batch to begin with.

        Times of these and of earlier steps are then forgotten.

        Args:
            steps: the steps, all of them taken since.
            began: `time.perf_counter()` before the first.
            ended: the same after the last.
            buffered: whether batches are asked for ahead of the steps, as for a GPU, rather than by the step itself.
        """
        asked, there = ([max(times[step], began) for step in steps] for times in (self._asked, self._there))
        for times in (self._asked, self._there):
            for step in [step for step in list(times) if step < steps.stop]:
                del times[step]
        blocked = sum(after - before for before, after in zip(asked, there, strict=True))
        return min(blocked, idle_seconds(there, began, ended)) if buffered else blocked


def idle_seconds(ready: Sequence[float], began: float, ended: float) -> float:
    """Return for how long a device had nothing to do that ran a step for each batch, as soon as it could.

    Step i begins when step i - 1 has ended and batch i is ready. If all take equally long, the last ends at the
    latest `ready[i] + (n - i) · seconds`, over all i, which tells the seconds of a step; the rest of the time is idle.

    Args:
        ready: when each of the n batches was ready.
        began: when the first step could begin, had it a batch.
        ended: when the last step ended.
    """
    steps = len(ready)
    step_seconds: Any = min((ended - max(at, began)) / (steps - index) for index, at in enumerate(ready))
    return max(0.0, ended - began - steps * step_seconds)
