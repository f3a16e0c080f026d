"""The first steps of a run, timed and forgotten."""

from __future__ import annotations

import json

import pytest

from kresnet.errors import KresnetError
from kresnet.training.dry_run import dry_run
from tests.training.small_runs import vector_run


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return dry_run(vector_run(tmp_path_factory.mktemp("data"), schedule={"kind": "cosine"}))


def test_every_step_but_the_first_is_timed_in_a_short_run(result):
    timing = result.timing
    assert timing.steps == 9
    assert timing.first_step > timing.step > 0
    assert timing.training == pytest.approx(10 * timing.step)
    assert timing.total == pytest.approx(timing.training + 2 * timing.evaluation)


def test_every_learning_rate_of_a_short_run_is_told(result):
    steps, rates = zip(*result.rates, strict=True)
    assert steps == tuple(range(10))
    assert rates[0] == pytest.approx(0.1)
    assert list(rates) == sorted(rates, reverse=True)


def test_the_result_as_json(result):
    document = json.loads(json.dumps(result.as_dict()))
    assert document["spec"] == "vectors"
    assert (document["images"]["train"], document["images"]["test"]) == (40, 16)
    assert (document["total_steps"], document["epoch_steps"], document["devices"]) == (10, 5, 1)
    assert document["learning_rates"][0] == [0, pytest.approx(0.1)]


def test_stages_that_there_are_not_are_refused_before_anything_is_timed(tmp_path):
    with pytest.raises(KresnetError) as caught:
        dry_run(vector_run(tmp_path, rematerialize=[2]))
    assert [problem.code for problem in caught.value.problems] == ["contradiction"]
