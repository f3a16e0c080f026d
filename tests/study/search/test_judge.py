"""Candidates judged by their plans: the same verdict as a plan made in full, and the nearest where none passes."""

from __future__ import annotations

import numpy as np
import pytest

from kresnet.errors import KresnetError
from kresnet.plan.memory_estimate import estimate_recipe_memory
from kresnet.study.search.judge import CandidateJudge, CostBound, cost_bounds, variant_costs
from tests.study.search.fake_fits import search_plan


def test_the_verdict_is_that_of_the_plan():
    plan = search_plan()
    judge = CandidateJudge(plan.search, plan.axes)
    verdicts = set()
    for number, values in enumerate(plan.axes.draw(np.random.default_rng(1), 10)):
        verdict = judge.judge(values)
        verdicts.add(verdict)
        assert verdict == ("macs" if plan.variant(number, values).plan.macs > 400_000 else "")
    assert verdicts == {"", "macs"}
    assert judge.tally.drawn == 10
    assert judge.tally.rejected["macs"] > 0


def test_settings_that_make_no_network_are_rejected():
    plan = search_plan(space={"stages.*.stride": {"int": [1, 8]}}, constraints={})
    judge = CandidateJudge(plan.search, plan.axes)
    assert judge.judge(dict.fromkeys(plan.axes.names, 8)) == "no_network"
    assert judge.judge(dict.fromkeys(plan.axes.names, 1)) == ""


def test_bounds_are_read_and_compared():
    plan = search_plan(constraints={"macs": ">= 1k, <= 2M", "memory": "<= 1GiB"})
    assert cost_bounds(plan.search) == (
        CostBound("macs", 1e3, False), CostBound("macs", 2e6, True), CostBound("memory", 2**30, True),
    )  # fmt: skip
    low, high, _ = cost_bounds(plan.search)
    assert (low.excess(500), low.excess(1000), high.excess(2e6), high.excess(4e6)) == (1, 0, 0, 1)


def test_a_bound_that_nothing_meets_is_told_with_the_nearest():
    with pytest.raises(KresnetError) as caught:
        search_plan(constraints={"macs": "<= 1000"}, attempts=2000).sample()
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("budget_unmet", "constraints")
    assert "stem.width=2" in problem.found
    assert "stages.0.width=4" in problem.found


def test_costs_of_a_planned_candidate():
    plan = search_plan()
    variant = plan.variant(0, plan.axes.draw(np.random.default_rng(0), 1)[0])
    costs = variant_costs(variant)
    assert costs["macs"] == variant.plan.macs
    assert costs["memory"] == estimate_recipe_memory(variant.plan, variant.recipe).total
