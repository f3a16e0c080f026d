"""The range test of a run: what is swept, and what is suggested for which losses."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kresnet.errors import KresnetError
from kresnet.runs.resolved_run import resolve_run
from kresnet.training.range_test import find_learning_rate, suggest_learning_rate
from tests.training.small_runs import SPEC, vector_run

RATES = np.geomspace(1e-7, 10, 100)


def curve(start: float, falls_at: float, rises_at: float) -> np.ndarray:
    """A plateau, a fall to a tenth around one rate, and a steep rise around another."""
    fall = 0.9 * start / (1 + (falls_at / RATES) ** 2)
    return start - fall + (RATES / rises_at) ** 4


@pytest.mark.parametrize("falls_at", [1e-3, 1e-1])
def test_the_rate_of_the_fastest_fall_is_suggested(falls_at):
    rate, reason = suggest_learning_rate(RATES, curve(2.3, falls_at, 30 * falls_at))
    assert falls_at / 2 < rate < 10 * falls_at  # the mean lags behind
    assert f"fell fastest at {rate:.2g}" in reason
    assert rate == float(f"{rate:.2g}")


def test_what_the_first_batches_differ_by_is_no_fall():
    losses = curve(2.3, 0.1, 3.0)
    losses[[0, 2]] = 4.6, 1.2
    rate, _ = suggest_learning_rate(RATES, losses)
    assert 0.05 < rate < 1


def test_losses_that_never_fall_suggest_nothing_and_say_what_to_do():
    rate, reason = suggest_learning_rate(RATES, 2.3 + np.random.default_rng(0).normal(scale=0.1, size=100))
    assert rate is None
    assert "never fell by more than 5%: it began at 2.3" in reason
    assert "kresnet check gradients" in reason
    assert "keep a low rate" in suggest_learning_rate(RATES, np.linspace(0.1, 0.5, 100), begun=True)[1]


def test_losses_that_rise_at_once_suggest_nothing():
    rate, reason = suggest_learning_rate(RATES[:3], [2.3, 9.0, np.nan])
    assert rate is None
    assert "ended at 1.5e-07, where loss or gradients were no longer finite" in reason


def test_the_suggestion_is_in_the_recipes_own_terms_and_goes_through_few_data_several_times(tmp_path):
    optimizer = {"kind": "sgd", "learning_rate": 0.1, "learning_rate_per": 32}
    run = vector_run(tmp_path, optimizer=optimizer, schedule={"kind": "cosine", "warmup_steps": 2})
    found = find_learning_rate(run, print, lowest=1e-4, highest=3.0, steps=100)
    assert (found.planned_steps, found.batch_size, found.recipe_rate) == (100, 8, 0.1 * 8 / 32)
    assert found.epochs == pytest.approx(len(found.rates) / 5)  # 40 vectors, 8 a step
    assert len(found.losses) == len(found.smoothed) == len(found.rates) > 50
    changed = resolve_run(SPEC, run.recipe, [found.setting]).with_training_images(40)
    assert changed.steps.learning_rate.peak == pytest.approx(found.suggestion, rel=0.02)
    assert json.loads(json.dumps(found.as_dict()))["setting"] == found.setting


def test_a_first_step_that_is_not_finite_is_no_matter_of_the_rate(tmp_path):
    run = vector_run(tmp_path)
    np.savez(
        tmp_path / "data.npz",
        **{f"{split}_inputs": np.full((40, 8), 3e38, np.float32) for split in ("train", "test")},
        **{f"{split}_targets": np.arange(40) % 3 for split in ("train", "test")},
    )
    with pytest.raises(KresnetError, match="no rate mends that") as caught:
        find_learning_rate(run, print, lowest=1e-7, highest=10.0, steps=100)
    assert [problem.code for problem in caught.value.problems] == ["diverged"]
