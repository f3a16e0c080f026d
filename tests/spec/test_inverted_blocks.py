"""Settings of blocks that are wider inside than outside."""

from __future__ import annotations

import pytest

from kresnet.spec.blocks import BlockPlace
from kresnet.spec.inverted_blocks import FusedInvertedBlock, InvertedBlock

PLACE = BlockPlace(stage=2, width=24, incoming=16, padding="symmetric", blocks=3)


def problems(block, place=PLACE):
    return [(problem.path, problem.expected) for problem in block.contradictions(place)]


def test_it_is_the_block_of_mobilenet_v2():
    block = InvertedBlock(kind="inverted")
    assert (block.expansion, block.kernel, block.shortcut, block.order) == (6, 3, "identity", "no_activation_after_add")


def test_expansions_are_of_the_blocks_in_turn_and_the_last_goes_on():
    block = InvertedBlock(kind="inverted", expansions=(4.5, 3.67))
    assert [block.expansion_of(number) for number in (1, 2, 3)] == [4.5, 3.67, 3.67]
    assert block.inner_widths(PLACE) == {72, 88}


def test_channels_inside_are_rounded_as_tensorflow_does():
    block = InvertedBlock(kind="inverted", expansion=2.3)
    assert block.inner_width(80, 2) == 184
    assert InvertedBlock(kind="inverted", expansion=1).inner_width(12, 1) == 12


def test_norms_and_attention_see_the_channels_inside():
    block = InvertedBlock.model_validate({"kind": "inverted", "expansion": 2.5, "divisor": 1,
                                          "norm": {"kind": "group", "groups": 8}})  # fmt: skip
    assert problems(block) == [("norm.groups", "a divisor of 60")]
    alone = BlockPlace(stage=2, width=24, incoming=16, padding="same", blocks=1)
    assert problems(block, alone) == []
    attention = {"kind": "squeeze_excite", "reduction": 16}
    attended = InvertedBlock.model_validate(
        {"kind": "inverted", "expansion": 2.5, "divisor": 4, "attention": attention}
    )
    assert problems(attended) == [
        ("attention.reduction", "a divisor of 40"),
        ("attention.reduction", "a divisor of 60"),
    ]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (InvertedBlock(kind="inverted", expansions=(1, 2, 3, 4)), [("expansions", "at most 3")]),
        (InvertedBlock(kind="inverted", kernel=4), [("kernel", "an odd number")]),
        (FusedInvertedBlock(kind="fused_inverted", expansions=(4, 1), anti_alias="blur"), [("anti_alias", "")]),
        (FusedInvertedBlock(kind="fused_inverted", anti_alias="blur"), []),
    ],
)
def test_what_is_refused(block, expected):
    assert problems(block) == expected
