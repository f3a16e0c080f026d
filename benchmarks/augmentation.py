"""`python -m benchmarks.augmentation [-o FILE]`: what each augmentation costs, beside torchvision's and timm's.

Each library's process takes the same images in memory, uint8 of 32x32 and 224x224, and changes them batch after batch
on one thread, random numbers included, decoding not. They take turns of under a second, in another order each round.
`python -m benchmarks.augmentation_report FILE --docs docs/augmentation.md` writes the table.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.compare import TORCH_PYTHON
from benchmarks.machine import commit, results
from benchmarks.processes import Worker

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


@dataclass(frozen=True, slots=True)
class AugmentationJob:
    """What a worker is told."""

    library: str
    folder: str

    @property
    def contender(self) -> str:
        return self.library

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def main() -> None:
    options = _options()
    found = results(options.output)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        make_images(Path(folder))
        pythons = {"tensorflow": Path(sys.executable)}
        if options.torch_python.exists():
            pythons["torch"] = options.torch_python
        else:
            print(f"no PyTorch at {options.torch_python} (`make bench-torch-venv`): left out", file=sys.stderr)
        workers, versions = {}, {}
        for library, python in pythons.items():
            job = AugmentationJob(library, folder)
            workers[library] = stack.enter_context(Worker(job, python, "benchmarks.augmentation_worker"))
            versions |= workers[library].ready()["versions"]
        found["entries"] = take_turns(workers, options.rounds, options.turn_seconds)
    found |= {"commit": commit(), "measured": time.strftime("%Y-%m-%d"), "versions": versions}
    text = json.dumps(found, indent=1, ensure_ascii=False)
    if options.output:
        options.output.write_text(text + "\n", encoding="utf-8")
    else:
        print(text)


def take_turns(workers: dict[str, Worker], rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Microseconds of processor time an image, of each augmentation, size and contender, in every round."""
    every = [(side, name, who) for side in IMAGES for name, contenders in CONTENDERS.items() for who in contenders]
    turns = [turn for turn in every if library_of(turn[2]) in workers]
    costs: dict[tuple[int, str], dict[str, list[float]]] = {}
    for number in range(rounds):
        first = number * len(turns) // rounds
        for side, name, contender in [*turns[first:], *turns[:first]]:
            asked = {"contender": contender, "augmentation": name, "side": side, "batch": IMAGES[side][1]}
            answer = workers[library_of(contender)].ask(json.dumps(asked | {"seconds": seconds}))
            cost = answer["microseconds"]
            costs.setdefault((side, name), {}).setdefault(contender, []).append(cost)
            print(f"round {number + 1}: {side}², {name}, {contender}: {cost:,.4g} µs an image", file=sys.stderr)
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


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--turn-seconds", type=float, default=0.6, help="about how long a turn takes")
    parser.add_argument("--torch-python", type=Path, default=TORCH_PYTHON)
    parser.add_argument("-o", "--output", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
