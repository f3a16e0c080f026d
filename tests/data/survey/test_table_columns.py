"""Columns told from their names and first rows."""

import pytest

from kresnet.data.survey.table_columns import guess_settings, split_of_name

IMAGES = ["a.jpg", "b.PNG", "c.jpeg", "d.jpg"]


@pytest.mark.parametrize(
    ("head", "settings"),
    [
        ({"image": IMAGES, "label": ["x", "y", "x", "y"]}, {"image": "image", "label": "label", "test_split": 0.2}),
        (
            {"id": ["1", "2", "3", "4"], "File Name": IMAGES, "Species": ["x", "y", "x", "y"],
             "Set": ["Training", "Training", "val", "Test"], "patient_id": ["1", "1", "2", "3"]},
            {"image": "File Name", "label": "Species", "split": "Set", "train_split": "Training", "test_split": "Test",
             "validation": "val", "group": "patient_id"},
        ),
        (
            {"photo": IMAGES, "tags": ["a;b", "b", "", "a"], "usage": ["train", "train", "valid", "valid"]},
            {"image": "photo", "labels": "tags", "separator": ";", "split": "usage", "test_split": "valid"},
        ),
        (
            {"path": IMAGES, "cat": [0, 1, 1, 0], "dog": [True, False, True, True], "weight": ["1", "2", "1", "0.5"]},
            {"image": "path", "labels": ["cat", "dog"], "test_split": 0.2, "weight": "weight"},
        ),
        ({"path": IMAGES, "tags": [["a"], [], ["b"], None]}, {"image": "path", "labels": "tags", "test_split": 0.2}),
        ({"path": IMAGES, "age": ["1", "2.5", "3", "4"]}, {"image": "path", "values": "age", "test_split": 0.2}),
        ({"path": IMAGES, "target": ["1.5", "2", "3", "4"]}, {"image": "path", "values": "target", "test_split": 0.2}),
        ({"path": IMAGES, "what": ["x", "y", "x", "y"]}, {"image": "path", "label": "what", "test_split": 0.2}),
        ({"path": IMAGES, "note": ["p", "q", "r", "s"]}, {"image": "path", "test_split": 0.2}),
    ],
)  # fmt: skip
def test_columns_are_told(head, settings):
    assert guess_settings(head) == settings


def test_names_of_splits():
    assert [split_of_name(name) for name in ("Training", "dev", "TEST", "cats")] == ["train", "validation", "test", ""]
