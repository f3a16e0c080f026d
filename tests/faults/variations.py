"""The small network that faults are done to, with all that makes resuming hard, and what its recipes vary."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from kresnet.data.embedded import CLASS_NAMES, read_embedded
from tests import outside_recipe

SPEC: dict[str, Any] = {
    "name": "small",
    "input": {"shape": [28, 28, 1], "pixels": {"mean": [0.286], "std": [0.353]}},
    "stem": {"kind": "conv", "width": 8, "kernel": 3, "stride": 4},
    "block": {"kind": "basic", "dropout": 0.1},
    "stages": [{"blocks": 1, "width": 8, "stride": 2}],
    "stochastic_depth": 0.1,
    "head": {"classes": 10},
}
RECIPE: dict[str, Any] = {
    "name": "small",
    "data": {"kind": "embedded", "validation": 0.1},
    "augment": {"crop_padding": 2, "flip": True},
    "batch_size": 405,
    "optimizer": {"kind": "sgd", "learning_rate": 0.1},
    "sampling": "balanced",
    "loss": {"kind": "focal"},
    "metrics": ["macro_f1"],
    "schedule": {"kind": "cosine", "warmup_epochs": 0.5},
    "deterministic": True,
    "checkpoints": {"save_every_steps": 3, "keep_last": 3, "keep_best": {"metric": "auroc_macro"}},
}
#: Rows of the table of image files, a tenth of which are to test on: 20 steps an epoch, as of the embedded images.
_TABLE_ROWS = 1000


def _nothing(folder: Path) -> Iterator[list[str]]:
    yield from ()


@dataclass(frozen=True)
class Variation:
    """What a kind of run has other than the plain one.

    Attributes:
        name: what it is, as the table of faults says it.
        settings: makes the settings of the recipe that are other, or None for those that are gone, in a folder.
        before: writes what the runs need into a folder, and yields the arguments of commands that write more.
        register: registers the kinds that the recipe names.
    """

    name: str
    settings: Callable[[Path], dict[str, Any]] = lambda folder: {}
    before: Callable[[Path], Iterator[list[str]]] = field(default=_nothing)
    register: Callable[[], None] = lambda: None

    def recipe(self, folder: Path, epochs: int) -> dict[str, Any]:
        """The recipe of runs in a folder."""
        settings = RECIPE | {"epochs": epochs} | self.settings(folder)
        return {name: value for name, value in settings.items() if value is not None}


def prepare_arguments(shards: Path) -> list[str]:
    """The command that prepares the embedded images in small shards."""
    return ["prepare", "embedded", "-o", str(shards), "--shard-examples", "500"]


def _write_table(folder: Path) -> Iterator[list[str]]:
    """Write image files and the table that lists them."""
    images = read_embedded()
    (folder / "pictures").mkdir()
    with (folder / "pictures.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "label"])
        pairs = zip(images["train_images"], images["train_labels"], strict=True)
        for number, (image, label) in zip(range(_TABLE_ROWS), pairs, strict=False):
            path = Path("pictures", f"{number}.png")
            Image.fromarray(image[..., 0]).save(folder / path)
            table.writerow([path, CLASS_NAMES[label]])
    yield from ()


def _train_teacher(folder: Path) -> Iterator[list[str]]:
    options = ["--recipe", "quickstart", "--set", "recipe.epochs=1"]
    yield ["fit", str(folder / "small.yaml"), "-o", str(folder / "teacher"), *options]


PLAIN = Variation("embedded images, focal loss, balanced classes")
PREPARED = Variation(
    "prepared data, read in windows of shards",
    lambda folder: {
        "data": {"kind": "prepared", "path": str(folder / "shards"), "validation": 0.1, "order": "windowed"},
        "augment": {"crop": {"kind": "resized"}, "flip": True},
        "sampling": None,
    },
    lambda folder: iter([prepare_arguments(folder / "shards")]),
)
OTHERS = {
    "table": Variation(
        "a table of image files",
        lambda folder: {
            "data": {"kind": "table", "path": str(folder / "pictures.csv"), "label": "label", "test_split": 0.1,
                     "validation": 0.1},
            "batch_size": 41,
        },
        _write_table,
    ),
    "kernels": Variation("`kernels: auto`", lambda folder: {"kernels": "auto", "deterministic": None}),
    "distillation": Variation(
        "distillation",
        lambda folder: {"distill": {"teacher": str(folder / "teacher")}, "loss": None},
        _train_teacher,
    ),
    "extensions": Variation(
        "kinds from outside: loss, optimizer, schedule, metric, augmentation",
        lambda folder: {
            "loss": {"kind": "poly1"},
            "optimizer": {"kind": "lion", "learning_rate": 0.01},
            "schedule": {"kind": "inverse_root", "warmup_epochs": 0.5},
            "metrics": ["brier", {"kind": "extreme_logit", "largest": False}],
            "augment": RECIPE["augment"] | {"others": [{"kind": "darken"}]},
        },
        register=outside_recipe.register,
    ),
}  # fmt: skip
