"""Does starting from another's weights help? ResNet-20, trained on CIFAR-10 in PyTorch, on 200 images of clothes.

From the repository's root, with the weights beside it or in KRESNET_TEST_DATA; it prints what docs/weights.md shows:

    python -m tests.weights.few_images_training
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from kresnet.data import embedded
from tests.command import kresnet
from tests.weights.conftest import DATA

WAYS = {
    "from scratch": (),
    "--init": ("--init", "start.keras"),
    "--init, --freeze stem,stage1": ("--init", "start.keras", "--freeze", "stem,stage1"),
}
RECIPE = """
name: clothes
data: {kind: folder, path: clothes}
augment: {crop_padding: 2, flip: true}
epochs: 30
batch_size: 50
optimizer: {kind: sgd, learning_rate: LEARNING_RATE, momentum: 0.9, nesterov: true, weight_decay: 5.0e-4}
schedule: {kind: cosine, warmup_epochs: 3.0}
precision: float32
"""


def write_images(folder: Path, train: int = 20, test: int = 100) -> None:
    """So many images of each class of the embedded Fashion-MNIST, as colour PNG 32x32."""
    arrays = embedded.read_embedded()
    for split, count in (("train", train), ("test", test)):
        images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
        for label, name in enumerate(embedded.CLASS_NAMES):
            place = folder / split / name.replace("/", "-")
            place.mkdir(parents=True)
            for number, index in enumerate(np.flatnonzero(labels == label)[:count]):
                picture = Image.fromarray(images[index].squeeze()).resize((32, 32), Image.Resampling.BILINEAR)
                picture.convert("RGB").save(place / f"{number:03}.png")


def prepare(folder: Path, learning_rate: float) -> None:
    write_images(folder / "clothes")
    (folder / "clothes.yaml").write_text(RECIPE.replace("LEARNING_RATE", str(learning_rate)))
    trained = DATA / "weights" / "resnet20.safetensors"
    run(folder, "convert", trained, "--spec", "cifar_resnet20_pytorch", "-o", "start.keras")


def accuracy(folder: Path, way: str, seed: int) -> float:
    """Of the network on 1,000 test images after training on 200."""
    options = ["--recipe", "clothes.yaml", "--set", f"recipe.seed={seed}", "-o", f"{way}-{seed}".replace(" ", "")]
    return run(folder, "fit", "start.yaml", *options, *WAYS[way])["test"]["accuracy"]


def run(folder: Path, *arguments: object) -> dict:
    done = kresnet(*arguments, "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def main(seeds: Sequence[int] = (0, 1, 2), learning_rate: float = 0.05) -> None:
    """A line a way of starting."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, learning_rate)
        for way in WAYS:
            shown = [f"{accuracy(folder, way, seed):.3f}" for seed in seeds]
            print(f"{way:30} learning rate {learning_rate:g}, seeds {list(seeds)}: {' '.join(shown)}", flush=True)


if __name__ == "__main__":
    main(learning_rate=float(sys.argv[1]) if len(sys.argv) > 1 else 0.05)
