"""Which outputs are rounded: what a kernel gives after the ReLU that it takes in."""

from __future__ import annotations

from kresnet.plan import make_plan
from kresnet.plan.folding import fold_plan
from kresnet.plan.quantization import rounded_records
from kresnet.spec.architecture import Spec

SPEC = {
    "name": "small",
    "input": {"shape": [16, 16, 3], "pixels": {}},
    "stem": {"kind": "conv", "width": 8, "kernel": 3, "stride": 1, "pool": {"kind": "max", "size": 3, "stride": 2}},
    "block": {"kind": "basic", "dropout": 0.1},
    "stages": [{"blocks": 1, "width": 8}],
    "head": {"classes": 3},
}


def test_a_relu_is_rounded_in_the_place_of_what_it_is_fused_into() -> None:
    folded = fold_plan(make_plan(Spec.model_validate(SPEC))).plan
    found = rounded_records(folded)
    assert found[:3] == ("normalize", "stem.activation", "stage1.block1.activation1")
    assert "stage1.block1.conv2" in found  # an addition follows, which has a range of its own
    assert {"stem.conv", "stem.pool", "stage1.block1.conv1", "stage1.block1.add"}.isdisjoint(found)
    assert found[-2:] == ("head.pool", "head.logits")


def test_a_norm_that_stays_is_rounded_after_its_relu() -> None:
    document = SPEC | {"block": {"kind": "basic", "order": "full_preactivation"}}
    folded = fold_plan(make_plan(Spec.model_validate(document)))
    assert folded.remaining_norms
    assert set(rounded_records(folded.plan)) >= set(folded.remaining_norms)
