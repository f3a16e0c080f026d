"""Trackers are named, or stated with their settings."""

from __future__ import annotations

import jsonschema
import pytest

from kresnet.errors import KresnetError
from kresnet.spec.loading import load_recipe
from kresnet.spec.schema import json_schema

OF_MLFLOW = {"kind": "mlflow", "uri": None, "experiment": "kresnet", "model": False}


def trackers(text):
    return load_recipe("quickstart", [f"trackers={text}"]).value.document()["trackers"]


def test_a_name_stands_for_its_defaults():
    assert load_recipe("quickstart").value.document()["trackers"] == [{"kind": "tensorboard"}]
    assert trackers("[mlflow, {kind: wandb, mode: online}]")[0] == OF_MLFLOW
    assert trackers("[mlflow, {kind: wandb, mode: online}]")[1]["mode"] == "online"
    assert trackers("[]") == []


@pytest.mark.parametrize(("text", "code"), [
    ("[mlfow]", "wrong_value"), ("[3]", "wrong_type"), ("[{kind: mlflow, ur: x}]", "unknown_field"),
    ("[wandb, {kind: wandb}]", "contradiction"), ("[{uri: x}]", "missing_field"),
])  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(text, code):
    with pytest.raises(KresnetError) as caught:
        trackers(text)
    (problem,) = caught.value.problems
    assert problem.code == code
    assert problem.path.startswith("trackers")
    if text == "[mlfow]":
        assert problem.nearest == "mlflow"


@pytest.mark.parametrize(
    ("value", "valid"), [(["mlflow", OF_MLFLOW], True), (["mlfow"], False), ([{"kind": 3}], False)]
)
def test_the_schema_takes_both(value, valid):
    schema = json_schema("recipe")
    check = jsonschema.Draft202012Validator(
        {"$defs": schema["$defs"], **schema["$defs"]["Recipe"]["properties"]["trackers"]}
    )
    assert check.is_valid(value) is valid
