"""A run with an average of its weights that ends early, whole and continued."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from kresnet.spec.recipe.metrics import metric_named
from kresnet.training.loop.early_stopping import EarlyStoppingState
from tests.command import kresnet
from tests.data.sources.test_arrays import VALUES, written

RECIPE = """
name: patient
data: {kind: arrays, path: data.npz, validation: 0.125}
epochs: 40
batch_size: 64
optimizer: {kind: lamb, learning_rate: 0.01}
gradient_clip_adaptive: 0.1
ema: {decay: 0.9, start_steps: 3}
early_stopping: {patience_epochs: 2, min_delta: 10}
checkpoints: {keep_last: 9}
deterministic: true
"""


EPOCH = 7


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("early")
    written(home / "data.npz", VALUES)
    (home / "patient.yaml").write_text(RECIPE)
    done = kresnet("fit", "residual_mlp", "--recipe", "patient.yaml", "-o", "run", cwd=home)
    assert done.returncode == 0, done.stderr
    assert "No better loss" in done.stderr
    return home / "run"


def weights(run: Path) -> list[np.ndarray]:
    import keras

    import kresnet.graph  # noqa: F401 - registers initializers and layers

    return keras.models.load_model(run / "model.keras", compile=False).get_weights()


def test_it_ends_when_its_patience_is_over(run):
    result = json.loads((run / "result.json").read_text())
    assert (result["steps"], result["epochs"]) == (3 * EPOCH, 3)
    assert len((run / "history.jsonl").read_text().splitlines()) == 3


@pytest.mark.parametrize("lost", [0, pytest.param(1, marks=pytest.mark.slow), 2], ids="after epoch {}".format)
def test_continued_it_ends_at_the_same_step_with_the_same_average(run, tmp_path, lost):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    for name in ("result.json", "model.keras"):
        (copy / name).unlink()
    for checkpoint in sorted((copy / "checkpoints").glob("step-*"))[3 - lost :]:
        shutil.rmtree(checkpoint)
    done = kresnet("fit", "--resume", copy)
    assert done.returncode == 0, done.stderr
    assert json.loads((copy / "result.json").read_text())["steps"] == 3 * EPOCH
    for one, other in zip(weights(copy), weights(run), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_it_holds_is_the_average(run):
    """The checkpoint's last arrays are the average, its first the weights themselves."""
    held, newest = weights(run), sorted((run / "checkpoints").glob("step-*"))[-1]
    with np.load(newest / "state.npz") as state:
        arrays = [state[name] for name in sorted(state.files)]
    for average, weight, array in zip(held, arrays, arrays[-len(held) :], strict=False):
        np.testing.assert_array_equal(average, array)
        assert not np.array_equal(average, weight)


def model(value: float) -> keras.Model:
    inputs = keras.Input((2,))
    made = keras.Model(inputs, keras.layers.BatchNormalization()(keras.layers.Dense(2, use_bias=False)(inputs)))
    for weight in made.weights:
        weight.assign(np.full(weight.shape, value))
    return made


def observed(values, metric="loss", patience=2, min_delta=0.0) -> list[bool]:
    stopping = EarlyStoppingState(metric_named(metric), patience, min_delta)
    return [stopping.observe(step, {metric: value}) for step, value in enumerate(values, start=1)]


@pytest.mark.parametrize(
    ("values", "settings", "stops"),
    [
        ([3, 2, 1, 0], {}, None),
        ([3, 2, 2, 2], {}, 4),
        ([3, 2, 2.5, 1.9, 2, 2], {}, 6),
        ([3, 2.9, 2.8, 2.7], {"min_delta": 0.5}, 3),
        ([0.5, 0.4, 0.4], {"metric": "accuracy"}, 3),
        ([0.5, 0.6, 0.7], {"metric": "accuracy"}, None),
    ],
)
def test_a_run_stops_when_its_patience_is_over(values, settings, stops):
    found = observed(values, **settings)
    assert (found.index(True) + 1 if True in found else None) == stops


def test_early_stopping_is_keras_early_stopping():
    values = list(np.random.default_rng(3).random(30))
    theirs = keras.callbacks.EarlyStopping("loss", patience=4, min_delta=0.05)
    theirs.set_model(model(1.0))
    theirs.model.stop_training = False
    theirs.on_train_begin()
    for epoch, value in enumerate(values):
        theirs.on_epoch_end(epoch, {"loss": value})
        if theirs.model.stop_training:
            break
    assert observed(values, patience=4, min_delta=0.05).index(True) == epoch


def test_a_restored_early_stopping_goes_on_as_the_first_would():
    values = [3, 2, 2.5, 1.9, 2, 2]
    first = EarlyStoppingState(metric_named("loss"), 2, 0.0)
    for step, value in enumerate(values[:3], start=1):
        first.observe(step, {"loss": value})
    second = EarlyStoppingState(metric_named("loss"), 2, 0.0)
    second.restore(first.facts())
    assert [second.observe(step, {"loss": value}) for step, value in enumerate(values[3:], start=4)] == [
        False, False, True,
    ]  # fmt: skip


def test_a_metric_that_is_no_number_is_no_best():
    """A class without images may leave a metric undefined after the first epochs."""
    state = EarlyStoppingState(metric_named("auroc_macro"), patience=20, min_delta=0.0)
    assert not state.observe(10, {"auroc_macro": math.nan})
    assert not state.observe(20, {"auroc_macro": 0.5})
    assert (state.best, state.best_step) == (0.5, 20)
    assert not state.observe(30, {"auroc_macro": math.nan})
    assert state.observe(40, {"auroc_macro": 0.4})
    never = EarlyStoppingState(metric_named("auroc_macro"), patience=10, min_delta=0.0)
    assert never.observe(10, {"auroc_macro": math.nan})
    assert never.sentence() == "No auroc_macro that is a number in 10 steps."
