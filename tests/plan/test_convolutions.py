"""Which convolutions have kernels to choose, and how choices are written and told."""

from __future__ import annotations

import pytest

from kresnet import load
from kresnet.plan.convolutions import (
    STOCK,
    KernelChoice,
    describe_kernels,
    kernels_as_dict,
    kernels_from_dict,
    plan_convolutions,
)


def test_all_but_that_which_reads_the_image_can_be_chosen():
    network = load("resnet50").plan()
    found = plan_convolutions(network)
    names = [record.name for record in network.records if record.kind == "conv"]
    assert [*found] == names[1:]
    assert sum(each.macs for each in found.values()) == network.macs - 2048 * 1000 - 112 * 112 * 64 * 7 * 7 * 3


def test_a_strided_one_by_one_is_one_without_a_stride_on_a_smaller_map():
    found = plan_convolutions(load("resnet50").plan())["stage2.block1.shortcut.conv"]
    assert (found.height, found.width, found.stride) == (28, 28, 1)
    assert str(found) == "1x1 28x28x256 to 512"


def test_groups_and_dilation_are_told():
    shapes = {str(each) for each in plan_convolutions(load("resnext50_32x4d").plan()).values()}
    assert "3x3/2 56x56x256 to 256, 32 groups" in shapes


def test_choices_are_read_as_they_were_written():
    kernels = {"a": KernelChoice(by_weights="products"), "b": STOCK, "c": KernelChoice("products", "transposed")}
    written = kernels_as_dict(kernels)
    assert written == {"a": {"by_weights": "products"}, "c": {"forward": "products", "by_input": "transposed"}}
    assert kernels_from_dict(written) == {"a": kernels["a"], "c": kernels["c"]}


@pytest.mark.parametrize("choice", [{"forward": "transposed"}, {"sideways": "products"}, {"by_input": 1}])
def test_what_is_no_choice_is_refused(choice):
    with pytest.raises(ValueError, match="no way to compute"):
        KernelChoice.from_dict(choice)


def test_choices_are_told_by_pass():
    network = load("resnet50").plan()
    assert describe_kernels({"a": STOCK}, network) == "stock for all 53 convolutions"
    kernels = {"a": KernelChoice("products", "transposed"), "b": KernelChoice(by_input="products")}
    assert describe_kernels(kernels, network) == (
        "2 of 53 convolutions otherwise than stock: forward 1 by matrix products; by input 1 by matrix products and 1 "
        "by convolutions of transposed arrays"
    )
