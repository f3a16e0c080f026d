"""`python -m benchmarks.augmentation [SECONDS]`: images/s that the input pipeline makes, alone, by augmentation.

Small images come decoded from memory (50,000 of 32x32x3, batch 128); large ones are JPEG files of 500x375, decoded in
every epoch to 224x224x3 (batch 64). The table is that of docs/augmentation.md.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from kresnet.runtime import import_tensorflow

#: What is measured: name -> a recipe's `augment`.
SETTINGS: dict[str, dict[str, object]] = {
    "none": {},
    "crop_padding, flip": {"crop_padding": 4, "flip": True},
    "crop: resized, flip": {"crop": {"kind": "resized"}, "flip": True},
    "crop: rescaled, flip": {"crop": {"kind": "rescaled", "shorter_side": (256, 480)}, "flip": True},
    "color_jitter": {"color_jitter": {}},
    "lighting_std": {"lighting_std": 0.1},
    "rand_augment: paper": {"rand_augment": {"kind": "paper"}},
    "rand_augment: timm": {"rand_augment": {"kind": "timm", "magnitude": 6.0}},
    "erase": {"erase": {}},
    "mix: mixup_or_cutmix": {"mix": {"kind": "mixup_or_cutmix"}},
    "RSB A3": {
        "crop": {"kind": "resized"},
        "flip": True,
        "rand_augment": {"kind": "timm", "magnitude": 6.0},
        "mix": {"kind": "mixup_or_cutmix"},
    },
}
JPEGS, LARGE = 256, (500, 375)


def splits(folder: Path) -> Iterator[tuple[str, object, int]]:
    """Name, split and batch size of each kind of data."""
    import numpy as np
    from PIL import Image

    from kresnet.data.sources.array_source import ArraySource
    from kresnet.data.sources.folder import FileSource
    from kresnet.data.splits import Split
    from kresnet.spec.inputs import Input

    random = np.random.default_rng(0)
    small = Input(shape=(32, 32, 3))
    images = random.integers(0, 256, (50_000, 32, 32, 3), np.uint8)
    yield "memory 32²", Split("train", ArraySource(images, np.zeros(50_000, np.int32), small), small), 128
    large = Input(shape=(224, 224, 3))
    paths = [str(folder / f"{number}.jpg") for number in range(JPEGS)]
    for path in paths:
        noise = Image.fromarray(random.integers(0, 256, (24, 32, 3), np.uint8))
        noise.resize(LARGE, Image.Resampling.BICUBIC).save(path, quality=90)
    yield "JPEG 224²", Split("train", FileSource(paths, np.zeros(JPEGS, np.int32), large), large, resident_bytes=0), 64


def rate(split: object, augment: dict[str, object], batch_size: int, seconds: float) -> float:
    """Images/s after the first batches."""
    from kresnet.data.pipeline import training_batches
    from kresnet.spec.recipe import Augment

    batches = iter(
        training_batches(
            split,
            augment=Augment.model_validate(augment),
            classes=1000,
            batch_size=batch_size,
            seed=0,
            start_step=0,
            stop_step=10**9,
        )
    )
    for _ in range(6):
        next(batches)
    count, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < seconds:
        next(batches)
        count += batch_size
    return count / elapsed


def main(seconds: float) -> None:
    import_tensorflow()
    with tempfile.TemporaryDirectory() as folder:
        for kind, split, batch_size in splits(Path(folder)):
            for name, augment in SETTINGS.items():
                suits = kind != "memory 32²" or "shorter_side" not in str(augment)
                if suits and not (kind.startswith("JPEG") and "crop_padding" in augment):
                    print(f"| {kind} | {name} | {rate(split, augment, batch_size, seconds):,.0f} |", flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 3.0)
