"""A network from input to head: names, stems, dilation, outputs, and what is refused."""

from __future__ import annotations

import pytest

from kresnet.errors import KresnetError
from tests.golden.regenerate import plan_of
from tests.plan.networks import block, plan


def test_names_and_places():
    network = plan()
    assert [record.name for record in network.records][:5] == [
        "input",
        "normalize",
        "stem.conv",
        "stem.norm",
        "stem.activation",
    ]
    assert network.records[-1].name == "head.logits"
    runs = [(stage, number) for stage, number, _ in network.blocks()]
    assert runs == [(None, None), (1, 1), (1, 2), (2, 1), (2, 2), (None, None)]


def test_a_deep_stem_strides_once():
    network = plan(stem={"kind": "deep", "widths": [4, 6, 8], "stride": 2, "pool": {"kind": "max"}})
    stem = {r.name: r.shape for r in network.records if r.name.startswith("stem") and r.kind in ("conv", "pool")}
    assert stem == {
        "stem.conv1": (8, 8, 4),
        "stem.conv2": (8, 8, 6),
        "stem.conv3": (8, 8, 8),
        "stem.pool": (4, 4, 8),
    }


def test_a_strided_convolution_in_place_of_the_pool_has_a_norm_and_an_activation():
    names = [r.name for r in plan(stem={"pool": {"kind": "conv"}}).records if r.name.startswith("stem")]
    assert names == [
        "stem.conv",
        "stem.norm",
        "stem.activation",
        "stem.conv_pool",
        "stem.norm_pool",
        "stem.activation_pool",
    ]


def test_without_a_stem_the_first_stage_reads_the_pixels():
    network = plan(stem={"kind": "none"})
    assert block(network, 1, 1)["conv1"].inputs == ("normalize",)


@pytest.mark.parametrize("output_stride", [None, 16, 8])
def test_output_stride_turns_strides_into_dilation(output_stride):
    """As torchvision's `replace_stride_with_dilation`: the first block keeps the dilation it enters with."""
    network = plan_of("resnet50_backbone", *([f"output_stride={output_stride}"] if output_stride else []))
    settings = {
        (stage, number): block(network, stage, number)["conv2"].settings for stage in (3, 4) for number in (1, 2)
    }
    seen = {key: (value["stride"], value["dilation"]) for key, value in settings.items()}
    expected = {
        None: {(3, 1): (2, 1), (3, 2): (1, 1), (4, 1): (2, 1), (4, 2): (1, 1)},
        16: {(3, 1): (2, 1), (3, 2): (1, 1), (4, 1): (1, 1), (4, 2): (1, 2)},
        8: {(3, 1): (1, 1), (3, 2): (1, 2), (4, 1): (1, 2), (4, 2): (1, 4)},
    }
    assert seen == expected[output_stride]
    sides = [network.by_name[record].shape[0] for record in network.outputs.values()]
    assert sides == {None: [56, 28, 14, 7], 16: [56, 28, 14, 14], 8: [56, 28, 28, 28]}[output_stride]
    assert network.trainable == plan_of("resnet50_backbone").trainable


def test_a_stage_overrides_the_block_and_the_network():
    stages = [{"blocks": 1, "width": 8}, {"blocks": 1, "width": 16, "stride": 2, "block": {"activation": "gelu"}}]
    network = plan(activation="silu", stages=stages)
    functions = {r.name: r.settings["function"] for r in network.records if r.kind == "activation"}
    assert functions["stem.activation"] == functions["stage1.block1.activation"] == "silu"
    assert functions["stage2.block1.activation"] == "gelu"


@pytest.mark.parametrize(
    ("head", "kinds", "probabilities"),
    [
        ({"pool": "average"}, ["global_pool", "dense"], "softmax"),
        ({"pool": "none", "multi_label": True}, ["flatten", "dense"], "sigmoid"),
        ({"pool": "max", "dropout": 0.5}, ["global_pool", "dropout", "dense"], "softmax"),
    ],
)
def test_heads(head, kinds, probabilities):
    network = plan(head=head)
    assert [r.kind for r in network.records if r.name.startswith("head")] == kinds
    assert network.probabilities == probabilities
    assert network.outputs == {"logits": "head.logits"}


def test_a_head_for_values_is_a_layer_without_probabilities():
    network = plan(head={"kind": "regressor", "outputs": 3, "dropout": 0.5})
    records = [record for record in network.records if record.name.startswith("head")]
    assert [record.kind for record in records] == ["global_pool", "dropout", "dense"]
    assert (records[-1].shape, network.probabilities, network.outputs) == ((3,), None, {"output": "head.values"})
    assert records[-1].weights == 3 * records[0].shape[0] + 3


def test_a_map_that_becomes_too_small_is_refused():
    with pytest.raises(KresnetError) as caught:
        plan(input={"shape": [1, 1, 3]})
    assert ("map_too_small", "stages.1.stride") in [(p.code, p.path) for p in caught.value.problems]


def test_a_neck_is_between_the_last_stage_and_the_head():
    plan = plan_of("cifar_resnet20", "neck={width: 32}")
    names = [record.name for record in plan.records]
    assert names[-5:] == ["neck.conv", "neck.norm", "neck.activation", "head.pool", "head.logits"]
    assert plan.by_name["head.logits"].parameters[0].shape == (32, 10)
    alone = plan_of("cifar_preact110", "neck={}", "activation=elu")
    assert [record.name for record in alone.records][-3:] == ["neck.activation", "head.pool", "head.logits"]
