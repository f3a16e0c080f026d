"""Preparations: whole, resumed, checked; all kinds of data and of targets."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kresnet.data.preparation import prepare as module
from kresnet.data.preparation.shard_writer import write_shard
from kresnet.data.prepared.records import record_texts
from kresnet.data.sources import open_data
from kresnet.errors import KresnetError
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import FolderData, PreparedData

INPUT = Input(shape=(8, 8, 3))


def contents(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def opened(folder: Path, **fields: object):
    return open_data(PreparedData(kind="prepared", path=str(folder), **fields), INPUT, 0)


def test_all_examples_are_there_with_their_targets(prepare, image_folder, tmp_path):
    done: list[int] = []
    manifest = prepare(image_folder, shard_examples=4, progress=done.append)
    assert done == list(range(1, 16))
    assert {name: split.examples for name, split in manifest.splits.items()} == {"train": 11, "test": 4}
    assert [shard.examples for shard in manifest.splits["train"].shards] == [4, 4, 3]
    before = open_data(FolderData(kind="folder", path=str(image_folder)), INPUT, 0)
    after = opened(tmp_path / "shards")
    for name, split in before.splits.items():
        known = {split.example_name(place): place for place in range(len(split))}
        other = after.splits[name]
        places = [known[other.example_name(place)] for place in range(len(other))]
        assert sorted(places) == list(range(len(split)))
        for one, two in zip(split.fetch(np.array(places)), other.fetch(np.arange(len(other))), strict=True):
            np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(other.targets(), split.targets()[places])
        assert other.encoded(0) == split.encoded(places[0])  # the bytes of the file
        assert (places == sorted(places)) == (name == "test")  # training examples are shuffled


def test_what_is_written_follows_from_data_settings_and_seed(prepare, image_folder, tmp_path):
    for to, seed in (("one", 0), ("two", 0), ("three", 1)):
        prepare(image_folder, to, shard_examples=4, seed=seed)
    one, two, three = (contents(tmp_path / to) for to in ("one", "two", "three"))
    assert one == two != three
    assert not [name for name in one if name.startswith(".")]


@pytest.mark.parametrize("shards", [0, 1, 3])
def test_a_preparation_that_is_killed_goes_on(prepare, image_folder, tmp_path, monkeypatch, shards):
    """It ends in the middle of a shard, after so many whole ones; `make faults` does it with SIGKILL."""
    prepare(image_folder, "whole", shard_examples=4)
    folder, written = tmp_path / "shards", []

    def killed(path, examples, stop):
        if len(written) == shards:
            path.with_name(f".{path.stem}.{os.getpid()}.tmp.array_record").write_bytes(b"half a shard")
            raise KeyboardInterrupt
        written.append(path)
        return write_shard(path, examples, stop)

    with monkeypatch.context() as patched:
        patched.setattr(module, "write_shard", killed)
        with pytest.raises(KeyboardInterrupt):
            prepare(image_folder, shard_examples=4)
    assert not (folder / "prepared.json").exists()
    before = {path: path.stat().st_mtime_ns for path in written}
    prepare(image_folder, shard_examples=4)
    assert contents(folder) == contents(tmp_path / "whole")
    assert {path: path.stat().st_mtime_ns for path in written} == before  # whole shards are not written again


def test_only_whole_shards_count(prepare, image_folder, tmp_path, monkeypatch):
    prepare(image_folder, "whole", shard_examples=4)
    with monkeypatch.context() as patched:
        patched.setattr(module.Preparation, "_finish", lambda *_: None)
        prepare(image_folder, shard_examples=4)
    folder = tmp_path / "shards"
    (folder / "train-00001-of-00003.array_record").write_bytes(b"cut short")
    (folder / ".train-00002-of-00003.note.npz").write_bytes(b"cut short")
    prepare(image_folder, shard_examples=4)
    assert contents(folder) == contents(tmp_path / "whole")


def test_the_same_again_does_nothing_and_another_is_refused(prepare, image_folder, tmp_path):
    said: list[str] = []
    first = prepare(image_folder, shard_examples=4)
    assert prepare(image_folder, shard_examples=4, log=said.append) == first
    assert "prepared before" in said[0]
    with pytest.raises(KresnetError, match="output_exists"):
        prepare(image_folder, shard_examples=5)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").touch()
    with pytest.raises(KresnetError, match="not empty"):
        prepare(image_folder, "full")


def test_another_unfinished_preparation_is_refused(prepare, image_folder, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(module.Preparation, "_finish", lambda *_: None)
        prepare(image_folder, shard_examples=4)
    with pytest.raises(KresnetError, match="not finished, of other data or with other settings"):
        prepare(image_folder, shard_examples=4, deduplicate=True)


def test_two_processes_do_not_prepare_the_same(prepare, image_folder, tmp_path):
    import fcntl

    (tmp_path / "shards").mkdir()
    with (tmp_path / "shards" / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(KresnetError, match="run_locked"):
            prepare(image_folder)


def test_images_that_cannot_be_read_are_named_or_left_out(prepare, image_folder, tmp_path):
    bad = {"train/cat/002.png": b"", "train/dog/001.png": b"text", "test/cat/001.png": b"\x89PNG\r\n\x1a\n" + bytes(40)}
    for name, data in bad.items():
        (image_folder / name).write_bytes(data)
    with pytest.raises(KresnetError) as caught:
        prepare(image_folder, shard_examples=4)
    assert sorted(problem.code for problem in caught.value.problems) == ["image_unreadable"] * 3
    text = "\n".join(map(str, caught.value.problems))
    assert all(name in text for name in bad)
    manifest = prepare(image_folder, shard_examples=4, skip_unreadable=True)  # goes on with the shards that are whole
    assert manifest.made["left_out"]["unreadable"] == {"train": 2, "test": 1}
    lines = [json.loads(line) for line in (tmp_path / "shards" / "left_out.jsonl").read_text().splitlines()]
    assert {(line["split"], line["name"]) for line in lines} == {(n.split("/")[0], n.split("/", 1)[1]) for n in bad}
    data = opened(tmp_path / "shards")
    assert (len(data.train), len(data.test)) == (9, 3)
    data.train.require_readable()


def test_copies_are_left_out_on_request_and_told_otherwise(prepare, image_folder, tmp_path):
    shutil.copy(image_folder / "test/cat/000.png", image_folder / "train/dog/copy.png")
    shutil.copy(image_folder / "train/cat/000.png", image_folder / "train/cat/again.png")
    told = prepare(image_folder, "with")
    assert told.splits["test"].copies == {"train": (1, "cat/000.png")}
    assert told.splits["train"].examples == 13
    overlap = (data := opened(tmp_path / "with")).find_overlap(data.train, data.test)
    assert (overlap.shared, overlap.same, overlap.example) == (1, False, "cat/000.png")
    without = prepare(image_folder, "without", deduplicate=True)
    assert {name: split.examples for name, split in without.splits.items()} == {"train": 11, "test": 4}
    assert without.made["left_out"]["copies"] == {"train": 2, "test": 0}
    lines = [json.loads(line) for line in (tmp_path / "without" / "left_out.jsonl").read_text().splitlines()]
    assert {line["name"]: line["of"] for line in lines} == {
        "dog/copy.png": {"split": "test", "name": "cat/000.png"},
        "cat/again.png": {"split": "train", "name": "cat/000.png"},
    }


def test_labels_values_weights_and_groups_of_tables_go_along(prepare, tmp_path):
    rows = ["image,a,b,age,weight,patient,split"]
    for number in range(12):
        pixels = np.random.default_rng(number).integers(0, 256, (9, 9, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        split = ("train", "val", "test")[number % 3 if number > 5 else 0]
        rows.append(f"{number}.png,{number % 2},{number // 6},{number / 4},{1 + number % 3},p{number // 2},{split}")
    (tmp_path / "t.csv").write_text("\n".join(rows))
    common = ["recipe.data.split=split", "recipe.data.validation=val", "recipe.data.group=patient"]
    labels = ["recipe.data.labels=[a, b]", "recipe.data.weight=weight", *common]
    manifest = prepare(tmp_path / "t.csv", "labels", labels, shard_examples=3)
    assert list(manifest.splits) == ["train", "validation", "test"]
    data = opened(tmp_path / "labels", validation="validation")
    assert (data.targets.kind, data.class_names, len(data.train), len(data.validation)) == ("labels", ("a", "b"), 8, 2)
    for place in range(8):
        number = int(data.train.example_name(place).removesuffix(".png"))
        expected = [number % 2, number // 6]
        assert data.train.targets()[place].tolist() == expected
        assert data.train.fetch(np.array([place]))[1].numpy()[0].tolist() == expected
        assert data.train.weights()[place] == 1 + number % 3
        assert data.train.groups()[place] == [f"p{each}" for each in range(6)].index(f"p{number // 2}")
    prepare(tmp_path / "t.csv", "values", ["recipe.data.values=age", *common])
    data = opened(tmp_path / "values")
    assert (data.targets.kind, data.targets.shape) == ("values", (1,))
    names = [int(data.test.example_name(place).removesuffix(".png")) for place in range(len(data.test))]
    np.testing.assert_array_equal(data.test.targets()[:, 0], np.float32(names) / 4)


def test_arrays_and_embedded_images_keep_their_pixels(prepare, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), np.uint8)
    targets = np.arange(6) % 3
    np.savez(tmp_path / "a.npz", train_inputs=images, train_targets=targets, test_inputs=images[:3],
             test_targets=targets[:3], class_names=np.array(["x", "y", "z"]))  # fmt: skip
    prepare(tmp_path / "a.npz")
    data = opened(tmp_path / "shards")
    assert data.class_names == ("x", "y", "z")
    np.testing.assert_array_equal(data.test.fetch(np.arange(3))[0], images[:3])
    np.savez(tmp_path / "v.npz", train_inputs=np.ones((4, 5), np.float32), train_targets=np.arange(4) % 2,
             test_inputs=np.ones((2, 5), np.float32), test_targets=np.arange(2))  # fmt: skip
    with pytest.raises(KresnetError, match="vectors"):
        prepare(tmp_path / "v.npz", "vectors")


def test_records_of_tensorflow_datasets(prepare, shared_data, tmp_path):
    stated = [f"recipe.data.data_dir={shared_data / 'tfds'}", "recipe.data.train_split=train[:60]",
              "recipe.data.test_split=test[:20]"]  # fmt: skip
    manifest = prepare("tfds:cifar10_jpeg", "shards", stated)
    assert manifest.class_names[0] == "airplane"
    assert opened(tmp_path / "shards").test.encoded(0)[:2] == b"\xff\xd8"


def test_prepared_data_are_not_prepared_again(prepare, image_folder, tmp_path):
    prepare(image_folder)
    with pytest.raises(KresnetError, match="prepared already"):
        prepare(tmp_path / "shards", "again")


def test_grain_and_tensorflow_can_read_the_shards(prepare, image_folder, tmp_path):
    """By the reader of array_record, which kresnet did not write, and TensorFlow's parser of examples."""
    import tensorflow as tf
    from array_record.python.array_record_data_source import ArrayRecordDataSource

    prepare(image_folder, shard_examples=4)
    files = sorted(map(str, (tmp_path / "shards").glob("train-*.array_record")))
    records = ArrayRecordDataSource(files)
    assert len(records) == 11
    features = {"image": tf.io.FixedLenFeature((), tf.string), "label": tf.io.FixedLenFeature((), tf.int64)}
    for record in records:
        example = tf.io.parse_single_example(record, features)
        image, name = record_texts(record)
        assert example["image"].numpy() == image == (image_folder / "train" / name).read_bytes()
        assert int(example["label"]) == name.startswith("dog")


def test_smaller_images_are_written_smaller(prepare, tmp_path):
    for split in ("train", "test"):
        for name in ("a", "b"):
            (tmp_path / "p" / split / name).mkdir(parents=True)
            for number in range(2):
                pixels = np.random.default_rng(number).integers(0, 256, (90, 120, 3), np.uint8)
                path = tmp_path / "p" / split / name / f"{number}.jpg"
                Image.fromarray(pixels).save(path, quality=90)
    prepare(tmp_path / "p", "small", shorter_side=40)
    with Image.open(io.BytesIO(opened(tmp_path / "small").test.encoded(0))) as image:
        assert image.size == (53, 40)
