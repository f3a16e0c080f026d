"""Names in networks of inverted blocks; that they are all, the comparisons with timm and keras.applications hold."""

from __future__ import annotations

import pytest

from kresnet.weights.layouts import LAYOUTS
from tests.golden.regenerate import plan_of
from tests.weights.pretrained.test_timm_architectures import planned


def names_of(plan, layout):
    return {f"{r.name}/{each.name}": layout.tensor(r, each, plan) for r in plan.records for each in r.parameters}


def test_timms_names():
    small = names_of(planned("mobilenetv3_small_100"), LAYOUTS["timm"].of_family("mobilenetv3"))
    assert small["stage1.block1.conv1/kernel"] == "blocks.0.0.conv_dw.weight"
    assert small["stage1.block1.conv2/kernel"] == "blocks.0.0.conv_pw.weight"
    assert small["stage3.block2.conv3/kernel"] == "blocks.2.1.conv_pwl.weight"
    assert small["stage3.block2.squeeze_excite.reduce/bias"] == "blocks.2.1.se.conv_reduce.bias"
    assert small["neck.conv/kernel"] == "blocks.5.0.conv.weight"
    assert small["head.hidden/bias"] == "conv_head.bias"
    second = names_of(planned("mobilenetv2_035"), LAYOUTS["timm"].of_family("mobilenetv2"))
    assert second["neck.norm/moving_mean"] == "bn2.running_mean"


@pytest.mark.parametrize(
    ("family", "spec", "expected"),
    [
        ("mobilenet_v2", "mobilenet_v2_035", ("expanded_conv_depthwise/kernel", "block_16_project_BN/beta")),
        (
            "mobilenet_v3",
            "mobilenet_v3_small",
            ("expanded_conv_depthwise/kernel", "expanded_conv_10_squeeze_excite_conv_1/kernel"),
        ),
        (
            "mobilenet_v3_keras_2",
            "mobilenet_v3_small",
            ("expanded_conv/depthwise/BatchNorm/beta", "expanded_conv_10/squeeze_excite/Conv_1/kernel", "Conv_2/bias"),
        ),
        ("efficientnet", "efficientnet_b0", ("block1a_dwconv/kernel", "block7a_se_expand/bias", "top_bn/beta")),
        (
            "efficientnet_v2",
            "efficientnet_v2_b0",
            ("block1a_project_bn/beta", "block2b_expand_conv/kernel", "block6h_dwconv2/kernel", "block6h_bn/gamma"),
        ),
    ],
)
def test_kerass_names(family, spec, expected):
    names = set(names_of(plan_of(spec), LAYOUTS["keras-applications"].of_family(family)).values())
    assert None not in names
    assert set(expected) <= names
