"""Pixels as bytes, and what a file says about itself."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from kresnet.export.edge.file_runtimes import LiteRTFile
from kresnet.export.edge.tflite_metadata import LABELS, add_metadata, read_own_metadata, use_bytes_at_ends
from tests.export.edge.small_files import SmallNetwork
from tests.export.networks import CLASS_NAMES


def test_bytes_at_the_ends_change_no_answer(small: SmallNetwork, int8_file: bytes, tmp_path: Path) -> None:
    pixels = tmp_path / "pixels.tflite"
    pixels.write_bytes(use_bytes_at_ends(int8_file))
    file = LiteRTFile(pixels)
    assert file.input == {"name": "image", "dtype": "uint8", "scale": pytest.approx(1, rel=1e-6), "zero_point": 0}
    assert file.outputs == [{"name": "probabilities", "dtype": "uint8", "scale": 1 / 256, "zero_point": 0}]
    signed = Interpreter(model_content=int8_file).get_signature_runner()
    expected = signed(image=(small.rows.astype(np.int16) - 128).astype(np.int8))["probabilities"]
    unsigned = Interpreter(model_path=str(pixels)).get_signature_runner()
    np.testing.assert_array_equal(unsigned(image=small.rows)["probabilities"], expected.astype(np.int16) + 128)


@pytest.fixture(scope="module")
def described(small: SmallNetwork, int8_file: bytes) -> bytes:
    return add_metadata(
        use_bytes_at_ends(int8_file), name="tiny", description="A test.", image_shape=(12, 10, 3),
        class_names=CLASS_NAMES, about={"weights": "int8"},
    )  # fmt: skip


def test_labels_and_settings_are_in_the_file(described: bytes, small: SmallNetwork) -> None:
    with zipfile.ZipFile(io.BytesIO(described)) as archive:
        assert archive.read(LABELS).decode().splitlines() == list(CLASS_NAMES)
    assert read_own_metadata(described) == {"weights": "int8"}
    assert read_own_metadata(small.float_file) == {}
    assert b"M001" in described
    assert Interpreter(model_content=described).get_signature_list()


def test_mediapipe_reads_them(described: bytes) -> None:
    metadata = pytest.importorskip("mediapipe.tasks.python.metadata.metadata", reason="pip install mediapipe")
    displayer = metadata.MetadataDisplayer.with_model_buffer(described)
    assert displayer.get_packed_associated_file_list() == [LABELS]
    text = displayer.get_metadata_json()
    assert '"color_space": "RGB"' in text
    assert '"NormalizationOptions"' in text
