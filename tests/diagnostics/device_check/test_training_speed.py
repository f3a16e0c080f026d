"""What is trained, in which order, and what is made of the figures."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import tensorflow as tf

from kresnet.diagnostics.device_check import training_speed
from kresnet.diagnostics.device_check.measured_training import TrainingCase, TrainingFigures
from kresnet.diagnostics.device_check.part import DeviceContext
from kresnet.diagnostics.device_check.precisions import BFLOAT16, FLOAT32
from kresnet.diagnostics.device_check.training_speed import memory_result, speed_result, training_cases

CASE = TrainingCase("resnet50", 256, BFLOAT16, xla=True)
FIGURES = TrainingFigures((90.0, 110.0, 100.0), 60.0, 7.0, 3e14, 20 << 30, 10 << 30)


def test_a_gpu_is_measured_in_every_setting_and_what_matters_first():
    cases = training_cases(on_gpu=True, quick=False)
    settings = {(each.precision.name, each.xla) for each in cases if each.network == "resnet50"}
    assert settings == {(name, xla) for name in ("float32", "TF32", "bfloat16", "float16") for xla in (True, False)}
    assert settings == {(each.precision.name, each.xla) for each in cases if each.network == "cifar_resnet20"}
    assert cases[0] == CASE
    assert len(set(cases)) == len(cases) == 16


def test_a_cpu_is_measured_in_what_it_computes():
    assert {each.network for each in training_cases(on_gpu=False, quick=True)} == {"cifar_resnet20"}
    full = training_cases(on_gpu=False, quick=False)
    assert len(full) == 12
    assert all(not each.precision.tf32 for each in full)


def test_the_share_is_of_the_rate_in_the_same_precision():
    known = {"matrix products, bfloat16": {"TFLOP/s": 600.0}, "matrix products, float32": {"TFLOP/s": 50.0}}
    found = speed_result(CASE, FIGURES, known)
    assert found.figures["share of the product rate"] == 0.5
    assert found.verdict == "passed"
    assert "100 images/s (90 to 110), 50.0% of the product rate" in found.detail
    assert "share of the product rate" not in speed_result(CASE, FIGURES, {}).figures


@pytest.mark.parametrize("loss", [math.nan, math.inf, 0.0, -1.0])
def test_a_loss_that_no_right_step_makes_is_a_failure(loss):
    slow = TrainingFigures((1e-3,), 60.0, loss, 1.0, 1, 1)
    found = speed_result(CASE, slow, {})
    assert found.verdict == "failed"
    assert "XLA" in found.remedy


@pytest.mark.parametrize(("gib", "verdict"), [(26, "passed"), (27, "failed")])
def test_memory_is_held_against_the_estimate(gib, verdict):
    """2.5 times 10 GiB, and a margin of 1."""
    peak = TrainingFigures((1.0,), 1.0, 1.0, 1.0, gib << 30, 10 << 30)
    assert memory_result(CASE, peak, 1 << 30).verdict == verdict


def test_a_batch_that_does_not_fit_is_halved(monkeypatch):
    class Crowded:
        def __init__(self, case):
            self.case = case

        def measure(self, calls):
            if self.case.batch > 64:
                raise tf.errors.ResourceExhaustedError(None, None, "OOM")
            return FIGURES

    monkeypatch.setattr(training_speed, "MeasuredTraining", Crowded)
    fitted, _ = training_speed.measure_fitting(CASE, 1)
    assert fitted.case.batch == 64
    monkeypatch.setattr(training_speed, "LEAST_BATCH", 128)
    with pytest.raises(tf.errors.ResourceExhaustedError):
        training_speed.measure_fitting(CASE, 1)


def test_the_quick_form_ends_in_time_and_says_what_it_left_out(monkeypatch, tmp_path):
    monkeypatch.setattr(training_speed, "QUICK_SECONDS", 0.0)
    monkeypatch.setattr(training_speed, "MEASURED", {})
    monkeypatch.setattr(training_speed, "measure_fitting", lambda case, calls: (SimpleNamespace(case=case), FIGURES))
    results = list(training_speed.check_training_speed(DeviceContext(True, tmp_path)))
    first = TrainingCase("cifar_resnet20", 32, FLOAT32, xla=False)
    names = [f"training, {first}", f"memory, {first}", "training, other settings"]
    assert [result.name for result in results] == names
    assert results[-1].verdict == "skipped"
    assert "cifar_resnet20, batch 32, float32, XLA" in results[-1].detail
    full = list(training_speed.check_training_speed(DeviceContext(False, tmp_path)))
    assert len(full) == 24
