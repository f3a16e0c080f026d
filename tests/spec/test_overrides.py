"""Settings that are changed by their paths: what is taken, what is refused, and that nothing else changes."""

from __future__ import annotations

import copy

import pytest

from kresnet.errors import KresnetError
from kresnet.spec.document import parse_document
from kresnet.spec.loading import load_spec
from kresnet.spec.overrides import change_values, split_overrides
from tests.spec.test_validation import VALID


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "base.yaml").write_text(VALID)
    return tmp_path


def problem(reference, *overrides):
    with pytest.raises(KresnetError) as caught:
        load_spec(reference, overrides)
    assert len(caught.value.problems) == 1
    return caught.value.problems[0]


def test_overrides(folder):
    overrides = [
        "stages.0.width=32",
        "norm={kind: group, groups: 8}",
        "head.classes=3",
        "stem.pool={kind: max}",
        "stem.pool.size=2",
    ]
    spec = load_spec(str(folder / "base.yaml"), overrides).value
    assert spec.stages[0].width == 32
    assert (spec.norm.kind, spec.norm.groups) == ("group", 8)
    assert (spec.head.classes, spec.stem.pool.size) == (3, 2)


def test_an_override_may_take_a_setting_out():
    assert load_spec("resnet50", ["stem.pool=null"]).value.stem.pool is None
    assert load_spec("resnet50", ["stem.pool="]).value.stem.pool is None


BAD_OVERRIDES = {
    "stages.0.width": "bad_override",
    "=3": "bad_override",
    "stages.9.width=3": "bad_override",
    "stages.first.width=3": "bad_override",
    "name.first=3": "bad_override",
    "stages.0.width=[1": "bad_override",
    "stages.\u00b2.width=3": "bad_override",
    "stages.0.width=wide": "wrong_type",
    "stages.0.widht=3": "unknown_field",
    "stem.kernel=99": "out_of_range",
}


@pytest.mark.parametrize("override", BAD_OVERRIDES)
def test_wrong_overrides_are_told_as_overrides(folder, override):
    found = problem(str(folder / "base.yaml"), override)
    assert found.code == BAD_OVERRIDES[override]
    assert found.place.file == f"--set {override}"


def test_overrides_of_the_spec_and_of_the_recipe():
    of_spec, of_recipe = split_overrides(["recipe.epochs=3", "head.classes=2"])
    assert (of_spec, [str(each) for each in of_recipe]) == (["head.classes=2"], ["epochs=3"])
    assert [str(each.place) for each in of_recipe] == ["--set recipe.epochs=3"], "as it was typed"


@pytest.mark.parametrize("text", ["stages." + "9" * 5000 + ".width=1", "a." * 5000 + "=1", "name=\udcff", "=1", "a"])
def test_overrides_of_another_world_are_refused(text):
    with pytest.raises(KresnetError) as caught:
        load_spec("resnet18", [text])
    assert {problem.code for problem in caught.value.problems} <= {"bad_override", "unknown_field"}


def test_what_lies_beside_a_changed_setting_is_shared_and_what_was_given_stays():
    values = parse_document(VALID, "base").values
    before = copy.deepcopy(values)
    changed = change_values(values, {"stages.0.width": 24, "stem.pool": {"kind": "max"}})
    assert values == before
    assert changed["stages"][0]["width"] == 24
    assert changed["stem"]["pool"] == {"kind": "max"}
    assert changed["head"] is values["head"]
    assert changed["stages"][1] is values["stages"][1]
