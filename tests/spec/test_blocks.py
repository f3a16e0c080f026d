"""What any kind of block says of itself, and the rules of residual ones."""

from __future__ import annotations

from typing import Any

import pytest

from kresnet.spec.block_kinds import BasicBlock, DenseBlock
from kresnet.spec.blocks import Block, BlockPlace, Preactivation, contradiction, within

PLACE = BlockPlace(stage=2, width=12, incoming=16, padding="symmetric")


def basic(**settings: Any) -> BasicBlock:
    return BasicBlock(kind="basic", **settings)


def test_a_bare_block_begins_with_weights_strides_first_and_is_as_wide_as_its_stage():
    class Bare(Block):
        """A block without settings."""

        kind: str = "bare"

    block = Bare()
    assert (block.output_width(12), block.width_multiple(4), block.preactivation) == (12, 4, None)
    assert (block.has_shortcut, block.last_block_strides, block.takes_maps) == (True, False, True)
    assert not list(block.contradictions(PLACE))


def test_what_the_orders_begin_with():
    full = basic(order="full_preactivation", activation="silu")
    assert full.preactivation == Preactivation(full.norm, "silu")
    assert basic(order="relu_only_preactivation").preactivation == Preactivation(None, "relu")
    assert basic(order="norm_after_add").preactivation is None


def test_what_the_settings_say_of_the_stage():
    assert not basic(shortcut="none").has_shortcut
    assert basic(stride_in="last_block").last_block_strides
    assert not DenseBlock.takes_maps
    assert DenseBlock.width_settings == ("hidden",)


@pytest.mark.parametrize(
    ("settings", "paths"),
    [
        ({}, []),
        ({"norm": {"kind": "group", "groups": 8}}, ["norm.groups"]),
        ({"norm": {"kind": "group", "groups": 6}, "order": "full_preactivation"}, ["norm.groups"]),
        ({"norm": {"kind": "none"}, "order": "full_preactivation"}, ["order"]),
        ({"norm": {"kind": "none"}, "zero_init_last": True}, ["zero_init_last"]),
        ({"shortcut": "identity_pad"}, ["shortcut"]),
        ({"shortcut_kernel": 2}, ["shortcut_kernel"]),
        ({"attention": {"kind": "squeeze_excite", "reduction": 5}}, ["attention.reduction"]),
        ({"attention": {"kind": "efficient_channel", "kernel": 4}}, ["attention.kernel"]),
    ],
)
def test_contradictions_name_paths_within_the_block(settings, paths):
    found = list(basic(**settings).contradictions(PLACE))
    assert [problem.path for problem in found] == paths
    assert {problem.code for problem in found} <= {"contradiction"}


def test_paths_are_put_below_others():
    [deeper, itself] = within("norm", [contradiction("groups", "No."), contradiction("", "No.")])
    assert (deeper.path, itself.path) == ("norm.groups", "norm")
