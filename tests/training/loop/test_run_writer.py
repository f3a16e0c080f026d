"""The chief writes a run's files under its lock; other workers write nothing."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest

from kresnet.errors import KresnetError
from kresnet.graph import build_model
from kresnet.runs.live_progress import read_progress
from kresnet.runs.lock import RunLock
from kresnet.runs.run_directory import RunDirectory
from kresnet.training.loop.run_writer import RunWriter
from tests.training.networks import tiny_plan

PLAN = tiny_plan({"kind": "batch"})
LINE = {"epoch": 2, "step": 8, "train": {"loss": 0.5}, "test": {"accuracy": 0.25}, "learning_rate": 0.125}


@pytest.fixture
def lock(tmp_path):
    with RunLock(tmp_path, lambda text: None) as lock:
        yield lock


def test_history_is_appended_and_cut(tmp_path, lock):
    writer = RunWriter(RunDirectory(tmp_path), PLAN, lock)
    for step in (4, 8, 12):
        writer.append_history({"step": step})
    writer.drop_after(8, 2)
    assert [json.loads(line)["step"] for line in writer.directory.history.path.read_text().splitlines()] == [4, 8]


def test_a_network_of_any_precision_is_written_in_float32(tmp_path, lock):
    writer = RunWriter(RunDirectory(tmp_path), PLAN, lock)
    network = build_model(PLAN, precision="bfloat16", seed=3)
    writer.write_model(writer.directory.best_model, network)
    written = keras.models.load_model(tmp_path / "best.keras", compile=False)
    assert {layer.compute_dtype for layer in written.layers} == {"float32"}
    for one, other in zip(written.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert {type(layer).__module__.partition(".")[0] for layer in written.layers} == {"keras"}
    assert not (tmp_path / "model.keras").exists()


def test_a_run_whose_directory_was_replaced_is_not_written(tmp_path, lock):
    writer = RunWriter(RunDirectory(tmp_path), PLAN, lock)
    lock.path.unlink()
    with pytest.raises(KresnetError) as caught:
        writer.append_history(LINE)
    assert [problem.code for problem in caught.value.problems] == ["run_missing"]
    assert not writer.directory.history.path.exists()


def test_progress_is_told_with_the_memory_and_not_at_every_step(tmp_path, lock):
    writer = RunWriter(RunDirectory(tmp_path), PLAN, lock)
    writer.write_progress(1, (10, 5), {"loss": 1.0}, (1.0, 0.0))
    assert read_progress(writer.directory.progress) is None  # it has not begun
    writer.begin_progress(0)
    for step in (1, 2, 3):
        writer.write_progress(step, (10, 5), {"loss": 1.0}, (1.0, 0.0))
    told = read_progress(writer.directory.progress)
    assert (told.step, told.total_steps, told.epochs) == (1, 10, 2)
    assert told.memory > 50e6


def test_another_worker_writes_nothing(tmp_path):
    writer = RunWriter(RunDirectory(tmp_path), PLAN, None)
    assert not writer.writes
    writer.require_lock()
    writer.append_history(LINE)
    writer.begin_progress(0)
    writer.write_progress(1, (10, 5), {"loss": 1.0}, (1.0, 0.0))
    writer.write_model(writer.directory.model, build_model(PLAN))
    writer.write_result({"steps": 8})
    assert list(tmp_path.iterdir()) == []
