"""Sources of data: each with the settings that it reads, and no other."""

from __future__ import annotations

import pytest

from kresnet.spec.recipe.data import ArraysData, EmbeddedData, FolderData, TfdsData
from tests.spec.refusals import refused


def test_splits_have_their_usual_names():
    folder, prepared = FolderData(kind="folder", path="images"), TfdsData(kind="tfds", name="cifar10:3.0.2")
    assert (folder.train_split, folder.test_split) == (prepared.train_split, prepared.test_split) == ("train", "test")
    assert folder.on_unreadable == prepared.on_unreadable == "stop"
    assert prepared.data_dir is None


@pytest.mark.parametrize(
    ("model", "settings", "expected"),
    [
        (EmbeddedData, {"kind": "embedded", "path": "x"}, ("unknown_field", "path")),
        (ArraysData, {"kind": "arrays"}, ("missing_field", "path")),
        (FolderData, {"kind": "folder", "path": "x", "train_split": "../train"}, ("out_of_range", "train_split")),
        (FolderData, {"kind": "folder", "path": "x", "on_unreadable": "warn"}, ("wrong_value", "on_unreadable")),
        (TfdsData, {"kind": "tfds", "name": ""}, ("out_of_range", "name")),
        (TfdsData, {"kind": "tfds", "name": "cifar10", "train_split": 0}, ("wrong_type", "train_split")),
    ],
)
def test_what_is_refused(model, settings, expected):
    assert refused(model, settings) == expected
