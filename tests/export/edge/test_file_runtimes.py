"""A file in its runtime: what goes in and comes out, and what the runtime says of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kresnet.export.edge.file_runtimes import open_file
from kresnet.export.edge.file_writers import make_function, write_onnx, write_openvino
from tests.export.edge.small_files import SmallNetwork


def test_litert(small: SmallNetwork, int8_file: bytes, tmp_path: Path) -> None:
    arenas = {}
    for name, content in (("float", small.float_file), ("int8", int8_file)):
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(content)
        file = open_file("tflite", path)
        assert file.name.startswith("LiteRT ")
        for count in (1, 5):
            answer = file.run(small.rows[:count])["probabilities"]
            assert np.abs(answer - small.probabilities[:count]).max() < (1e-5 if name == "float" else 0.1)
        assert set(file.operations()) == {"float" if name == "float" else "integer"}
        arenas[name] = file.arena_bytes()
    # No less than an input and an output of the widest layer at once, (12, 10, 8) each; a quarter of that in bytes.
    assert arenas["float"] >= 2 * 4 * 12 * 10 * 8
    assert arenas["float"] / 5 < arenas["int8"] < arenas["float"] / 3


def test_openvino(small: SmallNetwork, tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="pip install 'kresnet[openvino]'")
    function = make_function(small.served, small.spec, logits=False)
    write_onnx(tmp_path / "float.onnx", function, small.spec)
    write_openvino(tmp_path / "float.onnx", tmp_path / "float.xml")
    assert (tmp_path / "float.bin").stat().st_size > 0
    file = open_file("openvino", tmp_path / "float.xml")
    np.testing.assert_allclose(file.run(small.rows)["probabilities"], small.probabilities, atol=1e-5)
    assert any("Conv" in kind for kind in file.operations()["float"])


def test_onnx_runtime(small: SmallNetwork, tmp_path: Path) -> None:
    pytest.importorskip("tf2onnx", reason="pip install 'kresnet[onnx]'")
    path = tmp_path / "float.onnx"
    write_onnx(path, make_function(small.served, small.spec, logits=False), small.spec)
    file = open_file("onnx", path)
    np.testing.assert_allclose(file.run(small.rows)["probabilities"], small.probabilities, atol=1e-5)
    assert file.operations()["float"]["Conv"] >= 1
    assert file.arena_bytes() is None
