"""Runs that end right after each save of their state and are resumed, and the same runs without interruption."""

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
    """Stands for a kill: nothing catches it."""


def train_uninterrupted(run: RunDirectory, spec: Spec, recipe: Recipe) -> tuple[dict, list[str]]:
    """Train to the end; return the result and the lines of the log."""
    lines: list[str] = []
    return fit.start(run, resolve_run(spec, recipe), None, RunOutput(lines.append)), lines


def _resume_anew(directory: RunDirectory) -> dict:
    """Resume a run as another process does, which has read nothing of it."""
    return fit.resume(RunDirectory(directory.path), None, RunOutput())


def train_interrupted(directory: RunDirectory, spec: Spec, recipe: Recipe, steps: int) -> int:
    """Train in several attempts, each ended right after a save; return how many attempts that took."""
    original, attempts = TrainingSession._save, 0
    resume = partial(_resume_anew, directory)

    def save_and_kill(self: TrainingSession) -> None:
        before = self.saver.saves
        original(self)
        self.saver.finish()
        if self.saver.saves > before:  # it is not saved again where it was just gone back to
            raise Killed

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(TrainingSession, "_save", save_and_kill)
        while directory.newest_step() < steps:
            attempts += 1
            assert attempts <= steps, "the run makes no progress"
            begun = directory.path.exists()
            start_or_resume = (
                resume if begun else partial(fit.start, directory, resolve_run(spec, recipe), None, RunOutput())
            )
            with pytest.raises(Killed):
                start_or_resume()
    resume()
    return attempts + 1


def weights(path: Path) -> list[np.ndarray]:
    return keras.models.load_model(path, compile=False).get_weights()


def assert_same_run(one: RunDirectory, other: RunDirectory) -> None:
    """The models, and all state that the last checkpoint holds: slots, averages, scales, seeds and sums of metrics."""
    for a, b in zip(weights(one.model), weights(other.model), strict=True):
        np.testing.assert_array_equal(a, b)
    states = [CheckpointStore(run.checkpoints, 1).latest()[0] for run in (one, other)]
    for name, value in states[0].arrays.items():
        np.testing.assert_array_equal(value, states[1].arrays[name])
    timed = ("seconds", "pace", "line", "stalled", "saves")
    facts = [{key: value for key, value in state.facts.items() if key not in timed} for state in states]
    assert facts[0] == facts[1]
