"""TensorFlow Datasets: the same examples as TFDS itself gives, by position."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kresnet.data.augment.crops import make_random_crop
from kresnet.data.counter_rng import CounterRng
from kresnet.data.pipeline import evaluation_batches
from kresnet.data.sources import DataSet, open_data
from kresnet.data.sources.inspection import inspect_data
from kresnet.data.sources.tfrecord import RecordFile, RecordIndex
from kresnet.errors import KresnetError
from kresnet.spec.inputs import Input, Pixels
from kresnet.spec.recipe import ResizedCrop, TfdsData

GREY, COLOUR = Input(shape=(28, 28, 1)), Input(shape=(32, 32, 3))


def tfds_data(folder: Path, name: str, train: str = "train[:300]", test: str = "test[:200]") -> TfdsData:
    return TfdsData(kind="tfds", name=name, data_dir=str(folder), train_split=train, test_split=test)


@pytest.fixture(scope="session")
def tfds_dir(shared_data: Path) -> Path:
    return shared_data / "tfds"


@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize(("name", "input"), [("fashion_mnist", GREY), ("cifar10_jpeg:1.0.0", COLOUR)])
def test_agrees_with_tfds(tfds_dir: Path, name: str, input: Input, resident: bool) -> None:
    import tensorflow_datasets as tfds

    text = "train[100:200]+test[50:90]"
    data = open_data(tfds_data(tfds_dir, name, text), input, 0)
    data.train._fits = resident
    ours = list(evaluation_batches(data.train, 64))
    in_order = tfds.ReadConfig(interleave_cycle_length=1)  # by default it takes turns between the files
    theirs = tfds.load(name, split=text, data_dir=str(tfds_dir), download=False, batch_size=-1, read_config=in_order)
    np.testing.assert_array_equal(np.concatenate([images for images, _ in ours]), theirs["image"])
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in ours]), theirs["label"])
    images, labels = data.train.fetch(np.array([120, 3]))
    np.testing.assert_array_equal(images, theirs["image"].numpy()[[120, 3]])
    np.testing.assert_array_equal(labels, theirs["label"].numpy()[[120, 3]])


def test_names_and_fingerprints(tfds_dir: Path) -> None:
    data = open_data(tfds_data(tfds_dir, "cifar10_jpeg"), COLOUR, 0)
    assert (data.name, data.class_names[0], len(data.class_names)) == ("cifar10_jpeg/1.0.0", "airplane", 10)
    assert (len(data.train), len(data.test)) == (300, 200)
    assert data.fingerprint == open_data(tfds_data(tfds_dir, "cifar10_jpeg:1.0.0"), COLOUR, 0).fingerprint
    fewer = tfds_data(tfds_dir, "cifar10_jpeg", train="train[:299]")
    assert data.fingerprint != open_data(fewer, COLOUR, 0).fingerprint


def problem_of(data: TfdsData, input: Input = GREY):
    with pytest.raises(KresnetError) as caught:
        open_data(data, input, 0)
    return caught.value.problems[0]


def test_what_is_not_there(tfds_dir: Path, tmp_path: Path) -> None:
    problem = problem_of(tfds_data(tfds_dir, "fashion_mnst"))
    assert (problem.code, problem.nearest) == ("data_missing", "fashion_mnist")
    assert problem.expected == "cifar10_jpeg, fashion_mnist"
    for name in ("cifar10", "fashion_mnist:9.9.9", "fashion_mnist/big", "a b c"):
        assert problem_of(tfds_data(tfds_dir, name)).code == "data_missing"
    assert "There is no folder" in problem_of(tfds_data(tmp_path / "no", "fashion_mnist")).message


@pytest.mark.parametrize("split", ["tset", "test[", "test[:200%]"])
def test_a_wrong_split_lists_the_right_ones(tfds_dir: Path, split: str) -> None:
    problem = problem_of(tfds_data(tfds_dir, "fashion_mnist", test=split))
    assert (problem.code, problem.path) == ("data_missing", "recipe.data.test_split")
    assert "test, train" in problem.expected


def test_what_does_not_suit(tfds_dir: Path) -> None:
    assert problem_of(tfds_data(tfds_dir, "fashion_mnist", train="train[5:5]")).code == "data_empty"
    assert problem_of(tfds_data(tfds_dir, "fashion_mnist"), COLOUR).code == "data_mismatch"


def test_slices_that_overlap_are_refused_with_the_numbers(tfds_dir: Path) -> None:
    both = tfds_data(tfds_dir, "fashion_mnist", train="train", test="train[90%:]")
    with pytest.raises(KresnetError, match=r"Of the 6,000 test examples of fashion_mnist/.*, 6,000 are trained on"):
        inspect_data(open_data(both, GREY, 0))
    apart = open_data(tfds_data(tfds_dir, "fashion_mnist", train="train[:500]", test="train[500:600]"), GREY, 0)
    assert inspect_data(apart) == ()
    np.testing.assert_array_equal(apart.train.distinct_targets(10), np.arange(10))


@pytest.fixture
def damaged(tfds_dir: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A copy of Fashion-MNIST to spoil, and its test file."""
    shutil.copytree(tfds_dir / "fashion_mnist", tmp_path / "fashion_mnist", copy_function=shutil.copyfile)
    for path in [tmp_path / "fashion_mnist", *tmp_path.glob("fashion_mnist/*")]:
        path.chmod(0o755)
    return tmp_path, next(tmp_path.glob("fashion_mnist/*/*test.tfrecord*"))


