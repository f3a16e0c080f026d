"""The evaluation with mistakes measures what `evaluate` measures; runs without a model or with other data."""

from __future__ import annotations

import numpy as np
import pytest

from kresnet.data.embedded import read_embedded
from kresnet.errors import KresnetError
from kresnet.evaluation.evaluate import evaluate, evaluate_with_mistakes, final_or_best_model, first_test_images
from tests.report.recorded_runs import made


def test_metrics_and_confusion_are_those_of_evaluate(classifier_run, evaluation):
    expected = evaluate(classifier_run)
    assert evaluation.kind == "classes"
    assert evaluation.images == expected["images"] == 1000
    np.testing.assert_array_equal(evaluation.confusion_matrix, expected["tally"])
    for metric, value in evaluation.metrics.items():
        assert value == pytest.approx(expected[metric], rel=1e-5)
    assert {label: value for label, value, _ in evaluation.accuracies} == expected["classes"]


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
    run = made(tmp_path / "run", fingerprint="of other data")
    run.model.touch()
    with pytest.raises(KresnetError, match="no longer") as error:
        evaluate_with_mistakes(run)
    assert error.value.problems[0].code == "data_mismatch"


def test_the_first_test_images_come_in_the_order_of_the_data(classifier_run):
    np.testing.assert_array_equal(first_test_images(classifier_run, 5), read_embedded()["test_images"][:5])
