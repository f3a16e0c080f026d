"""Input pipelines of one library in a process of its own: makes batches when asked, and says how fast.

It is told the `folder` of the images, `batch` and `workers`; it is asked by `pipeline`, `images` and `seconds`: the
pipeline is begun anew over the files of that sub-folder, a few batches are thrown away, and as many as take so many
seconds are counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.library_worker import Answer, serve

#: Batches at the beginning that do not count: those made while the others' start, and while buffers fill.
_WARM_BATCHES = 6


@dataclass(frozen=True, slots=True)
class Files:
    """The image files that a pipeline reads, over and over."""

    paths: list[str]
    batch: int
    workers: int

    def endless(self) -> Iterator[str]:
        """The paths, again and again."""
        return cycle(self.paths)

    def many(self, count: int) -> list[str]:
        """So many paths."""
        return list(islice(self.endless(), count))


#: Makes batches of the files, without an end; each is as long as its first axis.
Pipeline = Callable[[Files], Iterator[object]]


def prepare(module: ModuleType, job: dict[str, Any]) -> Answer:
    """Return what measures one pipeline after the other."""

    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        paths = sorted(map(str, Path(job["folder"], asked["images"]).glob("*.jpg")))
        files = Files(paths, min(job["batch"], len(paths)), job["workers"])
        return {"images_per_second": measure(module.PIPELINES[asked["pipeline"]](files), asked["seconds"])}

    return answer


def measure(batches: Iterator[object], seconds: float) -> float:
    """Images a second, once a pipeline is on its way."""
    for _ in range(_WARM_BATCHES):
        next(batches)
    count, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < seconds:
        count += len(next(batches))  # type: ignore[arg-type]
    return count / elapsed


if __name__ == "__main__":
    serve("input", prepare)
