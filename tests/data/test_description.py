"""What is told of a data set without its images."""

import json

from kresnet.data.description import DataDescription


def test_it_is_json_that_names_what_was_left_out_only_where_something_was():
    whole = DataDescription("abc", ("cat", "dog"), 90, 10)
    expected = {"fingerprint": "abc", "class_names": ["cat", "dog"], "train_images": 90, "test_images": 10}
    assert json.loads(json.dumps(whole.as_dict())) == expected
    partial = DataDescription("abc", ("cat", "dog"), 90, 10, {"test": ["a.jpg"]})
    assert partial.as_dict() == expected | {"skipped": {"test": ["a.jpg"]}}


FULL = DataDescription(
    "abc", ("cat", "dog"), 90, 10, {"test": ["a.jpg"]}, "classes",
    {"train": {"files ending in .tif": (34, "cat/0.tif")}, "test": {}}, ("No dog is there.",),
)  # fmt: skip


def test_it_is_read_back_from_what_it_writes():
    written = json.loads(json.dumps(FULL.as_dict()))
    assert written["passed_over"] == {"train": {"files ending in .tif": {"count": 34, "example": "cat/0.tif"}}}
    assert DataDescription.from_dict(written).as_dict() == written


def test_what_is_left_out_is_told_with_its_number_and_an_example():
    assert FULL.notes() == [
        "1 test images cannot be read and are left out: a.jpg",
        "Not read of the train data: 34 files ending in .tif, such as cat/0.tif",
        "No dog is there.",
    ]
