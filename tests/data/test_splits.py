"""What cannot be read ends the run, named; or is left out, the same examples each time, noted and counted."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kresnet.data import splits
from kresnet.data.pipeline import training_batches
from kresnet.data.sources import DataSet, open_data
from kresnet.errors import KresnetError
from kresnet.export.malformed_requests import huge_png
from kresnet.spec.inputs import Input, Pixels
from kresnet.spec.recipe import Augment, FolderData
from tests.command import kresnet

INPUT = Input(shape=(8, 8, 3), pixels=Pixels())


@pytest.fixture
def spoilt(image_folder: Path, photo: np.ndarray) -> tuple[Path, dict[str, str]]:
    """The folder with five more files that cannot be read, and what is said of each."""
    jpeg = io.BytesIO()
    Image.fromarray(photo).save(jpeg, "JPEG")
    bad = {
        "train/cat/cut.jpg": jpeg.getvalue()[: len(jpeg.getvalue()) * 3 // 4],
        "train/cat/empty.png": b"",
        "train/dog/000a.png": b"hello",
        "train/dog/bomb.png": huge_png(),
    }
    for name, content in bad.items():
        (image_folder / name).write_bytes(content)
    (image_folder / "train/dog/nowhere.png").symlink_to("gone.png")
    said = {
        "train/cat/cut.jpg": "is damaged",
        "train/cat/empty.png": "is empty",
        "train/dog/000a.png": "is not an image",
        "train/dog/bomb.png": "60000",
        "train/dog/nowhere.png": "no file",
    }
    return image_folder, said


def opened(root: Path, policy: str) -> DataSet:
    return open_data(FolderData(kind="folder", path=str(root), on_unreadable=policy), INPUT, 0)


def batches(data: DataSet) -> list[tuple[np.ndarray, np.ndarray]]:
    made = training_batches(data.train, classes=2, augment=Augment(), batch_size=3, seed=7, start_step=0, stop_step=6)
    return [(images.numpy(), labels.numpy()) for images, labels in made]


def test_stop_is_the_default_and_names_every_file(spoilt):
    root, said = spoilt
    assert FolderData(kind="folder", path="x").on_unreadable == "stop"
    with pytest.raises(KresnetError) as caught:
        opened(root, "stop").train.load()
    told = [str(problem) for problem in caught.value.problems]
    assert len(told) == len(said)
    for (name, what), text in zip(said.items(), told, strict=True):
        assert str(root / name) in text
        assert what in text


@pytest.mark.parametrize("in_memory", [True, False])
def test_skip_reads_what_would_be_read_without_them(spoilt, in_memory, monkeypatch):
    """Not an image more or less, in the same order: the split is the one of the folder without the bad files."""
    root, said = spoilt
    if not in_memory:
        defaults = splits.Split.__init__.__kwdefaults__ | {"resident_bytes": 0}
        monkeypatch.setattr(splits.Split.__init__, "__kwdefaults__", defaults)
    data = opened(root, "skip")
    assert len(data.train) == 11
    assert data.skipped == {"train": [name.removeprefix("train/") for name in said]}
    left_out, again = batches(data), batches(opened(root, "skip"))
    for name in said:
        (root / name).unlink()
    without = opened(root, "stop")
    assert without.skipped == {}
    for (images, labels), *others in zip(left_out, again, batches(without), strict=True):
        for other_images, other_labels in others:
            np.testing.assert_array_equal(images, other_images)
            np.testing.assert_array_equal(labels, other_labels)


def test_a_split_of_nothing_but_damage_is_refused(image_folder):
    for path in (image_folder / "test").rglob("*.png"):
        path.write_bytes(b"hello")
    data = opened(image_folder, "skip")
    with pytest.raises(KresnetError, match="data_empty"):
        len(data.test)


def test_a_run_notes_and_counts_what_it_leaves_out(spoilt, tmp_path):
    root, said = spoilt
    recipe = {
        "name": "short",
        "data": {"kind": "folder", "path": str(root), "on_unreadable": "skip"},
        "epochs": 1,
        "batch_size": 4,
        "optimizer": {"kind": "sgd"},
    }
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    tiny = ["input.shape=[8,8,3]", "stem.width=4", "stages=[{blocks: 1, width: 4}]", "head.classes=2"]
    options = [option for setting in tiny for option in ("--set", setting)]
    command = (
        "fit",
        "quickstart",
        *options,
        "--recipe",
        tmp_path / "recipe.json",
        "-o",
        tmp_path / "run",
        "--json",
    )
    done = kresnet(*command)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["skipped"] == {"train": 5}
    assert "5 train images cannot be read and are left out: cat/cut.jpg, cat/empty.png" in done.stderr
    noted = json.loads((tmp_path / "run/data.json").read_text())
    assert noted["skipped"] == {"train": [name.removeprefix("train/") for name in said]}
    assert noted["train_images"] == 11
