"""A trial as its run tells it."""

from __future__ import annotations

from kresnet.study.search.trial_results import read_trial
from tests.study.search.fake_fits import search_plan


def test_a_trial_is_read_from_its_run(found_search):
    run, _ = found_search
    results = run.results()
    finished = [result for result in results if result.state == "finished"]
    assert len(finished) == 11
    for result in finished:
        assert result.value == result.by_epoch[result.epochs] == result.objectives[0]
        assert result.epochs == 3
        assert result.score().objectives == (result.value,)
    (failed,) = [result for result in results if result.state == "failed"]
    assert failed.as_dict()["problem"]["code"] == "diverged"
    assert failed.score().objectives is None


def test_what_was_not_begun_has_nothing(found_search, tmp_path):
    run, _ = found_search
    result = read_trial(search_plan(), 0, run.generations[0].trials[0], tmp_path, None)
    assert (result.state, result.epochs, result.value, result.by_epoch) == ("open", 0, None, {})
