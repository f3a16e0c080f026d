"""An export that does not answer as the network does fails the part."""

from __future__ import annotations

import pytest

from kresnet.diagnostics.device_check import export_proof
from kresnet.diagnostics.device_check.part import DeviceContext
from kresnet.diagnostics.device_check.small_training import SPEC
from kresnet.errors import KresnetError
from kresnet.export import saved_model


def test_an_export_that_answers_otherwise_is_caught(tmp_path, monkeypatch):
    """The reference is of another network: the proof, in a process of its own, finds the difference."""
    original = saved_model.reference_outputs
    monkeypatch.setattr(
        saved_model,
        "reference_outputs",
        lambda outputs, *others: original({name: 1.01 * value for name, value in outputs.items()}, *others),
    )
    monkeypatch.setitem(SPEC, "stages", [{"blocks": 1, "width": 16}])  # less to trace
    with pytest.raises(KresnetError, match="export_mismatch"):
        export_proof.check_export_proof(DeviceContext(True, tmp_path))
