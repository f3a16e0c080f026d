"""The stems of the papers are the defaults, and windows and strides have bounds."""

from __future__ import annotations

import pytest

from kresnet.spec.stems import ConvStem, DeepStem, NoStem, StemPool
from tests.spec.refusals import refused


def test_the_defaults_are_those_of_imagenet():
    assert ConvStem(kind="conv").document() == {"kind": "conv", "width": 64, "kernel": 7, "stride": 2, "pool": None}
    assert DeepStem(kind="deep").document() == {"kind": "deep", "widths": [32, 32, 64], "stride": 2, "pool": None}
    pool = {"kind": "max", "size": 3, "stride": 2, "fill": "lowest", "anti_alias": None}
    assert StemPool(kind="max").document() == pool
    assert set(NoStem.model_fields) == {"kind"}


@pytest.mark.parametrize(
    ("model", "settings", "expected"),
    [
        (ConvStem, {"kind": "conv", "kernel": 32}, ("out_of_range", "kernel")),
        (ConvStem, {"kind": "conv", "stride": 9}, ("out_of_range", "stride")),
        (ConvStem, {"kind": "conv", "widths": [8]}, ("unknown_field", "widths")),
        (ConvStem, {"kind": "conv", "pool": {"kind": "min"}}, ("wrong_value", "pool.kind")),
        (ConvStem, {"kind": "conv", "pool": {}}, ("missing_field", "pool.kind")),
        (DeepStem, {"kind": "deep", "widths": []}, ("out_of_range", "widths")),
        (DeepStem, {"kind": "deep", "widths": [8] * 17}, ("out_of_range", "widths")),
        (NoStem, {"kind": "none", "width": 8}, ("unknown_field", "width")),
    ],
)
def test_what_is_refused(model, settings, expected):
    assert refused(model, settings) == expected
