"""Learning rates by layer: timm's factors, weight by weight."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kresnet.plan import make_plan
from kresnet.plan.layer_rates import layer_rates
from kresnet.spec.architecture import Spec
from kresnet.weights.layouts import LAYOUTS
from kresnet.weights.pretrained.timm_architectures import timm_facts, timm_spec

REFERENCE = json.loads((Path(__file__).parents[1] / "weights/reference/layer_decay.json").read_text())


@pytest.mark.parametrize("name", REFERENCE)
def test_rates_are_timms(name):
    document = timm_spec(name, {})
    plan = make_plan(Spec.model_validate(document), document)
    layout = LAYOUTS["timm"].of_family(timm_facts()["architectures"][name]["family"])
    rates = layer_rates(plan, 0.75)
    ours = {
        layout.tensor(record, parameter, plan): rates[record.name]
        for record in plan.records
        for parameter in record.parameters
        if parameter.trainable
    }
    assert ours == pytest.approx(REFERENCE[name])


def test_a_network_of_one_block_has_one_rate():
    document = {
        "name": "one", "input": {"shape": [8]}, "stem": {"kind": "none"}, "block": {"kind": "dense"},
        "stages": [{"blocks": 1, "width": 8}], "head": {"kind": "none"},
    }  # fmt: skip
    assert set(layer_rates(make_plan(Spec.model_validate(document)), 0.5).values()) == {1.0}
