"""Runs of one thread each beside runs of all cores: how long one takes, and how many images a second come of both.

python -m benchmarks.run_threads VERSION_DIR... [--rounds 5] [--seconds 1]

A single row a run, in processes that take turns. `kresnet serve` chooses between the two by the size of the layers
(`kresnet.serving.run_threads`).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.spread import spread
from kresnet.cores import usable_cores
from kresnet.export.capi import SavedModelSession, configure_runtime, disable_xla

_WARM_CALLS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("versions", type=Path, nargs="+", metavar="VERSION_DIR")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--threads", type=int, help=argparse.SUPPRESS)  # in the process that measures
    options = parser.parse_args()
    if options.threads:
        print(json.dumps(measure(options.versions[0], options.threads, options.seconds)))
        return
    print("| model | threads of a run | one caller: ms | as many callers as fit: images/s |\n|---|---:|---:|---:|")
    for version in options.versions:
        found: dict[int, list[tuple[float, float]]] = {1: [], len(usable_cores()): []}
        for _ in range(options.rounds):
            for threads, turns in found.items():
                command = [sys.executable, "-m", "benchmarks.run_threads", version, "--threads", threads]
                command += ["--seconds", options.seconds]
                done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, check=True)
                turns.append(tuple(json.loads(done.stdout)))
        for threads, turns in found.items():
            alone, together = ([turn[which] for turn in turns] for which in (0, 1))
            print(f"| `{version.parent.name}` | {threads} | {spread(alone)} | {spread(together)} |", flush=True)


def measure(version: Path, threads: int, seconds: float) -> tuple[float, float]:
    """Milliseconds of a run with one caller, and rows a second with as many callers as the cores have room for."""
    disable_xla()
    assert configure_runtime(threads) == threads
    session = SavedModelSession(version, on_callers_thread=threads == 1)
    [(name, taken)] = session.signatures["serving_default"].inputs.items()
    shape = [dim.size if dim.size > 0 else 224 for dim in taken.tensor_shape.dim[1:]]
    row = {name: np.random.default_rng(0).uniform(0, 255, (1, *shape)).astype(np.float32)}
    for _ in range(_WARM_CALLS):
        session.run("serving_default", row)
    return 1000 / _rate(session, row, 1, seconds), _rate(session, row, len(usable_cores()) // threads, seconds)


def _rate(session: SavedModelSession, row: dict[str, np.ndarray], callers: int, seconds: float) -> float:
    """Runs a second."""
    end = time.perf_counter() + seconds
    counts = [0] * callers

    def call(caller: int) -> None:
        while time.perf_counter() < end:
            session.run("serving_default", row)
            counts[caller] += 1

    began = time.perf_counter()
    threads = [threading.Thread(target=call, args=(caller,)) for caller in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
