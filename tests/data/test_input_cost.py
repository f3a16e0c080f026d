"""What is told of steps that wait for images, by hand, and measured on files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kresnet.data.input_cost import InputCost, explain_waiting, measure_input_cost
from kresnet.data.sources.array_source import ArraySource
from kresnet.data.sources.folder import FileSource
from kresnet.data.splits import Split
from kresnet.spec.inputs import Input

INPUT = Input.model_validate({"shape": (224, 224, 3)})
SCALED = Input.model_validate({"shape": (224, 224, 3), "jpeg_decoding": "scaled"})
PHONE = InputCost(pixels=12e6, read_seconds=0.001, decode_seconds=0.06)


def test_decoding_is_named_with_what_helps() -> None:
    assert explain_waiting(PHONE, INPUT, 0.63, 28.0, 2) == (
        "Steps waited for images 63% of the time, and what takes long is decoding: 60 ms of the 71 ms that 2 cores "
        "have for an image, of 12 megapixels. `kresnet prepare DATA -o DIR --shorter-side 448` makes them small, once; "
        "input.jpeg_decoding=scaled makes fewer pixels of a JPEG."
    )
    assert explain_waiting(PHONE, SCALED, 0.63, 28.0, 2).endswith("makes them small, once.")
    small = InputCost(pixels=500 * 375, read_seconds=0.0001, decode_seconds=0.0017)
    assert explain_waiting(small, INPUT, 0.2, 700.0, 2).endswith("of 0.19 megapixels. More cores help.")


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        (InputCost(2e5, read_seconds=0.05, decode_seconds=0.001), "is reading the files: 50 ms each."),
        (InputCost(2e5, read_seconds=0.0001, decode_seconds=0.001), "is neither reading nor decoding"),
        (None, "is neither reading nor decoding"),
    ],
)
def test_other_reasons(cost: InputCost | None, said: str) -> None:
    assert said in explain_waiting(cost, INPUT, 0.2, 20.0, 2)


@pytest.mark.parametrize("input", [INPUT, SCALED], ids=["full", "scaled"])
def test_files_are_measured_but_those_that_cannot_be_read(tmp_path: Path, input: Input) -> None:
    paths = [tmp_path / f"{number}.jpg" for number in range(4)]
    for path, side in zip(paths, (100, 300, 500, 0), strict=True):
        if side:
            Image.new("RGB", (side, 200)).save(path)
    (tmp_path / "3.jpg").write_bytes(b"\xff\xd8\xff nothing")
    source = FileSource(tf.constant(list(map(str, paths))), np.zeros(4, np.int64), input)
    cost = measure_input_cost(Split("train", source, input))
    assert cost
    assert cost.pixels == 300 * 200
    assert cost.decode_seconds > 0
    assert cost.read_seconds > 0


def test_arrays_have_no_files() -> None:
    small = Input.model_validate({"shape": (8, 8, 3)})
    source = ArraySource(np.zeros((3, 8, 8, 3), np.uint8), np.zeros(3, np.int64), small)
    assert measure_input_cost(Split("train", source, small)) is None
