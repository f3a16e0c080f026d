"""A planned run is what `kresnet fit` trains when it is given the run's arguments."""

from __future__ import annotations

from itertools import pairwise

import pytest

from kresnet.plan import plan_loaded
from kresnet.spec import library
from kresnet.spec.loading import load_recipe, load_spec, load_study
from kresnet.spec.overrides import split_overrides
from kresnet.study.study_plan import plan_study


@pytest.mark.parametrize("name", library.shipped_names("studies"))
@pytest.mark.parametrize("form", [0, 1])
def test_each_process_is_told_to_train_what_was_planned(name, form):
    """`kresnet fit`'s own reading of the arguments is the other side."""
    loaded = load_study(name)
    plan = plan_study(loaded, loaded.value.forms[form].name)
    for run in plan.runs():
        spec, *options = run.arguments(run.folder)
        settings = [value for key, value in pairwise(options) if key == "--set"]
        of_spec, of_recipe = split_overrides(settings)
        found = load_spec(spec, of_spec)
        recipe = options[options.index("--recipe") + 1] if "--recipe" in options else found.value.recipe
        assert found.value == run.variant.spec
        assert load_recipe(recipe, of_recipe).value == run.recipe
        assert plan_loaded(found).macs == run.variant.plan.macs
        assert options[-2:] == ["-o", str(run.folder)]
