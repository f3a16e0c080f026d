"""A part of the examples to train on becomes the examples to validate on, and is written down."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from kresnet.data.description import DataDescription
from kresnet.data.sources import open_data
from kresnet.errors import KresnetError
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import ArraysData, EmbeddedData, FolderData, TfdsData
from tests.data.sources.test_folder import INPUT, TWO

VECTOR = Input.model_validate({"shape": [1]})
GREY = Input.model_validate({"shape": [28, 28, 1], "pixels": {}})


def numbered(path, targets, **more):
    """Data whose only input is the example's number, all to train on but for two."""
    inputs = np.arange(len(targets), dtype=np.float32)[:, np.newaxis]
    np.savez(path, train_inputs=inputs, train_targets=targets, test_inputs=-inputs[:2] - 1, test_targets=targets[:2],
             **more)  # fmt: skip
    return {"kind": "arrays", "path": str(path)}


def inputs_of(split):
    return split.fetch(np.arange(len(split)))[0].numpy()[:, 0].astype(int).tolist()


def test_the_two_parts_are_what_there_was(tmp_path):
    stored = numbered(tmp_path / "data.npz", np.arange(100) % 4)
    data = open_data(ArraysData.model_validate(stored | {"validation": 0.2}), VECTOR, 7)
    assert (len(data.train), len(data.validation), len(data.test)) == (80, 20, 2)
    assert sorted(inputs_of(data.train) + inputs_of(data.validation)) == list(range(100))
    assert (data.selection is data.validation, data.selection_name, list(data.splits)) == (
        True, "validation", ["train", "validation", "test"])  # fmt: skip
    facts = data.description.validation
    assert facts["counts"] == [5, 5, 5, 5] == np.bincount(data.validation.targets()).tolist()
    assert (facts["share"], facts["seed"], facts["positions"]) == (0.2, 7, inputs_of(data.validation))
    assert facts["digest"] == hashlib.sha256(np.array(facts["positions"], "<i8").tobytes()).hexdigest()
    assert DataDescription.from_dict(json.loads(json.dumps(data.description.as_dict()))) == data.description


def test_the_fingerprint_is_that_of_the_data_and_the_identity_that_of_the_part(tmp_path):
    stored = numbered(tmp_path / "data.npz", np.arange(100) % 4)
    whole = open_data(ArraysData.model_validate(stored), VECTOR, 7)
    one, again, other = (
        open_data(ArraysData.model_validate(stored | {"validation": 0.2}), VECTOR, seed) for seed in (7, 7, 8)
    )
    assert whole.fingerprint == one.fingerprint == other.fingerprint
    assert whole.identity == whole.fingerprint
    assert whole.description.as_dict().keys() & {"validation", "validation_images"} == set()
    assert one.identity == again.identity
    assert len({whole.identity, one.identity, other.identity}) == 3


def test_folds_together_are_all_and_differ_in_every_example(tmp_path):
    stored = numbered(tmp_path / "data.npz", np.arange(10) % 2)
    parts = [
        open_data(ArraysData.model_validate(stored | {"fold": {"fold": fold, "folds": 5}}), VECTOR, 0)
        for fold in range(1, 6)
    ]
    assert sorted(number for each in parts for number in inputs_of(each.validation)) == list(range(10))
    assert [each.held_out["counts"] for each in parts] == [[1, 1]] * 5


def test_groups_are_not_torn_apart(tmp_path):
    groups = np.array([f"patient {number // 5}" for number in range(100)])
    stored = numbered(tmp_path / "data.npz", np.arange(100) % 4, train_groups=groups)
    data = open_data(ArraysData.model_validate(stored | {"validation": 0.2}), VECTOR, 0)
    assert len(data.validation) == 20
    assert set(data.validation.groups()) == set(groups[inputs_of(data.validation)])
    assert not set(data.validation.groups()) & set(data.train.groups())


def test_too_few_examples_or_groups_are_told(tmp_path):
    stored = numbered(tmp_path / "data.npz", np.arange(4) % 2, train_groups=np.zeros(4, int))
    with pytest.raises(KresnetError) as caught:
        open_data(ArraysData.model_validate(stored | {"fold": {"fold": 2, "folds": 3}}), VECTOR, 0)
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("data_mismatch", "recipe.data.fold")
    assert "The 4 examples to train on, in 1 groups, of data.npz cannot be divided into 3 parts." in problem.message


