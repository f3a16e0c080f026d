"""Steps are taken through the engine, and memory above the estimate is seen."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from kresnet.diagnostics.device_check import measured_training
from kresnet.diagnostics.device_check.measured_training import MeasuredTraining, TrainingCase
from kresnet.diagnostics.device_check.precisions import FLOAT32
from kresnet.diagnostics.device_check.training_speed import memory_result, speed_result
from kresnet.plan.memory_estimate import estimate_memory

CASE = TrainingCase("quickstart", 4, FLOAT32, xla=False)


@pytest.fixture(scope="module")
def training():
    return MeasuredTraining(CASE)


@pytest.fixture(autouse=True)
def short_calls(monkeypatch):
    monkeypatch.setattr(measured_training, "CALL_SECONDS", 0.01)


def test_steps_are_taken_and_counted(training):
    taken = training.engine.trainer.updates.iterations
    figures = training.measure(2)
    assert int(taken.numpy()) >= 4  # the first, one more, and two calls
    assert len(figures.images_per_second) == 2
    assert figures.flop == pytest.approx(figures.rate * 6 * training.plan.macs)
    assert figures.estimated_bytes == estimate_memory(training.plan, CASE.batch).total
    assert math.isfinite(figures.loss)
    assert speed_result(CASE, figures, {}).verdict == "passed"


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of a step is known on Linux")
def test_memory_far_above_the_estimate_is_caught(training, monkeypatch):
    """A step that holds 160 MB more than the plan says, by a margin of 50 MB."""
    honest, take = training.measure(1), training.take_steps

    def hoarding(batches, steps):
        hoard = np.ones(160_000_000, np.uint8)
        loss = take(batches, steps)
        return loss + 0 * int(hoard[0])

    monkeypatch.setattr(training, "take_steps", hoarding)
    training.before = measured_training.resident_memory()
    found = training.measure(1)
    verdict = memory_result(CASE, found, 50_000_000)
    assert found.peak_bytes >= 100_000_000
    assert verdict.verdict == "failed"
    assert "peak" in verdict.remedy
    assert honest.estimated_bytes == found.estimated_bytes
    assert memory_result(CASE, found, 1 << 29).verdict == "passed"


def test_batches_are_uint8_and_go_on_for_ever(training):
    batches = iter(measured_training.random_batches(training.plan, 4))
    shapes = {(images.dtype.name, images.shape[0], int(labels.numpy().max()) < 10)
              for images, labels in (next(batches) for _ in range(5))}  # fmt: skip
    assert shapes == {("uint8", 4, True)}
