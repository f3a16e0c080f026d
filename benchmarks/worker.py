"""One contender in a process of its own, warm and waiting: takes steps when asked, and says how long they took.

Lines in, a line of JSON out for each but the first. The first line is the job as JSON, whose network is then built.
`start` takes the first step; `warm` takes a few more, and measures a step, peak memory and the product rate; a number
takes so many steps.
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
    "kresnet_xla": "ours",
    "kresnet_kernels": "ours",
    "keras": "stock_keras",
    "keras_tuned": "stock_keras",
    "torch": "pytorch",
    "torch_compile": "pytorch",
    "jax": "flax_nnx",
    "onnxruntime": "runtimes",
    "openvino": "runtimes",
}
_WARM_STEPS = 2
#: Side of the matrices that are multiplied, how many products are one call, and of how many calls the best is taken.
_PRODUCT_SIDE, _PRODUCTS, _PRODUCT_CALLS = 4096, 1, 4
_GPU_PRODUCT_SIDE, _GPU_PRODUCTS = 8192, 10


class Peer(Protocol):
    """A contender: the constructor imports what it needs and builds the network."""

    parameters: int  # that training changes
    on_gpu: bool

    def versions(self) -> dict[str, str]:
        """Of what it runs on."""

    def start(self) -> None:
        """Get ready to take steps: data, optimizer, compilation."""

    def run(self, steps: int) -> None:
        """Take steps, and wait until the device has done them."""

    def settle(self) -> None:
        """Look for the fastest kernels, with the device to itself."""

    def device_peak(self) -> int | None:
        """Most bytes of the GPU's memory that tensors have held at once; None without a GPU."""

    def release(self) -> None:
        """Give memory of the GPU back that no tensor is in, as far as the library can."""

    def product(self, side: int, count: int) -> Callable[[], None]:
        """Products of two square matrices in the job's precision; each call makes `count` and waits for them."""


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints is not an answer
    job = Job(**json.loads(sys.stdin.readline()))
    peer: Peer = importlib.import_module(f"benchmarks.peers.{_MODULES[job.contender]}").Contender(job)
    built = peak()
    for line in sys.stdin:
        match line.strip():
            case "start":
                _answer(answers, first_step(peer) | {"built_bytes": built})
            case "warm":
                _answer(answers, warm(peer))
            case number:
                steps = int(number)
                if peer.on_gpu:
                    peer.run(1)  # takes again the memory that was released after the last turn
                taken = seconds(lambda: peer.run(steps))  # noqa: B023
                peer.release()
                _answer(answers, {"images_per_second": steps * job.batch / taken})


def first_step(peer: Peer) -> dict[str, Any]:
    """Take the first step: what it took, compilation and all."""
    began, began_cpu = time.perf_counter(), time.process_time()
    peer.start()
    peer.run(1)
    return {
        "parameters": peer.parameters,
        "versions": peer.versions(),
        "first_step_seconds": time.perf_counter() - began,
        "first_step_cpu_seconds": time.process_time() - began_cpu,
    }


def warm(peer: Peer) -> dict[str, Any]:
    """Take a few steps: seconds of one, peak memory, and the rate of a product."""
    peer.settle()
    found: dict[str, Any] = {"step_seconds": seconds(lambda: peer.run(_WARM_STEPS)) / _WARM_STEPS}
    found["peak_bytes"], found["device_peak_bytes"] = peak(), peer.device_peak()  # before the matrices
    peer.release()
    found["product_flops"] = product_rate(peer)
    peer.release()
    return found


def seconds(run: Callable[[], None]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def product_rate(peer: Peer) -> float:
    """Floating-point operations a second in a product of two 4096² (on a GPU 8192²) matrices: the best of a few."""
    side, count = (_GPU_PRODUCT_SIDE, _GPU_PRODUCTS) if peer.on_gpu else (_PRODUCT_SIDE, _PRODUCTS)
    product = peer.product(side, count)
    product()
    return count * 2 * side**3 / min(seconds(product) for _ in range(_PRODUCT_CALLS))


def peak() -> int:
    """Most bytes of host memory that this process has held at once."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _answer(stream: Any, values: dict[str, Any]) -> None:
    print(json.dumps(values), file=stream, flush=True)


if __name__ == "__main__":
    main()
