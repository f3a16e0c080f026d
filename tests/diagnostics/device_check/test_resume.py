"""A resumed run that differs is caught; the real kill is in the slow test of the whole check."""

from __future__ import annotations

import numpy as np
import pytest

from kresnet.diagnostics.device_check import resume
from kresnet.diagnostics.device_check.part import DeviceContext

happened: list[str] = []


class Process:
    """Stands for `kresnet fit`, and notes what becomes of it."""

    def __init__(self, arguments, log):
        self.name = log.stem

    def wait_for(self, condition):
        return True

    def kill(self):
        happened.append(f"{self.name} killed")

    def require_success(self):
        happened.append(f"{self.name} ended")


@pytest.mark.parametrize("apart", [0.0, 1e-7])
def test_a_run_that_differs_after_its_resumption_is_caught(tmp_path, monkeypatch, apart):
    states = {"whole": (24, {"a": np.float32([1.0])}), "cut": (24, {"a": np.float32([1.0 + apart])})}
    monkeypatch.setattr(resume, "TrainingProcess", Process)
    monkeypatch.setattr(resume, "final_state", lambda run: states[run.name])
    happened.clear()
    result = resume.check_resume(DeviceContext(True, tmp_path))
    assert happened == ["cut killed", "whole ended", "resumed ended"]
    assert result.verdict == ("failed" if apart else "passed")
