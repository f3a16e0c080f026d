"""What an evaluation says of its classes and pairs, and that a report can read it without TensorFlow."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from kresnet.data.embedded import CLASS_NAMES


def test_pairs_are_the_largest_cells_off_the_diagonal(evaluation):
    off = evaluation.confusion_matrix * (1 - np.eye(10, dtype=int))
    assert [times for _, _, times, _ in evaluation.confused_pairs] == sorted(
        off.ravel()[off.ravel() > 0], reverse=True
    )[:12]
    label, other, times, share = evaluation.confused_pairs[0]
    row, column = CLASS_NAMES.index(label), CLASS_NAMES.index(other)
    assert times == off.max() == evaluation.confusion_matrix[row, column]
    assert share == times / 100


def test_json_keeps_the_keys_that_users_read(evaluation):
    values = evaluation.as_dict()
    assert values["tally"] == evaluation.confusion_matrix.tolist()
    assert list(values["mistakes"][0]) == ["position", "name", "truth", "said", "confidence"]
    assert values["mistakes"][0]["said"] == evaluation.mistakes[0].prediction


def test_results_are_importable_without_tensorflow():
    code = "import sys, kresnet.evaluation.evaluation; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
