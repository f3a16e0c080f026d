"""From an empty directory: `fit --init`, `predict` and `export` of a ResNet-50-D that a hub on loopback holds.

    python -m tests.weights.hub_demonstration photographs FOLDER
    python -m tests.weights.reference.make_hub_large FOLDER  # in an environment with torch and timm
    python -m tests.weights.hub_demonstration show FOLDER

The photographs are made of samples of matplotlib and scikit-learn. Printed are the commands with
their last lines, and how far pixels and logits are from timm's on ten photographs, each side by its own preprocessing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from kresnet.spec.inputs import Input
from tests.command import KRESNET
from tests.weights.hub_server import serving_hub

NAME = "timm/resnet50d.ra2_in1k"
_SAMPLES = (("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"), ("sklearn", "datasets/images/china.jpg"),
            ("sklearn", "datasets/images/flower.jpg"))  # fmt: skip
#: Of each photograph that is made: which sample, the part of it (left, top, right, bottom), its size, and its ending.
_PHOTOGRAPHS = (
    (0, (0, 0, 512, 600), (512, 600), "jpg"), (1, (0, 0, 640, 427), (640, 427), "jpg"),
    (2, (0, 0, 640, 427), (640, 427), "jpg"), (0, (60, 40, 500, 480), (256, 256), "jpg"),
    (1, (100, 30, 600, 400), (1203, 891), "jpg"), (2, (17, 3, 620, 400), (333, 219), "png"),
    (0, (0, 0, 512, 600), (171, 200), "png"), (1, (0, 100, 640, 300), (2400, 750), "jpg"),
    (2, (200, 0, 400, 427), (225, 480), "jpg"), (0, (128, 0, 400, 300), (97, 107), "png"),
)  # fmt: skip
_RECIPE = """\
name: mine
data: {kind: folder, path: images}
epochs: 1
batch_size: 6
optimizer: {kind: sgd, learning_rate: 0.001}
"""


def photographs(folder: Path) -> list[Path]:
    """Write the ten photographs, and return their paths."""
    folder.mkdir(parents=True)
    paths = []
    for index, (sample, part, size, ending) in enumerate(_PHOTOGRAPHS):
        package, file = _SAMPLES[sample]
        with Image.open(Path(find_spec(package).origin).parent / file) as image:
            made = image.convert("RGB").crop(part).resize(size, Image.Resampling.BICUBIC)
        paths.append(folder / f"{index}.{ending}")
        made.save(paths[-1], **({"quality": 92, "subsampling": 0} if ending == "jpg" else {}))
    return paths


def run(home: Path, environment: dict[str, str], *arguments: str) -> str:
    """Run a command in the directory, and print it with the last line of each of its streams."""
    done = subprocess.run(
        [*KRESNET, *arguments], cwd=home, env=environment, capture_output=True, text=True, check=False
    )
    last = [(stream.strip().splitlines() or [""])[-1] for stream in (done.stderr, done.stdout)]
    print("$ kresnet", *arguments, *(line for line in last if line), sep="\n  ", flush=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def show(folder: Path) -> None:
    """Show it."""
    theirs = np.load(folder / "timm.npz")
    photographs = sorted((folder / "photographs").iterdir())
    with serving_hub() as hub, tempfile.TemporaryDirectory() as empty:
        home = Path(empty, "work")
        home.mkdir()
        hub.add(NAME, {path.name: path.read_bytes() for path in (folder / "hub").iterdir()})
        own = {"HF_ENDPOINT": hub.address, "HF_HOME": f"{empty}/hub", "KRESNET_CACHE_DIR": f"{empty}/cache"}
        environment = {**os.environ, **own, "PYTHONPATH": str(Path.cwd())}
        for split in ("train", "test"):
            for index, path in enumerate(photographs[:6]):
                place = home / "images" / split / "abc"[index % 3]
                place.mkdir(parents=True, exist_ok=True)
                (place / path.name).write_bytes(path.read_bytes())
        (home / "mine.yaml").write_text(_RECIPE)
        run(home, environment, "predict", NAME, *map(str, photographs))
        run(home, environment, "fit", "--init", NAME, "--set", "head.classes=3", "--recipe", "mine.yaml", "-o", "run")
        run(home, environment, "export", NAME, "-o", "served")
        compare(next(Path(empty, "cache", "weights").glob("*/model.keras")), photographs, theirs)


def compare(path: Path, photographs: list[Path], theirs: dict[str, np.ndarray]) -> None:
    """Print the largest differences of pixels and logits."""
    from kresnet.data.images import read_image
    from kresnet.plan import plan_loaded
    from kresnet.spec.loading import load_spec
    from kresnet.weights.convert import load_model

    loaded = load_spec(path.with_suffix(".yaml"))
    model = load_model(path, plan_loaded(loaded))
    pixels = np.stack([read_image(photo, loaded.value.input) for photo in photographs])
    logits, scale = theirs["logits"], np.abs(theirs["logits"]).max()
    apart = np.abs(pixels.astype(int) - theirs["pixels"])
    ours, same = (np.asarray(model(each.astype(np.float32))) for each in (pixels, theirs["pixels"]))
    for index, photo in enumerate(photographs):
        own = np.abs(ours[index] - logits[index]).max() / scale
        print(f"{photo.name}: pixels differ by {apart[index].max()} at most, {(apart[index] > 0).mean():.2%} of them; "
              f"logits by {own:.1e} of the largest")  # fmt: skip
    print(f"largest difference of pixels {apart.max()} of 255; of logits {np.abs(ours - logits).max() / scale:.1e}; "
          f"of logits from timm's own pixels {np.abs(same - logits).max() / scale:.1e}")  # fmt: skip
    for words, differences in causes(photographs, loaded.value.input, theirs["pixels"]):
        print(f"{words}: at most {max(each.max() for each in differences)}, "
              f"{np.mean([(each > 0).mean() for each in differences]):.2%} differ")  # fmt: skip
    print(f"likeliest class the same in {(ours.argmax(1) == logits.argmax(1)).sum()} of {len(logits)}")


def causes(photographs: list[Path], entered: Input, theirs: np.ndarray) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Yield what is left of the differences of pixels when a cause is taken away, and the differences by image."""
    from kresnet.data.images import image_from_array

    decoded, once = [], []
    for path, pixels in zip(photographs, theirs.astype(int), strict=True):
        with Image.open(path) as image:
            array = np.asarray(image.convert("RGB"))
        ours = image_from_array(array, entered, path.name).astype(int)
        decoded.append(np.abs(ours - pixels))
        height, width = array.shape[:2]
        side, cut = entered.resize.shorter_side, entered.shape[0]
        size = (side, int(side * height / width)) if width <= height else (int(side * width / height), side)
        planes = [Image.fromarray(array[..., channel].astype(np.float32)) for channel in range(3)]
        whole = np.stack([np.asarray(plane.resize(size, Image.Resampling.BICUBIC)) for plane in planes], -1)
        top, left = (round((length - cut) / 2) for length in size[::-1])
        once.append(np.abs(ours - np.clip(np.rint(whole[top : top + cut, left : left + cut]), 0, 255).astype(int)))
    yield "pixels, of what Pillow decodes", decoded
    yield "pixels, of what Pillow decodes, rounded and clipped once there too", once


if __name__ == "__main__":
    {"photographs": lambda folder: photographs(folder / "photographs"), "show": show}[sys.argv[1]](Path(sys.argv[2]))
