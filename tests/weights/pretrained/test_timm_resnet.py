"""Arguments of timm's `ResNet` that contradict each other, or that no spec can say, are refused by name."""

from __future__ import annotations

import pytest

from tests.weights.pretrained.test_timm_architectures import refusal


@pytest.mark.parametrize(
    ("model_args", "expected"),
    [
        ({"layers": [3, 4]}, ("contradiction", "channels")),
        ({"block": ["Bottleneck"] * 3}, ("contradiction", "block")),
        ({"block_args": {"attn_layer": {"name": "se", "rd_ratio": 0.3}}},
         ("contradiction", "block_args.attn_layer.rd_ratio")),
        ({"aa_layer": "blur", "output_stride": 16}, ("contradiction", "aa_layer")),
        ({"act": "relu"}, ("unknown_field", "act")),
        ({"norm_layer": "groupnorm", "channels": [40, 80, 160, 320]}, ("contradiction", "stages.0.block.norm.groups")),
    ],
)  # fmt: skip
def test_what_no_spec_can_say_is_refused(model_args, expected):
    assert refusal("resnet50", **model_args) == expected
