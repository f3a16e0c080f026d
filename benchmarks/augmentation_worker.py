"""Augmentations of one library in a process of its own: changes batches when asked, and says what an image cost.

It is told the `folder` of the images; it is asked by `contender`, `augmentation`, `side`, `batch` and `seconds`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.library_worker import Answer, serve

#: Changes the batch of a step, which is a whole number from 0, and returns it.
Augment = Callable[[int], object]


def prepare(module: ModuleType, job: dict[str, Any]) -> Answer:
    """Return what measures one augmentation after the other."""
    module.use_one_thread()

    @cache
    def augment(contender: str, augmentation: str, side: int, batch: int) -> Augment:
        images = np.load(Path(job["folder"], f"{side}.npy"))
        return module.make(contender, augmentation, images.reshape(-1, batch, side, side, 3))

    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        seconds = asked.pop("seconds")
        return {"microseconds": measure(augment(**asked), seconds) / asked["batch"] * 1e6}

    return answer


def measure(augment: Augment, seconds: float) -> float:
    """Seconds of processor time a batch, once the first is done."""
    augment(0)
    steps, began, used = 0, time.perf_counter(), time.process_time()
    while steps == 0 or time.perf_counter() - began < seconds:
        steps += 1
        augment(steps)
    return (time.process_time() - used) / steps


if __name__ == "__main__":
    serve("augmentation", prepare)
