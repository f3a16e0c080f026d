"""The JSON Schema, judged by an independent validator: it takes what kresnet takes, and knows a wrong document."""

from __future__ import annotations

import copy
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from kresnet.spec import library
from kresnet.spec.document import read_document
from kresnet.spec.schema import DOCUMENTS, json_schema
from tests.strategies import documents, examples, planned

ROOT = Path(__file__).parents[2]

SMALL: dict[str, Any] = {
    "name": "small",
    "input": {"shape": [32, 32, 3]},
    "stem": {"kind": "conv", "width": 16, "kernel": 3, "stride": 1},
    "block": {"kind": "basic"},
    "stages": [
        {"blocks": 3, "width": 16},
        {"blocks": 3, "width": 32, "stride": 2, "block": {"order": "norm_after_add"}},
    ],
    "head": {"classes": 10},
}
RECIPE: dict[str, Any] = {
    "name": "short",
    "data": {"kind": "embedded"},
    "epochs": 1,
    "batch_size": 32,
    "optimizer": {"kind": "sgd"},
}


@cache
def validator(document: str) -> Draft202012Validator:
    """What judges documents of a kind by their schema."""
    return Draft202012Validator(json_schema(document))


def shipped(folder: library.Folder) -> list[Path]:
    return sorted(library.shipped_directory(folder).glob("*.yaml"))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_schema_is_a_schema(name: str) -> None:
    Draft202012Validator.check_schema(json_schema(name))
    assert not re.search(r'"discriminator"', json.dumps(json_schema(name)))


@pytest.mark.parametrize(
    ("document", "path"),
    [("spec", path) for path in shipped("specs")]
    + [("recipe", path) for path in shipped("recipes")]
    + [("study", path) for path in shipped("studies")]
    + [("search", path) for path in shipped("searches")],
    ids=lambda value: value.stem if isinstance(value, Path) else value,
)
def test_shipped_documents_are_valid_and_name_their_schema(document: str, path: Path) -> None:
    validator(document).validate(read_document(path).values)
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    named = (ROOT / "specs" / path.relative_to(library.shipped_directory())).parent / first.partition("=")[2]
    assert named.resolve() == ROOT / "docs" / "schema" / f"{document}.json"


@given(documents())
@examples(35)
def test_what_kresnet_takes_the_schema_takes(document: dict[str, Any]) -> None:
    try:
        spec, _ = planned(copy.deepcopy(document))
    except Exception:
        return
    validator("spec").validate(document)
    validator("spec").validate(spec.document())


def changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The document with the value at a dotted path; `...` removes it."""
    document = copy.deepcopy(document)
    *parents, last = path.split(".")
    node: Any = document
    for part in parents:
        node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("stages.0.block", {"order": "full_preactivation"}),
        ("stages.0.block", {"norm": {"epsilon": 0.001}}),
        ("stages.0.block", {"kind": "bottleneck", "expansion": 2}),
        ("block.norm", {"momentum": 0.99}),
        ("head", {"kind": "none"}),
        ("output_stride", None),
        ("stochastic_depth", 0),
    ],
)
def test_inherited_settings_may_be_left_out(path: str, value: Any) -> None:
    validator("spec").validate(changed(SMALL, path, value))


@pytest.mark.parametrize(
    "document",
    [
        {"extends": "resnet50"},
        {"extends": "resnet50", "name": "mine", "block": {"order": "full_preactivation"}},
        {"extends": "resnet50", "input": {"any_size": True}, "stem": {"pool": {"size": 2}}, "head": {"classes": 10}},
        {
            "extends": "resnet50",
            "norm": {"epsilon": 0.001},
            "block": {"attention": {"kind": "efficient_channel"}},
        },
    ],
)
def test_an_extending_document_states_only_changes(document: dict[str, Any]) -> None:
    validator("spec").validate(document)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("stem", ...),
        ("name", "../up"),
        ("nam", "small"),
        ("input.shape", [32, 32, 3, 1]),
        ("input.shape", "32x32x3"),
        ("stages", []),
        ("stages.0.width", 0),
        ("stages.0.stride", "2"),
        ("stages.0.width", ...),
        ("stages.0.block", {"kind": "basic", "expansion": 4}),
        ("stages.0.block", {"kidn": "basic"}),
        ("block.kind", ...),
        ("block.order", "preactivation"),
        ("stem.kind", "deepest"),
        ("head", {"kind": "features"}),
        ("norm", {"epsilon": 0.001}),
        ("stochastic_depth", 1.0),
    ],
)
def test_a_wrong_spec_is_refused(path: str, value: Any) -> None:
    validator("spec").validate(SMALL)
    assert not validator("spec").is_valid(changed(SMALL, path, value))


@pytest.mark.parametrize(
    "document",
    [
        {"extends": 50},
        {"extends": "resnet50", "blok": {}},
        {"extends": "resnet50", "stem": {"kind": "none", "width": 3}},
        {"extends": "resnet50", "stages": [{"blocks": 3}]},
        {"extends": "resnet50", "head": {"classes": "ten"}},
    ],
)
def test_a_wrong_extending_spec_is_refused(document: dict[str, Any]) -> None:
    assert not validator("spec").is_valid(document)


@pytest.mark.parametrize(
    ("path", "value"),
    [("epochs", 0), ("optimizer", {"kind": "adam"}), ("optimizer.beta_1", 0.9), ("data", ...), ("seed", -1)],
)
def test_a_wrong_recipe_is_refused(path: str, value: Any) -> None:
    validator("recipe").validate(RECIPE)
    assert not validator("recipe").is_valid(changed(RECIPE, path, value))


def test_fields_are_described_by_their_docstrings() -> None:
    definitions = json_schema("spec")["$defs"]
    for name in ("Spec", "Stage", "BottleneckBlock", "BottleneckBlock.partial", "Classifier"):
        for field, value in definitions[name]["properties"].items():
            assert field == "kind" or value["description"], (name, field)
