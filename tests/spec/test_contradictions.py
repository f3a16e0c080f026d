"""Settings that are valid one by one and not together; and the numbers that the rules are about."""

from __future__ import annotations

from typing import Any

import pytest

from kresnet.errors import KresnetError
from kresnet.spec.architecture import Spec
from kresnet.spec.base import merge
from kresnet.spec.contradictions import find_contradictions, stem_width
from tests.plan.networks import SMALL, plan

IMAGE = [16, 16, 3]


def spec(**changes: Any) -> Spec:
    return Spec.model_validate(merge(SMALL, changes))


def contradictions(**changes: Any) -> list[tuple[str, str]]:
    return [(problem.code, problem.path) for problem in find_contradictions(spec(**changes))]


def test_a_network_without_contradictions_has_none():
    assert contradictions() == []


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"input": {"shape": [16, 16]}}, "input.shape"),
        ({"input": {"shape": IMAGE, "pixels": None}}, "input.pixels"),
        ({"input": {"shape": IMAGE, "pixels": {"mean": [0.1, 0.2]}}}, "input.pixels.mean"),
        ({"input": {"shape": IMAGE, "pixels": {"range": [1.0, 1.0]}}}, "input.pixels.range"),
        ({"input": {"shape": IMAGE, "sample_range": [4095, 4095]}}, "input.sample_range"),
        (
            {
                "input": {
                    "shape": IMAGE,
                    "resize": {"kind": "stretch", "interpolation": "nearest"},
                    "jpeg_decoding": "scaled",
                }
            },
            "input.jpeg_decoding",
        ),
        ({"input": {"shape": [16, 16, 1], "pixels": {"channel_order": "bgr"}}}, "input.pixels.channel_order"),
        ({"input": {"shape": IMAGE, "resize": {"kind": "center_crop", "shorter_side": 15}}},
         "input.resize.shorter_side"),
        ({"convolution": {"padding": "symmetric"}, "stem": {"kernel": 4}}, "stem.kernel"),
        ({"head": {"pool": "none"}, "input": {"any_size": True}}, "head.pool"),
        ({"head": {"kind": "features", "stages": [1, 3]}}, "head.stages"),
        ({"stochastic_depth": 0.1, "block": {"shortcut": "none"}}, "stochastic_depth"),
        ({"block": {"kind": "bottleneck", "groups": 2, "width_per_group": 4}}, "stages.0.block.width_per_group"),
        ({"block": {"attention": {"kind": "squeeze_excite", "reduction": 3}}}, "stages.0.block.attention.reduction"),
        ({"block": {"attention": {"kind": "efficient_channel", "kernel": 2}}}, "stages.0.block.attention.kernel"),
        ({"block": {"kind": "bottleneck", "expansion": 0.3}}, "stages.0.block.expansion"),
        ({"block": {"kind": "bottleneck", "reduce_first": 3}}, "stages.0.block.reduce_first"),
        ({"block": {"kind": "bottleneck", "groups": 8, "reduce_first": 2}}, "stages.0.block.reduce_first"),
        ({"convolution": {"padding": "symmetric"}, "block": {"shortcut_kernel": 2}}, "stages.0.block.shortcut_kernel"),
        ({"convolution": {"padding": "symmetric"}, "stem": {"pool": {"kind": "max", "size": 2, "stride": 1}}},
         "stem.pool.size"),
        ({"norm": {"kind": "none"}, "block": {"order": "full_preactivation"}}, "stages.0.block.order"),
    ],
)  # fmt: skip
def test_what_contradicts(changes, path):
    assert ("contradiction", path) in contradictions(**changes)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"block": {"shortcut": "none", "zero_init_last": True}}, "stages.0.block.zero_init_last"),
        ({"block": {"kind": "bottleneck", "groups": 3}}, "stages.0.block.groups"),
        ({"block": {"shortcut": "identity_pad"}, "stem": {"width": 12}}, "stages.0.block.shortcut"),
        ({"norm": {"kind": "group", "groups": 3}}, "norm.groups"),
        ({"output_stride": 8}, "output_stride"),
        ({"input": {"shape": [8]}, "stem": {"kind": "none"}}, "stages.0.block.kind"),
        ({"head": {"kind": "features", "stages": [1]}}, "head.stages"),
        ({"stages": [{"blocks": 700, "width": 8}] * 3}, "stages"),
    ],
)
def test_a_contradiction_is_refused_before_a_network_is_planned(changes, path):
    with pytest.raises(KresnetError) as caught:
        plan(**changes)
    assert ("contradiction", path) in [(problem.code, problem.path) for problem in caught.value.problems]


def test_a_kind_of_block_that_no_stage_has_is_without_effect():
    stages = [{"blocks": 1, "width": 8, "block": {"kind": "bottleneck"}}]
    assert contradictions(stages=stages) == [("no_effect", "block.kind")]


@pytest.mark.parametrize(
    ("stem", "width"), [({}, 8), ({"kind": "deep", "widths": [4, 6, 12]}, 12), ({"kind": "none"}, 3)]
)
def test_the_channels_that_enter_the_first_stage(stem, width):
    assert stem_width(spec(stem=stem)) == width
