"""Studies in Python: listed, planned, and what a result shows of itself; `tests/study` runs them."""

from __future__ import annotations

import pytest

import kresnet
from kresnet.spec import library


def test_shipped_studies_are_listed_with_their_forms():
    studies = kresnet.studies()
    assert studies.column("name") == list(library.shipped_names("studies"))
    for study in studies:
        assert [kresnet.plan_study(study["name"], form).form for form in study["forms"]] == study["forms"]


def test_an_unknown_form_is_told():
    with pytest.raises(kresnet.KresnetError) as caught:
        kresnet.plan_study("depth", "enormous")
    assert caught.value.problems[0].code == "bad_option"


def test_seeds_and_overrides_replace_those_of_the_study():
    plan = kresnet.plan_study("depth", overrides={"recipe.epochs": 2}, seeds=[5])
    assert list(plan.seeds) == [5]
    assert {variant.recipe.epochs for variant in plan.variants} == {2}