def test_values_are_drawn_without_classes(tmp_path):
    stored = numbered(tmp_path / "data.npz", np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32))
    data = open_data(ArraysData.model_validate(stored | {"validation": 0.1}), VECTOR, 0)
    assert (len(data.train), len(data.validation)) == (45, 5)
    assert "counts" not in data.held_out


def test_other_sources(make_folder, shared_data):
    root = make_folder(train={"cat": 6, "dog": 4}, test={"cat": 1, "dog": 1})
    data = open_data(FolderData(kind="folder", path=str(root), validation=0.5), INPUT, 0)
    assert (data.held_out["counts"], len(data.train)) == ([3, 2], 5)
    names = [split.example_name(place) for split in (data.train, data.validation) for place in range(len(split))]
    assert sorted(names) == [f"{name}/{number:03}.png" for name, count in (("cat", 6), ("dog", 4))
                             for number in range(count)]  # fmt: skip
    data = open_data(EmbeddedData(kind="embedded", validation=0.1), GREY, 0)
    assert (len(data.train), data.held_out["counts"]) == (8100, [90] * 10)
    assert "positions" not in data.held_out
    prepared = {"kind": "tfds", "name": "fashion_mnist", "data_dir": str(shared_data / "tfds"), "validation": 0.25}
    data = open_data(TfdsData.model_validate(prepared | {"train_split": "train[:400]"}), GREY, 0)
    assert (len(data.train), len(data.validation)) == (300, 100)
    drawn = data.validation.fetch(np.arange(100))[1].numpy()
    np.testing.assert_array_equal(drawn, data.validation.targets())
    whole = np.bincount(np.concatenate([drawn, data.train.targets()]), minlength=10)
    assert np.abs(np.bincount(drawn, minlength=10) - whole / 4).max() < 1


def test_what_cannot_be_read_is_left_out_before_the_division(make_folder):
    root = make_folder(**TWO)
    bad = sorted((root / "train").glob("*/*.png"))[1]
    bad.write_bytes(b"no image")
    stated = {"kind": "folder", "path": str(root), "on_unreadable": "skip", "validation": 0.25}
    data = open_data(FolderData.model_validate(stated), INPUT, 0)
    assert data.skipped == {"train": ["/".join(bad.parts[-2:])]}
    held = {split.example_name(place) for split in (data.train, data.validation) for place in range(len(split))}
    assert len(held) == len(data.train) + len(data.validation) == sum(TWO["train"].values()) - 1


@pytest.mark.parametrize("stated", ["val", "validation"])
def test_a_split_by_name(make_folder, tmp_path, stated):
    root = make_folder(**TWO, **{stated: {"cat": 2, "dog": 1}})
    data = open_data(FolderData(kind="folder", path=str(root), validation=stated), INPUT, 0)
    assert (len(data.validation), data.held_out, data.description.validation_images) == (3, {}, 3)
    assert data.fingerprint != open_data(FolderData(kind="folder", path=str(root)), INPUT, 0).fingerprint
    targets = np.arange(10) % 2
    more = {f"{stated}_inputs": np.full((3, 1), 99, np.float32), f"{stated}_targets": np.array([0, 1, 1])}
    arrays = ArraysData.model_validate(numbered(tmp_path / "data.npz", targets, **more) | {"validation": stated})
    assert inputs_of(open_data(arrays, VECTOR, 0).validation) == [99, 99, 99]


def test_a_slice_by_name(shared_data):
    prepared = {"kind": "tfds", "name": "fashion_mnist", "data_dir": str(shared_data / "tfds")}
    slices = {"train_split": "train[:400]", "validation": "train[400:500]"}
    data = open_data(TfdsData.model_validate(prepared | slices), GREY, 0)
    assert (len(data.train), len(data.validation)) == (400, 100)


def test_a_split_that_is_not_there_is_told(make_folder, tmp_path):
    root = make_folder(**TWO)
    with pytest.raises(KresnetError) as caught:
        open_data(FolderData(kind="folder", path=str(root), validation="val"), INPUT, 0)
    assert (caught.value.problems[0].code, caught.value.problems[0].path) == ("data_missing", "recipe.data.validation")
    stored = numbered(tmp_path / "data.npz", np.arange(10) % 2)
    with pytest.raises(KresnetError, match="lacks val_inputs, val_targets"):
        open_data(ArraysData.model_validate(stored | {"validation": "val"}), VECTOR, 0)
