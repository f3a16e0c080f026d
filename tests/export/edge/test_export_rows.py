"""Calibration on training images, proof on validation images, and the test images left alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kresnet.data.sources import open_data
from kresnet.errors import KresnetError
from kresnet.export.edge.export_rows import file_rows
from kresnet.runs.trained_model import open_trained_model, trained_model_of_run
from tests.evaluation.runs import with_model
from tests.export.networks import save_converted


def _images(rows: np.ndarray) -> set[bytes]:
    return {row.tobytes() for row in rows}


@pytest.mark.parametrize("validated", [True, False])
def test_a_run_is_calibrated_on_training_and_proved_on_other_images_but_never_on_test_images(
    validated: bool, tmp_path: Path
) -> None:
    data = {"kind": "embedded"} | ({"validation": 0.1} if validated else {})
    run = with_model(tmp_path / "run", recipe={"data": data})
    found = file_rows(trained_model_of_run(run), 20)
    assert found.calibration
    recipe = run.resolved.recipe
    opened = open_data(recipe.data, run.resolved.spec.input, recipe.seed).splits
    splits = {name: _images(split.fetch(np.arange(len(split)))[0].numpy()) for name, split in opened.items()}
    calibrated, proved = _images(found.calibration.values), _images(found.proof.values)
    assert len(found.calibration.values) == 20
    assert calibrated <= splits["train"]
    assert proved <= splits["validation" if validated else "train"]
    assert not proved & calibrated
    assert not (proved | calibrated) & splits["test"]
    assert found.proof.targets is not None
    assert ("no validation split" in found.proof.source) is not validated
    again = file_rows(trained_model_of_run(run), 20)
    assert again.calibration
    assert again.calibration.drawn == found.calibration.drawn
    assert found.calibration.drawn
    assert (found.calibration.drawn["split"], found.calibration.drawn["images"]) == ("train", 20)


def test_a_network_without_a_run_is_calibrated_on_a_folder_of_images(tmp_path: Path) -> None:
    origin = open_trained_model(save_converted(tmp_path))
    with pytest.raises(KresnetError, match="no training images to calibrate it on") as caught:
        file_rows(origin, 8)
    assert (caught.value.problems[0].remedy or "").startswith("--images DIR")
    assert file_rows(origin, 0).proof.source == "Fashion-MNIST images"
    pixels = np.random.default_rng(0).integers(0, 256, (5, 12, 10, 3), np.uint8)
    (tmp_path / "pictures").mkdir()
    for index, each in enumerate(pixels):
        Image.fromarray(each).save(tmp_path / "pictures" / f"{index}.png")
    found = file_rows(origin, 4, tmp_path / "pictures")
    assert found.calibration
    np.testing.assert_array_equal(found.calibration.values, pixels[:4])
    assert found.proof.targets is None
