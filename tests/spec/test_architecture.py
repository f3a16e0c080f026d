"""The cascade from the network to its block, and from the block to each stage."""

from __future__ import annotations

import pytest

from kresnet.spec import library
from kresnet.spec.architecture import Spec
from kresnet.spec.document import parse_document
from kresnet.spec.loading import load_spec
from kresnet.spec.validation import validate
from tests.spec.test_validation import VALID


def test_what_stages_override():
    text = VALID.replace("stride: 2", "stride: 2, block: {activation: gelu, norm: {epsilon: 0.001}}")
    spec = validate(
        Spec, parse_document(text.replace("name: small", "name: small\nnorm: {kind: batch, momentum: 0.5}"), "s")
    )
    first, second = (stage.block for stage in spec.stages)
    assert (first.activation, second.activation) == ("relu", "gelu")
    assert (first.norm.epsilon, second.norm.epsilon, second.norm.momentum) == (1e-5, 1e-3, 0.5)


def test_a_stage_with_blocks_of_another_kind_keeps_the_norm_of_the_network_only():
    text = VALID.replace("kind: basic", "kind: basic, dropout: 0.5").replace(
        "stride: 2", "stride: 2, block: {kind: bottleneck}"
    )
    spec = validate(Spec, parse_document(text.replace("name: small", "name: small\nnorm: {kind: layer}"), "s"))
    assert spec.stages[1].block.norm.kind == "layer"
    assert (spec.stages[0].block.dropout, spec.stages[1].block.dropout) == (0.5, 0.0)


@pytest.mark.parametrize("name", library.shipped_names())
def test_the_document_of_a_spec_states_each_setting_of_blocks_once(name):
    spec = load_spec(name).value
    document = spec.document()
    assert Spec.model_validate(document) == spec
    for stage in document["stages"]:
        assert not set(stage.get("block", {})) - {"kind"} or stage["block"] != document["block"]
