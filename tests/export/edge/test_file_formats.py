"""What a file can hold, and which settings go together."""

from __future__ import annotations

from typing import Any

import pytest

from kresnet.errors import KresnetError
from kresnet.export.edge.file_formats import FileOptions, parse_share


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kind": "onnx", "weights": "float16"}, "--weights float16 is not for --format onnx"),
        ({"kind": "openvino", "weights": "dynamic"}, "--weights dynamic is not for --format openvino"),
        ({"kind": "tflite", "weights": "int4"}, "--weights int4"),
        ({"kind": "tflite", "compare": True}, "--compare is for quantised files"),
        ({"kind": "onnx", "weights": "int8", "lose_at_most": 0.01}, "--lose-at-most is for quantised files"),
        ({"kind": "tflite", "weights": "float16", "keep_float": ("stem",)}, "--keep-float is for quantised files"),
        ({"kind": "tflite", "weights": "int8", "calibrate": 0}, "on no image"),
        ({"kind": "tflite", "weights": "int8", "lose_at_most": 1.5}, "a share of all images"),
    ],
)
def test_what_does_not_go_together_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(KresnetError, match=said) as caught:
        FileOptions(**options)
    assert caught.value.problems[0].code == "bad_option"


def test_a_share_is_a_percentage_or_a_number() -> None:
    assert parse_share("0.5%") == pytest.approx(0.005)
    assert parse_share("0.005") == 0.005
    with pytest.raises(KresnetError, match="a share of all images"):
        parse_share("half")
