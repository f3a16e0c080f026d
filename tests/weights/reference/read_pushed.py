"""What timm itself makes of a folder that `kresnet push RUN hf:OWNER/REPO --dry-run FOLDER` wrote.

    python -m tests.weights.reference.read_pushed FOLDER IMAGE...

wants torch and timm, and no kresnet. It prints a line of probabilities for each image, to be held beside those of
`kresnet predict RUN IMAGE... --json`.
"""

from __future__ import annotations

import sys

import timm
import torch
from PIL import Image


def main(folder: str, paths: list[str]) -> None:
    """Load the network as a user of timm does, and classify the images with timm's own preprocessing."""
    model = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    for path in paths:
        with Image.open(path) as image, torch.inference_mode():
            odds = model(transform(image.convert("RGB"))[None]).softmax(-1)[0]
        names = model.pretrained_cfg["label_names"]
        print(path, {name: round(float(each), 6) for name, each in zip(names, odds, strict=True)})


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
