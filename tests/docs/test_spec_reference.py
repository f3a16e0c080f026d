"""The reference of documents and their JSON Schemas: the committed files are those that the models give."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kresnet.plan import make_plan
from kresnet.spec.architecture import Spec
from kresnet.spec.document import parse_document
from kresnet.spec.loading import load_spec
from kresnet.spec.schema import DOCUMENTS, json_schema
from tests.docs import spec_reference
from tests.spec.test_schema import SMALL

DOCS = Path(__file__).parents[2] / "docs"
FILES = ("spec-reference.md", *(f"schema/{name}.json" for name in DOCUMENTS))


@pytest.fixture(scope="module")
def generated() -> dict[str, str]:
    """What `make reference` would write."""
    return spec_reference.files()


@pytest.mark.parametrize("name", FILES)
def test_the_committed_copy_is_the_generated_one(name: str, generated: dict[str, str]) -> None:
    committed = (DOCS / name).read_text(encoding="utf-8")
    assert committed == generated[name], "run: make reference"
    assert generated.keys() == set(FILES)


def test_the_reference_names_every_field_and_its_examples_work(tmp_path: Path, generated: dict[str, str]) -> None:
    text = generated["spec-reference.md"]
    for model in DOCUMENTS.values():
        for field in model.model_fields:
            assert f"| `{field}` |" in text
    whole, fragment, extending = re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
    small = Spec.model_validate(parse_document(whole, "whole").values)
    make_plan(small)
    cascaded = Spec.model_validate(SMALL | parse_document(fragment, "fragment").values)
    assert [stage.block.activation for stage in cascaded.stages] == ["relu", "gelu", "silu"]
    path = tmp_path / "extending.yaml"
    path.write_text(extending, encoding="utf-8")
    assert load_spec(str(path)).value.block.order == "full_preactivation"


def test_defaults_in_words_name_fields_that_exist() -> None:
    models = {name: value for document in DOCUMENTS for name, value in json_schema(document)["$defs"].items()}
    for model, field in spec_reference.CONDITIONAL:
        assert field in models[model]["properties"]
