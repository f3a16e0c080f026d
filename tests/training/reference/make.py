"""What PyTorch and timm compute: updates of their optimizers, one-cycle learning rates, clipped gradients, losses.

In an environment of its own, from the repository's root:

    pip install torch==2.14.1 timm==1.0.31
    python -m tests.training.reference.make

It writes `pytorch.json` beside this file.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from timm.loss import BinaryCrossEntropy
from timm.optim import Lamb, Lars, RMSpropTF
from timm.utils.agc import adaptive_clip_grad

from tests.training.reference import STEPS, gradients, logits_and_labels, start


def parameters() -> list[torch.nn.Parameter]:
    return [torch.nn.Parameter(torch.tensor(value)) for value in start()]


def trained(make) -> list:
    """Weights after `STEPS` updates; the vector, which is a norm's gamma, is in a group of its own without decay."""
    kernel, gamma = parameters()
    optimizer = make([{"params": [kernel]}, {"params": [gamma], "weight_decay": 0.0}])
    for step in gradients():
        for parameter, gradient in zip((kernel, gamma), step, strict=True):
            parameter.grad = torch.tensor(gradient)
        optimizer.step()
    return [parameter.detach().numpy().tolist() for parameter in (kernel, gamma)]


def one_cycle(strategy: str) -> list[float]:
    optimizer = torch.optim.SGD(parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.4, total_steps=50, anneal_strategy=strategy)
    rates = []
    for _ in range(50):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step() if len(rates) < 50 else None
    return rates


def clipped() -> list:
    """Large gradients after adaptive clipping at 0.01; PyTorch's units are the first axis, ours the last."""
    kernel, gamma = start()
    weights = [
        torch.nn.Parameter(torch.tensor(np.ascontiguousarray(kernel.T))),
        torch.nn.Parameter(torch.tensor(gamma)),
    ]
    for weight, gradient in zip(weights, gradients()[0], strict=True):
        weight.grad = torch.tensor(np.ascontiguousarray(100 * gradient.T))
    adaptive_clip_grad(weights, clip_factor=0.01, eps=1e-3)
    return [weight.grad.numpy().T.tolist() for weight in weights]


def binary(smoothing: float) -> float:
    logits, labels = map(torch.tensor, logits_and_labels())
    return float(BinaryCrossEntropy(smoothing=smoothing)(logits, labels.long()))


def main() -> None:
    found = {
        "lamb": trained(lambda groups: Lamb(groups, lr=0.05, weight_decay=0.1, max_grad_norm=None)),
        "lars": trained(lambda groups: Lars(groups, lr=0.05, momentum=0.0, weight_decay=0.1, trust_coeff=0.02)),
        "rmsprop": trained(lambda groups: RMSpropTF(groups, lr=0.05, eps=1e-3, momentum=0.9, weight_decay=0.1)),
        "one_cycle_cosine": one_cycle("cos"),
        "one_cycle_linear": one_cycle("linear"),
        "clipped": clipped(),
        "binary_0.0": binary(0.0),
        "binary_0.1": binary(0.1),
    }
    (Path(__file__).parent / "pytorch.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print({"steps": STEPS, "torch": torch.__version__})


if __name__ == "__main__":
    main()
