"""Signal to quantisation noise, layer by layer."""

from __future__ import annotations

import math

import numpy as np

from kresnet.export.edge.layer_noise import layer_noise, noisiest_layers
from kresnet.export.edge.quantization import Ranges, quantize
from kresnet.export.edge.tflite_layers import tensors_of_layers, tflite_operations
from tests.export.edge.small_files import SmallNetwork


def test_more_bits_leave_more_of_the_signal(small: SmallNetwork, ranges: Ranges, int8_file: bytes) -> None:
    files = {"same": small.float_file, "int8": int8_file, "int16x8": quantize(small.float_file, "int16x8", ranges)}
    found = {name: layer_noise(small.float_file, each, small.plan, small.rows[:16]) for name, each in files.items()}
    assert all(each.decibels == math.inf and each.as_dict()["decibels"] is None for each in found["same"])
    assert [each.layer for each in found["int8"]] == [each.layer for each in found["same"]]
    stem = {name: next(each for each in layers if each.layer == "stem.conv") for name, layers in found.items()}
    assert 20 < stem["int8"].decibels < stem["int16x8"].decibels
    first = noisiest_layers(found["int8"])[0]
    assert first.added == max(each.added for each in found["int8"])


def test_the_last_figure_is_that_of_the_files_answers(small: SmallNetwork, int8_file: bytes) -> None:
    from ai_edge_litert.interpreter import Interpreter

    rows = small.rows[:16]
    answer = Interpreter(model_content=int8_file).get_signature_runner()(
        image=(rows.astype(np.int16) - 128).astype(np.int8)
    )["probabilities"]
    exact = small.probabilities[:16]
    noise = np.square(exact - (answer.astype(np.float32) + 128) / 256).sum() / np.square(exact).sum()
    last = layer_noise(small.float_file, int8_file, small.plan, rows)[-1]
    assert last.layer == "probabilities"
    np.testing.assert_allclose(last.noise, noise, rtol=1e-3)


def test_a_layer_in_float_adds_less(small: SmallNetwork, ranges: Ranges, int8_file: bytes) -> None:
    kept = tensors_of_layers(tflite_operations(small.float_file), small.plan, ["normalize", "stem.conv"])
    files = (int8_file, quantize(small.float_file, "int8", ranges, kept))
    noise = [
        {each.layer: each.noise for each in layer_noise(small.float_file, file, small.plan, small.rows[:16])}
        for file in files
    ]
    assert noise[1]["stem.conv"] < noise[0]["stem.conv"]
