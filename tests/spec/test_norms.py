"""What a norm is where its spec says no more, and which values and channels it refuses."""

from __future__ import annotations

from kresnet.spec.norms import BatchNorm, GroupNorm, LayerNorm, NoNorm
from tests.spec.refusals import refused


def test_norms_have_the_settings_of_their_papers():
    assert GroupNorm(kind="group").groups == 32
    assert set(LayerNorm.model_fields) == {"kind", "epsilon"}
    assert set(NoNorm.model_fields) == {"kind"}


def test_what_is_refused():
    assert refused(GroupNorm, {"kind": "group", "epsilon": 0.0}) == ("out_of_range", "epsilon")
    assert refused(BatchNorm, {"kind": "batch", "momentum": 1.0}) == ("out_of_range", "momentum")


def test_groups_must_divide_the_channels_and_other_norms_take_any_number():
    [problem] = GroupNorm(kind="group", groups=8).contradictions(12, "stage 1")
    assert (problem.code, problem.path) == ("contradiction", "groups")
    assert problem.message == "8 groups do not divide the 12 channels of stage 1."
    assert not list(GroupNorm(kind="group", groups=8).contradictions(16, "stage 1"))
    for norm in (BatchNorm(kind="batch"), LayerNorm(kind="layer"), NoNorm(kind="none")):
        assert norm.channel_multiple == 1
        assert not list(norm.contradictions(7, "stage 1"))
