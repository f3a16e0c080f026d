"""The evaluation with mistakes measures what `evaluate` measures; runs without a model or with other data."""

from __future__ import annotations

import numpy as np
import pytest

import kresnet
from kresnet.data.embedded import CLASS_NAMES, read_embedded
from kresnet.errors import KresnetError
from kresnet.evaluation.evaluate import (
    evaluate_with_mistakes,
    final_or_best_model,
    first_test_images,
    open_run_split,
)
from kresnet.files import digest
from kresnet.runs.calibration import Calibration, write_calibration
from tests.evaluation.runs import arrays, evaluate_run, with_model
from tests.report.recorded_runs import made


def test_metrics_and_confusion_are_those_of_evaluate(classifier_run, evaluation):
    expected = evaluate_run(classifier_run)
    assert evaluation.kind == "classes"
    assert evaluation.images == expected["images"] == 1000
    np.testing.assert_array_equal(evaluation.confusion_matrix, expected["tally"])
    for metric, value in evaluation.metrics.items():
        assert value == pytest.approx(expected[metric], rel=1e-5)
    assert {label: value for label, value, _ in evaluation.accuracies} == expected["classes"]
    assert [each.count for each in evaluation.reliability] == [each["count"] for each in expected["reliability"]]
    assert expected["split"] == "test"
    assert expected["temperatures"] is None


def test_the_best_network_stands_in_while_there_is_no_final_one(tmp_path):
    run = made(tmp_path / "run", epochs=2)
    with pytest.raises(KresnetError) as error:
        final_or_best_model(run)
    assert error.value.problems[0].code == "run_missing"
    run.best_model.touch()
    assert final_or_best_model(run) == run.best_model
    run.model.touch()
    assert final_or_best_model(run) == run.model


def test_other_data_than_the_run_was_trained_on_are_not_examined(tmp_path):
    run = made(tmp_path / "run", fingerprint="of other data", names=CLASS_NAMES)
    run.model.touch()
    with pytest.raises(KresnetError, match="no longer") as error:
        evaluate_with_mistakes(run)
    assert error.value.problems[0].code == "data_mismatch"


def test_the_first_test_images_come_in_the_order_of_the_data(classifier_run):
    images, names, differences = first_test_images(classifier_run, 5)
    np.testing.assert_array_equal(images, read_embedded()["test_images"][:5])
    assert names == [f"image {place}" for place in range(5)]
    assert differences == ()


LABELS = np.arange(40) % 2
PICTURES = np.random.default_rng(0).integers(0, 256, (40, 28, 28, 1), np.uint8)


def array_file(path, names, inputs=PICTURES, targets=LABELS):
    """An `.npz` file whose classes have names, and a recipe's data that are it."""
    settings = arrays(path, inputs, targets)
    with np.load(path) as file:
        contents = dict(file)
    np.savez(path, **contents, class_names=np.array(names))
    return settings


@pytest.fixture
def run_on_arrays(tmp_path):
    settings = array_file(tmp_path / "data.npz", ["dark", "light"])
    return with_model(tmp_path / "run", spec={"head": {"classes": 2}}, recipe=settings, names=("dark", "light"))


@pytest.mark.parametrize(
    ("names", "expected", "found"),
    [
        (["a_light", "dark"], "2 classes, only here: light", "2 classes, only here: a_light"),
        (["light", "dark"], "class 0 is dark", "class 0 is light"),
        (["dark", "light", "bright"], "2 classes, only here: none", "3 classes, only here: bright"),
    ],
)
def test_no_image_is_judged_by_the_name_of_another_class(run_on_arrays, tmp_path, names, expected, found):
    array_file(tmp_path / "data.npz", names)
    for use in (evaluate_run, evaluate_with_mistakes, lambda run: first_test_images(run, 4)):
        with pytest.raises(KresnetError) as caught:
            use(run_on_arrays)
        (problem,) = caught.value.problems
        assert (problem.code, problem.expected, problem.found) == ("data_mismatch", expected, found)


