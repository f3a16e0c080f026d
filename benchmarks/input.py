"""`python -m benchmarks.input [-o FILE]`: images/s of input pipelines alone, kresnet's beside others', in one run.

JPEG files are made (500x375 at quality 90, and photographs of 12 and 48 megapixels), and read by kresnet's training,
evaluation and prediction, by tf.data as tutorials have it, by PyTorch's `DataLoader` over Pillow, and by a decoder with
nothing behind it. They take turns of some seconds, in another order each round; every turn begins its pipeline anew.
`python -m benchmarks.input_report FILE --docs docs/performance.md` writes the table.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from benchmarks.libraries import Libraries, in_rounds, library_workers, option_parser, write_results

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


def main() -> None:
    parser = option_parser(__doc__, turn_seconds=2.0)
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes of PyTorch's loader")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_images(Path(folder))
        settings = {"folder": folder, "batch": BATCH, "workers": options.workers}
        with library_workers("benchmarks.input_worker", options.torch_python, **settings) as libraries:
            rates = take_turns(libraries, options.rounds, options.turn_seconds)
    entries = []
    for (images, task), names in TASKS.items():
        known = {name: rates[images, name] for name in names if (images, name) in rates}
        entries.append({"images": images, "task": task, "images_per_second": known})
    write_results(options.output, entries, libraries.versions, workers=options.workers)


def take_turns(libraries: Libraries, rounds: int, seconds: float) -> dict[tuple[str, str], list[float]]:
    """Images a second of each pipeline on each kind of images, in every round."""
    every = dict.fromkeys((images, name) for (images, _), names in TASKS.items() for name in names)
    turns = [(images, name) for images, name in every if library_of(name) in libraries.workers]
    rates: dict[tuple[str, str], list[float]] = {turn: [] for turn in turns}
    for number, (images, name) in in_rounds(turns, rounds):
        asked = {"pipeline": name, "images": folder_of(images), "seconds": seconds}
        rate = libraries.ask(library_of(name), **asked)["images_per_second"]
        rates[images, name].append(rate)
        print(f"round {number}: {images} {name} {rate:,.4g} images/s", file=sys.stderr)
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


if __name__ == "__main__":
    main()
