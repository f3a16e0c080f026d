"""`python -m benchmarks.input [-o FILE]`: images/s of input pipelines alone, kresnet's beside others', in one run.

JPEG files are made (500x375 at quality 90, and photographs of 12 and 48 megapixels), and read by kresnet's training,
evaluation and prediction, by tf.data as tutorials have it, by PyTorch's `DataLoader` over Pillow, and by a decoder with
nothing behind it. They take turns of some seconds, in another order each round; every turn begins its pipeline anew.
`python -m benchmarks.input_report FILE --docs docs/performance.md` writes the table.
"""

from __future__ import annotations

import argparse
import json
import os
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

#: Kind of images -> width, height, how many are made.
IMAGES = {"500x375": (500, 375, 256), "12 megapixels": (4000, 3000, 4), "48 megapixels": (8000, 6000, 4)}
#: Images of a batch, or as many as there are.
BATCH = 64
#: What is measured on each kind of images: the pipelines that read them. `scaled_` stands before what is read with
#: `input.jpeg_decoding: scaled`.
TASKS = {
    ("500x375", "training"): ("kresnet_training", "tf_training", "tf_tutorial", "torch_training", "decode_1"),
    ("500x375", "evaluation"): ("kresnet_evaluation", "tf_evaluation", "torch_evaluation", "decode_1"),
    ("500x375", "predict"): ("kresnet_predict", "tf_evaluation", "torch_evaluation", "decode_1"),
    ("12 megapixels", "training"): ("kresnet_training", "tf_training", "torch_training", "decode_1"),
    ("12 megapixels", "evaluation"): ("kresnet_evaluation", "tf_evaluation", "torch_evaluation", "decode_1"),
    ("12 megapixels", "scaled_training"): ("kresnet_scaled_training", "decode_part"),
    ("12 megapixels", "scaled_evaluation"): ("kresnet_scaled_evaluation", "decode_4"),
    ("48 megapixels", "scaled_training"): ("kresnet_scaled_training", "decode_part"),
    ("48 megapixels", "scaled_evaluation"): ("kresnet_scaled_evaluation", "decode_8"),
}


@dataclass(frozen=True, slots=True)
class InputJob:
    """What a worker is told."""

    library: str
    folder: str
    batch: int
    workers: int

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
            job = InputJob(library, folder, BATCH, options.workers)
            workers[library] = stack.enter_context(Worker(job, python, "benchmarks.input_worker"))
            versions |= workers[library].ready()["versions"]
        rates = take_turns(workers, options.rounds, options.turn_seconds)
    found["entries"] = []
    for (images, task), names in TASKS.items():
        known = {name: rates[images, name] for name in names if (images, name) in rates}
        found["entries"].append({"images": images, "task": task, "images_per_second": known})
    found |= {"commit": commit(), "measured": time.strftime("%Y-%m-%d"), "versions": versions}
    found["workers"] = options.workers
    text = json.dumps(found, indent=1)
    if options.output:
        options.output.write_text(text + "\n", encoding="utf-8")
    else:
        print(text)


def take_turns(workers: dict[str, Worker], rounds: int, seconds: float) -> dict[tuple[str, str], list[float]]:
    """Images a second of each pipeline on each kind of images, in every round."""
    turns = list(dict.fromkeys((images, name) for (images, _), names in TASKS.items() for name in names))
    turns = [(images, name) for images, name in turns if library_of(name) in workers]
    rates: dict[tuple[str, str], list[float]] = {turn: [] for turn in turns}
    for number in range(rounds):
        first = number * len(turns) // rounds
        for images, name in [*turns[first:], *turns[:first]]:
            answer = workers[library_of(name)].ask(f"{name} {folder_of(images)} {seconds}")
            rates[images, name].append(answer["images_per_second"])
            print(f"round {number + 1}: {images} {name} {rates[images, name][-1]:,.4g} images/s", file=sys.stderr)
    return rates


def library_of(pipeline: str) -> str:
    """The library whose process a pipeline runs in."""
    return "torch" if pipeline.startswith("torch") else "tensorflow"


def folder_of(images: str) -> str:
    """The folder that a kind of images lies in."""
    return images.replace(" ", "_")


def make_images(folder: Path) -> None:
    """Write JPEG files of noise of several sizes, which has about as many bytes as photographs have."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    for images, (width, height, count) in IMAGES.items():
        place = folder / folder_of(images)
        place.mkdir()
        grains = (32, 8, 3) if width < 1000 else (256, 64, 16, 6)
        for number in range(count):
            times = 2 if width > 4000 else 1  # the largest are four of the smaller side by side, which saves time
            down, across = height // times, width // times
            total = np.full((down, across, 3), 128.0, np.float32)
            for grain in grains:
                noise = random.normal(0, 25, (down // grain + 2, across // grain + 2, 3)).astype(np.float32)
                for channel in range(3):
                    layer = Image.fromarray(np.ascontiguousarray(noise[..., channel]))
                    total[..., channel] += np.asarray(layer.resize((across, down), Image.Resampling.BICUBIC))
            picture = Image.fromarray(np.tile(np.clip(total, 0, 255).astype(np.uint8), (times, times, 1)))
            picture.save(place / f"{number:04}.jpg", quality=90)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--turn-seconds", type=float, default=2.0, help="about how long a turn takes")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes of PyTorch's loader")
    parser.add_argument("--torch-python", type=Path, default=TORCH_PYTHON)
    parser.add_argument("-o", "--output", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
