"""A file made of a network: the ranges that training has learned go before those of a calibration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from scipy.special import softmax

from kresnet.export.edge.export_rows import ExportRows, FileRows
from kresnet.export.edge.file_builder import FileBuilder
from kresnet.export.edge.file_formats import FileOptions
from kresnet.export.edge.file_runtimes import LiteRTFile
from kresnet.export.edge.file_writers import make_function
from kresnet.graph.fake_quantization import FakeQuantization
from kresnet.plan import make_plan
from tests.export.edge.small_files import SmallNetwork
from tests.export.networks import CLASS_NAMES


def test_a_file_computes_what_training_for_integers_computed(small: SmallNetwork, tmp_path: Path) -> None:
    """To a step of its output or two; ranges of dark pictures alone would spoil it."""
    rounding, images = FakeQuantization(make_plan(small.spec)), small.rows.astype(np.float32)
    rounding.run(small.model, images, training=True)
    rounded = softmax(rounding.run(small.model, images, training=False).numpy(), axis=1)
    dark = ExportRows(small.rows // 3, "dark pictures", drawn={})
    rows, options = FileRows(ExportRows(small.rows, "test rows"), dark), FileOptions("tflite", "int8")
    function = make_function(small.served, small.spec, logits=False)
    builder = FileBuilder(options, small.spec, small.plan, rows, {}, rounding.values(), lambda _: None)
    found = builder.write(tmp_path / "tiny.tflite", function, CLASS_NAMES)
    assert found["ranges_from_training"] == len(rounding.records)
    file = LiteRTFile(tmp_path / "tiny.tflite")
    assert (file.input["scale"], file.input["zero_point"]) == (1.0, 0)  # a pixel is a pixel, however dark the pictures
    answer = Interpreter(str(tmp_path / "tiny.tflite")).get_signature_runner()(image=small.rows)["probabilities"] / 256
    assert np.abs(answer - rounded).mean() < 1 / 256
    assert np.abs(answer - rounded).max() < 8 / 256
