"""What PyTorch computes: logits and gradients of networks of torchvision, timm and transformers, with weights by rule.

In an environment of its own, from the repository's root:

    pip install torch==2.14.1 torchvision==0.29.1 timm==1.0.31 transformers==5.23.0
    python -m tests.weights.reference.make

It writes `pytorch.npz` beside this file: for each network its tensors' names and shapes, the logits of each image, and
of every weight's gradient the sample that `rule.sample` takes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import timm
import torch
import torchvision
from transformers import ResNetConfig, ResNetForImageClassification

from tests.weights.reference import rule

SIDE, CLASSES, IMAGES = 64, 10, 5
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def hugging_face(layer_type: str, depths: list[int], sizes: list[int]) -> torch.nn.Module:
    config = ResNetConfig(depths=depths, hidden_sizes=sizes, layer_type=layer_type, num_labels=CLASSES)
    return ResNetForImageClassification(config)


NETWORKS = {
    "torchvision/resnet18": lambda: torchvision.models.resnet18(num_classes=CLASSES),
    "torchvision/resnet34": lambda: torchvision.models.resnet34(num_classes=CLASSES),
    "torchvision/resnet50": lambda: torchvision.models.resnet50(num_classes=CLASSES),
    "torchvision/resnext50_32x4d": lambda: torchvision.models.resnext50_32x4d(num_classes=CLASSES),
    "timm/resnet50_d": lambda: timm.create_model("resnet50d", num_classes=CLASSES),
    "timm/se_resnet50": lambda: timm.create_model("seresnet50", num_classes=CLASSES),
    "transformers/resnet18": lambda: hugging_face("basic", [2, 2, 2, 2], [64, 128, 256, 512]),
    "transformers/resnet50": lambda: hugging_face("bottleneck", [3, 4, 6, 3], [256, 512, 1024, 2048]),
}


def computed(network: torch.nn.Module) -> dict[str, np.ndarray]:
    """Logits and gradients, image by image, in inference mode."""
    state = network.state_dict()
    weights = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    network.load_state_dict({
        name: torch.from_numpy(rule.tensor(name, tuple(value.shape))) if name in weights else value
        for name, value in state.items()
    })  # fmt: skip
    network.eval()
    logits, samples = [], []
    pixels = (rule.images(IMAGES, SIDE).astype(np.float32) / 255 - np.float32(MEAN)) / np.float32(STD)
    for image, target in zip(pixels.transpose(0, 3, 1, 2), rule.targets(IMAGES, CLASSES), strict=True):
        network.zero_grad()
        output = network(torch.from_numpy(image.copy())[None])
        output = getattr(output, "logits", output)[0]
        (output * torch.from_numpy(target)).sum().backward()
        logits.append(output.detach().numpy())
        samples.append([rule.sample(value.grad.numpy(), name) for name, value in network.named_parameters()])
    return {
        "tensors": np.array(sorted(weights)),
        "shapes": np.array([" ".join(map(str, weights[name].shape)) for name in sorted(weights)]),
        "parameters": np.array([name for name, _ in network.named_parameters()]),
        "logits": np.array(logits, np.float32),
        "gradients": np.array(samples, np.float32),
    }


def main() -> None:
    """Write the file, tens of kilobytes a network."""
    arrays = {}
    for name, make in NETWORKS.items():
        for part, array in computed(make()).items():
            arrays[f"{name}/{part}"] = array
        print(name, arrays[f"{name}/logits"].shape, arrays[f"{name}/gradients"].shape, flush=True)
    np.savez_compressed(Path(__file__).with_name("pytorch.npz"), **arrays)


if __name__ == "__main__":
    main()
