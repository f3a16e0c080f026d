"""What `kernels: auto` chooses for the networks of `benchmarks.compare`, what it gains, and what choosing costs.

python -m benchmarks.kernels [--network NAME] [--precision NAME] [--rounds 5] [-o FILE]

Without a network all are measured, in each precision. Kernels are chosen anew, into a cache of their own. Then a
process with stock kernels and one with the chosen ones take turns of about two seconds, in another order each round; a
ratio is of two turns of one round. First steps are those of `benchmarks.compare`, at its batch of 4: by stock kernels,
with nothing in the cache, and with what that step has left there.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.compare import take_turns
from benchmarks.jobs import FIRST_STEP_BATCH, NETWORKS, PRECISIONS, Job
from benchmarks.machine import commit, machine
from benchmarks.processes import Worker
from benchmarks.spread import ratios, spread
from kresnet.files import CACHE_VARIABLE

STOCK, CHOSEN = CONTENDERS = ("kresnet", "kresnet_kernels")


def main() -> None:
    options = _options()
    found: dict[str, Any] = {"machine": machine(), "commit": commit(), "steps": {}, "first_step_cpu_seconds": {}}
    with tempfile.TemporaryDirectory() as cache:
        os.environ[CACHE_VARIABLE] = cache  # of the workers too
        for network in options.network or NETWORKS:
            for precision in options.precision or PRECISIONS:
                batch = NETWORKS[network].batch
                title = f"{network}, batch {batch}, {precision}"
                rates, chosen = _turns(network, precision, batch, options), _chosen(network, precision, batch)
                found["steps"][title] = {"images_per_second": rates, "chosen": chosen}
                gained = spread(ratios(rates[CHOSEN], rates[STOCK]), 2)
                print(f"{title}: {chosen}; {gained} times stock's images/s", flush=True)
                first = _first_steps(network, precision, options)
                found["first_step_cpu_seconds"][f"{network}, {precision}"] = first
                told = ", ".join(f"{name} {spread(seconds)}" for name, seconds in first.items())
                print(f"{network}, batch {FIRST_STEP_BATCH}, {precision}, first step, CPU s: {told}", flush=True)
    if options.output:
        options.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", action="append", choices=NETWORKS)
    parser.add_argument("--precision", action="append", choices=PRECISIONS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--turn-seconds", type=float, default=2.0, help="about how long a turn takes")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("-o", "--output", type=Path, metavar="FILE")
    return parser.parse_args()


def _turns(network: str, precision: str, batch: int, options: argparse.Namespace) -> dict[str, list[float]]:
    """Images a second of both in every round."""
    found: dict[str, Any] = {}
    with ExitStack() as stack:
        workers = []
        for name in CONTENDERS:
            job = Job(name, network, precision, "training", batch, options.threads)
            workers.append(stack.enter_context(Worker(job, sys.executable)))
            workers[-1].begin()
            found[name] = workers[-1].first_step() | workers[-1].warm() | {"images_per_second": []}
        for turn in range(options.rounds):
            take_turns(workers, found, turn, options.turn_seconds)
    return {name: each["images_per_second"] for name, each in found.items()}


def _chosen(network: str, precision: str, batch: int) -> str:
    """What the worker's kernels were, as the cache knows them."""
    from kresnet.plan import plan_loaded
    from kresnet.spec.loading import load_spec
    from kresnet.training.kernel_tuning import choose_kernels_by_time

    return choose_kernels_by_time(plan_loaded(load_spec(network)), batch, precision).text


def _first_steps(network: str, precision: str, options: argparse.Namespace) -> Mapping[str, Sequence[float]]:
    """CPU seconds of first steps in fresh processes: by stock kernels, with an empty cache, and with a full one."""
    found: dict[str, list[float]] = {"stock": [], "nothing known": [], "from the cache": []}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as empty:
            full = os.environ[CACHE_VARIABLE]
            os.environ[CACHE_VARIABLE] = empty
            for name in ("stock", "nothing known", "from the cache"):
                contender = STOCK if name == "stock" else CHOSEN
                job = Job(contender, network, precision, "training", FIRST_STEP_BATCH, options.threads)
                with Worker(job, sys.executable) as worker:
                    worker.begin()
                    found[name].append(worker.first_step()["first_step_cpu_seconds"])
            os.environ[CACHE_VARIABLE] = full
    return found


if __name__ == "__main__":
    main()
