"""What a recipe's policy makes of steps that are not finite, in real runs."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kresnet.errors import KresnetError
from kresnet.runs.run_directory import RunDirectory
from kresnet.spec.architecture import Spec
from kresnet.spec.recipe import Recipe, Rollback, Skip
from kresnet.training.loop import session
from kresnet.training.loop.non_finite_guard import NonFiniteGuard
from tests.training.interrupted_runs import assert_same_run, train_interrupted, train_uninterrupted, weights
from tests.training.small_runs import write_vectors

SPEC = Spec.model_validate(
    {
        "name": "tiny",
        "input": {"shape": [8]},
        "stem": {"kind": "none"},
        "block": {"kind": "dense", "dropout": 0.1},
        "stages": [{"blocks": 1, "width": 8}],
        "head": {"pool": "none", "classes": 3},
    }
)
STEPS = 18


def recipe(**settings) -> Recipe:
    document = {
        "name": "short",
        "data": {"kind": "arrays", "path": "data.npz"},
        "steps": STEPS,
        "batch_size": 2,
        "optimizer": {"kind": "sgd", "learning_rate": 0.05},
        "deterministic": True,
        "checkpoints": {"save_every_steps": 9, "keep_last": 1},
    }
    return Recipe.model_validate(document | settings)


@pytest.fixture
def vectors(tmp_path, monkeypatch) -> Path:
    """The folder that a test works in, with 40 vectors to train on."""
    write_vectors(tmp_path / "data.npz")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def poison(monkeypatch, steps: set[int], *, until_going_back: bool = False) -> list[int]:
    """Make the inputs of these steps NaN; the steps at which iterators were begun are returned as it happens."""
    original, original_batches, begun, harmless = session.training_batches, session.TrainingSession._batches, [], []

    def batches(self):
        harmless[:] = [True] if until_going_back and self.state.guard.rollbacks else []
        return original_batches(self)

    def poisoned(split, *, start_step, **settings):
        begun.append(start_step)
        batches = original(split, start_step=start_step, **settings)
        bad = tf.constant([] if harmless else sorted(steps), tf.int64)

        def spoil(step, batch):
            images = tf.cast(batch[0], tf.float32)
            factor = tf.where(tf.reduce_any(bad == step), np.nan, 1.0)
            return (images * factor, *batch[1:])

        return batches.enumerate(start_step).map(spoil)

    monkeypatch.setattr(session, "training_batches", poisoned)
    monkeypatch.setattr(session.TrainingSession, "_batches", batches)
    return begun


def trained(folder, name: str, wanted: Recipe) -> tuple[RunDirectory, dict, list[str]]:
    run = RunDirectory(folder / name)
    return run, *train_uninterrupted(run, SPEC, wanted)


def test_by_default_the_run_ends_naming_step_batch_and_layer(vectors, monkeypatch):
    poison(monkeypatch, {10})
    with pytest.raises(KresnetError) as error:
        trained(vectors, "stopped", recipe())
    problem = error.value.problems[0]
    assert problem.code == "diverged"
    assert problem.message == f"In step 11 of {STEPS} (epoch 1, batch 11) the images themselves are not finite."
    assert RunDirectory(vectors / "stopped").newest_step() == 9


def test_a_learning_rate_out_of_all_bounds_ends_the_run_at_the_layer_that_overflows(vectors):
    with pytest.raises(KresnetError) as error:
        trained(vectors, "wild", recipe(optimizer={"kind": "sgd", "learning_rate": 1e30}))
    assert re.search(r"In step [23] .* of (stage1|head)\S+ is not finite", error.value.problems[0].message)


def test_skipping_leaves_the_step_out_and_resumes_exactly(vectors, monkeypatch):
    """Killed after each of its saves, by a signal that is never heard: the same weights, and finite ones."""
    poison(monkeypatch, {6, 7, 13})
    wanted = recipe(non_finite={"kind": "skip"})
    run, result, told = trained(vectors, "skipped", wanted)
    assert result["non_finite"] == {"skipped_steps": 3, "rollbacks": 0}
    assert next(line for line in told if "Leaving it out" in line).startswith(f"In step 7 of {STEPS}")
    assert all(np.isfinite(weight).all() for weight in weights(run.model))
    assert json.loads(run.history.path.read_text().splitlines()[-1])["step"] == STEPS
    again = RunDirectory(vectors / "again")
    assert train_interrupted(again, SPEC, wanted, STEPS) >= 3
    assert_same_run(run, again)


def test_going_back_lowers_the_learning_rate_for_good_and_resumes_exactly(vectors, monkeypatch):
    begun = poison(monkeypatch, {10}, until_going_back=True)
    wanted = recipe(non_finite={"kind": "rollback", "learning_rate_factor": 0.5})
    run, result, told = trained(vectors, "once", wanted)
    assert result["non_finite"] == {"skipped_steps": 0, "rollbacks": 1}
    assert begun == [0, 10, 9]  # the run, the look at the step, and once more from the checkpoint before it
    assert any("Going back to step 9, with 0.5 of the learning rate" in line for line in told)
    assert json.loads(run.history.path.read_text().splitlines()[-1])["learning_rate"] == pytest.approx(0.025)
    again = RunDirectory(vectors / "again")
    assert train_interrupted(again, SPEC, wanted, STEPS) >= 3
    assert_same_run(run, again)


def test_going_back_in_vain_ends(vectors, monkeypatch):
    begun = poison(monkeypatch, {1})
    with pytest.raises(KresnetError) as error:
        trained(vectors, "in_vain", recipe(non_finite={"kind": "rollback", "at_most": 2}))
    assert "gone back 2 times" in error.value.problems[0].message
    assert begun == [0, 1, 0, 1, 0, 1]


def test_a_guard_counts_steps_in_a_row_and_its_counts_come_back():
    guard = NonFiniteGuard(recipe(non_finite={"kind": "skip", "at_most_in_a_row": 2}))
    for step in (3, 4, 9, 10):
        guard.handle_non_finite_step(step, "told")
    restored = NonFiniteGuard(guard_recipe := recipe(non_finite={"kind": "skip", "at_most_in_a_row": 2}))
    restored.restore(json.loads(json.dumps(guard.facts())))
    assert restored.counts() == {"skipped_steps": 4, "rollbacks": 0}
    with pytest.raises(KresnetError):
        restored.handle_non_finite_step(11, "told")
    assert isinstance(guard_recipe.non_finite, Skip)


def test_a_guard_goes_back_so_often_and_no_more():
    guard = NonFiniteGuard(recipe(non_finite={"kind": "rollback", "at_most": 2}))
    assert isinstance(guard.policy, Rollback)
    scales = []
    for _ in range(2):
        guard.handle_non_finite_step(5, "told")
        scales.append(guard.learning_rate_scale)
    np.testing.assert_allclose(scales, [0.1, 0.01])
    with pytest.raises(KresnetError):
        guard.handle_non_finite_step(5, "told")
