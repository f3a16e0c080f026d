"""What is measured of a file, against NumPy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from kresnet.export.edge.file_proof_process import decided, measure_file
from kresnet.export.edge.file_runtimes import LiteRTFile
from tests.export.edge.small_files import SmallNetwork


def test_figures_are_those_of_numpy(small: SmallNetwork, int8_file: bytes, tmp_path: Path) -> None:
    path, rows = tmp_path / "int8.tflite", tmp_path / "rows.npz"
    path.write_bytes(int8_file)
    targets = np.random.default_rng(1).integers(0, 3, len(small.rows))
    given = {"rows": small.rows, "expected/probabilities": small.probabilities, "targets": targets}
    np.savez(rows, independent=np.bool_(False), **given)
    found = measure_file("tflite", path, rows)
    answer = LiteRTFile(path).run(small.rows)["probabilities"]
    assert found["images"] == len(small.rows)
    assert found["accuracy"] == np.mean(answer.argmax(1) == targets)
    assert found["float_accuracy"] == np.mean(small.probabilities.argmax(1) == targets)
    assert found["agreement"] == np.mean(answer.argmax(1) == small.probabilities.argmax(1))
    assert found["probability_difference"] == np.abs(answer - small.probabilities).max()
    assert set(found["operations"]) == {"integer"}
    assert found["finite"]
    assert found["between_batches"] == 0
    assert set(found["milliseconds"]) == {"1", "2"}
    assert found["tensorflow_imported"]  # in this process; in a proof's own it is not


def test_independent_labels_are_decided_one_by_one() -> None:
    assert decided(np.array([[0.6, 0.7, 0.1]]), True).tolist() == [[True, True, False]]
    assert decided(np.array([[0.6, 0.7, 0.1]]), False).tolist() == [1]


def test_the_process_imports_no_tensorflow() -> None:
    program = "import sys, kresnet.export.edge.file_proof_process as _; print('tensorflow' in sys.modules)"
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "False"
