"""Data that make a run worthless are refused before it begins; what deserves a look is told."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from kresnet.data.sources import open_data
from kresnet.data.sources.inspection import inspect_data
from kresnet.errors import KresnetError
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import ArraysData
from tests.data.sources.test_folder import INPUT, TWO, folder_data

VECTOR = Input.model_validate({"shape": [4]})


def array_data(path, targets, **more):
    inputs = np.random.default_rng(0).normal(size=(len(targets), 4)).astype(np.float32)
    half = len(targets) // 2
    np.savez(path, train_inputs=inputs[:half], train_targets=targets[:half],
             test_inputs=inputs[half:], test_targets=targets[half:], **more)  # fmt: skip
    return open_data(ArraysData(kind="arrays", path=str(path)), VECTOR, 0)


def refused(data):
    with pytest.raises(KresnetError) as caught:
        inspect_data(data)
    return caught.value.problems[0]


def test_ordinary_data_need_no_remark(make_folder):
    assert inspect_data(open_data(folder_data(make_folder(**TWO)), INPUT, 0)) == ()


def test_one_folder_for_both_splits_is_refused_with_the_numbers(make_folder):
    root = make_folder(**TWO)
    problem = refused(open_data(folder_data(root, test_split="train"), INPUT, 0))
    assert (problem.code, problem.path) == ("contradiction", "recipe.data.test_split")
    assert "Of the 8 test examples" in problem.message
    shutil.rmtree(root / "test")
    (root / "test").symlink_to(root / "train")
    assert refused(open_data(folder_data(root), INPUT, 0)).code == "contradiction"


def test_copies_under_other_names_are_told(make_folder):
    root = make_folder(**TWO)
    shutil.copyfile(root / "train/dog/003.png", root / "test/dog/again.png")
    (remark,) = inspect_data(open_data(folder_data(root), INPUT, 0))
    assert remark.startswith("1 of the 4 test examples are copies of training examples, such as ")
    assert "test/dog/again.png" in remark


def test_a_training_split_of_one_class_is_refused(tmp_path):
    data = array_data(tmp_path / "data.npz", np.array([1, 1, 1, 1, 0, 1, 2, 0]))
    problem = refused(data)
    assert problem.code == "data_mismatch"
    assert "All 4 training examples are of the class 1" in problem.message


def test_classes_without_training_examples_are_told(tmp_path):
    names = {"class_names": np.array(["ant", "bee", "cat", "dog"])}
    data = array_data(tmp_path / "data.npz", np.array([0, 2, 0, 2, 0, 1, 2, 0]), **names)
    assert inspect_data(data)[0] == "There are no training examples of bee, dog."
    data = array_data(tmp_path / "from_one.npz", np.array([1, 2, 1, 2, 1, 1, 2, 2]))
    assert inspect_data(data)[0] == "There are no training examples of 0. Labels begin at 1: subtract that."


def test_classes_of_which_nothing_is_measured_are_told(tmp_path, make_folder):
    data = array_data(tmp_path / "data.npz", np.array([0, 1, 2, 2, 0, 1, 0, 1]))
    assert inspect_data(data) == ("There are no test examples of 2: how such examples are recognised is not measured.",)
    root = make_folder(train={"cat": 9, "dog": 1}, test={"cat": 1, "dog": 1})
    (remark,) = inspect_data(open_data(folder_data(root, validation=0.2), INPUT, 0))
    assert remark == "There are no validation examples of dog: how such examples are recognised is not measured."
    labels = np.array([[1, 1], [0, 1], [1, 0], [1, 0], [1, 0], [0, 0]], np.float32)
    (remark,) = inspect_data(array_data(tmp_path / "labels.npz", labels))
    assert remark == "No test example has 1: how such examples are recognised is not measured."


def test_one_hot_rows_taken_for_independent_labels_are_told(tmp_path):
    one_hot = np.eye(3, dtype=np.float32)[[0, 1, 0, 1, 2, 2, 1, 0]]
    missing, exclusive = inspect_data(array_data(tmp_path / "data.npz", one_hot))
    assert missing == "No training example has 2."
    assert "np.argmax(targets, axis=1)" in exclusive


def test_every_two_of_three_splits_are_compared(make_folder):
    root = make_folder(**TWO, val={"cat": 2, "dog": 2})
    shutil.copyfile(root / "train/dog/003.png", root / "val/dog/again.png")
    shutil.copyfile(root / "val/cat/001.png", root / "test/cat/again.png")
    remarks = inspect_data(open_data(folder_data(root, validation="val"), INPUT, 0))
    assert [remark.split(", such as")[0] for remark in remarks] == [
        "1 of the 5 validation examples are copies of training examples",
        "1 of the 4 test examples are copies of validation examples",
    ]
    with pytest.raises(KresnetError) as caught:
        inspect_data(open_data(folder_data(root, validation="train", test_split="train"), INPUT, 0))
    found = [(problem.path, problem.message.split(" of ")[0]) for problem in caught.value.problems]
    assert found == [
        ("recipe.data.validation", "Of the 8 validation examples"),
        ("recipe.data.test_split", "Of the 8 test examples"),
        ("recipe.data.test_split", "Of the 8 test examples"),
    ]


def test_copies_among_those_to_train_on_may_be_on_both_sides_of_a_share(make_folder):
    root = make_folder(**TWO)
    for number in range(40):
        shutil.copyfile(root / "train/dog/003.png", root / f"train/dog/again{number}.png")
    (remark,) = inspect_data(open_data(folder_data(root, validation=0.2), INPUT, 0))
    assert "validation examples are copies of training examples" in remark


def test_groups_on_both_sides_of_splits_are_told(tmp_path):
    groups = {
        "train_groups": np.array(["ann", "bob", "bob", "eve"]),
        "test_groups": np.array(["eve", "joe", "joe", "joe"]),
    }
    (remark,) = inspect_data(array_data(tmp_path / "data.npz", np.arange(8) % 2, **groups))
    assert remark.startswith("1 group has training examples and test examples, such as eve: ")
