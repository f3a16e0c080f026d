"""What a search found: fronts by brute force, the best by validation alone, and the importance of each setting."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from kresnet.spec.loading import load_recipe, load_spec
from kresnet.study.search.search_results import best_trial, pareto_front, pareto_set, score_text, write_best_documents
from tests.study.search.fake_fits import search_plan


def trial(number, value, macs):
    return SimpleNamespace(
        number=number, value=value, objectives=(value, macs), trial=SimpleNamespace(costs={"macs": macs})
    )


TRIALS = [
    trial(0, 0.5, 10),
    trial(1, 0.7, 30),
    trial(2, 0.6, 40),
    trial(3, 0.7, 20),
    trial(4, 0.4, 10),
    trial(5, 0.9, 90),
]


def test_fronts_by_hand():
    plan = search_plan()
    assert [each.number for each in pareto_front(TRIALS, plan, "macs")] == [0, 3, 5]
    assert best_trial(TRIALS, plan).number == 5
    assert best_trial(TRIALS[1:4], plan).number == 3  # as good as 1, and cheaper
    several = search_plan(objectives=["accuracy", "macs"], halving=None)
    assert [each.number for each in pareto_set(TRIALS, several)] == [0, 3, 5]
    lower = search_plan(objectives=["loss"])
    assert [each.number for each in pareto_front(TRIALS, lower, "macs")] == [4]


def test_the_results_of_a_search(found_search):
    run, values = found_search
    assert values == json.loads(json.dumps(values))
    assert values["complete"]
    assert values["epochs_trained"] == 3 * 11
    finished = [each for each in values["proposed"] if each["state"] == "finished"]
    for cost, front in values["fronts"].items():
        by_hand = [
            each["trial"] for each in finished
            if not any(
                (other["costs"][cost] <= each["costs"][cost] and other["value"] >= each["value"])
                and (other["costs"][cost], -other["value"]) != (each["costs"][cost], -each["value"])
                for other in finished
            )
        ]  # fmt: skip
        assert sorted(front) == sorted(by_hand)
    chosen = {number for front in values["fronts"].values() for number in front} | {values["best"]}
    assert {each["trial"] for each in values["proposed"] if "test" in each} == chosen  # nobody else's test images
    assert values["best"] == max(finished, key=lambda each: each["value"])["trial"]
    assert str(run.directory) not in values["command"]


def test_importance_is_told_with_what_it_is_about(found_search):
    _, values = found_search
    importance = values["importance"]
    assert importance["trials"] == 11
    assert importance["after_epoch"] is None
    assert set(importance["shares"]) == set(values["axes"])
    assert sum(importance["shares"].values()) == pytest.approx(1, abs=1e-3)


def test_the_best_documents_are_ready_for_fit(found_search):
    run, values = found_search
    (run.directory / "best").mkdir(exist_ok=True)
    spec, recipe = (run.directory / path for path in write_best_documents(run, values["best"]))
    best = values["proposed"][values["best"]]
    assert load_spec(str(spec)).value.stem.width == best["values"]["stem.width"]
    assert load_recipe(str(recipe)).value.optimizer.learning_rate == best["values"]["recipe.optimizer.learning_rate"]
    assert load_spec(str(spec)).value.name == f"tiny_{values['best']}"


def test_scores_as_text():
    assert score_text({"maximize": True}, 0.87654) == "87.65%"
    assert score_text({"maximize": False}, 0.5) == "0.5000"
    assert score_text({"maximize": False}, None) == "–"
