"""Training is fed from memory and from files through the pipeline of `fit`."""

from __future__ import annotations

import pytest

from kresnet.diagnostics.device_check import input_feeding
from kresnet.diagnostics.device_check.measured_training import MeasuredTraining, TrainingCase
from kresnet.diagnostics.device_check.precisions import FLOAT32
from kresnet.spec.recipe import Augment


@pytest.fixture(scope="module")
def training():
    return MeasuredTraining(TrainingCase("quickstart", 4, FLOAT32, xla=False))


@pytest.mark.parametrize("source", ["memory", "JPEG files"])
def test_training_is_fed(training, source, monkeypatch, tmp_path):
    monkeypatch.setattr(input_feeding, "IN_MEMORY", 16)
    monkeypatch.setattr(input_feeding, "FILES", 8)
    monkeypatch.setattr(input_feeding, "_CALL_SECONDS", 0.01)
    shape = training.plan.input_shape
    if source == "memory":
        split, augment = input_feeding.memory_split(shape), Augment(crop_padding=2)
    else:
        split, augment = input_feeding.file_split(tmp_path / "jpeg", shape), Augment()
        assert len(list((tmp_path / "jpeg").glob("*.jpg"))) == 8
    assert split.image_shape == shape
    before = int(training.engine.trainer.updates.iterations.numpy())
    found = input_feeding.fed(training, split, source, augment, seconds=0.05)
    assert int(training.engine.trainer.updates.iterations.numpy()) >= before + 3
    assert found.verdict == "passed"
    assert found.figures["images/s"] > 0
    assert 0 <= found.figures["input_wait"] <= 1
    assert found.name == f"fed from {source}, quickstart, batch 4, float32, no XLA"