def test_other_images_of_the_same_classes_are_measured_and_told(run_on_arrays, tmp_path):
    assert evaluate_run(run_on_arrays)["data"] == {"name": "data.npz", "differences": []}
    array_file(tmp_path / "other.npz", ["dark", "light"], PICTURES[:30], LABELS[:30])
    overrides = {"recipe.data.path": str(tmp_path / "other.npz")}
    result = evaluate_run(run_on_arrays, overrides)
    assert result["images"] == 30
    (difference,) = result["data"]["differences"]
    assert "other images than" in difference
    assert "30 images to test on where it had 40" in difference
    images, _, differences = first_test_images(run_on_arrays, 4, overrides)
    np.testing.assert_array_equal(images, PICTURES[:4])
    assert differences == (difference,)


def test_targets_of_another_kind_are_refused(run_on_arrays, tmp_path):
    array_file(tmp_path / "data.npz", ["dark", "light"], targets=np.eye(2, dtype=np.float32)[LABELS])
    with pytest.raises(KresnetError) as caught:
        evaluate_run(run_on_arrays)
    assert (caught.value.problems[0].expected, caught.value.problems[0].found) == ("classes", "labels")


def test_a_calibrated_network_is_judged_by_its_calibrated_probabilities(tmp_path):
    run = with_model(tmp_path / "run")
    plain = evaluate_run(run)
    assert plain["negative_log_likelihood"] == pytest.approx(plain["loss"], rel=1e-5)
    write_calibration(run.path, "model.keras", Calibration((0.1,), digest(run.model), "", "", 1, {}, {}))
    mended, examined = evaluate_run(run), evaluate_with_mistakes(run)
    assert mended["temperatures"] == [0.1]
    assert mended["loss"] == pytest.approx(plain["loss"], rel=1e-5)
    assert mended["accuracy"] == plain["accuracy"]
    assert mended["negative_log_likelihood"] > 1.05 * plain["negative_log_likelihood"]  # surer, and no more often right
    assert mended["calibration_error"] > plain["calibration_error"]
    for name in ("negative_log_likelihood", "calibration_error", "adaptive_calibration_error"):
        assert examined.metrics[name] == pytest.approx(mended[name], rel=1e-4)
    assert examined.calibration.temperatures == (0.1,)
    averaged = evaluate_run(run, tta="flip")
    assert averaged["tta"] == "flip"
    assert averaged["loss"] != plain["loss"]


def test_every_split_of_a_run_can_be_measured(tmp_path):
    settings = array_file(tmp_path / "data.npz", ["dark", "light"])
    settings["data"]["validation"] = 0.25
    run = with_model(tmp_path / "run", spec={"head": {"classes": 2}}, recipe=settings, names=("dark", "light"))
    counts = {split: len(open_run_split(run, split).split) for split in ("train", "validation", "test")}
    assert counts == {"train": 30, "validation": 10, "test": 40}
    with pytest.raises(KresnetError) as caught:
        open_run_split(run, "tset")
    assert caught.value.problems[0].expected == "train, validation, test"


def test_a_network_trained_for_integers_is_measured_as_training_measured_it(tmp_path):
    spec = {
        "name": "small", "input": {"shape": [28, 28, 1]},
        "stem": {"kind": "conv", "width": 8, "kernel": 3, "stride": 2}, "block": {"kind": "basic"},
        "stages": [{"blocks": 1, "width": 8}], "head": {"classes": 10},
    }  # fmt: skip
    recipe = {
        "name": "short", "data": {"kind": "embedded"}, "epochs": 2, "batch_size": 900, "quantize": {"start_epochs": 1},
        "optimizer": {"kind": "sgd", "learning_rate": 0.05},
    }  # fmt: skip
    trained = kresnet.fit(spec, recipe, output=tmp_path / "run")
    measured = trained.result["test"]
    asked, examined = kresnet.evaluate(tmp_path / "run"), evaluate_with_mistakes(trained.directory)
    for metric in ("loss", "accuracy"):
        assert asked[metric] == pytest.approx(measured[metric], abs=1e-6)
        assert examined.metrics[metric] == pytest.approx(measured[metric], abs=1e-6)
    (tmp_path / "run" / "quantization.json").unlink()
    assert kresnet.evaluate(tmp_path / "run")["loss"] != pytest.approx(measured["loss"], abs=1e-4)
