"""What an export promises for each kind of input and head."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kresnet.errors import KresnetError
from kresnet.export.capi import SavedModelSession
from kresnet.export.reference_outputs import reference_inputs
from kresnet.export.saved_model import export_model
from kresnet.export.signature_contract import TensorSpec
from tests.export.networks import CLASS_NAMES, network, spec_of


def test_a_declared_tensor_admits_what_is_at_least_as_known() -> None:
    declared = TensorSpec("float32", (None, None, 3))
    assert declared.admits(TensorSpec("float32", (None, 7, 3)))
    for wrong in (("int64", (None, 7, 3)), ("float32", (1, 7, 3)), ("float32", (None, 7, 4)), ("float32", (None, 3))):
        assert not declared.admits(TensorSpec(*wrong))


def test_five_channels_have_no_image_files(tmp_path: Path) -> None:
    spec = spec_of(input={"shape": [12, 10, 5]})
    result = export_model(network(spec), spec, CLASS_NAMES, tmp_path)
    assert set(SavedModelSession(result.path).signatures) == {"serving_default", "features"}
    with pytest.raises(KresnetError, match="data_mismatch"):
        reference_inputs(spec, [np.zeros((12, 10, 3), np.uint8)])


def test_features_are_named_by_the_plan(tmp_path: Path) -> None:
    spec = spec_of(head={"kind": "features", "stages": [1, 2]}, stages=[{"blocks": 1, "width": 4}] * 2)
    session = SavedModelSession(export_model(network(spec), spec, (), tmp_path).path)
    assert set(session.signatures) == {"serving_default", "image_bytes"}
    assert set(session.signatures["serving_default"].outputs) == {"stage1", "stage2"}
