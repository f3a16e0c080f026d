"""Names of other families in other projects; that they are all, `test_timm_families` holds for every network."""

from __future__ import annotations

import pytest

from kresnet.weights.layouts import LAYOUTS
from kresnet.weights.pretrained.timm_architectures import timm_facts
from tests.weights.pretrained.test_timm_architectures import planned


@pytest.mark.parametrize(
    ("architecture", "names"),
    [
        (
            "resnetv2_50x1_bit",
            {
                "stem.conv/kernel": "stem.conv.weight",
                "stage1.block1.norm1/gamma": "stages.0.blocks.0.norm1.weight",
                "stage2.block1.shortcut.conv/kernel": "stages.1.blocks.0.downsample.conv.weight",
                "stage4.block3.conv3/kernel": "stages.3.blocks.2.conv3.weight",
                "stage4.norm/beta": "norm.bias",
                "head.logits/bias": "head.fc.bias",
            },
        ),
        (
            "regnetz_005",
            {
                "stem.norm/gamma": "stem.bn.weight",
                "stage1.block1.conv2/kernel": "s1.b1.conv2.conv.weight",
                "stage4.block1.squeeze_excite.expand/bias": "s4.b1.se.fc2.bias",
                "neck.norm/beta": "final_conv.bn.bias",
                "head.logits/kernel": "head.fc.weight",
            },
        ),
        (
            "regnetx_002",
            {
                "stage2.block1.shortcut.conv/kernel": "s2.b1.downsample.conv.weight",
                "stage2.block1.shortcut.norm/beta": "s2.b1.downsample.bn.bias",
            },
        ),
        (
            "resnetv2_50t",
            {"stem.conv3/kernel": "stem.conv3.weight", "stem.norm1/beta": "stem.norm1.bias"},
        ),
    ],
)
def test_timms_names(architecture, names):
    plan = planned(architecture)
    layout = LAYOUTS["timm"].of_family(timm_facts()["architectures"][architecture]["family"])
    found = {f"{r.name}/{each.name}": layout.tensor(r, each, plan) for r in plan.records for each in r.parameters}
    assert {name: found[name] for name in names} == names
