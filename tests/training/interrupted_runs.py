"""A run that ends right after each save of its state and is resumed, beside the same run in one life."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest

from kresnet.runs.checkpoints import CheckpointStore
from kresnet.runs.resolved_run import resolve_run
from kresnet.runs.run_directory import RunDirectory
from kresnet.spec.architecture import Spec
from kresnet.spec.recipe import Recipe
from kresnet.training import fit
from kresnet.training.loop.progress import RunOutput
from kresnet.training.loop.session import TrainingSession


class Killed(BaseException):
    """Nothing catches it."""


def train_uninterrupted(run: RunDirectory, spec: Spec, recipe: Recipe) -> tuple[dict, list[str]]:
    """The run's result, and what it told."""
    told: list[str] = []
    return fit.start(run, resolve_run(spec, recipe), None, RunOutput(told.append)), told


def _resume_anew(directory: RunDirectory) -> dict:
    """Resume a run as another process does, which has read nothing of it."""
    return fit.resume(RunDirectory(directory.path), None, RunOutput())


def train_interrupted(directory: RunDirectory, spec: Spec, recipe: Recipe, steps: int) -> int:
    """Train, each life ending right after a save; how many lives that took."""
    original, lives = TrainingSession._save, 0
    resume = partial(_resume_anew, directory)

    def save_and_die(self: TrainingSession) -> None:
        before = self.saver.saves
        original(self)
        self.saver.finish()
        if self.saver.saves > before:  # it is not saved again where it was just gone back to
            raise Killed

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(TrainingSession, "_save", save_and_die)
        while directory.newest_step() < steps:
            lives += 1
            assert lives <= steps, "the run makes no progress"
            begun = directory.path.exists()
            go_on = resume if begun else partial(fit.start, directory, resolve_run(spec, recipe), None, RunOutput())
            with pytest.raises(Killed):
                go_on()
    resume()
    return lives + 1


def weights(path: Path) -> list[np.ndarray]:
    return keras.models.load_model(path, compile=False).get_weights()


def assert_same(one: RunDirectory, other: RunDirectory) -> None:
    """The models, and all state that the last checkpoint holds: slots, averages, scales, seeds and sums of metrics."""
    for a, b in zip(weights(one.model), weights(other.model), strict=True):
        np.testing.assert_array_equal(a, b)
    states = [CheckpointStore(run.checkpoints, 1).latest()[0] for run in (one, other)]
    for name, value in states[0].arrays.items():
        np.testing.assert_array_equal(value, states[1].arrays[name])
    timed = ("seconds", "pace", "line", "stalled", "saves")
    facts = [{key: value for key, value in state.facts.items() if key not in timed} for state in states]
    assert facts[0] == facts[1]
