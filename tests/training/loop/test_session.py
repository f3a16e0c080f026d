"""The loop of a run, with an engine that only counts: when it evaluates, saves, stops and goes on."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from kresnet.data.sources import open_data
from kresnet.distributed.workers import Workers
from kresnet.errors import KresnetError
from kresnet.runs import live_progress
from kresnet.runs.live_progress import read_progress
from kresnet.runs.lock import RunLock
from kresnet.runs.resolved_run import ComputeSettings
from kresnet.runs.run_directory import RunDirectory
from kresnet.training.loop.progress import RunOutput
from kresnet.training.loop.run_writer import RunWriter
from kresnet.training.loop.session import TrainingSession
from tests.training.small_runs import vector_run

NO_MONITORS = SimpleNamespace(due=lambda step: None, next_due=lambda step: math.inf)


class CountingEngine:
    """Takes every step that it is told to take, and remembers after how many it was asked for what.

    Attributes:
        buffers_batches: whether batches are copied ahead of the steps.
        updates: number of steps taken.
        evaluated: numbers of steps after which images were evaluated, and how many images there were.
        accuracies: accuracies to give, one an evaluation.
    """

    buffers_batches = False

    def __init__(self, accuracies=(0.1, 0.2)) -> None:
        self.updates, self.evaluated, self.accuracies = 0, list[tuple[int, int]](), list(accuracies)
        self.trainer = SimpleNamespace(evaluated_network=None, activation_ranges=None)
        self.before_step = lambda: None

    def distribute(self, batches):
        return iter(batches)

    def train(self, batches, steps):
        self.before_step()
        self.taken = int(steps)
        for _ in range(self.taken):
            next(batches)
        self.updates += self.taken

    def steps_taken(self):
        return self.taken

    def metrics(self):
        return {"loss": 1.0}

    def reset_metrics(self):
        pass

    def learning_rate(self):
        return 0.1

    @property
    def evaluated_at(self):
        return [updates for updates, _ in self.evaluated]

    def sum_metrics(self, batches, batch_size, between, *, keep_outputs):
        between()
        count = sum(len(images) for images, _ in batches)
        self.evaluated.append((self.updates, count))
        means = {"loss": 1.0, "accuracy": self.accuracies.pop(0)}
        return SimpleNamespace(
            means=lambda: means,
            confusion_matrix=lambda: None,
            outputs=lambda: np.zeros((count, 3), np.float32),
            targets=lambda: np.arange(count, dtype=np.int32) % 3,
        )

    def state(self):
        return {"updates": np.array(self.updates)}

    def restore(self, state):
        self.updates = int(state["updates"])


@pytest.fixture
def run(tmp_path):
    """A run's directory, and `train`: begin or continue the run with an engine, and return its session."""
    directory = RunDirectory(tmp_path / "run")
    directory.path.mkdir()

    def train(engine, stop=None, pause_after=None, **recipe):
        resolved = vector_run(tmp_path, **recipe)
        data = open_data(resolved.recipe.data, resolved.spec.input, 0)
        resolved = resolved.with_data(data.description).with_compute(
            ComputeSettings(1, "float32", "float32", xla=False)
        )
        with RunLock(directory.path, lambda text: None) as lock:
            writer = RunWriter(directory, resolved.plan, lock)
            session = TrainingSession(resolved, data, engine, NO_MONITORS, Workers(), writer, RunOutput.silent())
            session.train(stop or SimpleNamespace(requested=False), pause_after)
        return session

    return SimpleNamespace(train=train, directory=directory)


def test_every_epoch_is_evaluated_recorded_and_saved(run):
    engine = CountingEngine()
    session = run.train(engine)
    assert engine.updates == session.step == 10
    assert engine.evaluated_at == [5, 10]
    history = [json.loads(line) for line in run.directory.history.path.read_text().splitlines()]
    assert [(line["step"], line["epoch"], line["test"]["accuracy"]) for line in history] == [(5, 1, 0.1), (10, 2, 0.2)]
    assert session.state.line == history[-1]
    assert [path.name for path in sorted(run.directory.checkpoints.iterdir())] == ["step-00000005", "step-00000010"]


