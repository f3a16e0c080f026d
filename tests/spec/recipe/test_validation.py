"""What may be said of the images to validate on."""

from __future__ import annotations

import pytest

from kresnet.spec.recipe import Fold
from kresnet.spec.recipe.data import ArraysData, EmbeddedData, FolderData, TfdsData
from tests.spec.refusals import refusal_of, refused

FOLDER = {"kind": "folder", "path": "x"}


def test_a_share_or_a_split_or_a_fold():
    assert EmbeddedData(kind="embedded").validation is None
    assert EmbeddedData(kind="embedded", validation=0.1).validation == 0.1
    assert FolderData(**FOLDER, validation="val").validation == "val"
    assert TfdsData(kind="tfds", name="x", validation="train[90%:]").validation == "train[90%:]"
    assert ArraysData(kind="arrays", path="x", fold={"fold": 2, "folds": 5}).fold == Fold(fold=2, folds=5)


@pytest.mark.parametrize(
    ("model", "settings", "expected"),
    [
        (EmbeddedData, {"kind": "embedded", "validation": "test"}, ("wrong_type", "validation")),
        (FolderData, FOLDER | {"validation": 0}, ("out_of_range", "validation")),
        (FolderData, FOLDER | {"validation": 1.0}, ("out_of_range", "validation")),
        (FolderData, FOLDER | {"validation": float("nan")}, ("out_of_range", "validation")),
        (FolderData, FOLDER | {"validation": True}, ("wrong_type", "validation")),
        (FolderData, FOLDER | {"validation": ["val"]}, ("wrong_type", "validation")),
        (FolderData, FOLDER | {"validation": "../val"}, ("out_of_range", "validation")),
        (TfdsData, {"kind": "tfds", "name": "x", "validation": ""}, ("out_of_range", "validation")),
        (FolderData, FOLDER | {"fold": {"fold": 6, "folds": 5}}, ("contradiction", "fold.fold")),
        (FolderData, FOLDER | {"validation": 0.1, "fold": {"fold": 1, "folds": 5}}, ("contradiction", "fold")),
    ],
)
def test_what_is_refused(model, settings, expected):
    assert refused(model, settings) == expected


def test_a_share_of_everything_says_its_bound():
    assert refusal_of(FolderData, FOLDER | {"validation": 2}).expected == "less than 1"
