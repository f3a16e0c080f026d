"""Settings that change nothing are found, by their paths, whatever is made of the document."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError

import kresnet
from kresnet.errors import KresnetError
from kresnet.plan.lowering import lower
from kresnet.plan.resolved_recipe import resolve_recipe
from kresnet.plan.unused_settings import ABOUT, no_effect_problems, unused_settings
from kresnet.spec.architecture import Spec
from kresnet.spec.base import Document
from kresnet.spec.recipe import Best, Checkpoints, Recipe
from tests.plan.networks import SMALL, plan
from tests.strategies import documents, examples


def unused(document: dict[str, Any], read: tuple[str, ...], ignored: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
    """The settings that change nothing where only the fields of `read` are read."""

    def result(model: Document) -> list[Any]:
        return [getattr(model, field) for field in read]

    whole = result(Checkpoints.model_validate(document))
    return unused_settings(document, Checkpoints, lambda other: result(other) == whole, ignored)


def test_a_setting_that_nothing_reads_is_found():
    document = {"keep_last": 5, "save_every_steps": 7}
    assert unused(document, ("keep_last",)) == [("save_every_steps",)]
    assert unused(document, ("keep_last", "save_every_steps")) == []


def test_a_setting_that_is_its_default_is_not():
    assert unused({"keep_last": 2, "keep_best": {"metric": "accuracy"}}, ("keep_best",)) == []


def test_a_mapping_is_found_once_and_not_again_by_its_keys():
    assert unused({"keep_best": {"metric": "loss"}}, ()) == [("keep_best",)]


def test_names_beside_mappings_are_tried_one_by_one():
    network, recipe = plan(), {"metrics": ["accuracy", {"kind": "top_k_accuracy", "k": 2}]}
    written = kresnet.recipe("quickstart", recipe).document()
    with pytest.raises(KresnetError) as caught:
        resolve_recipe(Recipe.model_validate(written), network, 90, written)
    assert [(problem.code, problem.path) for problem in caught.value.problems] == [("no_effect", "recipe.metrics.0")]


def test_fields_about_the_document_itself_are_not_tried():
    assert unused({"keep_last": 5}, (), ignored=("keep_last",)) == []


def test_the_document_is_not_changed():
    document = {"keep_last": 5, "keep_best": {"metric": "loss"}}
    unused(document, ())
    assert document == {"keep_last": 5, "keep_best": {"metric": "loss"}}
    assert Checkpoints.model_validate(document).keep_best == Best(metric="loss")


def test_a_spec_without_idle_settings_has_no_problem():
    assert no_effect_problems(SMALL) == []


def test_a_setting_that_only_a_block_between_the_first_and_the_last_obeys_has_an_effect():
    """The first changes the width and the last strides: neither has an identity to leave out."""
    block = {"kind": "inverted", "shortcut": "none", "stride_in": "last_block"}
    document = SMALL | {"block": block, "stages": [{"blocks": 3, "width": 24, "stride": 2}]}
    assert not no_effect_problems(document)
    document["stages"][0]["blocks"] = 2
    [problem] = no_effect_problems(document)
    assert problem.path == "block.shortcut"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"stages": [{"blocks": 1, "width": 8, "block": {"kind": "bottleneck"}}]}, "block.kind"),
        ({"block": {"kind": "bottleneck", "stride_on": "conv1x1"}, "stages": [{"blocks": 1, "width": 8}]},
         "block.stride_on"),
        ({"stem": {"kind": "none"}, "activation": "silu", "block": {"activation": "relu"}}, "activation"),
        ({"norm": {"kind": "none"}, "stem": {"kind": "none"}, "block": {"norm": {"kind": "batch"}}}, "norm"),
    ],
)  # fmt: skip
def test_a_spec_with_a_setting_without_effect_is_refused(changes, path):
    with pytest.raises(KresnetError) as caught:
        plan(**changes)
    assert ("no_effect", path) in [(problem.code, problem.path) for problem in caught.value.problems]


@examples(40, shrink=False)
@given(documents(most_stages=3, most_blocks=2))
def test_parts_that_are_taken_over_are_what_would_be_made(document: dict[str, Any]) -> None:
    """Against plans that are made anew for each setting, and compared as wholes."""
    try:
        whole = lower(Spec.model_validate(document))
    except (KresnetError, ValidationError):
        return
    expected = unused_settings(document, Spec, lambda spec: lower(spec) == whole, ABOUT)
    assert [problem.path for problem in no_effect_problems(document)] == [".".join(map(str, p)) for p in expected]
