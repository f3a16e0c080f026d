"""What PyTorch computes of timm's networks that are no ResNets by its modules, with weights by rule.

In an environment with timm (`tests/weights/reference/make.py` says which), from the repository's root:

    python -m tests.weights.reference.timm_families [NAME...]

It writes `families.npz` and a file a later family beside this one, or only the named networks of them anew: for each a
digest of its tensors' names and sizes, mean and deviation of pixels, the logits of two images, and of every weight's
gradient for each image three of the numbers that `rule.sample` takes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from timm.models import resnetv2

from tests.weights.reference import rule
from tests.weights.reference.timm_cases import CLASSES, CUT_DOWN_FAMILIES, IMAGES, SIDE, digest, reference_file

FACTS = json.loads((Path(__file__).parents[3] / "kresnet/weights/pretrained/timm_models.json").read_text())


def made(architecture: str, arguments: dict[str, Any]) -> torch.nn.Module:
    """The network; an entry point of BiT's states its own layers, which then are left out."""
    if architecture.endswith("_bit") and arguments:
        return resnetv2._create_resnetv2_bit(architecture, num_classes=CLASSES, **arguments).eval()
    return timm.create_model(architecture, num_classes=CLASSES, **arguments).eval()


def computed(architecture: str, arguments: dict[str, Any], side: int) -> dict[str, np.ndarray]:
    """Mean and deviation of pixels, logits in inference, gradients `(IMAGES, weights, 3)`, digest of the tensors."""
    network = made(architecture, arguments)
    state = {name: value for name, value in network.state_dict().items() if value.ndim}
    for name, value in state.items():
        value.copy_(torch.from_numpy(rule.tensor(name, tuple(value.shape))))
    mean, std = (np.float32(network.default_cfg[each]) for each in ("mean", "std"))
    pixels = ((rule.images(IMAGES, side).astype(np.float32) / 255 - mean) / std).transpose(0, 3, 1, 2)
    with torch.inference_mode():
        logits = network(torch.from_numpy(pixels.copy())).numpy()
    samples = []
    for image, target in zip(pixels, rule.targets(IMAGES, CLASSES), strict=True):
        network.zero_grad()
        (network(torch.from_numpy(image.copy())[None])[0] * torch.from_numpy(target)).sum().backward()
        weights = sorted(network.named_parameters())
        samples.append([rule.sample(value.grad.numpy(), name)[:3] for name, value in weights])
    return {
        "pixels": np.array([mean, std]),
        "digest": np.array(digest((name, value.numel()) for name, value in state.items())),
        "logits": logits,
        "gradients": np.array(samples, np.float32),
    }


def main(names: list[str]) -> None:
    """Write the files."""
    entries = {name: (name, {}, SIDE) for name, facts in FACTS["architectures"].items() if facts["family"] != "resnet"}
    cases = {**CUT_DOWN_FAMILIES, **entries}
    for name in names or cases:
        file = Path(__file__).with_name(reference_file(FACTS["architectures"][cases[name][0]]["family"]))
        arrays = dict(np.load(file)) if file.exists() else {}
        for part, array in computed(*cases[name]).items():
            arrays[f"{name}/{part}"] = array
        print(name, arrays[f"{name}/logits"][0, :3], flush=True)
        np.savez_compressed(file, **arrays)


if __name__ == "__main__":
    main(sys.argv[1:])
