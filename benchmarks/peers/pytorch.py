"""PyTorch: channels last, eager or compiled, on the GPU where it has one."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
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
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.backends.cudnn.benchmark = True
        network = build(job.network).to(self.device, memory_format=torch.channels_last)
        self.parameters = sum(weight.numel() for weight in network.parameters())
        self.network = torch.compile(network) if job.contender == "torch_compile" else network
        self.reduced = torch.autocast(self.device.type, torch.bfloat16, enabled=job.precision == "bfloat16")

    def versions(self) -> dict[str, str]:
        return {"torch": torch.__version__}

    def start(self) -> None:
        images, labels = (torch.from_numpy(array) for array in ring(self.job))
        images = images.permute(0, 1, 4, 2, 3)  # seen as (N, C, H, W), lying in memory as (N, H, W, C)
        self.batches = itertools.cycle(list(zip(images, labels.long(), strict=True)))
        self.network.train(self.job.mode != "inference")
        self.optimizer = torch.optim.SGD(self.network.parameters(), LEARNING_RATE, MOMENTUM)

    def run(self, steps: int) -> None:
        step = self._infer if self.job.mode == "inference" else self._train
        for _ in range(steps):
            images, labels = next(self.batches)
            last = step(images.to(self.device, non_blocking=True), labels.to(self.device, non_blocking=True))
        last.item()  # waits for the device

    def product(self, side: int) -> Callable[[], None]:
        kind = torch.bfloat16 if self.job.precision == "bfloat16" else torch.float32
        left, right = (torch.rand(side, side, device=self.device).to(kind) for _ in range(2))

        def multiply() -> None:
            (left @ right)[0, 0].item()

        return multiply

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
