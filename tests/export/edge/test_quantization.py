"""Files of integers: ranges are Keras's own, weights are rounded a channel at a time, and answers stay close."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from kresnet.export.edge.file_formats import QUANTIZED
from kresnet.export.edge.file_runtimes import LiteRTFile
from kresnet.export.edge.quantization import Ranges, calibrate, quantize
from kresnet.export.edge.tflite_layers import layer_of, tensors_of_layers, tflite_operations
from tests.export.edge.small_files import SmallNetwork, small_network
from tests.export.networks import INPUT


def test_ranges_are_those_of_the_network_in_keras(small: SmallNetwork, ranges: Ranges) -> None:
    trained = small.model
    activation = keras.Model(trained.input, trained.get_layer("stage1.block1.activation").output)
    values = activation.predict(small.rows.astype(np.float32), verbose=0)
    [tensor] = [each.tensor for each in tflite_operations(small.float_file)
                if layer_of(each, small.plan) == "stage1.block1.activation"]  # fmt: skip
    np.testing.assert_allclose(ranges[tensor], (values.min(), values.max()), rtol=1e-5, atol=1e-5)
    assert ranges["serving_default_image:0"] == (small.rows.min(), small.rows.max())


def test_weights_have_a_scale_for_each_channel(small: SmallNetwork, int8_file: bytes) -> None:
    kernels = {}
    for content in (small.float_file, int8_file):
        file = Interpreter(model_content=content)
        file.allocate_tensors()
        kernels[content] = next(each for each in file.get_tensor_details() if list(each["shape"]) == [8, 3, 3, 3])
        kernels[content]["values"] = file.get_tensor(kernels[content]["index"]).copy()
    exact, rounded = kernels[small.float_file]["values"], kernels[int8_file]
    scales = rounded["quantization_parameters"]["scales"]
    np.testing.assert_allclose(scales, np.abs(exact).max(axis=(1, 2, 3)) / 127, rtol=1e-5)
    assert not rounded["quantization_parameters"]["zero_points"].any()
    assert np.abs(rounded["values"] * scales[:, None, None, None] - exact).max() <= scales.max() / 2 + 1e-7


@pytest.mark.parametrize("weights", QUANTIZED)
def test_answers_stay_close(weights: str, small: SmallNetwork, ranges: Ranges, tmp_path: Path) -> None:
    path = tmp_path / "file.tflite"
    path.write_bytes(quantize(small.float_file, weights, ranges))
    file = LiteRTFile(path)
    answer = file.run(small.rows)["probabilities"]
    assert np.abs(answer - small.probabilities).max() < (0.02 if weights == "int16x8" else 0.1)
    ends = {file.input["dtype"], *(each["dtype"] for each in file.outputs)}
    assert ends == ({"int8"} if weights == "int8" else {"float32"})


def test_a_layer_stays_in_float(small: SmallNetwork, ranges: Ranges) -> None:
    kept = tensors_of_layers(tflite_operations(small.float_file), small.plan, ["stem.conv"])
    operations = tflite_operations(quantize(small.float_file, "int8", ranges, kept))
    assert [layer_of(each, small.plan) for each in operations if each.computes == "float"] == ["stem.conv"]


def test_colours_in_another_order_are_put_in_order_by_integers(tmp_path: Path) -> None:
    network = small_network(input=INPUT | {"pixels": {"mean": [0.4, 0.5, 0.6], "channel_order": "bgr"}})
    content = quantize(network.float_file, "int8", calibrate(network.float_file, network.rows, "image"))
    assert {each.computes for each in tflite_operations(content)} == {"integer"}
    path = tmp_path / "file.tflite"
    path.write_bytes(content)
    answer = LiteRTFile(path).run(network.rows)["probabilities"]
    assert np.abs(answer - network.probabilities).max() < 0.1
