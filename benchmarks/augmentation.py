"""`python -m benchmarks.augmentation [-o FILE]`: what each augmentation costs, beside torchvision's and timm's.

Each library's process takes the same images in memory, uint8 of 32x32 and 224x224, and changes them batch after batch
on one thread, random numbers included, decoding not. They take turns of under a second, in another order each round.
`python -m benchmarks.augmentation_report FILE --docs docs/augmentation.md` writes the table.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.libraries import Libraries, in_rounds, library_workers, option_parser, write_results

#: Side of the images -> how many there are, and images of a batch.
IMAGES = {32: (2048, 128), 224: (256, 64)}
#: Augmentation, in a recipe's words -> who has it.
CONTENDERS = {
    "crop_padding, flip": ("kresnet", "torchvision_image", "torchvision_batch"),
    "crop (resized)": ("kresnet", "torchvision_image", "torchvision_batch", "timm"),
    "flip": ("kresnet", "torchvision_image", "torchvision_batch"),
    "color_jitter": ("kresnet", "torchvision_image", "torchvision_batch"),
    "lighting_std": ("kresnet",),
    "rand_augment (paper)": ("kresnet", "torchvision_image", "torchvision_batch"),
    "rand_augment (timm)": ("kresnet", "timm"),
    "erase": ("kresnet", "torchvision_image", "torchvision_batch", "timm"),
    "mix (mixup)": ("kresnet", "torchvision_batch", "timm"),
    "mix (cutmix)": ("kresnet", "torchvision_batch", "timm"),
}


def main() -> None:
    options = option_parser(__doc__, turn_seconds=0.6).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_images(Path(folder))
        with library_workers("benchmarks.augmentation_worker", options.torch_python, folder=folder) as libraries:
            entries = take_turns(libraries, options.rounds, options.turn_seconds)
    write_results(options.output, entries, libraries.versions)


def take_turns(libraries: Libraries, rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Microseconds of processor time an image, of each augmentation, size and contender, in every round."""
    every = [(side, name, who) for side in IMAGES for name, contenders in CONTENDERS.items() for who in contenders]
    turns = [turn for turn in every if library_of(turn[2]) in libraries.workers]
    costs: dict[tuple[int, str], dict[str, list[float]]] = {}
    for number, (side, name, contender) in in_rounds(turns, rounds):
        asked = {"contender": contender, "augmentation": name, "side": side, "batch": IMAGES[side][1]}
        cost = libraries.ask(library_of(contender), **asked, seconds=seconds)["microseconds"]
        costs.setdefault((side, name), {}).setdefault(contender, []).append(cost)
        print(f"round {number}: {side}², {name}, {contender}: {cost:,.4g} µs an image", file=sys.stderr)
    in_order = ((side, name) for side in IMAGES for name in CONTENDERS)
    return [{"side": side, "augmentation": name, "microseconds": costs[side, name]} for side, name in in_order]


def library_of(contender: str) -> str:
    """The library whose process a contender runs in."""
    return "tensorflow" if contender == "kresnet" else "torch"


def make_images(folder: Path) -> None:
    """Write smooth noise, uint8 (N, side, side, 3), as `SIDE.npy`."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    for side, (count, _) in IMAGES.items():
        grains = (Image.fromarray(random.integers(0, 256, (side // 8, side // 8, 3), np.uint8)) for _ in range(count))
        images = [np.asarray(grain.resize((side, side), Image.Resampling.BICUBIC)) for grain in grains]
        np.save(folder / f"{side}.npy", np.stack(images))


if __name__ == "__main__":
    main()
