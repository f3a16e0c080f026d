"""Proposals: a function of the seed and of earlier trials, which lean to what was good."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import optuna
import pytest

from kresnet.study.search.judge import CandidateJudge
from kresnet.study.search.sampling import Proposer, RejectedCandidate, TrialScore, distribution, make_study
from tests.study.search.fake_fits import search_plan


def scores(plan, count=12, finished=True):
    """Trials whose score is the stem's width alone."""
    drawn = plan.axes.draw(np.random.default_rng(5), count)
    return [TrialScore(each, n // 3, (each["stem.width"] / 16,) if finished and n % 2 == 0 else None,
                       {1: each["stem.width"] / 17}) for n, each in enumerate(drawn)]  # fmt: skip


def proposer(plan, known, generation=4, rejected=()):
    judge = CandidateJudge(plan.search, plan.axes)
    return Proposer(plan.search, plan.axes, generation, known, rejected, judge.accepted)


def proposed(plan, known, generation=4, count=8, number=20, rejected=()):
    candidates = proposer(plan, known, generation, rejected).candidates(number)
    return [next(candidates) for _ in range(count)]


def test_the_same_seed_and_trials_give_the_same_proposals_in_another_process():
    plan = search_plan()
    here = proposed(plan, scores(plan))
    program = (
        "import json; from tests.study.search.test_sampling import *; plan = search_plan();"
        "print(json.dumps(proposed(plan, scores(plan))))"
    )
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(there.stdout) == [list(each) for each in here]
    assert proposed(search_plan(seed=1), scores(plan)) != here
    assert proposed(plan, scores(plan), generation=5) != here


def test_tpe_leans_to_what_was_good_and_stays_within_the_bounds():
    plan = search_plan()
    found = proposed(plan, scores(plan), count=24)
    assert {how for _, how in found} == {"tpe"}
    drawn = [
        values["stem.width"] for values, _ in proposed(search_plan(sampler={"kind": "random"}), scores(plan), count=24)
    ]
    assert np.mean([values["stem.width"] for values, _ in found]) > np.mean(drawn)


def test_nsga2_crosses_the_last_generation():
    plan = search_plan(sampler={"kind": "nsga2"}, objectives=["accuracy", "macs"], halving=None)
    known = [TrialScore(each, 0, (each["stem.width"] / 16, 1e5 * each["stem.width"]), {})
             for each in plan.axes.draw(np.random.default_rng(5), 8)]  # fmt: skip
    found = proposed(plan, known, generation=1)
    assert {how for _, how in found} == {"nsga2"}
    parents = {each.values["recipe.optimizer.learning_rate"] for each in known}
    assert any(values["recipe.optimizer.learning_rate"] in parents for values, _ in found)


def too_wide(plan, count=40, limit=8):
    """Candidates whose stem is wider than the limit, as rejected by a measurement."""
    drawn = plan.axes.draw(np.random.default_rng(6), 4 * count)
    wide = [each for each in drawn if each["stem.width"] > limit][:count]
    return [RejectedCandidate(each, each["stem.width"] / limit - 1) for each in wide]


def test_tpe_turns_away_from_what_measurements_rejected_although_the_best_trial_is_there():
    plan = search_plan(constraints={"latency_ms": {"limit": "<= 5"}}, trials=40)
    mean = lambda found: np.mean([values["stem.width"] for values, _ in found])  # noqa: E731
    told = proposed(plan, scores(plan), count=24, rejected=too_wide(plan))
    assert {how for _, how in told} == {"tpe"}
    assert mean(told) < mean(proposed(plan, scores(plan), count=24)) - 2


def test_a_rejection_within_the_generation_counts_as_one_before_it():
    plan = search_plan(constraints={"latency_ms": {"limit": "<= 5"}}, trials=40)
    fresh = proposer(plan, scores(plan))
    candidates = fresh.candidates(20)
    first = [next(candidates)]
    fresh.reject(RejectedCandidate(first[0][0], 0.5))
    states = [trial.state.name for trial in fresh._study.trials]
    assert states.count("RUNNING") == 0
    assert states.count("FAIL") == 1
    assert fresh._study.trials[-1].system_attrs["constraints"] == [0.5]


@pytest.mark.parametrize(("kind", "objectives"), [("tpe", ["accuracy"]), ("nsga2", ["accuracy", "macs"])])
def test_where_measurements_reject_all_that_a_sampler_proposes_candidates_are_drawn_at_random(kind, objectives):
    plan = search_plan(
        constraints={"latency_ms": {"limit": "<= 5"}}, sampler={"kind": kind}, objectives=objectives, halving=None
    )
    values = [(score, score)[: len(objectives)] for score in (0.1, 0.2, 0.3, 0.4)]
    drawn = plan.axes.draw(np.random.default_rng(5), len(values))
    known = [TrialScore(each, 3, value) for each, value in zip(drawn, values, strict=True)]
    judging = proposer(plan, known)
    found = []
    for candidate, how in judging.candidates(20):
        found.append(how)
        if how == "random":
            break
        judging.reject(RejectedCandidate(candidate, 1.0))
    assert found == [kind] * 20 + ["random"]
    assert next(judging.candidates(21))[1] == kind


def test_the_first_trials_are_random():
    plan = search_plan()
    assert {how for _, how in proposed(plan, scores(plan), number=2)} == {"random"}
    assert {how for _, how in proposed(plan, [], generation=0, number=20)} == {"random"}


def test_the_study_is_one_of_optuna():
    plan = search_plan()
    study = make_study(plan.search, plan.axes, scores(plan))
    states = [trial.state for trial in study.trials]
    assert states.count(optuna.trial.TrialState.COMPLETE) == states.count(optuna.trial.TrialState.PRUNED) == 6
    assert study.best_value == max(score.objectives[0] for score in scores(plan) if score.objectives)
    assert make_study(plan.search, plan.axes, [TrialScore(study.trials[0].params, 0)]).trials[0].state.name == "FAIL"


@pytest.mark.parametrize("value", [{"kind": "none"}, "relu", 3])
def test_choices_of_any_kind(value):
    axis = search_plan(space={"stem.width": {"choice": [2, 4]}}).axes.axes[0]
    axis = type(axis)(axis.name, axis.dimension.model_copy(update={"choice": (value, "other")}), axis.stated)
    assert distribution(axis).choices == (json.dumps(value), '"other"')
