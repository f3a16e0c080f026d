"""Shapes, parameters and multiply-accumulates of single layers, against arithmetic and Keras's rules."""

from __future__ import annotations

import pytest

from kresnet.errors import KresnetError
from kresnet.plan.dilation import WindowStep
from kresnet.plan.plan_builder import PlanBuilder
from kresnet.spec.architecture import Convolution
from kresnet.spec.norms import BatchNorm, GroupNorm, LayerNorm, NoNorm
from tests.plan.networks import plan


def start(*shape: int, **convolution: str):
    draft = PlanBuilder(Convolution(**convolution))
    return draft, draft.input(shape, {})


def test_the_1x1_bottleneck_lesson():
    """5x5 on 28x28x192 to 32 channels: 120 million; through 16 channels of a 1x1 first, 12.4 million."""
    draft, x = start(28, 28, 192)
    assert draft.conv(x, "straight", 32, 5, norm_follows=True).macs == 120_422_400
    narrow = draft.conv(x, "narrow", 16, 1, norm_follows=True)
    wide = draft.conv(narrow, "wide", 32, 5, norm_follows=True)
    assert (narrow.macs, wide.macs) == (2_408_448, 10_035_200)
    assert narrow.macs + wide.macs == 12_443_648


@pytest.mark.parametrize("groups", [1, 2, 8])
def test_groups_divide_weights_and_cost(groups):
    draft, x = start(10, 10, 16)
    record = draft.conv(x, "conv", 32, 3, groups=groups, norm_follows=True)
    assert record.parameters[0].shape == (3, 3, 16 // groups, 32)
    assert record.macs == 100 * 9 * 16 * 32 // groups


@pytest.mark.parametrize(("rule", "bare", "normed"), [("where_no_norm", 1, 0), ("always", 1, 1), ("never", 0, 0)])
def test_the_rules_of_bias(rule, bare, normed):
    draft, x = start(4, 4, 3, bias=rule)
    assert draft.conv(x, "bare", 5, norm_follows=False).weights == 15 + 5 * bare
    assert draft.conv(x, "normed", 5, norm_follows=True).weights == 15 + 5 * normed


# Side, kernel, stride, and the outputs of TensorFlow's `SAME` and PyTorch's `padding=(kernel - 1) // 2`.
WINDOWS = [
    (224, 7, 2, 112, 112),
    (113, 7, 2, 57, 57),
    (5, 3, 2, 3, 3),
    (6, 3, 2, 3, 3),
    (7, 5, 3, 3, 3),
    (8, 1, 2, 4, 4),
]


@pytest.mark.parametrize(("side", "kernel", "stride", "same", "symmetric"), WINDOWS)
def test_strided_windows(side, kernel, stride, same, symmetric):
    for padding, expected in (("same", same), ("symmetric", symmetric)):
        draft, x = start(side, side, 3, padding=padding)
        assert draft.conv(x, "conv", 4, kernel, step=WindowStep(stride), norm_follows=True).shape == (
            expected,
            expected,
            4,
        )
        assert expected == (side + 2 * (kernel // 2) - kernel) // stride + 1  # PyTorch's formula


def test_symmetric_padding_is_a_record_only_where_it_differs():
    draft, x = start(8, 8, 3, padding="symmetric")
    draft.conv(x, "plain", 4, 3, norm_follows=True)
    draft.conv(x, "strided", 4, 3, step=WindowStep(2), norm_follows=True)
    draft.pool(x, "pool", "max", 3, 2)
    pads = {r.name: r.settings for r in draft.records if r.kind == "pad"}
    assert pads == {"strided_pad": {"side": 1, "fill": "zero"}, "pool_pad": {"side": 1, "fill": "lowest"}}


def test_what_strode_before_dilation_keeps_the_size_of_its_map():
    draft, x = start(9, 12, 3)
    step = WindowStep(stride=2, spacing=2, dilated=True)
    conv = draft.conv(x, "conv", 4, 3, step=step, norm_follows=True)
    pad = draft.records[-2]
    assert (pad.name, pad.kind, pad.shape) == ("conv_pad", "strided_pad", (13, 16, 3))
    assert pad.settings == {"window": 3, "stride": 2, "spacing": 2}
    assert conv.shape == (9, 12, 4)
    assert (conv.settings["stride"], conv.settings["dilation"], conv.settings["padding"]) == (1, 2, "valid")
    pool = draft.average_by_stride(x, "pool", step)
    assert (pool.shape, pool.settings["size"], pool.settings["dilation"]) == ((9, 12, 3), 2, 2)


@pytest.mark.parametrize(
    ("norm", "trainable", "total"),
    [
        (BatchNorm(kind="batch"), 16, 32),
        (GroupNorm(kind="group", groups=2), 16, 16),
        (LayerNorm(kind="layer"), 16, 16),
    ],
)
def test_parameters_of_norms(norm, trainable, total):
    draft, x = start(4, 4, 8)
    record = draft.norm(x, "norm", norm)
    assert sum(p.size for p in record.parameters if p.trainable) == trainable
    assert record.weights == total


def test_what_does_nothing_is_no_record():
    draft, x = start(4, 4, 8)
    assert draft.norm(x, "norm", NoNorm(kind="none")) is x
    assert draft.dropout(x, "dropout", 0.0) is x
    assert draft.stochastic_depth(x, "depth", 0.0) is x


def test_an_odd_map_is_subsampled_with_its_edge():
    draft, x = start(7, 5, 8)
    assert draft.identity_pad(x, "pad", 20, 2).shape == (4, 3, 20)


def test_a_stride_and_a_dilation_at_once_are_refused():
    draft, x = start(8, 8, 3)
    with pytest.raises(KresnetError, match="cannot stride by 2 and dilate by 2"):
        draft.conv(x, "conv", 4, 3, step=WindowStep(2), dilation=2, norm_follows=True)


def test_a_map_cannot_shrink_below_one_pixel():
    draft, x = start(1, 4, 3)
    with pytest.raises(KresnetError) as caught:
        draft.conv(x, "conv", 4, 3, step=WindowStep(2), norm_follows=True)
    assert caught.value.problems[0].code == "map_too_small"


def test_a_kernel_of_one_number_cannot_be_standardised():
    standardized = {"weight_standardization": {}}
    assert plan(convolution=standardized).by_name["stem.conv"].settings["standardized"] == 1e-8
    with pytest.raises(KresnetError, match=r"stem\.conv multiplies by one number") as caught:
        plan(convolution=standardized, stem={"kernel": 1}, input={"shape": [16, 16, 1]})
    assert caught.value.problems[0].path == "convolution.weight_standardization"
