"""Runs with images to validate on: what they look at, and when; and runs that earlier versions began without them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

import kresnet
from kresnet.data.sources.array_source import ArraySource
from kresnet.runs.resolved_run import resolve_run
from kresnet.runs.run_directory import RunDirectory
from kresnet.training import fit
from kresnet.training.loop.progress import RunOutput
from kresnet.training.loop.session import TrainingSession
from tests.training.interrupted_runs import Killed, assert_same_run, train_interrupted, train_uninterrupted, weights
from tests.training.small_runs import vector_run


def test_the_test_images_are_read_once(tmp_path, monkeypatch):
    """Each of them, though the images to validate on are read after every one of the three epochs."""
    reads: dict[int, Counter[int]] = {40: Counter(), 12: Counter(), 16: Counter()}  # by the size of the split
    fetch = ArraySource.fetch

    def counted(self, positions):
        def count(found):
            reads[len(self)].update(found.tolist())
            return found

        return fetch(self, tf.ensure_shape(tf.numpy_function(count, [positions], tf.int64), (None,)))

    monkeypatch.setattr(ArraySource, "fetch", counted)
    run = vector_run(tmp_path, epochs=3, checkpoints={"keep_best": {}})
    result = fit.start(RunDirectory(tmp_path / "run"), run, None, RunOutput.silent())
    assert dict(reads[12]) == dict.fromkeys(range(12), 3)
    assert dict(reads[16]) == dict.fromkeys(range(16), 1)
    assert {"train", "validation", "test", "best"} <= result.keys()


@pytest.mark.slow  # beside tests/training/test_exact_resume.py
def test_an_interrupted_run_ends_as_an_uninterrupted_one(tmp_path):
    settings = {"early_stopping": {"metric": "loss", "patience_epochs": 2.0}, "checkpoints": {"keep_best": {}}}
    run = vector_run(tmp_path, epochs=3, deterministic=True, **settings)
    data = run.recipe.data.model_copy(update={"validation": 0.2})
    recipe = run.recipe.model_copy(update={"data": data})
    whole, many = RunDirectory(tmp_path / "whole"), RunDirectory(tmp_path / "many")
    train_uninterrupted(whole, run.spec, recipe)
    assert train_interrupted(many, run.spec, recipe, 12) == 4  # saved after each of three epochs of four steps
    assert_same_run(whole, many)
    for one, other in zip(weights(whole.best_model), weights(many.best_model), strict=True):
        np.testing.assert_array_equal(one, other)
    results = [directory.read_result() for directory in (whole, many)]
    assert all(results[0][name] == results[1][name] for name in ("train", "validation", "test", "best"))
    assert whole.data() == many.data()
    assert (whole.data()["train_images"], whole.data()["validation_images"]) == (32, 8)
    assert whole.history.epochs()[-1]["validation"].items() <= results[0]["validation"].items()


def test_tensorboard_has_a_curve_of_the_images_to_validate_on_and_a_point_of_the_test(tmp_path):
    run = vector_run(tmp_path, checkpoints={"keep_best": {}})
    directory = RunDirectory(tmp_path / "run")
    result = fit.start(directory, run, None, RunOutput.silent())
    (file,) = directory.tensorboard.iterdir()
    points: dict[str, dict[int, float]] = {}
    for event in tf.compat.v1.train.summary_iterator(str(file)):
        for value in event.summary.value:
            points.setdefault(value.tag, {})[event.step] = float(tf.make_ndarray(value.tensor))
    assert list(points["validation/loss"]) == [1, 2]
    assert points["test/loss"] == {2: pytest.approx(result["test"]["loss"])}


def test_a_run_that_began_to_choose_by_test_images_is_opened_measured_and_resumed(tmp_path, monkeypatch):
    """As before this was refused: a run of an earlier version keeps its epochs' test figures."""
    document = vector_run(tmp_path, checkpoints={"keep_best": {}, "save_every_steps": 3}).recipe.document()
    document["data"] |= {"validation": None}
    spec, directory = vector_run(tmp_path).spec, RunDirectory(tmp_path / "run")
    with pytest.raises(kresnet.KresnetError, match="by the test images"):
        resolve_run(spec, document)
    save = TrainingSession._save

    def save_and_kill(session):
        save(session)
        session.saver.finish()
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(TrainingSession, "_save", save_and_kill)
        with pytest.raises(Killed):
            fit.start(directory, resolve_run(spec, document, begun=True), None, RunOutput.silent())
    run = kresnet.resume(directory.path, progress=False)
    assert (run.status.state, run.status.split, "validation" in run.result) == ("finished", "test", False)
    assert [list(line)[2:4] for line in directory.history.epochs()] == [["train", "test"]] * 2
    assert run.evaluate(best=True)["accuracy"] == pytest.approx(run.result["best"]["value"])
