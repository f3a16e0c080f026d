"""The settings of ConvNeXt's block, and what they cannot be beside each other."""

from __future__ import annotations

import pytest

from kresnet.errors import KresnetError
from kresnet.plan import plan_loaded
from kresnet.spec.convnext import ConvNeXtBlock
from kresnet.spec.loading import load_spec

SMALL = {"input.shape": [32, 32, 3], "input.resize": None, "head.classes": 10}


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"block.expansion": 1.01}, "stages.0.block.expansion"),
        ({"block.norm": {"kind": "group", "groups": 64}}, "stages.0.block.norm.groups"),
        ({"stages.1.width": 100, "stages.2.block.norm": {"kind": "group", "groups": 96}}, "stages.2.block.norm.groups"),
        ({"head.norm": {"kind": "group", "groups": 500}}, "head.norm.groups"),
        ({"head.pool": "none"}, "head.norm"),
        ({"stem.size": 8, "input.shape": [7, 7, 3], "stochastic_depth": 0.0}, "stem.size"),
        ({"convolution.padding": "symmetric"}, "convolution.padding"),
        ({"activation": "silu", "block.activation": "gelu"}, "activation"),
    ],
)
def test_contradictions_are_told_with_their_place(changes, path):
    with pytest.raises(KresnetError) as raised:
        plan_loaded(load_spec("convnext_atto", SMALL | changes))
    assert path in [problem.path for problem in raised.value.problems]


def test_windows_that_are_even_cannot_be_padded_symmetrically():
    changes = {"block.kernel": 4, "convolution.padding": "symmetric"}
    with pytest.raises(KresnetError, match="cannot be padded symmetrically"):
        plan_loaded(load_spec("convnext_atto", SMALL | changes))


def test_widths_grow_by_what_norms_and_expansion_need():
    block = ConvNeXtBlock.model_validate({"kind": "convnext", "norm": {"kind": "group", "groups": 6}})
    assert (block.width_multiple(4), block.read_multiple) == (12, 6)
    half = ConvNeXtBlock.model_validate({"kind": "convnext", "expansion": 1.5})
    assert half.width_multiple(1) == 2
