"""Sections of a network, the blocks among them that repeat, and their words."""

from __future__ import annotations

import pytest

from kresnet.plan.sections import (
    SECTION_INPUT,
    block_signature,
    describe_section,
    describe_shortcut,
    repeated_blocks,
    sections,
)
from tests.plan.networks import plan


def by_name(network):
    return {section.name: section for section in sections(network)}


def test_the_sections_hold_every_record_once_in_order():
    network = plan()
    names = ["input", "stem", "stage1.block1", "stage1.block2", "stage2.block1", "stage2.block2", "head"]
    assert [section.name for section in sections(network)] == names
    assert tuple(record for section in sections(network) for record in section.records) == network.records


def test_a_section_sums_its_records():
    stem, block = by_name(plan())["stem"], by_name(plan())["stage2.block1"]
    assert stem.parameters == 3 * 3 * 3 * 8 + 4 * 8  # the norm's gamma, beta, mean and variance
    assert stem.macs == 16 * 16 * 3 * 3 * 3 * 8
    assert (block.stage, block.block, block.shape) == (2, 1, (8, 8, 16))


def test_names_within_a_section():
    block = by_name(plan())["stage1.block2"]
    assert block.relative_name("stage1.block2.conv1") == "conv1"
    assert block.relative_name("stage1.block1.activation2") == SECTION_INPUT


@pytest.mark.parametrize(
    ("settings", "kind", "words"),
    [
        ({"shortcut": "projection"}, "projection", "projection /2"),
        ({"shortcut": "identity_pad"}, "pad", "pad /2"),
        ({"shortcut": "none"}, "none", "none"),
        ({"shortcut_kernel": 3}, "projection", "projection 3x3 /2"),
    ],
)
def test_the_shortcut_of_a_block_that_changes_its_shape(settings, kind, words):
    block = by_name(plan(block=settings, convolution={"padding": "symmetric"}))["stage2.block1"]
    assert (block.shortcut, describe_shortcut(block)) == (kind, words)


def test_the_shortcut_of_a_block_that_keeps_its_shape():
    found = by_name(plan())
    assert (found["stage1.block2"].shortcut, describe_shortcut(found["stage1.block2"])) == ("identity", "identity")
    assert describe_shortcut(found["stem"]) == ""


def test_like_blocks_are_gathered_and_counted_together():
    network = plan(stages=[{"blocks": 3, "width": 8}], stochastic_depth=0.2)
    groups = repeated_blocks(sections(network))
    assert [group.label for group in groups] == ["input", "stem", "blocks 1-3", "head"]
    blocks = groups[2]
    assert blocks.parameters == 3 * blocks.first.parameters
    assert blocks.macs == sum(section.macs for section in blocks.sections)
    assert describe_section(blocks).startswith("basic 3x3 8, 3x3 8, stochastic depth ")


def test_blocks_are_alike_but_for_their_place_and_rate_of_stochastic_depth():
    found = by_name(plan(stochastic_depth=0.2))
    assert block_signature(found["stage2.block2"]) != block_signature(found["stage2.block1"])
    assert block_signature(found["stage1.block1"]) == block_signature(found["stage1.block2"])
