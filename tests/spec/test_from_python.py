"""Specs, recipes and overrides that come from Python are held to what a document may say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kresnet.errors import KresnetError, Place
from kresnet.spec.from_python import plain_values
from kresnet.spec.inputs import Pixels
from kresnet.spec.loading import load_recipe, load_spec
from kresnet.spec.overrides import Override, list_overrides, split_overrides

PLACE = Place("here")
NESTED: dict[str, Any] = {}
NESTED["again"] = NESTED


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, (2.5, None)), [1, [2.5, None]]),
        ({"path": Path("a/b"), "flip": True}, {"path": "a/b", "flip": True}),
        (np.float32(0.5), 0.5),
        (np.array([[1, 2]]), [[1, 2]]),
        (np.bool_(True), True),
        (Pixels(mean=(0.5,)), Pixels(mean=(0.5,)).document()),
    ],
)
def test_values_become_plain(value, expected):
    found = plain_values(value, PLACE)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "code", "path"),
    [
        ({"a": [object()]}, "wrong_type", "a.0"),
        ({"a": {3: 4}}, "wrong_type", "a"),
        ({"a": "\x1b[2J"}, "syntax", "a"),
        ({"a": "x" * 5000}, "syntax", "a"),
        ({"a\0": 1}, "syntax", ""),
        ([10**60], "syntax", "0"),
        (b"bytes", "wrong_type", ""),
        (1j, "wrong_type", ""),
        (list(range(6000)), "document_too_large", ""),
    ],
)
def test_what_no_document_could_say_is_refused(value, code, path):
    with pytest.raises(KresnetError) as caught:
        plain_values(value, PLACE)
    (problem,) = caught.value.problems
    assert (problem.code, problem.place) == (code, PLACE)
    assert problem.path.startswith(path)


def test_values_within_themselves_are_refused():
    with pytest.raises(KresnetError, match="nested deeper"):
        plain_values(NESTED, PLACE)


def test_a_mapping_is_a_document_that_may_extend_others():
    given = {"extends": "resnet50", "name": "mine", "head": {"classes": 7}}
    spec = load_spec(given).value
    assert (spec.name, spec.head.classes, len(spec.stages)) == ("mine", 7, 4)
    assert given["extends"] == "resnet50"
    assert load_recipe({"extends": "quickstart", "epochs": 2}).value.epochs == 2


def test_a_loaded_document_is_overridden_and_stays_as_it_was():
    loaded = load_spec("resnet50", {"head.classes": 10})
    again = load_spec(loaded, ["stem.width=8"])
    assert (again.value.head.classes, again.value.stem.width) == (10, 8)
    assert loaded.value.stem.width == 64
    assert load_spec(loaded.value, {"name": "other"}).value.stages == loaded.value.stages


@pytest.mark.parametrize(
    ("given", "typed"),
    [
        ({"head.classes": 10, "input.shape": (64, 64, 3)}, ["head.classes=10", "input.shape=[64, 64, 3]"]),
        ({"stem": {"width": 32, "pool": None}}, ["stem={width: 32, pool: null}"]),
        ({"stages.1.block.dropout": 0.25}, ["stages.1.block.dropout=0.25"]),
    ],
)
def test_overrides_are_those_of_the_command_line(given, typed):
    assert load_spec("resnet50", given).value == load_spec("resnet50", typed).value
    assert (
        load_spec("resnet50", [str(each) for each in list_overrides(given)]).value == load_spec("resnet50", typed).value
    )


def test_one_text_is_one_override():
    assert list_overrides("head.classes=10") == ["head.classes=10"]


def test_overrides_of_the_recipe_lose_their_prefix_and_keep_their_place():
    spec, recipe = split_overrides({"recipe.epochs": 3, "name": "x"})
    assert [each.path for each in spec if isinstance(each, Override)] == ["name"]
    assert [(each.path, str(each.place)) for each in recipe if isinstance(each, Override)] == [
        ("epochs", "override 'recipe.epochs'")
    ]


@pytest.mark.parametrize("overrides", [3, [3], {3: 4}, [("head.classes", 3)]])
def test_what_is_no_override_is_refused(overrides):
    with pytest.raises(KresnetError) as caught:
        list_overrides(overrides)
    assert caught.value.problems[0].code == "bad_override"


def test_a_wrong_override_is_named_with_its_path():
    with pytest.raises(KresnetError) as caught:
        load_spec("resnet50", {"stages.0.widht": 3, "head.classes": "ten"})
    assert [(problem.code, str(problem.place)) for problem in caught.value.problems] == [
        ("unknown_field", "override 'stages.0.widht'"),
        ("wrong_type", "override 'head.classes'"),
    ]
