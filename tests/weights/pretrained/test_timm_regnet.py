"""timm's RegNets as specs; the shipped ones are timm's."""

from __future__ import annotations

import pytest

from kresnet.plan import plan_loaded
from kresnet.spec.library import shipped_names
from kresnet.spec.loading import load_spec
from kresnet.weights.pretrained.timm_architectures import timm_facts
from kresnet.weights.pretrained.timm_match import find_timm_architecture
from kresnet.weights.pretrained.timm_regnet import TimmRegNet
from tests.weights.pretrained.test_timm_architectures import planned, refusal

SHIPPED = [name for name in shipped_names() if name.startswith("regnet")]


def test_the_defaults_are_timms():
    assert TimmRegNet.model_validate({}).document() == timm_facts()["defaults"]["regnet"]


def test_every_size_of_the_paper_and_of_timms_other_classes_ships():
    others = ("_tv", "_sgn", "regnetv")
    known = [name for name, facts in timm_facts()["architectures"].items() if facts["family"] == "regnet"]
    assert {name for name in known if not any(each in name for each in others)} == set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_network_is_timms(name):
    loaded = load_spec(name)
    assert find_timm_architecture(loaded.value, plan_loaded(loaded)) == (name, {"num_classes": 1000, "in_chans": 3})


def test_a_network_without_classes_has_no_neck():
    plan = planned("regnetz_005", num_classes=0)
    assert not any(record.name.startswith("neck") for record in plan.records)


@pytest.mark.parametrize(
    ("model_args", "expected"),
    [
        ({"preact": True}, ("wrong_value", "preact")),
        ({"downsample": "max"}, ("wrong_value", "downsample")),
        ({"w0": 0}, ("out_of_range", "w0")),
    ],
)
def test_what_no_spec_can_say_is_refused(model_args, expected):
    assert refusal("regnetx_002", **model_args) == expected
