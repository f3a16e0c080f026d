"""Input pipelines of one library in a process of its own: makes batches when asked, and says how fast.

The first line in is a JSON object with `library` (`tensorflow` or `torch`), `folder`, `batch` and `workers`. Each other
line is `PIPELINE IMAGES SECONDS`: the pipeline is begun anew over the files of that sub-folder, a few batches are
thrown away, and as many as take so many seconds are counted. A line of JSON answers each.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

_MODULES = {"tensorflow": "input_on_tensorflow", "torch": "input_on_torch"}

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


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints is not an answer
    job = json.loads(sys.stdin.readline())
    if job["library"] == "tensorflow":
        from kresnet.runtime import import_tensorflow

        import_tensorflow()
    module = importlib.import_module(f"benchmarks.peers.{_MODULES[job['library']]}")
    print(json.dumps({"versions": module.versions()}), file=answers, flush=True)
    for line in sys.stdin:
        name, images, seconds = line.split()
        paths = sorted(map(str, Path(job["folder"], images).glob("*.jpg")))
        files = Files(paths, min(job["batch"], len(paths)), job["workers"])
        rate = measure(module.PIPELINES[name](files), float(seconds))
        print(json.dumps({"images_per_second": rate}), file=answers, flush=True)


def measure(batches: Iterator[object], seconds: float) -> float:
    """Images a second, once a pipeline is on its way."""
    for _ in range(_WARM_BATCHES):
        next(batches)
    count, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < seconds:
        count += len(next(batches))  # type: ignore[arg-type]
    return count / elapsed


if __name__ == "__main__":
    main()
