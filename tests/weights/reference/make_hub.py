"""Write `hub.npz`: a small residual network as timm puts it on the hub, and what timm makes of photographs with it.

    python -m tests.weights.reference.make_hub

wants torch and timm, which kresnet does not. Weights follow `rule.py`, so that the file holds their names and shapes,
timm's own `config.json`, the photographs, and what timm's preprocessing and network make of them.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from timm.models import save_for_hf

from tests.weights.reference import rule

#: Of ResNet-50-D with a block a stage and few channels; the size leaves an odd number of pixels over for the cut.
ARGUMENTS = {"layers": [1, 1, 1, 1], "channels": [4, 4, 8, 8], "stem_width": 4, "num_classes": 5}
CONFIGURATION = {"input_size": (3, 35, 35), "crop_pct": 0.92, "interpolation": "bicubic", "license": "apache-2.0",
                 "test_input_size": (3, 48, 48), "test_crop_pct": 1.0, "tag": "a1_in1k"}  # fmt: skip
SIZES = ((61, 83), (50, 38), (36, 44), (20, 31))


def photographs() -> list[np.ndarray]:
    """Smooth colours with noise on them, uint8 (h, w, 3), of several sizes."""
    random, images = np.random.default_rng(7), []
    for height, width in SIZES:
        rows, columns = np.mgrid[0:height, 0:width] / 9.0
        waves = [np.sin(rows * (1 + index)) + np.cos(columns * (2 - index)) for index in range(3)]
        images.append(np.clip(128 + 50 * np.stack(waves, -1) + random.normal(0, 12, (height, width, 3)), 0, 255))
    return [image.astype(np.uint8) for image in images]


def main() -> None:
    """Write the file beside this one."""
    model = timm.create_model("resnet50d", **ARGUMENTS, pretrained_cfg_overlay=CONFIGURATION).eval()
    state = model.state_dict()
    rules = {name: torch.from_numpy(rule.tensor(name, tuple(value.shape))) for name, value in state.items()
             if not name.endswith("num_batches_tracked")}  # fmt: skip
    model.load_state_dict(rules, strict=False)
    with tempfile.TemporaryDirectory() as folder:
        names = [f"class {index}" for index in range(5)]
        save_for_hf(model, folder, {"label_names": names}, safe_serialization=True)
        config = json.loads(Path(folder, "config.json").read_text())
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    images = photographs()
    pixels = torch.stack([transform(Image.fromarray(image)) for image in images])
    mean, std = (np.array(config["pretrained_cfg"][name], np.float32)[:, None, None] for name in ("mean", "std"))
    with torch.inference_mode():
        logits = model(pixels).numpy()
    np.savez_compressed(
        Path(__file__).with_name("hub.npz"),
        config=json.dumps(config),
        tensors=list(rules),
        shapes=[" ".join(map(str, value.shape)) for value in rules.values()],
        logits=logits,
        pixels=np.rint((pixels.numpy() * std + mean) * 255).astype(np.uint8).transpose(0, 2, 3, 1),
        **{f"image{index}": image for index, image in enumerate(images)},
    )


if __name__ == "__main__":
    main()
