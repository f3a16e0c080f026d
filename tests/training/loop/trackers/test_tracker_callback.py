"""Trackers are told each line of a run's history once, and whatever they do, the run goes on."""

from __future__ import annotations

import json
from typing import ClassVar, Literal

import pytest

from kresnet.errors import KresnetError
from kresnet.runs.history_file import HistoryFile
from kresnet.runs.run_directory import RunDirectory
from kresnet.runtime import EXTRAS
from kresnet.spec.recipe import Recipe, Tracker
from kresnet.training import fit
from kresnet.training.loop.progress import RunOutput
from kresnet.training.loop.trackers.run_tracker import RunTracker
from kresnet.training.loop.trackers.tracker_callback import metrics_of_line, require_tracker_packages
from kresnet.training.recipe_kinds import register_tracker
from tests.training.interrupted_runs import Killed, weights
from tests.training.small_runs import vector_run


class NotebookTracker(Tracker):
    """A tracker of somebody else's, which keeps what it is told."""

    kind: Literal["notebook"]
    away_after: int = 1000
    """Step after which it does not answer."""


class Notebook(RunTracker):
    told: ClassVar[list] = []
    away: ClassVar[bool] = False

    def __init__(self, settings):
        self.settings = settings

    def begin(self, run, known):
        self._answer(run.step)
        self.told.append(("begin", run.name, run.step, dict(known).get("page")))
        self.parameters = run.parameters
        assert run.parameters["optimizer.kind"] == "sgd"
        assert run.parameters["spec"] == "vectors"
        return {"page": 7}

    def log(self, metrics, step, epoch):
        self._answer(step)
        self.told.append((step, epoch, metrics.get("train/loss")))

    def add_file(self, path):
        self.told.append(path.name)

    def end(self, *, finished):
        self.told.append("finished" if finished else "to be continued")

    def _answer(self, step):
        if self.away and step > self.settings.away_after:
            raise ConnectionError("nobody at home")


@pytest.fixture(autouse=True)
def _known_and_told_nothing():
    register_tracker(NotebookTracker, Notebook)
    Notebook.told, Notebook.away = [], False
    yield
    Tracker.kinds.forget("notebook")


def start(directory, run, log=lambda line: None):
    return fit.start(directory, run, None, RunOutput(log))


def losses(directory):
    return [(line["step"], line["epoch"], line["train"]["loss"]) for line in directory.history.epochs()]


def test_one_that_is_away_is_told_once_changes_nothing_and_gets_what_it_missed_at_the_end(tmp_path):
    plain, away, lines = RunDirectory(tmp_path / "plain"), RunDirectory(tmp_path / "run"), []
    start(plain, vector_run(tmp_path, epochs=4, deterministic=True))
    Notebook.away = True
    settings = {"kind": "notebook", "away_after": 5}

    def log(line):
        lines.append(line)
        Notebook.away = Notebook.away and "nobody" not in line

    start(away, vector_run(tmp_path, epochs=4, deterministic=True, trackers=[settings]), log)
    reason = "The tracker notebook fails, and training goes on without it: ConnectionError: nobody at home"
    assert [line for line in lines if "tracker" in line] == [reason]
    assert [each for each in Notebook.told if isinstance(each, tuple)][1:] == losses(away)
    for one, other in zip(weights(plain.model), weights(away.model), strict=True):
        assert (one == other).all()


def test_a_run_that_is_resumed_goes_on_as_one_and_each_line_is_told_once(tmp_path, monkeypatch):
    directory = RunDirectory(tmp_path / "run")
    append = HistoryFile.append

    def append_and_kill(self, line):
        append(self, line)
        if line["step"] == 15:
            raise Killed

    run = vector_run(tmp_path, epochs=4, trackers=["notebook", "tensorboard"], checkpoints={"save_every_steps": 4})
    with monkeypatch.context() as patched:
        patched.setattr(HistoryFile, "append", append_and_kill)
        with pytest.raises(Killed):
            start(directory, run)
    fit.resume(RunDirectory(directory.path), None, RunOutput())
    assert [each for each in Notebook.told if each[0] == "begin"] == [
        ("begin", "run", 0, None),
        ("begin", "run", 12, 7),
    ]
    assert [each for each in Notebook.told if isinstance(each, tuple) and each[0] != "begin"] == losses(directory)
    assert json.loads((directory.path / "trackers.json").read_text()) == {"notebook": {"page": 7, "sent": [20, 1]}}


def test_a_tracker_that_is_added_later_gets_the_whole_history(tmp_path):
    directory = RunDirectory(tmp_path / "run")
    start(directory, vector_run(tmp_path))
    recipe = directory.path / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("- {kind: tensorboard}", "- notebook"))
    fit.resume(RunDirectory(directory.path), None, RunOutput(), length=("epochs", 3))
    documents = ["spec.yaml", "recipe.yaml", "plan.json"]
    assert Notebook.told == [("begin", "run", 10, None), *documents, *losses(directory), "finished"]


def test_gradients_are_named_as_tensorboard_shows_them():
    line = {"step": 1, "gradients": {"blocks": {"stage1.block1": {"delta": 1.0, "weights": 2.0, "identity": 3.0}}}}
    assert metrics_of_line(line) == {"gradients/delta/stage1.block1": 1.0, "gradients/weights/stage1.block1": 2.0}


def test_packages_that_are_missing_are_told_before_the_run(monkeypatch):
    monkeypatch.setitem(EXTRAS, "mlflow", {"no_such_package": "mlflow-skinny"})
    recipe = Recipe.model_validate(
        {"name": "short", "data": {"kind": "embedded"}, "epochs": 1, "batch_size": 8, "trackers": ["mlflow"],
         "optimizer": {"kind": "sgd"}}
    )  # fmt: skip
    with pytest.raises(KresnetError, match=r"The tracker mlflow needs packages.*\n.*kresnet\[mlflow\]"):
        require_tracker_packages(recipe)
