"""A difference that XLA makes is caught."""

from __future__ import annotations

from kresnet.diagnostics.device_check.precisions import FLOAT32
from kresnet.diagnostics.device_check.small_training import SPEC
from kresnet.diagnostics.device_check.xla import compare_xla
from kresnet.training.step.xla import CompiledPass


def test_an_xla_difference_is_caught(monkeypatch):
    """A thousandth in every gradient, where XLA compiles the pass."""
    original = CompiledPass._pass

    def wrong(self, *arguments):
        outputs, loss, gradients, *rest = original(self, *arguments)
        return outputs, loss, [gradient * 1.001 for gradient in gradients], *rest

    monkeypatch.setattr(CompiledPass, "_pass", wrong)
    monkeypatch.setitem(SPEC, "stages", [{"blocks": 1, "width": 16}])  # less to compile
    result = compare_xla(FLOAT32)
    assert result.verdict == "failed"
    assert "update differs by" in result.detail
    assert result.remedy.endswith("xla: off")