def test_a_damaged_record_is_named(damaged: tuple[Path, Path]) -> None:
    folder, file = damaged
    record = RecordIndex([RecordFile(file, 0, 8)])
    offset, length = record._extents[7]
    contents = bytearray(file.read_bytes())
    contents[offset + 100 : offset + length - 30] = bytes(length - 130)
    file.write_bytes(contents)
    data = open_data(tfds_data(folder, "fashion_mnist", test="test[5:20]"), GREY, 0)
    with pytest.raises(KresnetError, match=f"record 7 of {file}") as caught:
        data.test.load()
    assert [problem.code for problem in caught.value.problems] == ["image_unreadable"]


def test_a_file_cut_short_is_named(damaged: tuple[Path, Path]) -> None:
    folder, file = damaged
    with file.open("r+b") as opened:
        opened.truncate(10_000)
    problem = problem_of(tfds_data(folder, "fashion_mnist"))
    assert problem.code == "image_unreadable"
    assert str(file) in problem.message
    file.unlink()
    assert problem_of(tfds_data(folder, "fashion_mnist")).code == "data_missing"


def test_damaged_metadata(damaged: tuple[Path, Path]) -> None:
    folder, file = damaged
    for name in ("features.json", "dataset_info.json"):
        (file.parent / name).write_text("{")
        problem = problem_of(tfds_data(folder, "fashion_mnist"))
        assert problem.code == "data_missing"
        assert "can not be read" in problem.message


def test_random_parts_are_cut_from_the_records(tfds_dir: Path) -> None:
    """8x8 of the 32x32 pixels of each record, as they are stored, but for the chroma of a JPEG at a part's border."""
    data, input = tfds_data(tfds_dir, "cifar10_jpeg:1.0.0"), Input(shape=(8, 8, 3))
    positions = np.array([120, 3, 7])
    stored, labels = open_data(data, COLOUR, 0).train.fetch(positions)
    cut = make_random_crop(ResizedCrop(kind="resized", area=(1 / 16, 1 / 16), aspect=(1.0, 1.0)), input)
    parts, found = open_data(data, input, 0).train.fetch(positions, cut, cut.draw(CounterRng(0, 0, positions)))
    np.testing.assert_array_equal(found, labels)
    for image, part in zip(stored.numpy().astype(int), parts.numpy(), strict=True):
        windows = np.lib.stride_tricks.sliding_window_view(image, (8, 8, 3))
        assert np.abs(windows - part).mean(axis=(-3, -2, -1)).min() < 4


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
        return open_data(recipe, Input(shape=(28, 28, 1), pixels=Pixels()), 0)

    with pytest.raises(KresnetError) as caught:
        data("stop").test.load()
    label, record = caught.value.problems
    assert (label.code, label.found, label.expected) == ("data_mismatch", "12", "0 to 9")
    assert record.code == "image_unreadable"
    skipping = data("skip")
    assert len(skipping.test) == 18
    assert skipping.skipped == {"test": [f"record 4 of {file.name}", f"record 9 of {file.name}"]}
