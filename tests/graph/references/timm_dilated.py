"""What timm's dilated ResNet-D and ResNet-RS compute, with weights by rule.

In an environment of its own, from the repository's root:

    pip install torch==2.13.0 torchvision==0.28.0 timm==1.0.31
    python -m tests.graph.references.timm_dilated

It writes `timm_dilated.npz` beside this file: for each network its tensors' names and shapes; and for each output
stride the logits of one image, and some channels of the maps of its last two stages.

At output stride 8, timm's shortcut of the last stage averages neighbouring pixels of a map that is already dilated,
which the strided network never averaged. Here it averages the pixels that the strided one does, two apart; the maps
before it, and everything at output stride 16, are timm's own.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import timm
import torch
from torch.nn import functional

from tests.weights.reference import rule

HEIGHT, WIDTH, CLASSES, CHANNEL_STEP = 64, 96, 10, 32
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
#: timm's names of the networks that kresnet ships as these.
NETWORKS = {"resnet50_d": "resnet50d", "resnetrs50": "resnetrs50"}


class SpacedPool(torch.nn.Module):
    """timm's `AvgPool2dSame(2, 1)` over pixels that lie `spacing` apart."""

    def __init__(self, spacing: int) -> None:
        super().__init__()
        self.spacing = spacing

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        s = self.spacing
        x = functional.pad(x, (0, s, 0, s))
        return (x[..., :-s, :-s] + x[..., s:, :-s] + x[..., :-s, s:] + x[..., s:, s:]) / 4


def image() -> np.ndarray:
    """Bytes `(1, HEIGHT, WIDTH, 3)`."""
    return rule.images(1, WIDTH)[:, :HEIGHT]


def computed(name: str, output_stride: int) -> dict[str, np.ndarray]:
    """The network's tensors, its logits, and the maps of its last two stages."""
    network = timm.create_model(NETWORKS[name], num_classes=CLASSES, output_stride=output_stride)
    state = network.state_dict()
    weights = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    network.load_state_dict(
        state | {key: torch.from_numpy(rule.tensor(key, tuple(value.shape))) for key, value in weights.items()}
    )
    if output_stride == 8:
        network.layer4[0].downsample[0] = SpacedPool(2)
    network.eval()
    maps: dict[str, np.ndarray] = {}
    for stage in (3, 4):
        layer = getattr(network, f"layer{stage}")
        layer.register_forward_hook(lambda _, __, output, stage=stage: maps.update({f"stage{stage}": output.numpy()}))
    pixels = (image().astype(np.float32) / 255 - np.float32(MEAN)) / np.float32(STD)
    with torch.no_grad():
        logits = network(torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy())).numpy()
    parts = {key: value.transpose(0, 2, 3, 1)[..., ::CHANNEL_STEP] for key, value in maps.items()}
    names = sorted(weights)
    shapes = np.array([" ".join(map(str, weights[key].shape)) for key in names])
    return {"tensors": np.array(names), "shapes": shapes, "logits": logits, **parts}


def main() -> None:
    """Write the file."""
    arrays = {}
    for name in NETWORKS:
        for output_stride in (16, 8):
            for part, array in computed(name, output_stride).items():
                shared = part in ("tensors", "shapes")
                arrays[f"{name}/{part}" if shared else f"{name}/{output_stride}/{part}"] = array
    np.savez_compressed(Path(__file__).with_name("timm_dilated.npz"), **arrays)
    print({key: value.shape for key, value in arrays.items()})


if __name__ == "__main__":
    main()
