"""Prepared data as a run reads them: by position, in either order, with what is wrong named."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from kresnet.data.augment.crops import make_random_crop
from kresnet.data.counter_rng import CounterRng
from kresnet.data.pipeline import training_batches
from kresnet.data.preparation.prepare import Preparation, PreparationOptions
from kresnet.data.preparation.source import open_source
from kresnet.data.sources import open_data
from kresnet.data.sources.inspection import inspect_data
from kresnet.data.sources.other_data import RenumberedSource
from kresnet.data.splits import naming_unreadable_images
from kresnet.errors import KresnetError
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import Augment, FolderData, PreparedData, ResizedCrop

INPUT = Input(shape=(8, 8, 3))
CROPPED = Augment(crop=ResizedCrop(kind="resized"), flip=True)


@pytest.fixture
def shards(image_folder: Path, tmp_path: Path) -> Path:
    """Eleven training images in three shards, four test images in one."""
    Preparation(open_source(str(image_folder)), tmp_path / "shards", PreparationOptions(shard_examples=4)).run()
    return tmp_path / "shards"


def opened(folder: Path, **fields: object):
    return open_data(PreparedData(kind="prepared", path=str(folder), **fields), INPUT, 0)


def batches(data, start=0, stop=6):
    return training_batches(
        data.train, augment=CROPPED, classes=2, batch_size=4, seed=7, start_step=start, stop_step=stop
    )


@pytest.mark.parametrize("fields", [{}, {"order": "windowed", "window_shards": 2}])
def test_batches_are_exact_to_resume_and_equal_to_those_of_the_files(shards, image_folder, fields):
    whole = [(images.numpy(), labels.numpy()) for images, labels in batches(opened(shards, **fields))]
    later = [(images.numpy(), labels.numpy()) for images, labels in batches(opened(shards, **fields), 3)]
    for one, other in zip(whole[3:], later, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
    data, files = opened(shards), open_data(FolderData(kind="folder", path=str(image_folder)), INPUT, 0)
    names = [files.train.example_name(place) for place in range(11)]
    places = np.array([names.index(data.train.example_name(place)) for place in range(11)])
    crop = make_random_crop(CROPPED.crop, INPUT)
    numbers = crop.draw(CounterRng(0, 0, np.arange(11)))
    ours, theirs = data.train.fetch(np.arange(11), crop, numbers), files.train.fetch(places, crop, numbers)
    np.testing.assert_array_equal(ours[0], theirs[0])


def test_a_validation_share_is_drawn_as_of_other_data(shards):
    data = opened(shards, validation=0.3, order="windowed", window_shards=1)
    assert (len(data.train), len(data.validation)) == (8, 3)
    seen = [int(label) for _, labels in batches(data, 0, 2) for label in labels]
    assert sorted(seen) == sorted(data.train.targets().tolist())


def test_fingerprint_follows_what_is_stored_not_the_place(shards, tmp_path):
    before = opened(shards)
    moved = shards.rename(tmp_path / "moved")
    assert opened(moved).fingerprint == before.fingerprint
    assert opened(moved, order="windowed").fingerprint == before.fingerprint


def test_damage_in_a_shard_ends_in_its_name(shards):
    path = shards / "train-00001-of-00003.array_record"
    data = bytearray(path.read_bytes())
    data[200:260] = bytes(60)
    path.write_bytes(data)
    with pytest.raises(KresnetError) as caught, naming_unreadable_images((found := opened(shards)).train):
        list(batches(found))
    assert {problem.code for problem in caught.value.problems} == {"image_unreadable"}
    assert all(path.name in problem.message for problem in caught.value.problems)
    assert "prepare the data again" in caught.value.problems[0].remedy


@pytest.mark.parametrize(
    ("spoil", "code", "told"),
    [
        (lambda folder: (folder / "prepared.json").unlink(), "data_missing", "prepared.json cannot be read"),
        (lambda folder: (folder / "prepared.json").write_text("{}"), "data_mismatch", "damaged"),
        (lambda folder: (folder / "train-targets.npy").unlink(), "data_missing", "train-targets.npy .* is missing"),
        (lambda folder: (folder / "train-targets.npy").write_bytes(b"x"), "data_missing", "damaged, or belongs to"),
        (lambda folder: (folder / "train-00002-of-00003.array_record").unlink(), "data_missing", "train-00002"),
        (
            lambda folder: (folder / "test-00000-of-00001.array_record").write_bytes(b""),
            "image_unreadable",
            "test-0000",
        ),
        (shutil.rmtree, "data_missing", "prepared.json cannot be read"),
    ],
)
def test_what_is_lost_is_named_when_data_are_opened(shards, spoil, code, told):
    spoil(shards)
    with pytest.raises(KresnetError, match=told) as caught:
        opened(shards)
    assert caught.value.problems[0].code == code
    assert caught.value.problems[0].remedy


def test_splits_that_are_not_there_and_splits_used_twice(shards):
    with pytest.raises(KresnetError, match="has no split tests") as caught:
        opened(shards, test_split="tests")
    assert caught.value.problems[0].nearest == "test"
    with pytest.raises(KresnetError, match="trained on as well"):
        inspect_data(opened(shards, test_split="train"))
    assert inspect_data(opened(shards)) == ()


def test_what_the_index_says_without_reading_images(shards, monkeypatch):
    data = opened(shards)
    monkeypatch.setattr("kresnet.data.prepared.shards.ShardRecords.read", None)
    assert sorted(data.train.targets().tolist()) == [0] * 6 + [1] * 5
    assert data.train.distinct_targets(2).tolist() == [0, 1]
    assert (len(data.train), len(data.test)) == (11, 4)


def test_classes_can_be_renumbered_for_another_network(shards):
    source = RenumberedSource(opened(shards).test.source, np.array([4, 2]), 5)
    assert source.failure is None
    assert sorted(source.targets(np.arange(4)).tolist()) == [2, 2, 4, 4]
