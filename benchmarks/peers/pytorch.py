"""PyTorch: channels last, eager or compiled, on the GPU where it has one.

There float32 may be TF32, as in TensorFlow by default; cuDNN looks for its fastest kernels; and batches lie in pinned
memory, from where the next one is copied while a step runs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import torch
import torch._inductor.config
from torch.nn import functional

from benchmarks.jobs import Job
from benchmarks.peers import LEARNING_RATE, MOMENTUM, ring
from benchmarks.peers.torch_networks import build


class Contender:
    """See `benchmarks.worker.Peer`."""

    def __init__(self, job: Job) -> None:
        torch.set_num_threads(job.threads)
        torch.manual_seed(0)
        self.job = job
        self.on_gpu = torch.cuda.is_available()
        self.device = torch.device("cuda" if self.on_gpu else "cpu")
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        network = build(job.network).to(self.device, memory_format=torch.channels_last)
        self.parameters = sum(weight.numel() for weight in network.parameters())
        if job.contender == "torch_compile":
            torch._inductor.config.freezing = job.mode == "inference"
            network = torch.compile(network)
        self.network = network
        self.reduced = torch.autocast(self.device.type, torch.bfloat16, enabled=job.precision == "bfloat16")

    def versions(self) -> dict[str, str]:
        return {"torch": torch.__version__}

    def start(self) -> None:
        images, labels = (torch.from_numpy(array) for array in ring(self.job))
        images = images.permute(0, 1, 4, 2, 3)  # seen as (N, C, H, W), lying in memory as (N, H, W, C)
        if self.on_gpu:
            images, labels = images.pin_memory(), labels.long().pin_memory()
        self.batches = self._on_device(itertools.cycle(list(zip(images, labels.long(), strict=True))))
        self.network.train(self.job.mode != "inference")
        self.optimizer = torch.optim.SGD(self.network.parameters(), LEARNING_RATE, MOMENTUM)

    def run(self, steps: int) -> None:
        step = self._infer if self.job.mode == "inference" else self._train
        for _ in range(steps):
            last = step(*next(self.batches))
        last.item()  # waits for the device

    def settle(self) -> None:
        torch.backends.cudnn.benchmark = True
        self.run(3)

    def device_peak(self) -> int | None:
        return torch.cuda.max_memory_allocated() if self.on_gpu else None

    def release(self) -> None:
        if self.on_gpu:
            torch.cuda.empty_cache()

    def product(self, side: int, count: int) -> Callable[[], None]:
        kind = torch.bfloat16 if self.job.precision == "bfloat16" else torch.float32
        left, right = (torch.randn(side, side, device=self.device).to(kind) for _ in range(2))

        def multiply() -> None:
            for _ in range(count):
                last = left @ right
            last[0, 0].item()

        return multiply

    def _on_device(self, batches: Iterator[tuple[torch.Tensor, ...]]) -> Iterator[tuple[torch.Tensor, ...]]:
        """The batches on the device, each copied beside the step before it."""
        if not self.on_gpu:
            yield from batches
        copying, training = torch.cuda.Stream(), torch.cuda.current_stream()

        def copy() -> tuple[torch.Tensor, ...]:
            with torch.cuda.stream(copying):
                return tuple(each.to(self.device, non_blocking=True) for each in next(batches))

        following = copy()
        while True:
            training.wait_stream(copying)
            present = following
            for each in present:
                each.record_stream(training)
            following = copy()
            yield present

    def _train(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        with self.reduced:
            loss = functional.cross_entropy(self.network(images), labels)
        loss.backward()
        self.optimizer.step()
        return loss

    @torch.inference_mode()
    def _infer(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        with self.reduced:
            return self.network(images).sum()
