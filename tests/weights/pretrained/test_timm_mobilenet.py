"""timm's MobileNets as specs; the shipped ones are timm's of the same widths."""

from __future__ import annotations

import numpy as np
import pytest

from kresnet.plan import plan_loaded
from kresnet.spec.loading import load_spec
from kresnet.weights.pretrained.timm_architectures import timm_facts, timm_spec
from kresnet.weights.pretrained.timm_match import find_timm_architecture, timm_tensors
from kresnet.weights.pretrained.timm_mobilenet import TimmMobileNetV2, TimmMobileNetV3
from tests.weights.pretrained.test_timm_architectures import planned, refusal

SHIPPED = {
    **{f"mobilenet_v2_{width}": f"mobilenetv2_{width}" for width in ("035", "050", "075", "140")},
    "mobilenet_v2": "mobilenetv2_100",
    **{
        f"mobilenet_v3_{size}{own}": f"tf_mobilenetv3_{size}{theirs}"
        for size in ("large", "small")
        for own, theirs in (("", "_100"), ("_075", "_075"), ("_minimal", "_minimal_100"))
    },
}


@pytest.mark.parametrize(("family", "arguments"), [("mobilenetv2", TimmMobileNetV2), ("mobilenetv3", TimmMobileNetV3)])
def test_the_defaults_are_timms(family, arguments):
    stated, own = timm_facts()["defaults"][family], arguments.model_validate({}).document()
    assert {name: own[name] for name in stated} == stated


@pytest.mark.parametrize(("name", "theirs"), SHIPPED.items())
def test_a_shipped_network_is_timms_padded_as_tensorflow_pads(name, theirs):
    arguments = {} if theirs.startswith("tf_") else {"pad_type": "same", "bn_eps": 1e-3}
    plan = plan_loaded(load_spec(name))
    document = timm_spec(theirs, arguments)
    document["input"] = {"shape": [224, 224, 3]}
    other = plan_loaded(load_spec(document))
    assert [(each.name, each.shape, each.parameters) for each in plan.records if each.kind != "dropout"] == [
        (each.name, each.shape, each.parameters) for each in other.records
    ]


def test_a_network_is_found_by_what_it_computes():
    loaded = load_spec("mobilenet_v3_small")
    found = find_timm_architecture(loaded.value, plan_loaded(loaded))
    assert found == ("tf_mobilenetv3_small_100", {"num_classes": 1000, "in_chans": 3})


def test_layers_that_are_convolutions_in_timm_are_written_as_such():
    plan = planned("mobilenetv3_small_050", num_classes=4)
    values = {f"{r.name}/{each.name}": np.zeros(each.shape, np.float32) for r in plan.records for each in r.parameters}
    shapes = {name: array.shape for name, array in timm_tensors("mobilenetv3_small_050", plan, values)}
    assert shapes["blocks.0.0.se.conv_reduce.weight"] == (8, 16, 1, 1)
    assert shapes["conv_head.weight"] == (1024, 288, 1, 1)
    assert shapes["blocks.0.0.conv_dw.weight"] == (16, 1, 3, 3)
    assert shapes["classifier.weight"] == (4, 1024)


def test_a_network_without_classes_has_nothing_behind_its_stages():
    plan = planned("mobilenetv3_small_100", num_classes=0)
    assert not any(record.name.startswith(("neck", "head")) for record in plan.records)


@pytest.mark.parametrize(
    ("architecture", "model_args", "expected"),
    [
        ("mobilenetv3_large_150d", {}, ("out_of_range", "depth_multiplier")),
        ("mobilenetv2_100", {"aa_layer": "blur"}, ("unknown_field", "aa_layer")),
        ("mobilenetv2_100", {"pad_type": "reflect"}, ("wrong_value", "pad_type")),
    ],
)
def test_what_no_spec_can_say_is_refused(architecture, model_args, expected):
    assert refusal(architecture, **model_args) == expected
