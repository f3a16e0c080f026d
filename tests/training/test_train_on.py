"""A run that is trained on to another length: on record, exact from there, its earlier end kept until the new one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from ruamel.yaml import YAML

import kresnet
from kresnet.errors import KresnetError
from kresnet.runs.run_directory import RunDirectory
from kresnet.runs.run_status import run_status
from kresnet.training import fit
from kresnet.training.loop.progress import RunOutput
from kresnet.training.loop.session import TrainingSession
from tests.training.interrupted_runs import Killed
from tests.training.small_runs import vector_run


def train(folder: Path, name: str, **recipe) -> RunDirectory:
    """Train a run of five steps an epoch to its end."""
    run = RunDirectory(folder / name)
    fit.start(run, vector_run(folder, **recipe), None, RunOutput.silent())
    return run


@pytest.fixture(scope="module")
def one_epoch(tmp_path_factory) -> RunDirectory:
    return train(tmp_path_factory.mktemp("runs"), "one_epoch", epochs=1)


@pytest.fixture
def run_of_one_epoch(one_epoch, tmp_path) -> RunDirectory:
    """A finished run that the test may change."""
    return RunDirectory(shutil.copytree(one_epoch.path, tmp_path / "run"))


def train_on(run: RunDirectory, unit: str, value: int) -> list[str]:
    """Train a run on, as a process does that has read nothing of it; return the lines of the log."""
    told: list[str] = []
    output = RunOutput(told.append, RunOutput.silent().make_progress)
    fit.resume(RunDirectory(run.path), None, output, length=(unit, value))
    return told


def weights(run: RunDirectory) -> list[np.ndarray]:
    return keras.models.load_model(run.model, compile=False).get_weights()


def epochs(run: RunDirectory) -> list[tuple[int, int, float]]:
    return [(line["epoch"], line["step"], line["test"]["loss"]) for line in run.history.epochs()]


def edit_recipe(run: RunDirectory, **changes) -> None:
    path = run.path / "recipe.yaml"
    values = YAML(typ="safe").load(path.read_text()) | changes
    with path.open("w") as file:
        YAML(typ="safe").dump(values, file)


def test_a_finished_run_trained_on_is_the_longer_run(tmp_path):
    longer, run = train(tmp_path, "longer", epochs=4), train(tmp_path, "run", epochs=2)
    told = train_on(run, "epochs", 4)
    assert "Training on: 20 steps, of which 10 are taken. The learning rate was 0.1 and goes on at 0.1." in told
    assert epochs(run) == epochs(longer)
    for one, other in zip(weights(run), weights(longer), strict=True):
        np.testing.assert_array_equal(one, other)
    assert run.read_result()["steps"] == 20
    assert run.accepted_changes() == ["after step 10: recipe.epochs was 2 and is 4"]
    assert RunDirectory(run.path).resolved.recipe.epochs == run.original_config()["recipe"]["epochs"] == 4
    assert run.finished
    assert not run.extension.exists()


def test_the_earlier_end_is_kept_until_the_new_one_and_a_kill_between_them_is_no_matter(run_of_one_epoch, monkeypatch):
    run = run_of_one_epoch
    before, result = run.model.read_bytes(), run.read_result()
    original = TrainingSession._save

    def save_and_kill(self: TrainingSession) -> None:
        original(self)
        self.saver.finish()
        raise Killed

    monkeypatch.setattr(TrainingSession, "_save", save_and_kill)
    with pytest.raises(Killed):
        train_on(run, "epochs", 3)
    monkeypatch.undo()
    assert (run.model.read_bytes(), run.read_result()) == (before, result)
    assert run_status(run.path, "run").state == "stopped"
    assert run.newest_step() == 10
    fit.resume(RunDirectory(run.path), None, RunOutput.silent())
    assert run.finished
    assert [step for _, step, _ in epochs(run)] == [5, 10, 15]
    assert run.read_result()["steps"] == 15


def test_an_epoch_that_the_earlier_end_cut_short_goes_on(tmp_path):
    run = train(tmp_path, "run", epochs=None, steps=7)
    assert [line[:2] for line in epochs(run)] == [(1, 5), (2, 7)]
    train_on(run, "steps", 12)
    assert [line[:2] for line in epochs(run)] == [(1, 5), (2, 10), (3, 12)]


def test_a_cosine_is_that_of_the_new_length(tmp_path):
    run = train(tmp_path, "run", epochs=1, schedule={"kind": "cosine"})
    told = train_on(run, "epochs", 2)
    assert any("goes on at 0.05." in line for line in told)  # halfway
    assert run.history.epochs()[-1]["learning_rate"] == pytest.approx(0.1 * (1 + np.cos(np.pi * 0.9)) / 2, rel=1e-5)


def test_patience_begins_anew(tmp_path):
    stopping = {"metric": "loss", "patience_epochs": 1.0, "min_delta": 10.0}
    run = train(tmp_path, "run", epochs=5, early_stopping=stopping)
    assert run.read_result()["steps"] == 10
    train_on(run, "epochs", 7)
    assert run.read_result()["steps"] == 15


def test_an_unfinished_run_gets_another_length(tmp_path, monkeypatch):
    monkeypatch.setattr(fit, "finish", lambda session: (_ for _ in ()).throw(Killed()))
    with pytest.raises(Killed):
        train(tmp_path, "run", epochs=1)
    monkeypatch.undo()
    run = RunDirectory(tmp_path / "run")
    train_on(run, "steps", 15)
    assert (run.read_result()["steps"], run.resolved.recipe.steps, run.resolved.recipe.epochs) == (15, 15, None)


def test_a_run_does_not_begin_to_choose_by_its_test_images(run_of_one_epoch):
    """Though settings of `checkpoints` are free to change."""
    run = run_of_one_epoch
    edit_recipe(run, checkpoints={"keep_best": {}})
    with pytest.raises(KresnetError, match="by the test images"):
        train_on(run, "epochs", 2)
    assert run.finished


def test_a_length_that_is_reached_already_is_refused_with_one_that_is_not(run_of_one_epoch):
    run = run_of_one_epoch
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    for unit, value in (("epochs", 1), ("steps", 5), ("steps", 4)):
        with pytest.raises(KresnetError) as caught:
            kresnet.resume(run.path, **{unit: value}, progress=False)
        (problem,) = caught.value.problems
        assert (problem.code, problem.remedy) == ("bad_option", f"kresnet fit --resume {run} --epochs 2")
    with pytest.raises(KresnetError, match="stated in one unit"):
        kresnet.resume(run.path, epochs=3, steps=20, progress=False)
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


def test_an_edit_of_a_finished_run_is_told_with_what_does_it(run_of_one_epoch):
    run = run_of_one_epoch
    edit_recipe(run, epochs=2, seed=7)
    with pytest.raises(KresnetError, match="has finished") as caught:
        kresnet.resume(run.path, progress=False)
    length, seed = sorted(caught.value.problems, key=lambda problem: problem.path)
    assert (length.code, length.path, seed.path) == ("run_changed", "recipe.epochs", "recipe.seed")
    assert f": kresnet fit --resume {run} --epochs 2;" in length.remedy
    assert "change it back" in seed.remedy
    edit_recipe(run, epochs=2, seed=0)
    kresnet.resume(run.path, epochs=2, progress=False)
    assert run.read_result()["steps"] == 10
    assert json.loads((run.path / "origin.json").read_text())["recipe"]["epochs"] == 2


def test_without_a_checkpoint_there_is_nothing_to_train_on_from(run_of_one_epoch):
    run = run_of_one_epoch
    for path in run.checkpoints.rglob("*"):
        if path.is_file():
            path.unlink()
    for path in run.checkpoints.iterdir():
        path.rmdir()
    with pytest.raises(KresnetError, match="holds no checkpoint"):
        train_on(run, "epochs", 2)
