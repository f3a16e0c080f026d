"""kresnet beside PyTorch on a GPU, on a machine that is lent for minutes.

python3 -m benchmarks.gpu [--seconds 420] [--rounds 5] [-o DIR]

What matters most comes first, and results are written after every round, so that a run that is cut keeps what it has.
Of an entry, all contenders are built at once; those that compile for long do so at the same time; then each looks for
its kernels alone, and they take turns as in `benchmarks.compare`. An entry is not begun when it could not be finished.
All read batches of random bytes, uint8 in the host's memory, and copy the next one to the device beside a step.
`float32` may be TF32 in both libraries.

`-o` gets `gpu.json`, for `python -m benchmarks.gpu_report`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.compare import take_turns
from benchmarks.gpu_report import lines
from benchmarks.jobs import Job
from benchmarks.machine import commit, gpu_details, machine
from benchmarks.processes import Worker
from kresnet.cores import usable_cores
from kresnet.plan import plan_loaded
from kresnet.plan.memory_estimate import estimate_memory
from kresnet.spec.loading import load_spec

CONTENDERS = ("kresnet_xla", "torch_compile", "kresnet", "torch")
#: These compile for tens of seconds, hardly using the device: they do so at the same time.
_COMPILED = ("kresnet_xla", "torch_compile")
#: A contender's memory is about so many times the plan's estimate; PyTorch's between turns hold next to none.
_MEMORY_FACTOR = 1.6


class Entry(NamedTuple):
    """What is measured in one go, and about how many seconds that takes on an H100-class card."""

    network: str
    precision: str
    batch: int
    takes: float


#: By importance.
ENTRIES = (
    Entry("resnet50", "bfloat16", 256, 170),
    Entry("cifar_resnet20", "bfloat16", 128, 100),
    Entry("resnet50", "float32", 256, 170),
    Entry("cifar_resnet20", "float32", 128, 100),
    Entry("cifar_resnet20", "bfloat16", 1024, 100),
    Entry("cifar_resnet20", "float32", 1024, 100),
)


def main() -> None:
    options = _options()
    options.output.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + options.seconds
    known: dict[str, Any] = {"machine": machine(), "device": gpu_details(), "entries": []}
    for entry in ENTRIES:
        if options.entry and f"{entry.network},{entry.precision},{entry.batch}" not in options.entry:
            continue
        if (left := until - time.monotonic()) < entry.takes and not options.entry:
            print(f"{entry} left out: {left:.0f} s are left", file=sys.stderr)
            continue
        began = time.monotonic()
        measure(entry, known, options, until)
        print(f"{entry} took {time.monotonic() - began:.0f} s", file=sys.stderr)


def measure(entry: Entry, known: dict[str, Any], options: argparse.Namespace, until: float) -> None:
    """Measure one entry with all contenders; it is written after every round."""
    batch = options.batch or fitting_batch(entry, known["device"])
    jobs = [Job(name, entry.network, entry.precision, "training", batch, options.threads) for name in options.contender]
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(job, _python(job, options))) for job in jobs]
        found = _ready(workers)
        counts = {name: each["parameters"] for name, each in found.items()}
        if len(set(counts.values())) != 1:
            raise SystemExit(f"the contenders' networks are not the same: trainable parameters {counts}")
        workers = [worker for worker in workers if worker.name in found]
        result = {
            "network": entry.network,
            "precision": entry.precision,
            "mode": "training",
            "batch": batch,
            "threads": options.threads,
            "commit": os.environ.get("KRESNET_COMMIT") or commit(),
            "measured": time.strftime("%Y-%m-%d"),
            "contenders": found,
        }
        known["entries"].append(result)
        for turn in range(options.rounds):
            take_turns(workers, found, turn, options.turn_seconds)
            (options.output / "gpu.json").write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
            if time.monotonic() > until:
                break
    print("\n".join(lines(result)), flush=True)


def _ready(workers: Sequence[Worker]) -> dict[str, Any]:
    """Bring all to where they can take turns; one that fails is told, and left out."""
    found: dict[str, Any] = {}

    def first(worker: Worker) -> dict[str, Any] | None:
        try:
            return worker.first_step()
        except SystemExit as error:
            print(f"{worker.name} failed: {error}", file=sys.stderr, flush=True)
            return None

    for worker in workers:
        worker.begin()
    compiled = [worker for worker in workers if worker.name in _COMPILED]
    with ThreadPoolExecutor(len(workers)) as pool:
        steps = dict(zip(compiled, pool.map(first, compiled), strict=True))
    steps |= {worker: first(worker) for worker in workers if worker not in compiled}
    for worker in workers:
        if (step := steps[worker]) is not None:
            found[worker.name] = step | worker.warm() | {"images_per_second": []}
            told = {name: found[worker.name][name] for name in ("first_step_seconds", "step_seconds", "product_flops")}
            print(f"{worker.name}: {told}", file=sys.stderr, flush=True)
    if not found:
        raise SystemExit("no contender ran")
    return found


def fitting_batch(entry: Entry, device: dict[str, str]) -> int:
    """The entry's batch, halved until both of kresnet's contenders and one of PyTorch's fit on the device."""
    if not device:
        return entry.batch
    memory = float(device["memory.total"].split()[0]) * 2**20  # "81559 MiB"
    plan, batch = plan_loaded(load_spec(entry.network)), entry.batch
    while 3 * _MEMORY_FACTOR * estimate_memory(plan, batch, precision=entry.precision).total > memory:
        batch //= 2
    return batch


def _python(job: Job, options: argparse.Namespace) -> str | Path:
    return options.torch_python if options.torch_python and "torch" in job.contender else sys.executable


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=420, help="in all; what would not be done by then is left out")
    parser.add_argument("--entry", action="append", help="NETWORK,PRECISION,BATCH: only these, whatever they take")
    parser.add_argument("--contender", action="append", choices=CONTENDERS)
    parser.add_argument("--batch", type=int, help="in place of every entry's own")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--turn-seconds", type=float, default=2.0, help="about how long a turn takes")
    parser.add_argument("--threads", type=int, default=len(usable_cores()), help="of every contender")
    parser.add_argument("--torch-python", type=Path, help="one that has PyTorch, if this one has not")
    parser.add_argument("-o", "--output", type=Path, default=Path("build/gpu"))
    options = parser.parse_args()
    options.contender = options.contender or CONTENDERS
    names = [f"{entry.network},{entry.precision},{entry.batch}" for entry in ENTRIES]
    if unknown := set(options.entry or ()) - set(names):
        parser.error(f"no entry {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return options


if __name__ == "__main__":
    main()
