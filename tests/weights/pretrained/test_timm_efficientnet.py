"""timm's EfficientNets as specs; the shipped ones are timm's `tf_` networks."""

from __future__ import annotations

import pytest

from kresnet.plan import plan_loaded
from kresnet.spec.library import shipped_names
from kresnet.spec.loading import load_spec
from kresnet.weights.pretrained.timm_architectures import timm_facts
from kresnet.weights.pretrained.timm_efficientnet import TimmEfficientNet
from kresnet.weights.pretrained.timm_match import find_timm_architecture
from tests.weights.pretrained.test_timm_architectures import planned, refusal

SHIPPED = [name for name in shipped_names() if name.startswith("efficientnet")]


def test_the_defaults_are_timms():
    stated, own = timm_facts()["defaults"]["efficientnet"], TimmEfficientNet.model_validate({}).document()
    assert {name: own[name] for name in stated} == stated


def test_every_size_ships():
    sizes = [f"b{size}" for size in range(8)] + [f"lite{size}" for size in range(5)]
    sizes += [f"v2_{size}" for size in ("b0", "b1", "b2", "b3", "s", "m", "l")]
    assert sorted(f"efficientnet_{size}" for size in sizes) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_network_is_timms(name):
    loaded = load_spec(name)
    theirs = f"tf_{name.replace('_v2_', 'v2_')}"
    found = find_timm_architecture(loaded.value, plan_loaded(loaded))
    assert found == (theirs, {"num_classes": 1000, "in_chans": 3})


def test_a_network_without_classes_has_nothing_behind_its_stages():
    plan = planned("efficientnet_b0", num_classes=0)
    assert not any(record.name.startswith(("neck", "head")) for record in plan.records)


@pytest.mark.parametrize(
    ("architecture", "model_args", "expected"),
    [
        ("efficientnetv2_rw_s", {}, ("wrong_value", "rw")),
        ("efficientnet_blur_b0", {}, ("unknown_field", "aa_layer")),
        ("efficientnet_b0", {"pad_type": "reflect"}, ("wrong_value", "pad_type")),
    ],
)
def test_what_no_spec_can_say_is_refused(architecture, model_args, expected):
    assert refusal(architecture, **model_args) == expected
