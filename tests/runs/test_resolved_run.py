"""One place where a spec meets a recipe."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from kresnet.data.description import DataDescription
from kresnet.errors import KresnetError
from kresnet.plan import make_plan
from kresnet.runs.resolved_run import ComputeSettings, recipe_of, resolve_run
from kresnet.spec.loading import load_spec

RECIPE = """\
name: short
data: {kind: embedded}
epochs: 2
batch_size: 50
optimizer: {kind: sgd}
schedule:
  kind: step
  every_epochs: 9
"""


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """A spec, and beside it the recipe that it names."""
    (tmp_path / "short.yaml").write_text(RECIPE)
    (tmp_path / "mine.yaml").write_text("extends: quickstart\nname: mine\nrecipe: short.yaml\n")
    return tmp_path / "mine.yaml"


def test_the_specs_own_recipe_is_looked_for_beside_it_and_overrides_find_their_document(documents):
    run = resolve_run(documents, overrides=["stem.width=8", "recipe.epochs=3"])
    assert (run.spec.stem.width, run.recipe.name, run.recipe.epochs) == (8, "short", 3)
    assert run.plan == make_plan(run.spec)


def test_a_plan_that_was_made_is_taken_unless_the_spec_is_changed(documents):
    made = make_plan(load_spec(documents).value)
    assert resolve_run(documents, plan=made).plan is made
    changed = resolve_run(documents, overrides=["stem.width=8"], plan=made).plan
    assert changed == make_plan(load_spec(documents, ["stem.width=8"]).value) != made


def test_a_run_that_has_begun_is_not_asked_what_its_settings_are_for(documents):
    """Its documents write out what a kind of block has by itself, and what a rule gives, whatever comes of it."""
    stages = [{"blocks": 1, "width": 8, "block": {"activation": "relu", "norm": {"kind": "layer"}}}]
    spec = load_spec(documents, ["block={kind: convnext}", f"stages={stages}"]).value
    resolved = documents.with_name("spec.yaml")
    resolved.write_text(spec.yaml())
    run = resolve_run(resolved, documents.with_name("short.yaml"), begun=True)
    assert (run.spec, run.plan) == (spec, make_plan(spec))
    with pytest.raises(KresnetError, match="no_effect"):
        resolve_run(resolved, documents.with_name("short.yaml"))


def test_problems_of_the_recipe_have_the_line_where_they_were_written(documents):
    run = resolve_run(documents)
    with pytest.raises(KresnetError) as error:
        run.with_training_images(1000)
    (problem,) = error.value.problems
    assert (problem.code, problem.path) == ("no_effect", "recipe.schedule.every_epochs")
    assert (Path(problem.place.file).name, problem.place.line) == ("short.yaml", 8)


def test_data_settle_the_recipe_in_steps(documents):
    run = resolve_run(documents, overrides=["recipe.schedule={kind: constant}"])
    assert run.resolved_recipe is None
    with_data = run.with_data(DataDescription("abc", ("a", "b"), 1020, 10))
    assert (with_data.steps.epoch_steps, with_data.steps.total_steps) == (20, 40)
    assert run.resolved_recipe is None, "a resolved run is frozen"
    with pytest.raises(dataclasses.FrozenInstanceError):
        run.plan = None


def test_a_spec_without_a_recipe_needs_one():
    with pytest.raises(KresnetError) as error:
        resolve_run({"extends": "quickstart", "name": "bare", "recipe": None})
    assert error.value.problems[0].code == "bad_option"
    assert recipe_of(load_spec({"extends": "quickstart", "name": "bare", "recipe": None})) is None


def test_paths_of_data_are_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = resolve_run("quickstart", overrides=["recipe.data={kind: folder, path: photos}"])
    assert run.recipe.data.path == str(tmp_path / "photos")


def test_replicas_that_see_one_value_a_channel_are_refused_and_few_steps_are_noted():
    """The check of the plan's norms, called again when the devices are known."""
    small = {"name": "small", "extends": "quickstart", "input": {"shape": [8, 8, 1]}}
    run = resolve_run(small, "quickstart", ["recipe.batch_size=2", "recipe.epochs=1"])
    run = run.with_data(DataDescription("abc", ("a", "b"), 20, 10))
    assert run.with_compute(ComputeSettings(1, "float32", "float32", False)).devices.replicas == 1
    with pytest.raises(KresnetError) as error:
        run.with_compute(ComputeSettings(2, "float32", "float32", False))
    (problem,) = error.value.problems
    assert (problem.code, problem.path) == ("contradiction", "recipe.batch_size")
    assert "2 replicas" in problem.message
    (note,) = run.notes
    assert "0.9^10 = 0.35 of their start" in note