def test_who_watches_is_told_how_far_the_run_is(run, monkeypatch):
    monkeypatch.setattr(live_progress, "WRITE_SECONDS", 0.0)
    engine, told = CountingEngine(), []
    engine.before_step = lambda: told.append(read_progress(run.directory.progress))
    run.train(engine)
    assert told[0] is None
    assert [each.step for each in told[1:]] == sorted({each.step for each in told[1:]})
    last = read_progress(run.directory.progress)
    assert (last.step, last.total_steps, last.epoch_steps, last.epochs) == (10, 10, 5, 2)
    assert last.metrics == {"loss": 1.0}
    assert last.images_per_second > 0
    assert last.seconds_left == 0


def test_a_request_to_stop_saves_and_is_an_error_that_says_how_to_go_on(run):
    stop = SimpleNamespace(requested=False)
    engine = CountingEngine()
    engine.before_step = lambda: setattr(stop, "requested", True)
    with pytest.raises(KresnetError) as caught:
        run.train(engine, stop)
    (problem,) = caught.value.problems
    assert (problem.code, problem.remedy) == ("interrupted", f"kresnet fit --resume {run.directory}")
    assert engine.evaluated_at == []
    assert [path.name for path in run.directory.checkpoints.iterdir()] == [f"step-{engine.updates:08}"]

    continued = CountingEngine()
    session = run.train(continued)
    assert continued.updates == 10
    assert continued.evaluated_at == [5, 10]
    assert session.state.seconds > 0


def test_a_run_pauses_after_an_epoch_and_not_at_its_end(run):
    engine = CountingEngine()
    for _ in range(2):  # told the same again, it pauses at once
        with pytest.raises(KresnetError) as caught:
            run.train(engine, pause_after=1)
        assert [problem.code for problem in caught.value.problems] == ["interrupted"]
        assert (engine.updates, engine.evaluated_at) == (5, [5])
        engine = CountingEngine()
        engine.updates, engine.evaluated = 5, [(5, 16)]
    continued = CountingEngine([0.2])
    session = run.train(continued, pause_after=2)
    assert (session.step, continued.evaluated_at) == (10, [10])
    assert [line["epoch"] for line in run.directory.history.epochs()] == [1, 2]


def test_the_best_epoch_is_kept_and_a_run_without_improvement_ends_early(run, monkeypatch):
    written = []
    monkeypatch.setattr(RunWriter, "write_model", lambda self, path, network, ranges: written.append(path.name))
    engine = CountingEngine([0.1, 0.3, 0.3, 0.2, 0.9])
    stopping = {"metric": "accuracy", "patience_epochs": 2.0}
    session = run.train(engine, epochs=5, checkpoints={"keep_best": {}}, early_stopping=stopping)
    assert engine.evaluated == [(5, 12), (10, 12), (15, 12), (20, 12), (20, 16)]  # validated, and tested at the end
    assert written == ["best.keras", "best.keras"]
    assert session.state.best == {"step": 10, "epoch": 2, "split": "validation", "metric": "accuracy", "value": 0.3}
    history = [json.loads(line) for line in run.directory.history.path.read_text().splitlines()]
    assert [line["validation"]["accuracy"] for line in history] == [0.1, 0.3, 0.3, 0.2]
    assert not any("test" in line for line in history)
    assert session.test["accuracy"] == 0.9


def test_a_request_to_stop_before_the_test_leaves_it_to_who_continues(run):
    stop = SimpleNamespace(requested=False)
    engine = CountingEngine([0.1, 0.2, 0.3])
    measure = engine.sum_metrics

    def stop_before_the_test(*batches, **options):
        stop.requested = len(engine.evaluated) == 2
        return measure(*batches, **options)

    engine.sum_metrics = stop_before_the_test
    settings = {"early_stopping": {"patience_epochs": 1.0, "metric": "accuracy"}}
    with pytest.raises(KresnetError) as caught:
        run.train(engine, stop, **settings)
    assert [problem.code for problem in caught.value.problems] == ["interrupted"]
    continued = CountingEngine([0.7])
    assert run.train(continued, **settings).test["accuracy"] == 0.7
    assert continued.evaluated == [(10, 16)]
