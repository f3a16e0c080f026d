"""ConvNeXt's block in plans: its records, what strides before it, and its costs by hand."""

from __future__ import annotations

import pytest

from kresnet.errors import KresnetError
from kresnet.plan import make_plan
from kresnet.plan.scaling_rules import ScaledSettings
from kresnet.spec.architecture import Spec

NETWORK = {
    "name": "small",
    "input": {"shape": [32, 32, 3]},
    "convolution": {"bias": "always"},
    "norm": {"kind": "layer"},
    "stem": {"kind": "patch", "width": 8, "size": 4},
    "block": {"kind": "convnext", "kernel": 5},
    "stages": [{"blocks": 1, "width": 8}, {"blocks": 2, "width": 12, "stride": 2}],
    "head": {"classes": 10, "norm": {"kind": "layer"}},
}


def planned(**changes):
    return make_plan(Spec.model_validate(NETWORK | changes))


def test_the_records_are_the_papers():
    names = [record.name for record in planned().records]
    block = ["depthwise", "norm", "expand", "activation", "reduce", "layer_scale", "add"]
    assert names == [
        *("input", "normalize", "stem.conv", "stem.norm"),
        *(f"stage1.block1.{name}" for name in block),
        *(f"stage2.block1.{name}" for name in ["downsample.norm", "downsample.conv", *block]),
        *(f"stage2.block2.{name}" for name in block),
        *("head.pool", "head.norm", "head.logits"),
    ]


def test_parameters_and_costs_by_hand():
    plan = planned()
    block = 5 * 5 * 8 + 8 + 2 * 8 + (8 * 32 + 32) + (32 * 8 + 8) + 8
    assert sum(record.weights for record in plan.records if record.stage == 1) == block
    macs = 8 * 8 * (5 * 5 * 8 + 2 * 8 * 32)
    assert sum(record.macs for record in plan.records if record.stage == 1) == macs
    assert plan.by_name["stage2.block1.downsample.conv"].macs == 4 * 4 * 12 * 2 * 2 * 8


def test_version_2_weighs_the_inner_channels_and_scales_none():
    plan = planned(block=NETWORK["block"] | {"layer_scale": None, "response_norm": True})
    assert plan.by_name["stage1.block1.response_norm"].shape == (8, 8, 32)
    assert "stage1.block1.layer_scale" not in plan.by_name


def test_pixels_that_fill_no_window_are_left_out():
    assert planned(input={"shape": [35, 30, 3]}).by_name["stem.conv"].shape == (8, 7, 8)


def test_a_stage_beyond_the_output_stride_keeps_every_pixel():
    plan = planned(output_stride=4)
    assert plan.by_name["stage2.block1.downsample.conv"].shape == (8, 8, 12)
    assert plan.by_name["stage2.block2.depthwise"].settings["dilation"] == 2
    with pytest.raises(KresnetError, match="do not fill the map"):
        planned(output_stride=4, input={"shape": [36, 32, 3]})


def test_a_network_of_it_grows_by_its_stem_and_stages():
    document = NETWORK | {"norm": {"kind": "group", "groups": 2}}
    scaled = ScaledSettings(Spec.model_validate(document), document).scaled(1.0, 2.0, 1.0)
    assert (scaled["stem.width"], scaled["stages.1.width"]) == (16, 24)
