"""A scale that an overflow does not halve, and an overflow that reaches the weights, are caught."""

from __future__ import annotations

import pytest

from kresnet.diagnostics.device_check.loss_scaling import check_loss_scaling
from kresnet.diagnostics.device_check.part import DeviceContext
from kresnet.training.step.loss_scale import LossScale


@pytest.mark.parametrize("fault", [False, True])
def test_an_overflow_halves_the_scale(tmp_path, monkeypatch, fault):
    if fault:
        update = LossScale.update
        monkeypatch.setattr(LossScale, "update", lambda self, finite, live: update(self, finite | True, live))
    result = check_loss_scaling(DeviceContext(True, tmp_path))
    assert result.verdict == ("failed" if fault else "passed"), result
    assert ("scale 1 of what it was" in result.detail) is fault
