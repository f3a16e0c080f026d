"""What `calibrate` prints, and what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kresnet.cli.main import main
from kresnet.data.embedded import read_embedded
from kresnet.evaluation.predictor import KerasPredictor
from kresnet.runs.trained_model import trained_model_of_run
from tests.evaluation.runs import with_model


def calibrate(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(["calibrate", *map(str, arguments)])
    return ended.value.code or 0, *capsys.readouterr()


def test_the_temperature_is_told_with_what_it_changes(tmp_path, capsys):
    run = with_model(tmp_path / "run")
    images = read_embedded()["test_images"][:60]
    likeliest = KerasPredictor(trained_model_of_run(run)).outputs(images).argmax(1)
    classes = np.where(np.arange(60) % 4 > 0, likeliest, (likeliest + 1) % 10)
    np.savez(tmp_path / "x.npz", test_inputs=images, test_targets=classes)
    status, out, _ = calibrate(capsys, run.path, "--data", f"arrays:{tmp_path / 'x.npz'}")
    assert status == 0
    assert out.startswith("the temperature ")
    assert "fitted to 60 test images" in out
    assert "negative log likelihood" in out.splitlines()[1]
    status, out, _ = calibrate(capsys, run.path, "--data", tmp_path / "x.npz", "--json")
    assert json.loads(out)["split"] == "test"
    status, out, told = calibrate(capsys, run.path)
    assert (status, out) == (2, "")
    assert "without images to validate on" in told
