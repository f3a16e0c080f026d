"""Runs and `.keras` files that kresnet 0.1.0 wrote are still listed, opened, measured and continued, to its numbers."""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from kresnet import open_run
from kresnet.runs.config_drift import config_changes
from kresnet.runs.run_directory import RunDirectory
from kresnet.runs.run_status import run_statuses
from tests.command import kresnet

WRITTEN = Path(__file__).parent / "written_by_0_1_0"
EXPECTED = json.loads((WRITTEN / "expected.json").read_text(encoding="utf-8"))
#: The last bits depend on the processor.
CLOSE = {"rtol": 1e-3, "atol": 1e-5}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the files, where the recipes' relative path of the data leads."""
    folder = shutil.copytree(WRITTEN, tmp_path / "written")
    monkeypatch.chdir(folder)
    return folder


def test_runs_are_listed_with_what_became_of_them(folder):
    shown = {each.name: (each.state, each.reason, each.step, each.steps, each.best) for each in run_statuses(folder)}
    assert shown == {
        "finished": ("finished", "", 24, 24, 1.0),
        "interrupted": ("stopped", "interrupted", 10, 24, pytest.approx(2 / 3)),
    }


def test_a_finished_run_measures_and_predicts_as_then(folder):
    run = open_run(folder / "finished")
    assert [line["epoch"] for line in run.history] == [1, 2, 3, 4, 5, 6]
    evaluation = run.evaluate()
    assert evaluation.keys() > {*EXPECTED["evaluation"], "seconds", "data"}  # later versions measure more
    assert evaluation["data"] == {"name": "stripes.npz", "differences": []}
    assert evaluation["loss"] == pytest.approx(EXPECTED["evaluation"]["loss"], rel=1e-3)
    assert evaluation["accuracy"] == EXPECTED["evaluation"]["accuracy"]
    assert np.array_equal(evaluation["tally"], EXPECTED["evaluation"]["tally"])
    predictions = run.predict(np.load(folder / "stripes.npz")["test_inputs"][:6])
    for prediction, then in zip(predictions, EXPECTED["predictions"], strict=True):
        assert prediction["probabilities"].keys() == then.keys()
        np.testing.assert_allclose(list(prediction["probabilities"].values()), list(then.values()), **CLOSE)


def test_keras_loads_the_model_with_safe_mode(folder):
    model = keras.saving.load_model(folder / "finished/model.keras", compile=False, safe_mode=True)
    registered = {keras.saving.get_registered_name(type(layer)) for layer in model.layers}
    names = ("FusedBatchNorm", "NormalizePixels", "Dropout", "StochasticDepth", "IdentityPad", "SymmetricPad")
    assert {f"kresnet>{name}" for name in names} <= registered
    initializer = model.get_layer("stem.conv").kernel_initializer
    assert keras.saving.get_registered_name(type(initializer)) == "kresnet>ScaledNormal"
    logits = model.predict(np.load(folder / "stripes.npz")["test_inputs"][:6].astype("float32"), verbose=0)
    probabilities = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    np.testing.assert_allclose(probabilities, [list(each.values()) for each in EXPECTED["predictions"]], **CLOSE)


@pytest.mark.parametrize("name", ["interrupted", "finished"])
def test_settings_that_came_later_are_no_change(folder, name):
    run = RunDirectory(folder / name)
    assert config_changes(run.original_config(), run.resolved.documents()) == []


def test_an_interrupted_run_goes_on_to_the_result_of_then(folder):
    """On another machine than that of its beginning, so that it goes on as a user would have to ask for."""
    run = kresnet("fit", "--resume", folder / "interrupted", "--allow-changed", "--json")
    assert run.returncode == 0, run.stderr
    assert "Continuing after step 10 of 24." in run.stderr
    result, then = json.loads(run.stdout), json.loads((WRITTEN / "finished/result.json").read_text(encoding="utf-8"))
    assert result.keys() == then.keys()
    assert (result["epochs"], result["steps"]) == (6, 24)
    for split in ("train", "test"):
        assert {name: result[split][name] for name in then[split]} == pytest.approx(then[split], rel=1e-3)
    model, model_then = (
        keras.saving.load_model(place / "model.keras", compile=False)
        for place in (folder / "interrupted", WRITTEN / "finished")
    )
    for weight, weight_then in zip(model.weights, model_then.weights, strict=True):
        np.testing.assert_allclose(weight.numpy(), weight_then.numpy(), rtol=1e-3, atol=1e-4, err_msg=weight.path)
