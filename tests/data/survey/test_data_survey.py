"""A survey says what to type, and what deserves a look."""

import shlex

import numpy as np
import pytest

from kresnet.data.survey.data_survey import DataSurvey, SplitSurvey, class_notes, evenly, header_notes
from kresnet.data.survey.image_headers import ImageHeaders
from kresnet.spec.overrides import parse_override


def test_what_is_typed_is_read_back():
    settings = {"kind": "table", "path": "my pictures.csv", "labels": ["no", "a: b", "3"], "test_split": 0.2}
    headers = ImageHeaders(2, {"PNG": 2}, {"grey": 2}, {(28, 20): 2})
    splits = {"train": SplitSurvey(2, {"no": 1, "a: b": 2, "3": 0})}
    survey = DataSurvey("x", "table", settings, "labels", splits=splits, headers=headers)
    typed = shlex.split(survey.command())
    found = {
        one.path: one.value for one in (parse_override(typed[n + 1]) for n, word in enumerate(typed) if word == "--set")
    }
    assert found == {
        "recipe.data": settings,
        "head.classes": 3,
        "head.multi_label": True,
        "input.shape": [20, 28, 1],
    }
    assert survey.as_dict()["classes"] == ["no", "a: b", "3"]


def test_uneven_and_missing_classes_are_told():
    splits = {"train": SplitSurvey(111, {"a": 100, "b": 11, "c": 0}), "test": SplitSurvey(1, {"a": 1, "b": 0, "c": 0})}
    assert class_notes(splits) == [
        "No image of train is of c.",
        "No image of test is of b, c.",
        "The classes are uneven: 0 training images of c, 100 of a.",
    ]
    assert class_notes({"train": SplitSurvey(20, {"a": 10, "b": 10})}) == []


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        (ImageHeaders(orientations={6: 2, 3: 1}), "3 images are stored turned"),
        (ImageHeaders(modes={"grey": 1, "RGB": 1}), "Some images are grey"),
        (ImageHeaders(modes={"16-bit grey": 2}), "2 images have 16 bits"),
        (ImageHeaders(modes={"RGB with transparency": 2}), "2 images have transparency"),
    ],
)
def test_images_that_are_read_otherwise_than_they_look_are_told(headers, says):
    (note,) = header_notes(headers)
    assert note.startswith(says)


def test_a_part_is_spread_evenly():
    assert evenly(3, 5).tolist() == [0, 1, 2]
    assert evenly(101, 3).tolist() == [0, 50, 100]
    assert len(np.unique(evenly(10**6, 1000))) == 1000
