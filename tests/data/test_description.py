"""What is told of a data set without its images."""

import json

from kresnet.data.description import DataDescription


def test_it_is_json_that_names_what_was_left_out_only_where_something_was():
    whole = DataDescription("abc", ("cat", "dog"), 90, 10)
    expected = {"fingerprint": "abc", "class_names": ["cat", "dog"], "train_images": 90, "test_images": 10}
    assert json.loads(json.dumps(whole.as_dict())) == expected
    partial = DataDescription("abc", ("cat", "dog"), 90, 10, {"test": ["a.jpg"]})
    assert partial.as_dict() == expected | {"skipped": {"test": ["a.jpg"]}}
