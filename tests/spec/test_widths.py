"""RegNet's rule gives the stages; that they are timm's to the last channel, `test_timm_architectures` holds for 32."""

from __future__ import annotations

import pytest

from kresnet.errors import KresnetError
from kresnet.spec.loading import load_spec
from kresnet.spec.widths import RegNetWidths

RULE = {"w0": 8, "wa": 8.0, "wm": 2.0, "depth": 4, "group_width": 8}
BASE = {
    "name": "small",
    "input": {"shape": [32, 32, 3], "pixels": {}},
    "stem": {"kind": "conv", "width": 8, "kernel": 3},
    "block": {"kind": "bottleneck", "expansion": 1},
    "widths": {"regnet": RULE},
    "head": {"classes": 3},
}


def refused(**changes):
    with pytest.raises(KresnetError) as caught:
        load_spec({**BASE, **changes})
    return [(problem.code, problem.path) for problem in caught.value.problems]


def test_widths_are_those_of_the_papers_table():
    """Radosavovic et al. 2020, Fig. 15: RegNetX-3.2GF has d = [2, 6, 15, 2] and w = [96, 192, 432, 1008]."""
    rule = RegNetWidths(w0=88, wa=26.31, wm=2.25, depth=25, group_width=48)
    assert [(stage["blocks"], stage["width"]) for stage in rule.stages(1)] == [(2, 96), (6, 192), (15, 432), (2, 1008)]


def test_a_block_wider_inside_has_its_width_inside():
    rule = RegNetWidths(w0=16, wa=0.0, wm=2.0, depth=2, group_width=48)
    assert rule.stages(0.25) == [{"blocks": 2, "width": 48, "stride": 2}]


def test_torchvision_rounds_up_where_too_little_is_left():
    """No tenth may be lost: 56 is 48 in groups of 48 by the paper's rule, and 96 by torchvision's."""
    rule = {"w0": 56, "wa": 0.0, "wm": 2.0, "depth": 1, "group_width": 48}
    assert RegNetWidths(**rule).stages(1)[0]["width"] == 48
    assert RegNetWidths(**rule, least_share=0.9).stages(1)[0]["width"] == 96


def test_a_spec_states_its_stages_once_resolved():
    spec = load_spec(BASE).value
    stages = [(stage.blocks, stage.width, stage.block.width_per_group) for stage in spec.stages]
    assert stages == [(1, 8, None), (1, 16, 8), (2, 32, 8)]
    assert "widths" not in spec.document()
    assert load_spec(spec.document()).value == spec


def test_one_stage_of_a_rule_can_be_changed():
    spec = load_spec(BASE, ["widths.regnet.depth=2", "stages.1.width=24"]).value
    assert [stage.width for stage in spec.stages] == [8, 24]


def test_blocks_without_groups_have_the_widths_alone():
    spec = load_spec({**BASE, "block": {"kind": "basic"}}).value
    assert [stage.width for stage in spec.stages] == [8, 16, 32]


@pytest.mark.parametrize("kind", ["inverted", "fused_inverted", "convnext"])
def test_a_stage_is_as_wide_as_the_rule_says_where_the_block_is_wider_inside(kind):
    """Whether the expansion is stated or not."""
    for stated in ({}, {"expansion": 2}, {"expansion": 6}):
        spec = load_spec({**BASE, "block": {"kind": kind} | stated}).value
        assert [stage.width for stage in spec.stages] == [8, 16, 32], stated


def test_what_is_wrong_is_told_where_it_is():
    assert refused(stages=[{"blocks": 1, "width": 8}]) == [("contradiction", "widths")]
    assert refused(widths={"regnet": RULE | {"wm": 1.0}}) == [("out_of_range", "widths.regnet.wm")]
    assert refused(widths={}) == [("missing_field", "widths.regnet")]
