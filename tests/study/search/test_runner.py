"""Searches run: which trials are trained how far, and that kills, failures and other processes change nothing."""

from __future__ import annotations

import json

import pytest

from kresnet.errors import KresnetError
from kresnet.files import write_text
from kresnet.runs.run_directory import RunDirectory
from kresnet.spec.document import dump, read_document
from kresnet.study.runner import Claims
from kresnet.study.search.runner import SearchRun, require_begun, survivors
from kresnet.study.search.search_results import gather_search_results
from tests.study.search.fake_fits import accuracy, run_search, run_with_kills, search_plan

COMMAND = ["kresnet", "search", "tiny.yaml"]
#: What may differ between two searches that found the same: when and how often they were called.
_TIMES = ("calls", "candidates_judged", "command")


def found(run: SearchRun) -> dict:
    values = gather_search_results(run, COMMAND)
    return {name: value for name, value in values.items() if name not in _TIMES}


def test_each_generation_is_halved_by_validation_and_the_best_goes_to_its_end(fake_fits, tmp_path):
    shared = {"recipe.data.validation": 0.2, "recipe.epochs": 4}
    plan = search_plan(set=shared, trials=8, generation=4, halving={"first_epochs": 1, "factor": 2})
    run = run_search(tmp_path / "out", plan)
    results = run.results()
    assert [result.generation for result in results] == [0] * 4 + [1] * 4
    for generation in range(2):
        mine = [result for result in results if result.generation == generation]
        assert sorted(result.epochs for result in mine) == [1, 1, 2, 4]  # two of four go on, then one of two
        assert [result.state for result in mine if result.epochs == 4] == ["finished"]
        first = sorted(mine, key=lambda result: -result.by_epoch[1])
        assert {result.number for result in mine if result.epochs >= 2} == {result.number for result in first[:2]}
    for result in results:
        folder = RunDirectory(tmp_path / f"out/trials/{result.number:04}")
        resolved = folder.resolved
        assert result.trial.costs["macs"] == resolved.plan.macs <= 400_000
        rate = resolved.recipe.optimizer.learning_rate
        assert result.by_epoch == {n: accuracy(resolved.plan, rate, n) for n in range(1, result.epochs + 1)}
        assert resolved.spec.stem.width == result.trial.values["stem.width"]
    resumed = [words for words in fake_fits.started if words[0] == "--resume"]
    assert len(resumed) == 2 * 3  # rungs of 2 and 1: what goes on, goes on where it paused


def test_killed_at_random_moments_the_same_trials_and_the_same_front_come_out(fake_fits, tmp_path):
    whole = found(run_search(tmp_path / "whole"))
    run, kills = run_with_kills(tmp_path / "killed", seed=1)
    assert kills >= 3
    assert found(run) == whole
    assert len(whole["proposed"]) == 6
    assert whole["fronts"]["macs"]


def test_the_same_command_again_trains_nothing(fake_fits, tmp_path):
    run_search(tmp_path / "out")
    fake_fits.started.clear()
    run_search(tmp_path / "out")
    assert not fake_fits.started


def test_more_trials_go_on_where_the_search_ended_and_another_search_is_refused(fake_fits, tmp_path):
    before = run_search(tmp_path / "out", search_plan(trials=3)).results()
    more = run_search(tmp_path / "out", search_plan(trials=6)).results()
    assert more[:3] == before
    assert len(more) == 6
    with pytest.raises(KresnetError) as caught:
        run_search(tmp_path / "out", search_plan(constraints={"macs": "<= 300k"}))
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("run_changed", "search.constraints.macs")


def test_a_search_of_an_earlier_version_goes_on(fake_fits, tmp_path):
    run_search(tmp_path / "out", search_plan(trials=3))
    begun = read_document(tmp_path / "out/search.yaml").values
    del begun["recipe"]["layer_decay"], begun["spec"]["head"]["hidden"], begun["search"]["shape"]
    write_text(tmp_path / "out/search.yaml", dump(begun))
    assert len(run_search(tmp_path / "out", search_plan(trials=6)).results()) == 6


def test_a_trial_that_diverges_or_fails_twice_is_left_out_and_the_search_goes_on(fake_fits, tmp_path):
    fake_fits.failing = {1: "diverged", 2: "internal"}
    run = run_search(tmp_path / "out", search_plan())
    states = {result.number: result.state for result in run.results()}
    assert (states[1], states[2]) == ("failed", "failed")
    tries = [words[words.index("-o") + 1][-4:] for words in fake_fits.started if "-o" in words]
    assert (tries.count("0001"), tries.count("0002")) == (1, 2)  # what fails before its first step leaves no run
    resumed = [words[1][-4:] for words in fake_fits.started if words[0] == "--resume"]
    assert (resumed.count("0001"), resumed.count("0002")) == (0, 0)
    assert sum(state == "finished" for state in states.values()) == 2
    fake_fits.started.clear()
    run_search(tmp_path / "out", search_plan())
    assert not fake_fits.started


def test_a_trial_that_another_process_trains_is_waited_for_and_taken_over_if_that_ends(fake_fits, tmp_path):
    other, log = Claims(tmp_path / "out/claims"), []
    assert other.take("0001")

    def told(text: str) -> None:
        log.append(text)
        if "another process is training it" in text:
            other.release("0001")  # it was killed

    assert SearchRun(search_plan(trials=3), tmp_path / "out", 1, told).run("kresnet search")
    assert any(text.startswith("trial 1: another process") for text in log)
    assert [words[words.index("-o") + 1][-4:] for words in fake_fits.started if "-o" in words][-1] == "0001"


def test_survivors_are_the_best_of_those_that_came_so_far():
    plan = search_plan()
    trials = [(f"trial {n}", value) for n, value in enumerate([0.1, None, 0.5, 0.3])]

    class Trial:
        def __init__(self, number):
            self.number = number

    made = [(Trial(n), value) for n, (_, value) in enumerate(trials)]
    assert [each.number for each in survivors(plan, made)] == [2]
    lower = search_plan(objectives=["loss"])
    assert [each.number for each in survivors(lower, made)] == [0]


def test_a_directory_without_a_search_is_told(tmp_path):
    with pytest.raises(KresnetError) as caught:
        require_begun(tmp_path)
    assert caught.value.problems[0].code == "run_missing"


def test_what_was_proposed_is_kept_although_the_seed_of_numpy_or_optuna_would_say_otherwise(fake_fits, tmp_path):
    run_search(tmp_path / "out", search_plan(trials=3))
    file = tmp_path / "out/generations/0000.json"
    stated = json.loads(file.read_text())
    stated["trials"][0]["values"]["stem.width"] = 4
    file.write_text(json.dumps(stated))
    with pytest.raises(KresnetError) as caught:  # the run was begun with another width
        run_search(tmp_path / "out", search_plan(trials=3))
    assert {problem.code for problem in caught.value.problems} == {"run_changed"}
