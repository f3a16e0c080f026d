"""Folders of images: labels, errors that name the file, and decoding in advance or on demand."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kresnet.data import splits
from kresnet.data.augment.crops import make_random_crop
from kresnet.data.counter_rng import CounterRng
from kresnet.data.pipeline import evaluation_batches, training_batches
from kresnet.data.sources import open_data
from kresnet.data.splits import naming_unreadable_images
from kresnet.errors import KresnetError
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import Augment, FolderData, ResizedCrop

INPUT = Input(shape=(8, 8, 3))
TWO = {"train": {"cat": 3, "dog": 5}, "test": {"cat": 1, "dog": 2}}


def folder_data(path: Path, **fields: str) -> FolderData:
    return FolderData(kind="folder", path=str(path), **fields)


def problem_of(data: FolderData):
    with pytest.raises(KresnetError) as caught:
        open_data(data, INPUT, 0)
    return caught.value.problems[0]


@pytest.mark.parametrize("limit", [0, 10**9])
def test_images_and_labels(make_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    root = make_folder(**TWO)
    (root / "train" / "cat" / "notes.txt").write_text("not an image")
    (root / "train" / "cat" / ".hidden.png").write_text("not an image")
    Image.open(root / "train/dog/000.png").save(root / "train/dog/005.PNG")
    data = open_data(folder_data(root), INPUT, 0)
    assert data.class_names == ("cat", "dog")
    data.train._fits = limit > 0
    ((images, labels),) = evaluation_batches(data.train, 100)
    np.testing.assert_array_equal(labels, [0, 0, 0, 1, 1, 1, 1, 1, 1])
    files = [path for name in ("cat", "dog") for path in sorted((root / "train" / name).glob("0*"))]
    np.testing.assert_array_equal(images, [np.asarray(Image.open(path)) for path in files])


def test_fingerprint_follows_the_files_not_the_place(make_folder: Callable[..., Path]) -> None:
    root = make_folder(**TWO)
    before = open_data(folder_data(root), INPUT, 0).fingerprint
    moved = root.rename(root.with_name("moved"))
    assert open_data(folder_data(moved), INPUT, 0).fingerprint == before
    (moved / "test/dog/001.png").unlink()
    assert open_data(folder_data(moved), INPUT, 0).fingerprint != before


def test_missing_folders(make_folder: Callable[..., Path]) -> None:
    root = make_folder(**TWO)
    problem = problem_of(folder_data(root.with_name("picture")))
    assert (problem.code, problem.nearest) == ("data_missing", "pictures")
    problem = problem_of(folder_data(root, test_split="tests"))
    assert (problem.code, problem.nearest, problem.found) == ("data_missing", "test", "test, train")


def test_a_folder_without_splits_is_told_from_one_whose_split_has_another_name(
    make_folder: Callable[..., Path],
) -> None:
    problem = problem_of(folder_data(make_folder(cat={".": 3}, dog={".": 2})))
    assert (problem.code, problem.path, problem.found) == ("data_missing", "recipe.data.path", "cat, dog")
    assert "holds one folder a class, and no splits" in problem.message
    assert "test_split: 0.2" in problem.remedy


def test_splits_without_classes_under_other_names_are_not_taken_for_classes(make_folder: Callable[..., Path]) -> None:
    problem = problem_of(folder_data(make_folder(training={".": 3}, testing={".": 2})))
    assert (problem.path, problem.nearest) == ("recipe.data.train_split", "training")


def test_empty_folders(make_folder: Callable[..., Path]) -> None:
    root = make_folder(train={"cat": 1, "dog": 0, "eel": 0}, test={})
    with pytest.raises(KresnetError) as caught:
        open_data(folder_data(root), INPUT, 0)
    assert [problem.code for problem in caught.value.problems] == ["data_empty"] * 2
    assert [name in str(problem) for name, problem in zip(("dog", "eel"), caught.value.problems, strict=True)]
    (root / "void").mkdir()
    assert problem_of(folder_data(root, train_split="void")).code == "data_empty"


def test_classes_must_agree(make_folder: Callable[..., Path]) -> None:
    problem = problem_of(folder_data(make_folder(train={"cat": 1, "dog": 1}, test={"cat": 1, "eel": 1})))
    assert problem.code == "data_mismatch"
    assert "dog" in problem.expected
    assert "eel" in problem.found


def test_classes_whose_names_look_alike_are_told_apart(make_folder: Callable[..., Path]) -> None:
    problem = problem_of(folder_data(make_folder(train={"caf\xe9": 1, "tea": 1}, test={"cafe\u0301": 1, "tea": 1})))
    assert problem.expected == "2 classes, only here: 'caf\\xe9'"
    assert problem.found == "2 classes, only here: 'cafe\\u0301'"
    assert "differ in the Unicode form: NFC and NFD" in problem.message
    assert problem.remedy == "rename the folders of one"
    both = {"cat": 1, "cat ": 1}
    data = open_data(folder_data(make_folder(one=both, other=both), train_split="one", test_split="other"), INPUT, 0)
    assert data.description.remarks == ("Classes whose names look alike: 'cat' and 'cat ' differ in blanks.",)


def test_every_ending_of_jpeg_is_read_and_the_rest_is_counted(image_folder: Path) -> None:
    cat = image_folder / "train/cat"
    for name in ("a.jfif", "b.JPE", "c.jpeg"):
        Image.open(cat / "000.png").save(cat / name, "JPEG")
    (cat / "d.tif").write_bytes(b"")
    (image_folder / "test/labels.csv").write_text("")
    data = open_data(folder_data(image_folder), INPUT, 0)
    assert len(data.train) == 14
    assert data.description.passed_over == {
        "train": {"files ending in .tif": (1, "cat/d.tif")},
        "test": {"files beside the class folders": (1, "labels.csv")},
    }
    for path in cat.iterdir():
        path.rename(path.with_suffix(".tif"))
    assert problem_of(folder_data(image_folder)).found == "10 files ending in .tif"


def damage(root: Path) -> list[Path]:
    cut, text = root / "train/cat/001.png", root / "train/dog/004.png"
    cut.write_bytes(cut.read_bytes()[:120])
    text.write_text("hello")
    return [cut, text]


def test_damaged_files_are_named_when_loading(make_folder: Callable[..., Path]) -> None:
    root = make_folder(**TWO)
    bad = damage(root)
    data = open_data(folder_data(root), INPUT, 0)
    with pytest.raises(KresnetError) as caught:
        data.train.load()
    assert [str(path) in problem.message for path, problem in zip(bad, caught.value.problems, strict=True)]
    assert {problem.code for problem in caught.value.problems} == {"image_unreadable"}


def test_damaged_files_are_named_on_demand(make_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = splits.Split.__init__.__kwdefaults__ | {"resident_bytes": 0}
    monkeypatch.setattr(splits.Split.__init__, "__kwdefaults__", defaults)
    root = make_folder(**TWO)
    data = open_data(folder_data(root), INPUT, 0)
    bad = damage(root)
    batches = training_batches(
        data.train, classes=2, augment=Augment(), batch_size=4, seed=0, start_step=0, stop_step=2
    )
    with pytest.raises(KresnetError) as caught, naming_unreadable_images(data.train, data.test):
        list(batches)
    assert [str(path) in problem.message for path, problem in zip(bad, caught.value.problems, strict=True)]


def test_other_errors_pass_unchanged(make_folder: Callable[..., Path]) -> None:
    data = open_data(folder_data(make_folder(**TWO)), INPUT, 0)
    with pytest.raises(tf.errors.InvalidArgumentError), naming_unreadable_images(data.train):
        raise tf.errors.InvalidArgumentError(None, None, "something else")


def test_random_parts_are_cut_from_the_files(make_folder: Callable[..., Path]) -> None:
    """Of a quarter of the area and as wide as high: 4x4 of the 8x8 pixels of each file, as they are stored."""
    folder, input = folder_data(make_folder(**TWO)), Input(shape=(4, 4, 3))
    data, stored = open_data(folder, input, 0), open_data(folder, INPUT, 0).train.fetch(np.arange(8))[0].numpy()
    cut = make_random_crop(ResizedCrop(kind="resized", area=(0.25, 0.25), aspect=(1.0, 1.0)), input)
    positions = np.array([6, 1, 3])
    images, labels = data.train.fetch(positions, cut, cut.draw(CounterRng(0, 0, positions)))
    np.testing.assert_array_equal(labels, [1, 0, 1])
    for image, position in zip(images.numpy(), positions, strict=True):
        windows = np.lib.stride_tricks.sliding_window_view(stored[position], (4, 4, 3))
        assert (windows == image).all(axis=(-3, -2, -1)).any()


def test_names_need_not_be_text(image_folder):
    name = os.fsencode(image_folder / "train/cat") + b"/\xff\xe9 [bold]\n.png"
    shutil.copy(image_folder / "train/cat/000.png", name)
    data = open_data(folder_data(image_folder), INPUT, 0)
    data.train.load()
    assert len(data.train) == 12
    Path(os.fsdecode(name)).write_bytes(b"hello")
    with pytest.raises(KresnetError, match="image_unreadable"):
        open_data(folder_data(image_folder), INPUT, 0).train.load()
    (image_folder / "train/cat").rename(image_folder / "train" / os.fsdecode(b"\xff"))
    with pytest.raises(KresnetError, match=r"UTF-8.*data_mismatch"):
        open_data(folder_data(image_folder), INPUT, 0)


def test_a_folder_that_may_not_be_listed(image_folder, monkeypatch):
    """As the tests may run as root, who may list everything, the refusal is played."""
    real = os.scandir

    def refuse(path):
        if str(path).endswith("dog"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(KresnetError, match=r"dog cannot be listed: Permission denied.*data_missing"):
        open_data(folder_data(image_folder), INPUT, 0)


def test_sizes_and_modes_are_brought_to_one(image_folder, photo):
    """Grey, palette, CMYK, 16 bits, one bit, transparency: each is an ordinary image, whatever its size."""
    picture = Image.fromarray(photo)
    cat = image_folder / "train/cat"
    picture.convert("L").resize((31, 7)).save(cat / "grey.png")
    picture.convert("P").save(cat / "palette.png")
    picture.convert("CMYK").resize((90, 90)).save(cat / "cmyk.jpg")
    picture.convert("RGBA").save(cat / "transparent.png")
    picture.convert("1").save(cat / "bits.png")
    Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30) * 100).save(cat / "deep.png")
    data = open_data(folder_data(image_folder), INPUT, 0)
    images = np.concatenate([images.numpy() for images, _ in evaluation_batches(data.train, 4)])
    assert images.shape == (17, 8, 8, 3)
    assert images.dtype == np.uint8
