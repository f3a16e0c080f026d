"""kresnet against stock Keras, PyTorch, JAX and runtimes: training, inference, time to the first step, peak memory.

python -m benchmarks.compare [--network resnet50] [--precision bfloat16] [--mode training] [--rounds 5] [-o FILE]

Each contender runs in a process of its own. All stay warm and take turns, so that what the machine does meanwhile
meets all of them; a ratio is of two turns of one round. What was not asked for is measured whole: every network,
precision and mode. `-o` merges the results into a file, which `python -m benchmarks.report` shows.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.jobs import (
    CONTENDERS,
    FLOAT32_ONLY,
    MODES,
    NETWORKS,
    PRECISIONS,
    RUNTIMES,
    Job,
)
from benchmarks.machine import commit, results
from benchmarks.processes import Worker
from benchmarks.report import lines
from benchmarks.spread import spread

TORCH_PYTHON, JAX_PYTHON = Path(".venv-torch/bin/python"), Path(".venv-jax/bin/python")


def main() -> None:
    options = _options()
    known = results(options.output)
    for network in options.network or NETWORKS:
        for precision in options.precision or PRECISIONS:
            for mode in options.mode or MODES:
                entry = measure(network, precision, mode, options)
                _keep(known, entry)
                if options.output:
                    options.output.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
                print("\n".join(lines(entry)), flush=True)


def measure(network: str, precision: str, mode: str, options: argparse.Namespace) -> dict[str, Any]:
    """One comparison; an entry of the results."""
    batch = NETWORKS[network].images(mode)
    names = [name for name in _contenders(options) if _takes_part(name, precision, mode)]
    jobs = [Job(name, network, precision, mode, batch, options.threads) for name in names]
    pythons = {name: _python(name, options) for name in names}
    entry: dict[str, Any] = {
        "network": network,
        "precision": precision,
        "mode": mode,
        "batch": batch,
        "threads": options.threads,
        "commit": commit(),
        "load_before": round(os.getloadavg()[0], 2),
    }
    if mode == "first_step":
        entry["contenders"] = _first_steps(jobs, pythons, options.rounds)
    else:
        entry["contenders"] = _turns(jobs, pythons, options.rounds, options.turn_seconds)
    counts = {name: found["parameters"] for name, found in entry["contenders"].items()}
    if len(set(counts.values())) > 1:
        raise SystemExit(f"the contenders' networks are not the same: trainable parameters {counts}")
    return entry


def _turns(jobs: Sequence[Job], pythons: dict[str, Any], rounds: int, turn_seconds: float) -> dict[str, Any]:
    """Images a second in every round, all workers alive and taking turns."""
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(job, pythons[job.contender])) for job in jobs]
        found: dict[str, Any] = {}
        for worker in workers:  # one after the other: a first step is timed too
            worker.begin()
            found[worker.name] = worker.first_step() | worker.warm() | {"images_per_second": []}
            print(f"{worker.name}: first step {found[worker.name]['first_step_seconds']:.1f} s", file=sys.stderr)
        for turn in range(rounds):
            take_turns(workers, found, turn, turn_seconds)
    return found


def take_turns(workers: Sequence[Worker], found: dict[str, Any], turn: int, turn_seconds: float) -> None:
    """Let each worker take steps for about so long, in another order each round, and add its rate to what was found."""
    for worker in [*workers[turn % len(workers) :], *workers[: turn % len(workers)]]:
        steps = max(1, round(turn_seconds / found[worker.name]["step_seconds"]))
        rate = worker.take(steps)["images_per_second"]
        found[worker.name]["images_per_second"].append(rate)
        print(f"round {turn + 1}: {worker.name} {rate:,.4g} images/s, {steps} steps", file=sys.stderr)


def _first_steps(jobs: Sequence[Job], pythons: dict[str, Any], rounds: int) -> dict[str, Any]:
    """CPU and wall seconds from a built network to its first step done, each in a fresh process."""
    found: dict[str, Any] = {}
    timed = ("first_step_cpu_seconds", "first_step_seconds")
    for _ in range(rounds):
        for job in jobs:
            with Worker(job, pythons[job.contender]) as worker:
                worker.begin()
                ready = worker.first_step()
            kept = found.setdefault(job.contender, ready | {name: [] for name in timed})
            for name in timed:
                kept[name].append(ready[name])
    for name, kept in found.items():
        print(f"{name}: {spread(kept['first_step_cpu_seconds'])} CPU s", file=sys.stderr)
    return found


def _contenders(options: argparse.Namespace) -> list[str]:
    if options.contender:
        return list(options.contender)
    names = [name for name in CONTENDERS if not name.startswith("kresnet_")]
    for missing in {_python(name, options) for name in names if not Path(_python(name, options)).exists()}:
        print(f"no {missing} (`make bench-torch-venv bench-jax-venv`): left out", file=sys.stderr)
        names = [name for name in names if _python(name, options) != missing]
    return names


def _takes_part(contender: str, precision: str, mode: str) -> bool:
    """Whether a contender can do this at all."""
    infers = contender in RUNTIMES
    return mode == "inference" and (contender != FLOAT32_ONLY or precision == "float32") if infers else True


def _python(contender: str, options: argparse.Namespace) -> str | Path:
    """The Python that has what a contender is made of."""
    others = {"torch": options.torch_python, "torch_compile": options.torch_python, "jax": options.jax_python}
    return others.get(contender, sys.executable)


def _keep(known: dict[str, Any], entry: dict[str, Any]) -> None:
    """Add an entry, in place of an older one of the same kind."""
    key = ("network", "precision", "mode")
    others = [other for other in known["entries"] if any(other[name] != entry[name] for name in key)]
    orders = (list(NETWORKS), list(PRECISIONS), list(MODES))
    place = lambda each: [order.index(each[name]) for order, name in zip(orders, key, strict=True)]  # noqa: E731
    known["entries"] = sorted([*others, entry | {"measured": time.strftime("%Y-%m-%d")}], key=place)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", action="append", choices=NETWORKS)
    parser.add_argument("--precision", action="append", choices=PRECISIONS)
    parser.add_argument("--mode", action="append", choices=MODES)
    parser.add_argument("--contender", action="append", choices=CONTENDERS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--turn-seconds", type=float, default=2.0, help="about how long a turn takes")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of every contender")
    parser.add_argument("--torch-python", type=Path, default=TORCH_PYTHON)
    parser.add_argument("--jax-python", type=Path, default=JAX_PYTHON)
    parser.add_argument("-o", "--output", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
