"""Processes of `kresnet fit` end, or are ended, and what they said is told."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kresnet.diagnostics.device_check import fit_processes
from kresnet.diagnostics.device_check.fit_processes import (
    TrainingProcess,
    checkpoints,
    cluster_environment,
    final_state,
    write_documents,
)
from kresnet.diagnostics.device_check.part import DeviceContext
from kresnet.runs.checkpoints import Checkpoint, CheckpointStore


def test_a_process_that_fails_is_told_with_its_last_words(tmp_path):
    process = TrainingProcess([tmp_path / "absent.yaml"], tmp_path / "log")
    assert not process.wait_for(lambda: False)
    with pytest.raises(RuntimeError, match=r"status 2.*absent\.yaml"):
        process.require_success()


def test_a_process_that_takes_too_long_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(fit_processes, "PATIENCE_SECONDS", 0.2)
    with pytest.raises(RuntimeError, match=r"had not ended after 0\.2 s"):
        TrainingProcess(["quickstart", "-o", tmp_path / "run"], tmp_path / "log").require_success()


def test_workers_know_each_other():
    configs = [json.loads(each["TF_CONFIG"]) for each in cluster_environment(2)]
    assert configs[0]["cluster"] == configs[1]["cluster"]
    assert [config["task"]["index"] for config in configs] == [0, 1]
    assert len(set(configs[0]["cluster"]["worker"])) == 2


def test_the_last_state_of_a_run_is_read(tmp_path):
    paths = write_documents(DeviceContext(True, tmp_path), "run", {"a": 1}, {"b": 2})
    assert [json.loads(path.read_text()) for path in paths] == [{"a": 1}, {"b": 2}]
    assert checkpoints(tmp_path) == 0
    store = CheckpointStore(tmp_path / "checkpoints", 2)
    for step in (4, 8):
        store.save(Checkpoint(step, {"00000": np.full(2, step)}, {}))
    step, arrays = final_state(tmp_path)
    assert (step, checkpoints(tmp_path)) == (8, 2)
    np.testing.assert_array_equal(arrays["00000"], [8, 8])
    with pytest.raises(RuntimeError, match="no checkpoint"):
        final_state(tmp_path / "run")
