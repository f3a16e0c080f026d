"""The metrics and classes that `kresnet evaluate` shows."""

from __future__ import annotations

import numpy as np
import pytest

from kresnet.cli.train_tables import (
    SHOWN,
    print_calibration_errors,
    print_class_accuracies,
    print_corruptions,
    print_split_metrics,
)
from kresnet.plan.objective import Objective
from kresnet.training.step.output_metrics import scores_by_class


def test_the_class_that_is_recognised_worst_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    matrix = [[9, 1, 0], [0, 4, 6], [0, 0, 10]]
    by_class = scores_by_class(Objective("softmax", 3), np.array(matrix), None, ("coat", "shirt", "boot"))
    print_class_accuracies(by_class, matrix)
    title, _, _, *rows = capsys.readouterr().out.splitlines()
    assert title == "Classes, worst first"
    assert [row.split() for row in rows] == [
        ["shirt", "10", "0.4000", "0.8000", "boot", "0.6000"], ["coat", "10", "0.9000", "1.0000", "shirt", "0.1000"],
        ["boot", "10", "1.0000", "0.6250"],
    ]  # fmt: skip


def test_of_independent_labels_the_worst_ranked_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    scores = {"examples": 5, "precision": None, "recall": 0.5}
    by_class = {f"label{n}": scores | {"average_precision": n / 100} for n in range(SHOWN + 2)}
    print_class_accuracies(by_class, [[[5, 0], [0, 5]]] * (SHOWN + 2))
    title, _, _, *rows = capsys.readouterr().out.splitlines()
    assert title == f"The {SHOWN} classes recognised worst"
    assert [row.split() for row in rows] == [[f"label{n}", "5", "0.5000", f"{n / 100:.4f}"] for n in range(SHOWN)]


def test_metrics_of_all_examples_stand_on_a_line_and_what_is_left_out_below(capsys: pytest.CaptureFixture[str]) -> None:
    result = {"loss": 1.0, "macro_f1": 0.5, "auroc_macro": 0.75, "images": 3, "undefined": ["Without examples of b."]}
    print_split_metrics(result)
    assert capsys.readouterr().out.splitlines() == ["macro f1 0.5000, auroc macro 0.7500", "Without examples of b."]


def test_calibration_and_its_errors_are_told(capsys):
    errors = {"calibration_error": 0.25, "adaptive_calibration_error": 0.125}
    print_calibration_errors(errors | {"temperatures": None})
    print_calibration_errors(errors | {"temperatures": [1.5]})
    print_calibration_errors(errors | {"temperatures": [0.5, 2.0, 1.0]})
    print_calibration_errors({"loss": 1.0})  # of values
    assert capsys.readouterr().out.splitlines() == [
        "calibration error 0.2500, adaptive 0.1250",
        "calibration error 0.2500, adaptive 0.1250; calibrated by the temperature 1.5",
        "calibration error 0.2500, adaptive 0.1250; calibrated by a temperature for each label, 0.5 to 2",
    ]


def test_errors_on_corrupted_images_have_a_row_a_kind(capsys):
    kinds = {
        "shot_noise": {"family": "noise", "errors": {"1": 0.1, "5": 0.3}, "mean": 0.2},
        "fog": {"family": "weather", "errors": {"5": 0.4}, "mean": 0.4},
    }
    families = {"noise": 0.2, "weather": 0.4}
    print_corruptions(
        {"metric": "1 - accuracy", "strengths": "CIFAR-C", "kinds": kinds, "families": families, "mean": 0.3}
    )
    printed = capsys.readouterr().out
    assert [line.split() for line in printed.splitlines()[3:5]] == [
        ["shot", "noise", "noise", "0.1000", "0.3000", "0.2000"],
        ["fog", "weather", "0.4000", "0.4000"],
    ]
    assert printed.splitlines()[-1] == "mean error 0.3000; noise 0.2000, weather 0.4000"
