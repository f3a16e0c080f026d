"""Augmentations of one library in a process of its own: changes batches when asked, and says what an image cost.

The first line in is a JSON object with `library` (`tensorflow` or `torch`) and `folder`. Each other line is one with
`contender`, `augmentation`, `side`, `batch` and `seconds`. A line of JSON answers each.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

_MODULES = {"tensorflow": "augmentation_on_tensorflow", "torch": "augmentation_on_torch"}

#: Changes the batch of a step, which is a whole number from 0, and returns it.
Augment = Callable[[int], object]


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints is not an answer
    job = json.loads(sys.stdin.readline())
    if job["library"] == "tensorflow":
        from kresnet.runtime import import_tensorflow

        import_tensorflow()
    module = importlib.import_module(f"benchmarks.peers.{_MODULES[job['library']]}")
    module.use_one_thread()
    print(json.dumps({"versions": module.versions()}), file=answers, flush=True)

    @cache
    def augment(contender: str, augmentation: str, side: int, batch: int) -> Augment:
        images = np.load(Path(job["folder"], f"{side}.npy"))
        return module.make(contender, augmentation, images.reshape(-1, batch, side, side, 3))

    for line in sys.stdin:
        asked = json.loads(line)
        seconds = asked.pop("seconds")
        cost = measure(augment(**asked), seconds) / asked["batch"] * 1e6
        print(json.dumps({"microseconds": cost}), file=answers, flush=True)


def measure(augment: Augment, seconds: float) -> float:
    """Seconds of processor time a batch, once the first is done."""
    augment(0)
    steps, began, used = 0, time.perf_counter(), time.process_time()
    while steps == 0 or time.perf_counter() - began < seconds:
        steps += 1
        augment(steps)
    return (time.process_time() - used) / steps


if __name__ == "__main__":
    main()
