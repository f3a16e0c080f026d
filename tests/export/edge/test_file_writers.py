"""Float files by others' converters, ONNX of integers, and operations that a runtime lacks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kresnet.errors import KresnetError
from kresnet.export.edge.file_writers import OPSET, make_function, quantize_onnx, write_onnx, write_tflite
from kresnet.export.served_network import unchanged_network
from kresnet.graph import build_model
from kresnet.plan import make_plan
from kresnet.spec.architecture import Spec
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


def test_zeros_around_a_map_stay_where_its_maximum_is_taken(tmp_path: Path) -> None:
    """ONNX Runtime would have the lowest number in their place."""
    onnxruntime = pytest.importorskip("onnxruntime", reason="pip install 'kresnet[onnx]'")
    spec = Spec.model_validate(
        {
            "name": "negative",
            "input": {"shape": [8, 8, 1]},
            "convolution": {"padding": "symmetric"},
            "norm": {"kind": "none"},
            "activation": "tanh",
            "stem": {"kind": "conv", "width": 4, "kernel": 1, "stride": 1,
                     "pool": {"kind": "max", "size": 3, "stride": 2, "fill": "zero"}},
            "block": {"kind": "basic", "order": "relu_only_preactivation"},
            "stages": [{"blocks": 1, "width": 4}],
            "head": {"classes": 3},
        }
    )  # fmt: skip
    plan = make_plan(spec)
    model = build_model(plan, seed=2)
    stem = model.get_layer("stem.conv")
    stem.set_weights([-np.abs(stem.get_weights()[0]) / 255, np.full(4, -0.1, np.float32)])
    served = unchanged_network(model, plan)
    write_onnx(tmp_path / "file.onnx", make_function(served, spec, logits=True), spec)
    rows = np.random.default_rng(0).uniform(1, 255, (2, 8, 8, 1)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(tmp_path / "file.onnx"))
    found = dict(zip((each.name for each in session.get_outputs()), session.run(None, {"image": rows}), strict=True))
    expected = np.asarray(model(rows))
    assert np.asarray(model.get_layer("stem.pool_pad").output.shape[1:]).tolist() == [10, 10, 4]
    np.testing.assert_allclose(found["logits"], expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


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


def test_an_exact_gelu_in_onnx(tmp_path: Path) -> None:
    """Keras makes it of an operation that ONNX lacks."""
    onnxruntime = pytest.importorskip("onnxruntime", reason="pip install 'kresnet[onnx]'")
    spec = Spec.model_validate(
        {
            "name": "gelu",
            "input": {"shape": [8]},
            "norm": {"kind": "none"},
            "activation": "gelu",
            "stem": {"kind": "none"},
            "block": {"kind": "dense", "order": "relu_only_preactivation"},
            "stages": [{"blocks": 1, "width": 8}],
            "head": {"pool": "none", "classes": 3},
        }
    )
    plan = make_plan(spec)
    served = unchanged_network(build_model(plan, seed=2), plan)
    write_onnx(tmp_path / "file.onnx", make_function(served, spec, logits=True), spec)
    rows = np.linspace(-9, 9, 40, dtype=np.float32).reshape(5, 8)
    session = onnxruntime.InferenceSession(str(tmp_path / "file.onnx"))
    found = dict(zip((each.name for each in session.get_outputs()), session.run(None, {"vector": rows}), strict=True))
    np.testing.assert_allclose(found["logits"], served.predict(rows)["logits"], rtol=1e-5, atol=1e-6)


def test_a_grouped_convolution_is_one_node_of_onnx(tmp_path: Path) -> None:
    """Groups one by one, as a CPU of TensorFlow's wants them, would be a node each."""
    onnx = pytest.importorskip("onnx", reason="pip install 'kresnet[onnx]'")
    onnxruntime = pytest.importorskip("onnxruntime", reason="pip install 'kresnet[onnx]'")
    spec = Spec.model_validate(
        {
            "name": "grouped",
            "input": {"shape": [8, 8, 3]},
            "stem": {"kind": "conv", "width": 8, "kernel": 3, "stride": 1},
            "block": {"kind": "bottleneck", "expansion": 1, "groups": 4},
            "stages": [{"blocks": 1, "width": 8, "stride": 2}],
            "head": {"classes": 3},
        }
    )
    plan = make_plan(spec)
    served = unchanged_network(build_model(plan, seed=2), plan)
    write_onnx(tmp_path / "file.onnx", make_function(served, spec, logits=True), spec)
    nodes = [node for node in onnx.load(str(tmp_path / "file.onnx")).graph.node if node.op_type == "Conv"]
    groups = [attribute.i for node in nodes for attribute in node.attribute if attribute.name == "group"]
    assert len(nodes) == sum(record.kind == "conv" for record in plan.records)
    assert sorted(groups)[-1] == 4
    rows = np.random.default_rng(0).uniform(0, 255, (2, 8, 8, 3)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(tmp_path / "file.onnx"))
    found = dict(zip((each.name for each in session.get_outputs()), session.run(None, {"image": rows}), strict=True))
    np.testing.assert_allclose(found["logits"], served.predict(rows)["logits"], rtol=1e-4, atol=1e-5)
