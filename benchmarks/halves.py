"""A batch as two halves, each on a thread of its own, against one batch on two threads: images a second, in training.

python -m benchmarks.halves [--network cifar_resnet20] [--precision float32] [--rounds 5] [--seconds 3]

Contenders are processes that take turns: one batch on two threads; two processes of half a batch and one core each,
which is what halves could gain at most, as they share nothing; and two replicas of one thread each in one process,
whose batch norms take the statistics of their half or, synchronised, of the whole batch as the first contender's do.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from benchmarks.jobs import NETWORKS, PRECISIONS, Job
from benchmarks.processes import Worker
from benchmarks.spread import ratios, spread

#: Contender -> the cores of its processes.
CONTENDERS: dict[str, tuple[set[int], ...]] = {
    "one batch, two threads": ({0, 1},),
    "two processes": ({0}, {1}),
    "two replicas": ({0, 1},),
    "two replicas, synchronised": ({0, 1},),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="cifar_resnet20", choices=NETWORKS)
    parser.add_argument("--precision", default="float32", choices=PRECISIONS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    rates: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    with ExitStack() as processes, ThreadPoolExecutor() as threads:
        started = {
            name: [processes.enter_context(_start(name, options.network, options.precision, each)) for each in cores]
            for name, cores in CONTENDERS.items()
        }

        def turn(workers: Sequence[Worker]) -> float:
            """Images a second of processes that run at the same time."""
            return sum(threads.map(lambda worker: worker.ask(str(options.seconds))["images_per_second"], workers))

        for number in range(options.rounds):
            for name in sorted(CONTENDERS, reverse=bool(number % 2)):
                rates[name].append(turn(started[name]))
    print(f"{options.network}, {options.precision}\n\n| | images/s | against the first |\n|---|---:|---:|")
    first, *_ = rates.values()
    for name, found in rates.items():
        print(f"| {name} | {spread(found)} | {spread(ratios(found, first), 2)} |")
    print(f"\nMedian of {options.rounds} rounds.")


def _start(contender: str, network: str, precision: str, cores: set[int]) -> Worker:
    """A process on these cores, warm."""
    batch = NETWORKS[network].batch // len(CONTENDERS[contender])
    all_cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)  # which the process inherits
    try:
        job = Job(contender, network, precision, "training", batch, len(cores))
        worker = Worker(job, sys.executable, "benchmarks.halves_worker")
    finally:
        os.sched_setaffinity(0, all_cores)
    worker.ready()
    return worker


if __name__ == "__main__":
    main()
