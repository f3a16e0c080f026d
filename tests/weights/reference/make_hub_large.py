"""Write what the hub would hold of a ResNet-50-D with random weights, and what timm makes of ten photographs with it.

    python -m tests.weights.reference.make_hub_large FOLDER

wants torch and timm, and no kresnet. `tests.weights.hub_demonstration` puts photographs into FOLDER before, and shows
kresnet beside timm afterwards.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from timm.models import save_for_hf

from tests.weights.reference import rule

NAME = "resnet50d.ra2_in1k"


def main(folder: Path) -> None:
    """Write `hub/` and `timm.npz` into a folder with `photographs/`."""
    paths = sorted((folder / "photographs").iterdir())
    model = timm.create_model(NAME, pretrained=False).eval()
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items() if "num_batches" not in name}
    state = {name: torch.from_numpy(rule.tensor(name, shape)) for name, shape in shapes.items()}
    model.load_state_dict(state, strict=False)
    save_for_hf(model, folder / "hub", safe_serialization=True)
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    images = []
    for path in paths:
        with Image.open(path) as image:
            images.append(transform(image.convert("RGB")))
    pixels = torch.stack(images)
    with torch.inference_mode():
        logits = model(pixels).numpy()
    config = model.pretrained_cfg
    mean, std = (np.array(config[name], np.float32)[:, None, None] for name in ("mean", "std"))
    values = np.rint((pixels.numpy() * std + mean) * 255).astype(np.uint8).transpose(0, 2, 3, 1)
    np.savez_compressed(folder / "timm.npz", pixels=values, logits=logits)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
