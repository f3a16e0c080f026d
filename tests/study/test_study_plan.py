"""The plan of a study is what its processes will train, and every field of the document changes it."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from typing import Any

import pytest

from kresnet.errors import KresnetError
from kresnet.spec import library
from kresnet.spec.document import dump
from kresnet.spec.loading import load_recipe, load_study
from kresnet.spec.overrides import split_overrides
from kresnet.study.study_plan import StudyPlan, plan_study
from tests.command import kresnet

BASE: dict[str, Any] = {
    "name": "mine",
    "source": "mine",
    "question": "Which?",
    "limits": "small",
    "spec": "quickstart",
    "recipe": "quickstart",
    "set": {"stem.width": 8, "recipe.epochs": 2},
    "variants": [{"name": "a", "set": {"block.shortcut": "none"}}, {"name": "b"}],
    "grid": [{"path": "stages.*.blocks", "values": [1, 2]}],
    "seeds": [0, 1],
    "forms": [{"name": "small"}, {"name": "other", "seeds": [5]}],
}


def planned(folder, document: dict[str, Any], *arguments: Any, **options: Any) -> StudyPlan:
    path = folder / "study.yaml"
    path.write_text(dump(document))
    return plan_study(load_study(str(path)), *arguments, **options)


def told(plan: StudyPlan) -> str:
    """All that a plan says and does."""
    documents = [(v.spec.document(), v.recipe.document(), v.arguments) for v in plan.variants]
    return json.dumps([plan.as_dict(), documents])


@pytest.mark.parametrize(
    "change",
    [
        {"name": "yours"},
        {"source": None},
        {"question": "Why?"},
        {"limits": None},
        {"spec": "cifar_resnet20", "set": {"input.shape": [28, 28, 1], "input.pixels": {"mean": [0.3], "std": [0.3]}}},
        {"recipe": "quick_study", "set": {"stem.width": 8}},
        {"set": {"stem.width": 8}},
        {"variants": [{"name": "a", "set": {"block.shortcut": "identity_pad"}}, {"name": "b"}]},
        {"variants": [{"name": "c", "set": {"block.shortcut": "none"}}, {"name": "b"}]},
        {"variants": [{"name": "a", "spec": "residual_mlp"}, {"name": "b"}], "set": {}, "grid": []},
        {"variants": [{"name": "a", "recipe": "quick_study"}, {"name": "b"}]},
        {"grid": []},
        {"grid": [{"path": "stages.*.blocks", "values": [1, 2], "names": ["x", "y"]}]},
        {"grid": [{"path": "stages.1.blocks", "values": [1, 2]}]},
        {"grid": [{"path": "stages.*.blocks", "values": [1, 3]}]},
        {"seeds": [0, 2]},
        {"folds": 2},
        {"forms": [{"name": "large"}]},
        {"forms": [{"name": "small", "set": {"recipe.epochs": 3}}]},
    ],
    ids=json.dumps,
)
def test_no_field_is_ignored(tmp_path, change):
    assert told(planned(tmp_path, BASE | change)) != told(planned(tmp_path, BASE))


def test_overrides_and_seeds_come_last(tmp_path):
    plan = planned(tmp_path, BASE, "other", ["stem.width=16", "recipe.epochs=4"], seeds=[8, 9])
    assert {variant.spec.stem.width for variant in plan.variants} == {16}
    assert {variant.recipe.epochs for variant in plan.variants} == {4}
    assert [run.seed for run in plan.runs()] == [8] * 4 + [9] * 4


def test_the_costliest_run_of_each_seed_comes_first(tmp_path):
    runs = planned(tmp_path, BASE).runs()
    assert [run.seed for run in runs] == [0] * 4 + [1] * 4
    costs = [run.variant.plan.macs * run.variant.images for run in runs[:4]]
    assert costs == sorted(costs, reverse=True)
    assert costs[0] > costs[-1]
    assert runs[0].variant.images == 2 * (9000 // 64) * 64


def test_each_fold_is_taken_in_turn(tmp_path):
    """`kresnet fit`'s own reading of the arguments is the other side."""
    chosen = {"recipe.checkpoints.keep_best": {"metric": "loss"}}  # which wants images to validate on
    plan = planned(tmp_path, BASE | {"folds": 3, "grid": [], "set": BASE["set"] | chosen})
    runs = plan.runs()
    assert [(run.seed, run.fold.fold) for run in runs[::2]] == [(seed, fold) for seed in (0, 1) for fold in (1, 2, 3)]
    assert len({run.folder for run in runs}) == len({run.log_name for run in runs}) == len(runs) == 12
    for run in runs:
        options = run.arguments(run.folder)
        _, settings = split_overrides([value for key, value in pairwise(options) if key == "--set"])
        assert load_recipe("quickstart", settings).value == run.recipe == run.run.recipe
        assert run.recipe.data.fold == run.fold
    assert plan.as_dict()["folds"] == 3
    assert runs[0].variant.images == 2 * (6000 // 64) * 64
    assert (runs[0].name.split(" ", 1)[1], str(runs[0].folder)[-14:]) == ("seed 0 fold 1", "/seed-0/fold-1")


@pytest.mark.parametrize(
    ("change", "code", "match"),
    [
        ({"folds": 3, "set": {"recipe.data.fold.fold": 2}}, "contradiction", "folds: 5"),
        ({"folds": 3, "set": {"recipe.data.validation": 0.1}}, "contradiction", "validation: null"),
        ({"set": {"recipe.early_stopping": {"patience_epochs": 1.0}}}, "contradiction", "recipe.data.validation=0.1"),
        ({"set": {"stem.widht": 8}}, "unknown_field", "did you mean: width"),
        ({"set": {"recipe.seed": 3}}, "contradiction", r"seeds: \[0, 1\]"),
        ({"set": {"recipe.schedule": {"kind": "step", "every_epochs": 50.0}}}, "no_effect", "would fall after 50"),
        ({"set": {"stages.*.widht": 8}}, "unknown_field", "widht"),
        ({"set": {"stem.*.width": 8}}, "bad_override", "item of a list"),
        ({"variants": [{"name": "a"}, {"name": "b"}]}, "contradiction", "the same network under the same recipe"),
        ({"variants": [{"name": "a", "spec": "nowhere"}, {"name": "b"}]}, "unknown_name", "nowhere"),
        ({"variants": [{"name": "a", "spec": "../up.yaml"}, {"name": "b"}]}, "file_unreadable", "own folder"),
        ({"spec": "resnet50_backbone", "recipe": None, "set": {}, "grid": []}, "missing_field", "recipe"),
    ],
)
def test_what_cannot_be_trained_is_told_before_anything_is(tmp_path, change, code, match):
    with pytest.raises(KresnetError, match=match) as caught:
        planned(tmp_path, BASE | change)
    assert {problem.code for problem in caught.value.problems} == {code}


def test_a_wrong_setting_is_told_where_the_study_states_it(tmp_path):
    (tmp_path / "study.yaml").write_text(
        "name: mine\nquestion: a\nspec: quickstart\nvariants:\n  - name: a\n    set: {stem.width: none}\n  - name: b\n"
    )
    with pytest.raises(KresnetError, match=r"study.yaml:6:\d+: stem.width: Variant a"):
        plan_study(load_study(str(tmp_path / "study.yaml")))


def test_a_form_that_is_not_there(tmp_path):
    with pytest.raises(KresnetError, match="did you mean: small"):
        planned(tmp_path, BASE, "smal")


def test_specs_and_recipes_beside_the_study_are_found(tmp_path, monkeypatch):
    (tmp_path / "net.yaml").write_text("extends: quickstart\nname: net\nstem: {width: 4}\n")
    (tmp_path / "way.yaml").write_text("extends: quickstart\nname: way\nepochs: 7\n")
    plan = planned(tmp_path, BASE | {"spec": "net.yaml", "recipe": "way.yaml", "set": {}})
    assert plan.variants[0].recipe.epochs == 7
    assert str(tmp_path / "net.yaml") in plan.variants[0].arguments, "another process may be started elsewhere"


PROBE = """
import sys
from kresnet.cli.main import main
for arguments in (["study", "--list"], ["study", "degradation", "--dry-run", "--json"]):
    try:
        main(arguments)
    except SystemExit as exit_:
        assert exit_.code == 0, arguments
print("LOADED", sorted({name.partition(".")[0] for name in sys.modules} & {"tensorflow", "keras", "matplotlib"}))
"""


def test_planning_imports_no_tensorflow():
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_the_verb_lists_and_plans():
    listed = json.loads(kresnet("study", "--list", "--json").stdout)["studies"]
    assert [each["name"] for each in listed] == list(library.shipped_names("studies"))
    shown = kresnet("study", "depth", "--dry-run", "--seeds", "3")
    assert shown.returncode == 0
    assert "residual32 seed 3" in shown.stdout
    assert json.loads(kresnet("study", "depth", "--dry-run", "--json").stdout)["seeds"] == [0, 1]
