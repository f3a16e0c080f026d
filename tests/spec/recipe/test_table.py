"""What a recipe says of a table."""

import pytest

from kresnet.errors import KresnetError
from kresnet.spec.document import SourceDocument
from kresnet.spec.recipe import TableData
from kresnet.spec.validation import validate

LABEL = {"kind": "table", "path": "a.csv", "label": "species", "split": "split"}


def problems_of(document):
    with pytest.raises(KresnetError) as caught:
        validate(TableData, SourceDocument("recipe", document))
    return [(problem.code, problem.path) for problem in caught.value.problems]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"label": None, "labels": "tags", "separator": ";", "classes": ["b", "a"]},
        {"label": None, "labels": ["cat", "dog"], "group": "patient", "weight": "w"},
        {"label": None, "values": "age"},
        {"label": None, "values": ["x", "y"], "root": "pictures"},
        {"split": None, "test_split": 0.25},
        {"validation": 0.1},
        {"validation": "dev"},
        {"train_split": "training", "test_split": "val", "on_unreadable": "skip"},
    ],
)
def test_what_is_stated_comes_back(changes):
    data = validate(TableData, SourceDocument("recipe", LABEL | changes))
    for name, value in (LABEL | changes).items():
        assert getattr(data, name) == (tuple(value) if isinstance(value, list) else value)
    assert validate(TableData, SourceDocument("recipe", data.document())) == data


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"label": None}, ("contradiction", "label")),
        ({"labels": "tags"}, ("contradiction", "labels")),
        ({"separator": ";"}, ("contradiction", "separator")),
        ({"label": None, "values": "age", "classes": ["a"]}, ("contradiction", "classes")),
        ({"label": None, "labels": ["a", "b", "a"]}, ("contradiction", "labels")),
        ({"label": None, "labels": 3}, ("wrong_type", "labels")),
        ({"label": None, "values": ["a", 3]}, ("wrong_type", "values")),
        ({"label": None, "values": []}, ("out_of_range", "values")),
        ({"label": None, "values": ""}, ("out_of_range", "values")),
        ({"split": None}, ("contradiction", "split")),
        ({"split": None, "test_split": 0.2, "train_split": "x"}, ("contradiction", "train_split")),
        ({"test_split": 0.2}, ("contradiction", "test_split")),
        ({"split": None, "test_split": 0.2, "validation": "val"}, ("contradiction", "validation")),
        ({"validation": "train"}, ("contradiction", "validation")),
        ({"validation": "test"}, ("contradiction", "validation")),
        ({"validation": 0.1, "fold": {"fold": 1, "folds": 5}}, ("contradiction", "fold")),
        ({"test_split": "train"}, ("contradiction", "test_split")),
        ({"split": None, "test_split": 1.5}, ("out_of_range", "test_split")),
        ({"split": None, "test_split": 0}, ("out_of_range", "test_split")),
        ({"split": None, "test_split": True}, ("wrong_type", "test_split")),
        ({"label": "", "split": 3}, ("wrong_type", "split")),
    ],
)
def test_what_cannot_be_meant_is_refused(changes, problem):
    assert problem in problems_of(LABEL | changes)
