"""A study that trains in seconds: two small networks on 64 images, and one whose images are not there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np

from kresnet.data import embedded
from tests.command import kresnet

DOCUMENT = """\
name: tiny
question: "Does it run?"
spec: quickstart
recipe: quickstart
set:
  stem.width: 4
  stages: [{blocks: 1, width: 4, stride: 2}, {blocks: 1, width: 4, stride: 2}]
  recipe.data: {kind: arrays, path: images.npz}
  recipe.epochs: 3
  recipe.batch_size: 16
  recipe.gradients_every_steps: 4
variants:
  - {name: plain, set: {block.shortcut: none}}
  - {name: residual}
  - {name: absent, set: {recipe.data.path: later.npz}}
"""

#: Epochs, and steps of each.
EPOCHS, STEPS = 3, 4


def prepare(folder: Path) -> Path:
    """Write the study and its images; where its results shall be."""
    (folder / "tiny.yaml").write_text(DOCUMENT)
    write_images(folder / "images.npz")
    return folder / "out"


def write_images(path: Path) -> None:
    """64 of the embedded images to train on, 32 to test on."""
    arrays = embedded.read_embedded()
    sizes = {"train": 16 * STEPS, "test": 32}
    named = {
        f"{split}_{what}": arrays[f"{split}_{name}"][:size]
        for split, size in sizes.items()
        for what, name in (("inputs", "images"), ("targets", "labels"))
    }
    np.savez(path, **{name: value.astype(np.int64) if "targets" in name else value for name, value in named.items()})


def study(folder: Path, *options: object) -> subprocess.CompletedProcess[str]:
    """`kresnet study tiny.yaml -o out OPTIONS`, as typed in the folder."""
    return kresnet("study", "tiny.yaml", "-o", "out", *options, cwd=folder)
