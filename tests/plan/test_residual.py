"""The order of a block's layers, its shortcuts, and what is added to them."""

from __future__ import annotations

from itertools import pairwise

import pytest

from kresnet.errors import KresnetError
from tests.plan.networks import block, plan

# He et al. 2016, Fig. 4 (a) to (e): what the residual branch passes through, and what follows the addition.
FIG4 = {
    "post_activation": "conv1 norm1 activation1 conv2 norm2 add activation",
    "norm_after_add": "conv1 norm1 activation1 conv2 add norm_after_add activation",
    "relu_before_add": "conv1 norm1 activation1 conv2 norm2 activation2 add",
    "relu_only_preactivation": "activation1 conv1 norm1 activation2 conv2 norm2 add",
    "full_preactivation": "norm1 activation1 conv1 norm2 activation2 conv2 add",
    "no_activation_after_add": "conv1 norm1 activation1 conv2 norm2 add",
}


@pytest.mark.parametrize("order", FIG4)
def test_the_orders_of_figure_4(order):
    records = block(plan(block={"order": order}), 1, 2)
    assert " ".join(records) == FIG4[order]
    chain = list(records.values())
    joins = [record for record in chain if record.kind == "add"]
    for before, after in pairwise(chain):
        assert before.name in after.inputs
    assert joins[0].inputs[1] == chain[0].inputs[0], "the shortcut is the block's input itself"


@pytest.mark.parametrize("order", ["full_preactivation", "relu_only_preactivation"])
def test_preactivation_ends_the_network_and_not_the_stage(order):
    names = [record.name for record in plan(block={"order": order}).records]
    assert "stage1.activation" not in names
    assert names[names.index("stage2.block2.add") :][-3:] == ["stage2.activation", "head.pool", "head.logits"]
    assert ("stage2.norm" in names) == (order == "full_preactivation")


def test_a_preactivated_projection_reads_the_activated_input():
    records = block(plan(block={"order": "full_preactivation"}), 2, 1)
    assert records["shortcut.conv"].inputs == ("stage2.block1.activation1",)
    assert records["conv1"].inputs == ("stage2.block1.activation1",)
    assert "shortcut.norm" not in records


def test_the_first_preactivated_block_shares_its_activation_with_the_shortcut():
    """He et al. 2016: "we adopt the first activation right after conv1 and before splitting into two paths"."""
    network = plan(block={"order": "full_preactivation"})
    assert block(network, 1, 1)["add"].inputs[1] == "stage1.block1.activation1"
    assert block(network, 1, 2)["add"].inputs[1] == "stage1.block1.add"
    assert [record.name for record in network.records[2:4]] == ["stem.conv", "stage1.block1.norm1"]


SHORTCUTS = {
    "none": ({}, {}),
    "identity_pad": ({}, {"shortcut.pad"}),
    "projection": ({}, {"shortcut.conv", "shortcut.norm"}),
    "projection_all": ({"shortcut.conv", "shortcut.norm"}, {"shortcut.conv", "shortcut.norm"}),
}


@pytest.mark.parametrize("shortcut", SHORTCUTS)
def test_options_a_b_and_c(shortcut):
    """He et al. 2015, section 4.1: where shapes stay, and where they change."""
    network = plan(block={"shortcut": shortcut})
    for (stage, number), expected in zip(((1, 2), (2, 1)), SHORTCUTS[shortcut], strict=True):
        records = block(network, stage, number)
        assert {name for name in records if name.startswith("shortcut")} == set(expected)
        assert ("add" in records) == (shortcut != "none")


def test_option_a_has_the_weights_of_the_plain_network():
    padded, plain = plan(block={"shortcut": "identity_pad"}), plan(block={"shortcut": "none"})
    assert padded.trainable == plain.trainable
    assert padded.macs == plain.macs


def test_a_pooled_shortcut_shrinks_before_it_projects():
    records = block(plan(block={"downsample": "average_pool"}), 2, 1)
    assert records["shortcut.pool"].shape == (8, 8, 8)
    assert records["shortcut.conv"].settings["stride"] == 1
    assert records["shortcut.conv"].shape == records["add"].shape == (8, 8, 16)


@pytest.mark.parametrize(("where", "strides"), [("conv1x1", [2, 1, 1]), ("conv3x3", [1, 2, 1])])
def test_where_a_bottleneck_strides(where, strides):
    records = block(plan(block={"kind": "bottleneck", "stride_on": where}), 2, 1)
    convolutions = [records[name] for name in ("conv1", "conv2", "conv3")]
    assert [record.settings["stride"] for record in convolutions] == strides
    assert [record.parameters[0].shape for record in convolutions] == [(1, 1, 32, 16), (3, 3, 16, 16), (1, 1, 16, 64)]


