"""Which settings scaling changes, and how it rounds: as EfficientNet's published sizes are rounded."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kresnet.errors import KresnetError
from kresnet.plan.scaling_rules import RULES, ScaledSettings, find_rule, round_depth, round_width, total_stride
from kresnet.spec.loading import load_spec
from tests.strategies import examples

#: EfficientNet-B0: stem, stages and last convolution; blocks of the stages (Tan and Le 2019, Table 1).
B0 = (32, 16, 24, 40, 80, 112, 192, 320, 1280), (1, 2, 2, 3, 3, 4, 1)
#: Width and depth coefficients of its larger siblings, and the sizes that their published checkpoints have.
SIBLINGS = [
    (1.1, 1.2, (32, 16, 24, 48, 88, 120, 208, 352, 1408), (2, 3, 3, 4, 4, 5, 2)),  # B2
    (1.2, 1.4, (40, 24, 32, 48, 96, 136, 232, 384, 1536), (2, 3, 3, 5, 5, 6, 2)),  # B3
    (1.4, 1.8, (48, 24, 32, 56, 112, 160, 272, 448, 1792), (2, 4, 4, 6, 6, 8, 2)),  # B4
    (2.0, 3.1, (64, 32, 48, 80, 160, 224, 384, 640, 2560), (4, 7, 7, 10, 10, 13, 4)),  # B7
]


@pytest.mark.parametrize(("width", "depth", "widths", "blocks"), SIBLINGS)
def test_sizes_are_rounded_as_those_of_efficientnet(width, depth, widths, blocks):
    assert tuple(round_width(each * width, 8) for each in B0[0]) == widths
    assert tuple(round_depth(each * depth) for each in B0[1]) == blocks


@examples(70)
@given(st.floats(0, 5000), st.floats(0, 5000), st.sampled_from([1, 4, 8, 32, 48]))
def test_rounding_is_monotone_to_a_multiple_and_loses_at_most_a_tenth(one, other, multiple):
    low, high = sorted((one, other))
    assert 1 <= round_width(low, multiple) <= round_width(high, multiple)
    assert round_width(low, multiple) % multiple == 0
    assert round_width(high, multiple) >= 0.9 * high
    assert 1 <= round_depth(low) <= round_depth(high)


def test_the_compound_rule_is_that_of_the_paper():
    rule = RULES["compound"]
    assert rule.factors(1) == (1.2, 1.1, 1.15)
    assert 1.9 < rule.growth < 2  # "alpha * beta^2 * gamma^2 is about 2", equation 3
    assert all(RULES[name].growth == pytest.approx(2) for name in ("depth", "width", "resolution"))
    assert all(rule.factors(0) == (1, 1, 1) for rule in RULES.values())


def test_an_unknown_rule_is_told_with_the_nearest():
    with pytest.raises(KresnetError) as caught:
        find_rule("widht")
    assert caught.value.problems[0].nearest == "width"


def settings(name: str, *factors: float, overrides: Any = (), multiple: int = 8) -> dict[str, Any]:
    loaded = load_spec(name, overrides)
    return ScaledSettings(loaded.value, loaded.source.values, multiple).scaled(*factors)


def test_settings_of_the_usual_network():
    assert settings("resnet50", 2, 0.5, 0.75) == {
        "stages.0.blocks": 6, "stages.1.blocks": 8, "stages.2.blocks": 12, "stages.3.blocks": 6,
        "stem.width": 32, "stages.0.width": 32, "stages.1.width": 64, "stages.2.width": 128, "stages.3.width": 256,
        "input.shape": [160, 160, 3], "input.resize.shorter_side": 183,
    }  # fmt: skip


def test_every_width_of_a_deep_stem_is_scaled():
    assert settings("resnetrs50", 1, 2, 1)["stem.widths"] == [64, 64, 128]


def test_widths_stay_multiples_of_what_must_divide_them():
    def stages(*arguments: Any, **options: Any) -> list[int]:
        scaled = settings(*arguments, **options)
        return [value for path, value in scaled.items() if path.startswith("stages.") and path.endswith("width")]

    assert stages("resnext50_32x4d", 1, 0.55, 1) == [64, 128, 288, 576]  # groups: 32
    assert stages("resnet50", 1, 0.8, 1, overrides={"block.width_per_group": 16}) == [48, 96, 208, 416]
    assert stages("resnet50", 1, 0.8, 1, overrides={"norm": {"kind": "group", "groups": 32}}) == [64, 96, 192, 416]
    assert stages("se_resnet50", 1, 0.3, 1, multiple=2) == [20, 40, 76, 152]  # 4 times a width by a reduction of 16
    assert stages("resnet50", 1, 0.8, 1, multiple=1) == [51, 102, 205, 410]


def test_what_is_no_multiple_of_eight_keeps_its_own_divisor():
    scaled = settings("cifar_resnet20", 1, 1.5, 1.1, overrides={"stages.1.width": 36, "input.shape": [30, 42, 3]})
    assert scaled["stages.1.width"] == 56  # of 54, a multiple of 4
    assert scaled["input.shape"] == [34, 46, 3]  # of 33 and 46.2, even where the total stride is 4


def test_an_image_stays_as_long_as_the_total_stride():
    assert settings("resnet50", 1, 1, 0.01)["input.shape"] == [32, 32, 3]
    assert settings("resnet50", 1, 1, 0.01, overrides={"input.shape": [20, 40, 3]})["input.shape"] == [20, 32, 3]


def test_output_stride_limits_the_total_stride():
    assert total_stride(load_spec("resnet50").value) == 32
    assert total_stride(load_spec("resnet50", {"output_stride": 8}).value) == 8
    assert total_stride(load_spec("cifar_resnet20").value) == 4


def test_without_a_head_the_shape_of_the_output_stays():
    assert settings("residual_mlp", 3, 2, 2) == {"stages.0.blocks": 3, "block.hidden": 128}
    scaled = settings("cifar_resnet20", 1, 2, 2, overrides={"head": {"kind": "none"}, "stages.2.width": 32})
    assert "input.shape" not in scaled
    assert "stages.2.width" not in scaled
    assert scaled["stages.1.width"] == 64


def test_hidden_units_are_scaled_where_they_are_stated():
    overrides = {"stages": [{"blocks": 1, "width": 16}, {"blocks": 1, "width": 16, "block": {"hidden": 24}}]}
    scaled = settings("residual_mlp", 1, 2, 1, overrides=overrides)
    assert (scaled["block.hidden"], scaled["stages.1.block.hidden"]) == (128, 48)
