"""Files for other runtimes, which answer as the network does."""

from __future__ import annotations

import io
import json
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import softmax

from kresnet.cli.main import main
from kresnet.export.tflite_onnx import export_file
from tests.export.networks import CLASS_NAMES, network, save_converted, spec_of


def export(*arguments: object, status: int = 0) -> Any:
    """What the command prints, run in this process, which has imported TensorFlow already; what it says if it fails."""
    out, told = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(told), pytest.raises(SystemExit) as ended:
        main(["export", *map(str, arguments), "--json"])
    assert (ended.value.code or 0) == status, told.getvalue()
    return told.getvalue() if status else json.loads(out.getvalue())


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `.keras` file and its spec beside it, as `kresnet convert` leaves them."""
    return save_converted(tmp_path_factory.mktemp("converted"))


@pytest.mark.parametrize("kind", ["tflite", "onnx"])
def test_other_runtimes_answer_as_the_network_does(kind: str, converted: Path, tmp_path: Path) -> None:
    if kind == "onnx":
        pytest.importorskip("tf2onnx", reason="pip install 'kresnet[onnx]'")
    path = tmp_path / f"tiny.{kind}"
    result = export(converted, "-o", path, "--format", kind)
    assert result["largest_difference"] < 1e-5
    about = json.loads((tmp_path / f"tiny.{kind}.json").read_text())
    outputs = {each["name"]: (each["dtype"], each["shape"]) for each in about["outputs"]}
    assert set(outputs) == {"logits", "probabilities"}
    assert outputs["logits"] == outputs["probabilities"] == ("float32", [None, len(about["class_names"])])
    assert about["input"] == {"name": "image", "dtype": "float32", "shape": [None, 12, 10, 3]}
    assert about["verified"]["rows"] == "Fashion-MNIST images"
    assert about["changes"][0]["what"].startswith("folded 3 batch norms")
    assert "[output_exists]" in export(converted, "-o", path, "--format", kind, status=2)


def test_half_the_bytes_in_tensorflow_lite(converted: Path, tmp_path: Path) -> None:
    result = export(converted, "-o", tmp_path / "half.tflite", "--format", "tflite", "--weights", "float16")
    assert 1e-5 < result["largest_difference"] < 1e-2


def test_calibrated_probabilities_are_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "tiny.tflite"
    export_file(network(), spec_of(), CLASS_NAMES, path, "tflite", temperatures=(0.5,))
    assert json.loads((tmp_path / "tiny.tflite.json").read_text())["temperatures"] == [0.5]
    with warnings.catch_warnings(action="ignore"):
        answer = tf.lite.Interpreter(str(path)).get_signature_runner("serving_default")
    found = answer(image=np.random.default_rng(0).uniform(0, 255, (2, 12, 10, 3)).astype(np.float32))
    np.testing.assert_allclose(found["probabilities"], softmax(found["logits"] / 0.5, axis=1), atol=1e-5)
