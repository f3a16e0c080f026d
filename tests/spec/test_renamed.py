"""Settings by their earlier names: specs of 0.1 mean what they meant."""

from __future__ import annotations

import pytest

from kresnet.errors import KresnetError
from kresnet.spec.architecture import Spec
from kresnet.spec.loading import load_spec
from kresnet.spec.renamed import with_present_names
from tests.plan.networks import SMALL


def block_of(**block: object) -> object:
    return load_spec({**SMALL, "block": {"kind": "basic", **block}}).value.stages[1].block.attention


def test_squeeze_excite_is_a_kind_of_attention():
    assert block_of(squeeze_excite={"reduction": 4}) == block_of(attention={"kind": "squeeze_excite", "reduction": 4})
    assert block_of(squeeze_excite=None) is None


def test_a_stage_may_change_it_by_its_earlier_name():
    stages = [SMALL["stages"][0], SMALL["stages"][1] | {"block": {"squeeze_excite": None}}]
    block = {"kind": "basic", "squeeze_excite": {"reduction": 4}}
    spec = Spec.model_validate({**SMALL, "block": block, "stages": stages})
    assert [stage.block.attention and stage.block.attention.reduction for stage in spec.stages] == [4, None]


def test_an_earlier_name_changes_what_is_extended():
    spec = load_spec("se_resnet50", ["block.squeeze_excite.reduction=8"]).value
    assert spec.stages[0].block.attention.reduction == 8


def test_two_kinds_at_once_are_refused():
    with pytest.raises(KresnetError) as caught:
        block_of(squeeze_excite={}, attention={"kind": "efficient_channel"})
    assert [(each.code, each.path) for each in caught.value.problems] == [("unknown_field", "block.squeeze_excite")]


@pytest.mark.parametrize("document", [None, [], {"block": 5}, {"block": {"squeeze_excite": 3}}, {"stages": [1]}])
def test_what_is_no_spec_is_left_as_it_is(document):
    assert with_present_names(document) == document
