"""The comparison with the reference outputs passes a right export, and finds one output that is off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kresnet.export import output_checks
from kresnet.export.export_under_test import CheckFailed, ExportUnderTest
from kresnet.export.manifest import LEAST_TOLERANCE
from kresnet.export.saved_model import ExportResult


@pytest.fixture
def export(exported: ExportResult) -> ExportUnderTest:
    return ExportUnderTest(exported.path)


def test_a_right_export_passes(export: ExportUnderTest) -> None:
    for check in (
        output_checks.outputs_match_reference,
        output_checks.rows_are_independent,
        output_checks.repeated_calls_are_identical,
        output_checks.encoded_images_agree,
    ):
        assert check(export)
    assert export.facts["largest_difference"] <= export.facts["tolerance"] == LEAST_TOLERANCE


@pytest.mark.parametrize("name", ["logits", "probabilities", "features"])
def test_an_output_that_is_off_is_found(name: str, export: ExportUnderTest) -> None:
    outputs = dict(export.reference.outputs)
    outputs[name] = outputs[name] + np.float32(0.01) * np.eye(1, outputs[name].shape[1], dtype=np.float32)
    vars(export)["reference"] = replace(export.reference, outputs=outputs)
    with pytest.raises(CheckFailed, match=f"{name} of|scores of"):
        output_checks.outputs_match_reference(export)


def test_files_that_are_not_the_rows_are_found(export: ExportUnderTest) -> None:
    encoded = export.reference.encoded
    vars(export)["reference"] = replace(export.reference, encoded=(encoded[1], encoded[0], *encoded[2:]))
    with pytest.raises(CheckFailed, match="differs by"):
        output_checks.encoded_images_agree(export)
