"""One contender in a process of its own, warm and waiting: takes steps when asked, and says how long they took.

A line of JSON in, a line of JSON out. The first line in is the job; the first line out, once the first step is done,
says what that took. Each further line in is a number of steps.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

from benchmarks.jobs import Job

_MODULES = {
    "kresnet": "ours",
    "keras": "stock_keras",
    "keras_tuned": "stock_keras",
    "torch": "pytorch",
    "torch_compile": "pytorch",
}
_WARM_STEPS = 2
_PRODUCT_SIDE, _PRODUCTS = 4096, 4


class Peer(Protocol):
    """A contender: the constructor imports what it needs and builds the network."""

    parameters: int  # that training changes

    def versions(self) -> dict[str, str]:
        """Of what it runs on."""

    def start(self) -> None:
        """Get ready to take steps: data, optimizer, compilation."""

    def run(self, steps: int) -> None:
        """Take steps, and wait until the device has done them."""

    def product(self, side: int) -> Callable[[], None]:
        """A product of two square matrices in the job's precision; each call makes one and waits for it."""


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints is not an answer
    job = Job(**json.loads(sys.stdin.readline()))
    peer: Peer = importlib.import_module(f"benchmarks.peers.{_MODULES[job.contender]}").Contender(job)
    built = peak()
    began, began_cpu = time.perf_counter(), time.process_time()
    peer.start()
    peer.run(1)
    ready: dict[str, Any] = {
        "parameters": peer.parameters,
        "versions": peer.versions(),
        "first_step_seconds": time.perf_counter() - began,
        "first_step_cpu_seconds": time.process_time() - began_cpu,
        "built_bytes": built,
    }
    if job.mode != "first_step":
        ready["step_seconds"] = seconds(lambda: peer.run(_WARM_STEPS)) / _WARM_STEPS
        ready["peak_bytes"] = peak()  # before the matrices
        ready["product_flops"] = product_rate(peer)
    _answer(answers, ready)
    for line in sys.stdin:
        steps = int(line)
        _answer(answers, {"images_per_second": steps * job.batch / seconds(lambda: peer.run(steps))})  # noqa: B023


def seconds(run: Callable[[], None]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def product_rate(peer: Peer) -> float:
    """Floating-point operations a second in a product of two 4096² matrices: the best of a few."""
    product = peer.product(_PRODUCT_SIDE)
    product()
    return 2 * _PRODUCT_SIDE**3 / min(seconds(product) for _ in range(_PRODUCTS))


def peak() -> int:
    """Most bytes of host memory that this process has held at once."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _answer(stream: Any, values: dict[str, Any]) -> None:
    print(json.dumps(values), file=stream, flush=True)


if __name__ == "__main__":
    main()
