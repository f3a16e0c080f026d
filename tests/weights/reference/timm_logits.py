"""What PyTorch computes of timm's residual networks with weights by rule: the logits of every entry point.

In an environment with timm (`tests/weights/reference/make.py` says which), from the repository's root:

    python -m tests.weights.reference.timm_logits

It writes `timm.npz` beside this file: of each network the logits of two images, and a digest of its tensors' names and
sizes; a few kilobytes in all, for no weights are stored.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch

from tests.weights.reference import rule
from tests.weights.reference.timm_cases import CLASSES, CUT_DOWN, IMAGES, SIDE, digest

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def computed(architecture: str, arguments: dict[str, Any], side: int) -> tuple[np.ndarray, str]:
    """Logits `(IMAGES, CLASSES)` in inference mode, and the digest of the tensors."""
    network = timm.create_model(architecture, num_classes=CLASSES, **arguments).eval()
    state = {name: value for name, value in network.state_dict().items() if value.ndim}
    for name, value in state.items():
        value.copy_(torch.from_numpy(rule.tensor(name, tuple(value.shape))))
    pixels = (rule.images(IMAGES, side).astype(np.float32) / 255 - np.float32(MEAN)) / np.float32(STD)
    with torch.inference_mode():
        logits = network(torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy()))
    return logits.numpy(), digest((name, value.numel()) for name, value in state.items())


def main() -> None:
    """Write the file."""
    cases = {name: (name, {}, SIDE) for name in timm.list_models(module="resnet") if not name.endswith("_pruned")}
    arrays = {}
    for name, case in {**CUT_DOWN, **cases}.items():
        arrays[f"{name}/logits"], found = computed(*case)
        arrays[f"{name}/digest"] = np.array(found)
        print(name, arrays[f"{name}/logits"][0, :3], flush=True)
    np.savez_compressed(Path(__file__).with_name("timm.npz"), **arrays)


if __name__ == "__main__":
    main()
