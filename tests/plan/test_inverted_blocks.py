"""The layers of blocks that are wider inside than outside."""

from __future__ import annotations

from tests.plan.networks import block, plan

STAGES = [{"blocks": 2, "width": 8, "stride": 2}]


def layers(number, **settings):
    records = block(plan(block={"kind": "inverted", **settings}, stages=STAGES), 1, number)
    return {name: (record.kind, record.shape) for name, record in records.items() if "norm" not in name}


def test_a_block_expands_convolves_each_channel_and_projects():
    assert layers(1, expansion=3, kernel=5) == {
        "conv1": ("conv", (16, 16, 24)),
        "activation1": ("activation", (16, 16, 24)),
        "conv2": ("depthwise_conv", (8, 8, 24)),
        "activation2": ("activation", (8, 8, 24)),
        "conv3": ("conv", (8, 8, 8)),
    }
    assert layers(2, expansion=3)["add"] == ("add", (8, 8, 8))


def test_without_expansion_it_begins_with_the_depthwise_convolution():
    assert list(layers(1, expansions=[1, 3])) == ["conv1", "activation1", "conv2"]
    assert list(layers(2, expansions=[1, 3])) == ["conv1", "activation1", "conv2", "activation2", "conv3", "add"]


def test_attention_stands_behind_the_depthwise_convolution():
    records = block(plan(block={"kind": "inverted", "attention": {"kind": "efficient_channel"}}, stages=STAGES), 1, 2)
    assert records["efficient_channel.pool"].inputs == ("stage1.block2.activation2",)
    assert records["conv3"].inputs == ("stage1.block2.efficient_channel.scale",)


def test_a_fused_block_expands_and_strides_at_once():
    fused = layers(1, kind="fused_inverted", expansion=4)
    assert fused == {
        "conv1": ("conv", (8, 8, 32)), "activation1": ("activation", (8, 8, 32)), "conv2": ("conv", (8, 8, 8)),
    }  # fmt: skip


def test_a_fused_block_that_does_not_expand_is_one_convolution():
    assert list(layers(2, kind="fused_inverted", expansion=1)) == ["conv1", "add"]
    activated = list(layers(2, kind="fused_inverted", expansion=1, order="relu_before_add"))
    assert activated == ["conv1", "activation1", "add"]
