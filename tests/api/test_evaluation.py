"""A calibration goes from `calibrate` to predictions, evaluations and exports, until the weights change."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.special import softmax

import kresnet
from kresnet.errors import KresnetError
from kresnet.runs.run_directory import RunDirectory
from tests.api.networks import recipe

SPECIAL = 2.5


@pytest.fixture(scope="module")
def run(whole, home, tmp_path_factory) -> kresnet.Run:
    """A copy of the run, to be calibrated."""
    return kresnet.open_run(shutil.copytree(whole.path, tmp_path_factory.mktemp("calibrated") / "run"))


@pytest.fixture(scope="module")
def images(home) -> np.ndarray:
    with np.load(home / "data.npz") as data:
        return data["test_inputs"]


@pytest.fixture(scope="module")
def noisy(home, tmp_path_factory, images) -> Path:
    """Test images of which every fifth has a wrong label: no network is right about all of them."""
    with np.load(home / "data.npz") as data:
        labels = data["test_targets"].copy()
    labels[::5] = (labels[::5] + 1) % 3
    path = tmp_path_factory.mktemp("noisy") / "noisy.npz"
    np.savez(path, test_inputs=images, test_targets=labels)
    return path


@pytest.fixture(scope="module")
def calibration(run, noisy):
    return run.calibrate(data=f"arrays:{noisy}")


def test_a_run_without_validation_is_not_calibrated_unless_images_are_named(run):
    with pytest.raises(KresnetError) as caught:
        kresnet.calibrate(run)
    (problem,) = caught.value.problems
    assert problem.code == "data_missing"
    assert f"kresnet calibrate {run.path} --data folder:PATH" in problem.remedy


def test_calibrated_probabilities_are_predicted_measured_and_exported(run, calibration, noisy, images, tmp_path):
    logits = np.asarray(run.model()(images.astype(np.float32), training=False))
    expected = softmax(logits / calibration.temperatures[0], axis=1)
    assert calibration.temperatures[0] != 1

    answers = run.predict(images)
    np.testing.assert_allclose([list(each["probabilities"].values()) for each in answers], expected, rtol=1e-4)
    measured = run.evaluate(data=f"arrays:{noisy}")
    assert measured["temperatures"] == list(calibration.temperatures)
    assert measured["negative_log_likelihood"] == pytest.approx(calibration.after["negative_log_likelihood"], rel=1e-4)
    assert measured["data"] == {"name": "noisy.npz", "differences": []}

    exported = run.export(tmp_path, signatures=[])
    assert exported.report.passed
    served = kresnet.evaluate(tmp_path / "tiny", data=f"arrays:{noisy}")
    for name in ("loss", "accuracy", "negative_log_likelihood", "calibration_error"):
        assert served[name] == pytest.approx(measured[name], rel=1e-4), name
    own = kresnet.evaluate(exported.path)  # its manifest names the data of the run
    assert own["loss"] == pytest.approx(run.evaluate()["loss"], rel=1e-4)
    for number, pixels in enumerate(images[:2]):
        Image.fromarray(pixels[..., 0]).save(tmp_path / f"{number}.png")
    from_server = kresnet.predict(exported.path, [tmp_path / "0.png", tmp_path / "1.png"])
    np.testing.assert_allclose([each["probability"] for each in from_server], expected[:2].max(1), rtol=1e-4)


def test_a_calibration_of_other_weights_is_told_and_not_applied(run, calibration, images, tmp_path, capsys):
    other = kresnet.open_run(shutil.copytree(run.path, tmp_path / "run"))
    model = other.model()
    model.set_weights([weight * 1.01 for weight in model.get_weights()])
    model.save(RunDirectory(other.path).model)
    result = kresnet.open_run(other.path).evaluate()
    assert result["temperatures"] is None
    told = capsys.readouterr().err
    assert "changed since they were calibrated" in told
    assert f"kresnet calibrate {other.path}" in told


def test_validation_images_are_fitted_to_where_there_are_some(home, tmp_path, capsys):
    settings = recipe(tmp_path, epochs=1)
    settings["data"]["validation"] = 0.5
    from tests.api.networks import SPEC

    run = kresnet.fit(SPEC, settings, output=tmp_path / "run", progress=False)
    found = kresnet.calibrate(run, split="train")
    assert "trained on these images" in found.notes[0]
    found = kresnet.calibrate(run)
    assert (found.split, found.images) == ("validation", 32)


def test_what_cannot_be_measured_or_calibrated_is_refused(run, tmp_path):
    for call, code in (
        (lambda: kresnet.evaluate(run, data="folder:x", recipe="quickstart"), "bad_option"),
        (lambda: kresnet.evaluate(run, tta="rotate"), "bad_option"),
        (lambda: kresnet.evaluate(run, corrupt="rain"), "bad_option"),
        (lambda: kresnet.evaluate(run, split="validation"), "data_missing"),
        (lambda: kresnet.evaluate(run, data=f"folder:{tmp_path / 'none'}"), "data_missing"),
    ):
        with pytest.raises(KresnetError) as caught:
            call()
        assert caught.value.problems[0].code == code


def test_a_table_is_measured_by_its_columns(run, images, home, tmp_path):
    with np.load(home / "data.npz") as data:
        labels = data["test_targets"]
    lines = ["file,class,set"]
    for number, (pixels, label) in enumerate(zip(images, labels, strict=True)):
        Image.fromarray(pixels[..., 0]).save(tmp_path / f"{number}.png")
        lines.append(f"{number}.png,{label},{'train' if number < 4 else 'test'}")
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(lines) + "\n")
    expected, found = run.evaluate(), run.evaluate(data=f"table:{table}", split="test")
    assert (found["images"], found["split"]) == (12, "test")
    assert run.evaluate(data=str(table), split="train")["images"] == 4
    table.write_text("\n".join(line.rpartition(",")[0] for line in lines) + "\n")
    whole = run.evaluate(data=f"table:{table}")
    assert whole["loss"] == pytest.approx(expected["loss"], rel=1e-5)
    assert whole["tally"] == expected["tally"]
    table.write_text("file,note\n0.png,3.5\n")
    with pytest.raises(KresnetError) as caught:
        run.evaluate(data=f"table:{table}")
    assert caught.value.problems[0].code == "data_mismatch"