@pytest.mark.parametrize("said", [{"groups": 4}, {"width_per_group": 2}])
def test_groups_are_said_in_either_way(said):
    network = plan(block={"kind": "bottleneck"}, stages=[{"blocks": 1, "width": 8, "block": said}])
    assert block(network, 1, 1)["conv2"].parameters[0].shape == (3, 3, 2, 8)


@pytest.mark.parametrize(("how", "kind"), [("average", "pool"), ("blur", "blur")])
@pytest.mark.parametrize(("settings", "striding"), [({}, "conv1"), ({"kind": "bottleneck"}, "conv2")])
def test_anti_aliasing_shrinks_behind_the_activation(how, kind, settings, striding):
    records = block(plan(block={**settings, "anti_alias": how}), 2, 1)
    assert (records["anti_alias"].kind, records["anti_alias"].shape[:2]) == (kind, (8, 8))
    assert records["anti_alias"].inputs[0].endswith(f"activation{striding[-1]}")
    assert records[striding].settings["stride"] == 1
    assert records[striding].shape[:2] == (16, 16)
    assert "anti_alias" not in block(plan(block={**settings, "anti_alias": how}), 2, 2)


def test_a_shortcut_that_strides_has_the_kernel_that_it_is_given():
    network = plan(block={"kind": "bottleneck", "shortcut_kernel": 3, "reduce_first": 2, "expansion": 0.5})
    kernels = [block(network, stage, 1)["shortcut.conv"].settings["kernel"] for stage in (1, 2)]
    assert kernels == [1, 3]
    convolutions = [block(network, 2, 1)[f"conv{n}"].parameters[0].shape for n in (1, 2, 3)]
    assert convolutions == [(1, 1, 4, 8), (3, 3, 8, 16), (1, 1, 16, 8)]


def test_stochastic_depth_rises_linearly():
    """Huang et al. 2016, equation 4: block l of L is dropped with l/L of the last rate."""
    rates = [r.settings["rate"] for r in plan(stochastic_depth=0.4).records if r.kind == "stochastic_depth"]
    assert rates == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_dropout_stands_before_the_last_weights():
    names = list(block(plan(block={"dropout": 0.3, "order": "full_preactivation"}), 1, 2))
    assert names == ["norm1", "activation1", "conv1", "norm2", "activation2", "dropout", "conv2", "add"]


def test_only_the_last_gamma_starts_at_zero():
    records = block(plan(block={"zero_init_last": True}), 2, 1)
    assert {n: r.settings["zero_gamma"] for n, r in records.items() if r.kind == "norm"} == {
        "norm1": False,
        "norm2": True,
        "shortcut.norm": False,
    }


def test_the_residual_block_of_two_dense_layers():
    network = plan(
        input={"shape": [4]},
        norm={"kind": "none"},
        stem={"kind": "none"},
        block={"kind": "dense", "order": "no_activation_after_add", "activation": "sigmoid", "hidden": 6},
        stages=[{"blocks": 1, "width": 4}],
        head={"kind": "none"},
    )
    assert [record.kind for record in network.records] == ["input", "dense", "activation", "dense", "add"]
    assert network.trainable == (4 * 6 + 6) + (6 * 4 + 4)
    assert network.macs == 2 * 4 * 6
    assert network.probabilities is None


def test_an_identity_is_added_where_the_shape_stays_and_nothing_elsewhere():
    network = plan(block={"kind": "bottleneck", "expansion": 1, "shortcut": "identity", "zero_init_last": True})
    first, second = block(network, 2, 1), block(network, 2, 2)
    assert "add" not in first
    assert not first["norm3"].settings["zero_gamma"]
    assert second["add"].inputs[1] == "stage2.block1.activation"
    assert second["norm3"].settings["zero_gamma"]


def test_attention_behind_the_3x3_weighs_its_channels_by_units_of_the_blocks_input():
    excite = {"kind": "squeeze_excite", "reduction": 4, "relative_to": "block_input"}
    network = plan(block={"kind": "bottleneck", "expansion": 2, "attention": excite, "attention_at": "conv3x3"})
    first = block(network, 2, 1)
    assert first["squeeze_excite.reduce"].shape == (1, 1, 4)  # of the 16 channels that enter
    assert first["squeeze_excite.scale"].inputs[0] == "stage2.block1.activation2"
    assert first["conv3"].inputs == ("stage2.block1.squeeze_excite.scale",)
    with pytest.raises(KresnetError, match="does not divide the 8 channels that enter") as caught:
        plan(block={"kind": "bottleneck", "expansion": 2, "attention": excite | {"reduction": 16}})
    assert caught.value.problems[0].path == "stages.0.block.attention.reduction"
