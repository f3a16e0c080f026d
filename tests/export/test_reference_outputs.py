"""Reference inputs are what evaluation would see; probabilities are computed without overflow."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from kresnet.errors import KresnetError
from kresnet.evaluation.reliability import probabilities_of
from kresnet.export.reference_outputs import reference_inputs
from kresnet.export.saved_model import ExportOptions, export_model
from tests.export.networks import CLASS_NAMES, spec_of

#: Only `serving_default`, which is quicker to write and to prove.
PLAIN = ExportOptions(signatures=())


def test_logits_of_thousands_may_round_their_probabilities(tmp_path: Path, model: keras.Model) -> None:
    wild = keras.models.clone_model(model)
    wild.set_weights(model.get_weights())
    wild.layers[-1].kernel.assign(wild.layers[-1].kernel * 3e4)
    assert export_model(wild, spec_of(), CLASS_NAMES, tmp_path, PLAIN).report.passed


def test_reference_inputs_are_what_evaluation_would_see(images: list[np.ndarray]) -> None:
    inputs = reference_inputs(spec_of(), images)
    assert inputs.rows.shape == (9 + 11, 12, 10, 3)
    assert inputs.rows.dtype == np.uint8
    assert inputs.kinds[8:12] == ("PNG", "JPEG", "grey JPEG", "CMYK JPEG")
    np.testing.assert_array_equal(inputs.rows[0], images[0])  # of the network's own size
    assert reference_inputs(spec_of(), np.zeros((50, 12, 10, 3), np.uint8)).kinds.count("PNG") == 32
    with pytest.raises(KresnetError, match="data_mismatch"):
        reference_inputs(spec_of(), [])


def test_probabilities_do_not_overflow() -> None:
    logits = np.array([[1e4, -1e4, 0.0]], np.float32)
    np.testing.assert_array_equal(probabilities_of(logits, False), [[1, 0, 0]])
    np.testing.assert_array_equal(probabilities_of(logits, True), [[1, 0, 0.5]])
