"""The data of a run met again: what may be set of them, and how they are compared."""

import pytest

from kresnet.data.description import DataDescription
from kresnet.errors import KresnetError
from kresnet.runs.trained_data import compare_data, recipe_with_data, require_data_overrides_apply
from kresnet.runs.trained_model import open_trained_model
from tests.report.recorded_runs import made

TRAINED = DataDescription("abc", ("cat", "dog"), 90, 10, targets="classes")


@pytest.fixture
def run(tmp_path):
    return made(tmp_path / "run")


def problem_of(action):
    with pytest.raises(KresnetError) as caught:
        action()
    return caught.value.problems[0]


def test_only_settings_of_the_data_can_be_changed(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = "recipe.data={kind: folder, path: pictures}"
    data = recipe_with_data(run.resolved, [settings, "recipe.data.test_split=val"]).data
    assert (data.path, data.test_split) == (str(tmp_path / "pictures"), "val")
    assert recipe_with_data(run.resolved, ()) is run.resolved.recipe
    for override in ("recipe.epochs=3", "head.classes=2", "recipe.database=1"):
        problem = problem_of(lambda each=override: recipe_with_data(run.resolved, [each]))
        assert (problem.code, problem.found) == ("bad_override", override.partition("=")[0])
    assert problem_of(lambda: recipe_with_data(run.resolved, {"recipe.data.path": 3})).path == "data.path"


def test_the_same_data_differ_in_nothing_whatever_lies_beside_them():
    now = DataDescription("abc", ("cat", "dog"), 90, 10, {}, "classes", {"train": {"files": (1, "a")}}, ("Look.",))
    assert compare_data(TRAINED, now, "run", "data") == ()
    assert compare_data(DataDescription("abc", ("cat", "dog"), 90, 10), now, "run", "data") == ()  # of 0.1.0


def test_other_images_are_told_and_other_classes_refused():
    other = DataDescription("abd", ("cat", "dog"), 90, 10, targets="classes")
    (sentence,) = compare_data(TRAINED, other, "run", "data")
    assert sentence == "data holds other images than run was trained on; the classes are the same."
    swapped = DataDescription("abc", ("dog", "cat"), 90, 10, targets="classes")
    problem = problem_of(lambda: compare_data(TRAINED, swapped, "run", "data"))
    assert (problem.code, problem.expected, problem.found) == ("data_mismatch", "class 0 is cat", "class 0 is dog")
    labels = DataDescription("abc", ("cat", "dog"), 90, 10, targets="labels")
    assert problem_of(lambda: compare_data(TRAINED, labels, "run", "data")).found == "labels"


def test_settings_without_effect_are_refused(run, tmp_path):
    run.model.touch()
    origin = open_trained_model(run.path)
    overrides = ["recipe.data.path=here"]
    require_data_overrides_apply(origin, overrides, images_named=False)
    require_data_overrides_apply(origin, (), images_named=True)
    assert (
        "other images are named"
        in problem_of(lambda: require_data_overrides_apply(origin, overrides, images_named=True)).message
    )
    (tmp_path / "alone.keras").touch()
    alone = open_trained_model(tmp_path / "alone.keras", spec=run.resolved.spec)
    assert "no run" in problem_of(lambda: require_data_overrides_apply(alone, overrides, images_named=False)).message
