"""What a proof refuses, and what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kresnet.errors import KresnetError
from kresnet.export.edge.export_rows import ExportRows
from kresnet.export.edge.file_formats import FileOptions
from kresnet.export.edge.file_proof import FileProof, prove_file, require_proof
from tests.export.edge.small_files import SmallNetwork

FIGURES: dict[str, Any] = {
    "runtime": "LiteRT 2", "tensorflow_imported": False, "images": 200, "finite": True, "between_batches": 0.0,
    "input": {"name": "image", "dtype": "uint8"}, "outputs": [{"name": "probabilities", "scale": 1 / 256}],
    "differences": {"probabilities": 0.04}, "decibels": {"probabilities": 30.0},
    "operations": {"integer": {"CONV_2D": 3}, "float": {"REVERSE_V2": 1}}, "arena_bytes": 2048,
    "milliseconds": {"1": 1.0, "2": 0.6}, "agreement": 0.99, "probability_difference": 0.04, "accuracy": 0.9,
    "float_accuracy": 0.905,
}  # fmt: skip
INT8 = FileOptions("tflite", "int8")


def _proof(**changes: Any) -> FileProof:
    figures = {name: value for name, value in (FIGURES | changes).items() if value is not None}
    return FileProof(figures, "validation images", 4096, ("the device",))


@pytest.mark.parametrize(
    ("options", "changes", "said"),
    [
        (INT8, {"accuracy": 0.89}, r"1.50 points lost, more than 1"),
        (FileOptions("tflite", "int8", lose_at_most=0.002), {}, r"90.50%: 0.50 points lost, more than 0.2"),
        (INT8, {"finite": False}, "not finite"),
        (INT8, {"tensorflow_imported": True}, "imported TensorFlow"),
        (INT8, {"between_batches": 0.1}, "other batches"),
        (FileOptions("tflite"), {}, r"probabilities differ from the network's by 4.0e-02"),
        (INT8, {"accuracy": None, "float_accuracy": None, "agreement": None, "decibels": {"map": 12.0}}, "12.0 dB"),
    ],
)
def test_what_does_not_hold_is_refused_with_the_figures(options: FileOptions, changes: Any, said: str) -> None:
    with pytest.raises(KresnetError, match=said) as caught:
        require_proof(_proof(**changes), options)
    assert (caught.value.problems[0].code, caught.value.status) == ("export_mismatch", 1)


def test_what_holds_is_said_in_words() -> None:
    require_proof(_proof(), INT8)
    lines = "\n".join(_proof().lines())
    assert "accuracy 90.00%, of the float network 90.50%" in lines
    assert "3 of integers; 1 of floats (1 REVERSE_V2)" in lines
    assert "4 KiB, 2 KiB of activations" in lines
    assert "not verified: the device" in lines


def test_the_process_has_no_tensorflow_and_a_file_that_cannot_be_run_is_refused(
    small: SmallNetwork, tmp_path: Path
) -> None:
    path, rows = tmp_path / "tiny.tflite", ExportRows(small.rows, "test rows")
    path.write_bytes(small.float_file)
    proof = prove_file(path, FileOptions("tflite"), rows, {"probabilities": small.probabilities})
    require_proof(proof, FileOptions("tflite"))
    assert proof.figures["tensorflow_imported"] is False
    assert proof.largest_difference < 1e-5
    assert proof.loss is None
    assert any(sentence.startswith("accuracy") for sentence in proof.not_verified)
    path.write_bytes(small.float_file[: len(small.float_file) // 2])
    with pytest.raises(KresnetError, match="cannot be run by its runtime") as caught:
        prove_file(path, FileOptions("tflite"), rows, {"probabilities": np.zeros((1, 3))})
    assert caught.value.problems[0].code == "not_servable"
