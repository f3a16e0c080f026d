"""What cannot be read ends the run, named; or is left out, the same ones each time, noted and counted."""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kresnet.data import splits
from kresnet.data.image_limits import MAX_PIXELS
from kresnet.data.images import read_image
from kresnet.data.pipeline import evaluation_batches, training_batches
from kresnet.data.sources import DataSet, open_data
from kresnet.data.sources.tfrecord import DamagedRecord, RecordFile, RecordIndex
from kresnet.errors import KresnetError
from kresnet.spec.inputs import Input, Pixels
from kresnet.spec.recipe import Augment, FolderData, TfdsData
from tests.command import kresnet

INPUT = Input(shape=(8, 8, 3), pixels=Pixels())


def bomb() -> bytes:
    """A PNG of a few hundred bytes that claims 60,000 x 60,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(bytes(100_000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


@pytest.fixture
def whole(make_folder: Callable[..., Path]) -> Path:
    return make_folder(train={"cat": 6, "dog": 5}, test={"cat": 2, "dog": 2})


@pytest.fixture
def spoilt(whole: Path, photo: np.ndarray) -> tuple[Path, dict[str, str]]:
    """The folder with five more files that cannot be read, and what is said of each."""
    jpeg = io.BytesIO()
    Image.fromarray(photo).save(jpeg, "JPEG")
    bad = {
        "train/cat/cut.jpg": jpeg.getvalue()[: len(jpeg.getvalue()) * 3 // 4],
        "train/cat/empty.png": b"",
        "train/dog/000a.png": b"hello",
        "train/dog/bomb.png": bomb(),
    }
    for name, content in bad.items():
        (whole / name).write_bytes(content)
    (whole / "train/dog/nowhere.png").symlink_to("gone.png")
    said = {
        "train/cat/cut.jpg": "is damaged",
        "train/cat/empty.png": "is empty",
        "train/dog/000a.png": "is not an image",
        "train/dog/bomb.png": "60000",
        "train/dog/nowhere.png": "no file",
    }
    return whole, said


def opened(root: Path, policy: str) -> DataSet:
    return open_data(FolderData(kind="folder", path=str(root), on_unreadable=policy), INPUT)


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


def batches(data: DataSet) -> list[tuple[np.ndarray, np.ndarray]]:
    made = training_batches(data.train, classes=2, augment=Augment(), batch_size=3, seed=7, start_step=0, stop_step=6)
    return [(images.numpy(), labels.numpy()) for images, labels in made]


@pytest.mark.parametrize("in_memory", [True, False])
def test_skip_reads_what_would_be_read_without_them(spoilt, in_memory, monkeypatch):
    """Not an image more or less, in the same order: the split is the one of the folder without the bad files."""
    root, said = spoilt
    if not in_memory:
        defaults = {"resident_bytes": 0, "skip_unreadable": False}
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


def test_a_split_of_nothing_but_damage_is_refused(whole):
    for path in (whole / "test").rglob("*.png"):
        path.write_bytes(b"hello")
    data = opened(whole, "skip")
    with pytest.raises(KresnetError, match="data_empty"):
        len(data.test)


def test_names_need_not_be_text(whole):
    name = os.fsencode(whole / "train/cat") + b"/\xff\xe9 [bold]\n.png"
    shutil.copy(whole / "train/cat/000.png", name)
    data = opened(whole, "stop")
    data.train.load()
    assert len(data.train) == 12
    Path(os.fsdecode(name)).write_bytes(b"hello")
    with pytest.raises(KresnetError, match="image_unreadable"):
        opened(whole, "stop").train.load()
    (whole / "train/cat").rename(whole / "train" / os.fsdecode(b"\xff"))
    with pytest.raises(KresnetError, match=r"UTF-8.*data_mismatch"):
        opened(whole, "stop")


def test_a_folder_that_may_not_be_listed(whole, monkeypatch):
    """As the tests may run as root, who may list everything, the refusal is played."""
    real = os.scandir

    def refuse(path):
        if str(path).endswith("dog"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(KresnetError, match=r"dog cannot be listed: Permission denied.*data_missing"):
        opened(whole, "stop")


def test_sizes_and_modes_are_brought_to_one(whole, photo):
    """Grey, palette, CMYK, 16 bits, one bit, transparency: each is an ordinary image, whatever its size."""
    picture = Image.fromarray(photo)
    cat = whole / "train/cat"
    picture.convert("L").resize((31, 7)).save(cat / "grey.png")
    picture.convert("P").save(cat / "palette.png")
    picture.convert("CMYK").resize((90, 90)).save(cat / "cmyk.jpg")
    picture.convert("RGBA").save(cat / "transparent.png")
    picture.convert("1").save(cat / "bits.png")
    Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30) * 100).save(cat / "deep.png")
    data = opened(whole, "stop")
    images = np.concatenate([images.numpy() for images, _ in evaluation_batches(data.train, 4)])
    assert images.shape == (17, 8, 8, 3)
    assert images.dtype == np.uint8


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_the_limit_of_pixels_is_read_off_each_format(kind, tmp_path, monkeypatch):
    monkeypatch.setattr("kresnet.data.image_limits.MAX_PIXELS", 30 * 40)
    for height, width in ((30, 40), (31, 40), (1300, 1)):
        path = tmp_path / f"{height}.{kind.lower()}"
        Image.new("RGB", (width, height)).save(path, kind)
        if height * width <= 1200:
            assert read_image(path, INPUT).shape == (8, 8, 3)
        else:
            with pytest.raises(KresnetError, match=f"{width} x {height} pixels; at most 1,200"):
                read_image(path, INPUT)
    assert MAX_PIXELS == 2**27


def test_a_bomb_is_told_by_predict_too(tmp_path):
    (tmp_path / "bomb.png").write_bytes(bomb())
    with pytest.raises(KresnetError, match=r"60000.*image_unreadable"):
        read_image(tmp_path / "bomb.png", INPUT)


# TFRecord files: https://www.tensorflow.org/tutorials/load_data/tfrecord, "TFRecords format details".


@pytest.fixture
def records(tmp_path: Path) -> Path:
    path = tmp_path / "a.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for number in range(5):
            writer.write(bytes([number]) * (10 + number))
    return path


def test_sums_are_those_that_tensorflow_writes(records):
    index = RecordIndex([RecordFile(records, 0, 5)])
    assert list(index.read(np.arange(5))) == [bytes([number]) * (10 + number) for number in range(5)]


@pytest.mark.parametrize("at", ["data", "sum"])
def test_a_flipped_bit_is_found_by_the_sum_of_its_record(records, at):
    content = bytearray(records.read_bytes())
    offset, length = RecordIndex([RecordFile(records, 0, 5)])._extents[2]
    content[offset + (3 if at == "data" else length)] ^= 1
    records.write_bytes(content)
    index = RecordIndex([RecordFile(records, 0, 5)])
    assert index.read(np.array([1, 3]))[0] == b"\x01" * 11
    with pytest.raises(DamagedRecord, match="record 2 of"):
        index.read(np.array([2]))


@pytest.mark.parametrize("how", ["cut", "length", "empty"])
def test_what_lies_beyond_the_damage_is_lost(records, how):
    content = bytearray(records.read_bytes())
    offset, _ = RecordIndex([RecordFile(records, 0, 5)])._extents[3]
    if how == "length":
        content[offset - 12] ^= 1
    records.write_bytes(b"" if how == "empty" else content[: offset + 2] if how == "cut" else content)
    with pytest.raises(KresnetError, match=rf"{records} is damaged.*image_unreadable"):
        RecordIndex([RecordFile(records, 0, 5)])
    index = RecordIndex([RecordFile(records, 0, 5)], keep_damaged=True)
    kept = 0 if how == "empty" else 3
    assert len(index) == 5
    assert len(index.read(np.arange(kept))) == kept
    for position in range(kept, 5):
        with pytest.raises(DamagedRecord, match="is lost"):
            index.read(np.array([position]))


def test_labels_out_of_range_and_damaged_records_are_skipped(shared_data, tmp_path):
    """A copy of a prepared data set, one of whose records has label 12 and another a flipped bit."""
    found = next(shared_data.rglob("fashion_mnist/*/features.json")).parent
    copy = tmp_path / "fashion_mnist" / found.name
    shutil.copytree(found, copy, copy_function=shutil.copyfile)
    for path in [copy, *copy.iterdir()]:
        path.chmod(0o755)
    file = next(copy.glob("*test.tfrecord*"))
    index = RecordIndex([RecordFile(file, 0, 40)])
    everything = list(index.read(np.arange(40)))
    example = tf.train.Example.FromString(everything[4])
    example.features.feature["label"].int64_list.value[0] = 12
    with tf.io.TFRecordWriter(str(file)) as writer:
        for number, record in enumerate(everything):
            writer.write(example.SerializeToString() if number == 4 else record)
    content = bytearray(file.read_bytes())
    content[RecordIndex([RecordFile(file, 0, 40)])._extents[9][0] + 30] ^= 4
    file.write_bytes(content)

    def data(policy: str) -> DataSet:
        recipe = TfdsData(
            kind="tfds",
            name="fashion_mnist",
            data_dir=str(tmp_path),
            train_split="test[20:30]",
            test_split="test[:20]",
            on_unreadable=policy,
        )
        return open_data(recipe, Input(shape=(28, 28, 1), pixels=Pixels()))

    with pytest.raises(KresnetError) as caught:
        data("stop").test.load()
    label, record = caught.value.problems
    assert (label.code, label.found, label.expected) == ("data_mismatch", "12", "0 to 9")
    assert record.code == "image_unreadable"
    skipping = data("skip")
    assert len(skipping.test) == 18
    assert skipping.skipped == {"test": [f"record 4 of {file.name}", f"record 9 of {file.name}"]}


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
    tiny = ["input.shape=[8,8,3]", "stages.0.blocks=1", "head.classes=2"]
    options = [option for setting in tiny for option in ("--set", setting)]
    command = (
        "fit",
        "resnet18_cifar",
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
