"""Float files by others' converters, ONNX of integers, and operations that a runtime lacks."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from kresnet.errors import KresnetError
from kresnet.export.edge.file_writers import OPSET, make_function, quantize_onnx, write_onnx, write_tflite
from tests.export.edge.small_files import SmallNetwork


def test_half_the_bytes(small: SmallNetwork) -> None:
    half = write_tflite(make_function(small.served, small.spec, logits=False), half=True)
    assert len(half) < len(small.float_file)


def test_an_operation_that_the_runtime_lacks_is_named() -> None:
    function = tf.function(
        lambda rows: {"values": tf.linalg.svd(rows)[0]}, input_signature=[tf.TensorSpec((3, 4), tf.float32, "vector")]
    )
    with pytest.raises(KresnetError, match=r"no operation for a part of the network: .*Svd") as caught:
        write_tflite(function)
    assert caught.value.problems[0].code == "not_servable"


def test_onnx_of_integers(small: SmallNetwork, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="pip install 'kresnet[onnx]'")
    write_onnx(tmp_path / "float.onnx", make_function(small.served, small.spec, logits=False), small.spec)
    quantize_onnx(tmp_path / "float.onnx", tmp_path / "int8.onnx", small.rows, small.spec)
    exact, rounded = (onnx.load(str(tmp_path / f"{name}.onnx")) for name in ("float", "int8"))
    onnx.checker.check_model(rounded)
    assert exact.opset_import[0].version == OPSET
    kernels = [each for each in rounded.graph.initializer if len(each.dims) == 4]
    assert kernels
    assert {each.data_type for each in kernels} == {onnx.TensorProto.INT8}
    last = next(node for node in rounded.graph.node if node.op_type == "Softmax")
    assert last.output[0] == rounded.graph.output[0].name
