"""Generations: proposed within all bounds, measured ones too, written once and read back."""

from __future__ import annotations

import json

import pytest

from kresnet.errors import KresnetError
from kresnet.study.search.axes import canonical
from kresnet.study.search.generations import Generation, merge_tallies, propose
from kresnet.study.search.sampling import TrialScore
from tests.study.search.fake_fits import search_plan


def test_a_generation_is_read_as_it_was_written(tmp_path):
    made = propose(search_plan(), 0, [], [], None)
    made.write(tmp_path)
    assert Generation.read(tmp_path, 0) == made
    assert Generation.read(tmp_path, 1) is None
    assert [each.number for each in made.trials] == [0, 1, 2]
    (tmp_path / "generations/0001.json").write_text("{")
    with pytest.raises(KresnetError) as caught:
        Generation.read(tmp_path, 1)
    assert caught.value.problems[0].code == "run_missing"


def test_what_is_measured_and_too_slow_is_no_trial():
    measured = []

    def measure(variant):
        measured.append(variant.spec.stem.width)
        return float(variant.spec.stem.width)

    plan = search_plan(constraints={"macs": "<= 400k", "latency_ms": {"limit": "<= 4"}})
    made = propose(plan, 0, [], [], measure)
    assert all(each.values["stem.width"] <= 4 == round(each.costs["latency_ms"] / each.values["stem.width"]) * 4
               for each in made.trials)  # fmt: skip
    assert made.tally["rejected"]["latency_ms"] == sum(width > 4 for width in measured) > 0


def test_the_next_generation_knows_what_was_too_slow(tmp_path):
    plan = search_plan(constraints={"latency_ms": {"limit": "<= 8"}}, trials=9)
    measured = []

    def measure(variant):
        measured.append(variant.spec.stem.width)
        return float(variant.spec.stem.width)

    first = propose(plan, 0, [], [], measure)
    assert len(first.rejected) == first.tally["rejected"]["latency_ms"]
    assert all(each.excess == each.values["stem.width"] / 8 - 1 > 0 for each in first.rejected)
    first.write(tmp_path)
    assert Generation.read(tmp_path, 0) == first
    scores = [TrialScore(each.values, 0, (each.values["stem.width"],)) for each in first.trials]
    second = propose(plan, 1, scores, first.rejected, measure)
    both = [each.values for generation in (first, second) for each in (*generation.trials, *generation.rejected)]
    assert len(both) == len({canonical(each) for each in both}) == len(measured)


def test_a_generation_written_before_rejections_were_kept_is_read(tmp_path):
    propose(search_plan(), 0, [], [], None).write(tmp_path)
    path = tmp_path / "generations/0000.json"
    stated = json.loads(path.read_text())
    assert stated.pop("rejected") == []
    path.write_text(json.dumps(stated))
    assert Generation.read(tmp_path, 0).rejected == ()


def test_the_nearest_of_what_nothing_meets_was_measured():
    plan = search_plan(constraints={"macs": "<= 400k", "latency_ms": {"limit": "<= 0.1"}})
    measured = []

    def measure(variant):
        measured.append(float(variant.spec.stem.width))
        return measured[-1]

    with pytest.raises(KresnetError, match="budget_unmet") as caught:
        propose(plan, 0, [], [], measure)
    assert f"latency_ms {min(measured):g} ms, by stem.width={min(measured):g}" in caught.value.problems[0].found


def test_a_bound_of_memory_needs_the_recipe():
    free = propose(search_plan(), 0, [], [], None).trials
    limit = min(each.costs["memory"] for each in free) + 1
    made = propose(search_plan(constraints={"memory": f"<= {int(limit)}"}), 0, [], [], None)
    assert all(each.costs["memory"] <= limit for each in made.trials)


def test_a_small_space_ends_the_search_and_nothing_twice():
    plan = search_plan(space={"stem.width": {"choice": [2, 4]}}, constraints={}, trials=5, generation=5)
    made = propose(plan, 0, [], [], None)
    assert sorted(each.values["stem.width"] for each in made.trials) == [2, 4]
    assert made.exhausted
    assert made.tally["rejected"]["duplicate"] > 0


def test_counts_of_generations_together():
    made = [propose(search_plan(), 0, [], [], None)] * 2
    total = merge_tallies(made)
    assert total["drawn"] == 2 * made[0].tally["drawn"]
    assert 0 <= total["rejection_rate"] < 1
    assert total["candidates_per_second"] > 0
