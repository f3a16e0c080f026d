"""Networks of timm as specs: planned without TensorFlow, and of as many parameters as timm counts."""

from __future__ import annotations

import pytest

from kresnet.errors import KresnetError
from kresnet.plan import Plan, make_plan
from kresnet.spec.architecture import Spec
from kresnet.spec.document import SourceDocument
from kresnet.spec.validation import validate
from kresnet.weights.pretrained.timm_architectures import timm_facts, timm_spec

ARCHITECTURES = timm_facts()["architectures"]
PRUNED = ("ecaresnet101d_pruned", "ecaresnet50d_pruned")


def planned(architecture: str, **model_args: object) -> Plan:
    document = timm_spec(architecture, model_args)
    return make_plan(validate(Spec, SourceDocument(architecture, document)), document)


def refusal(architecture: str, **model_args: object) -> tuple[str, str]:
    with pytest.raises(KresnetError) as caught:
        timm_spec(architecture, model_args)
    problem = caught.value.problems[0]
    return problem.code, problem.path


@pytest.mark.parametrize("architecture", sorted(set(ARCHITECTURES) - set(PRUNED)))
def test_every_entry_point_has_timms_parameters_to_the_last(architecture):
    assert planned(architecture).trainable == ARCHITECTURES[architecture]["parameters"]


@pytest.mark.parametrize("architecture", PRUNED)
def test_pruned_networks_are_refused(architecture):
    assert refusal(architecture) == ("wrong_value", "pruned")


def test_arguments_replace_the_entry_points():
    plan = planned("resnet18", layers=[1, 1, 1, 1], channels=[8, 16, 24, 32], num_classes=5, in_chans=1)
    assert plan.input_shape == (224, 224, 1)
    assert plan.by_name["head.logits"].parameters[0].shape == (32, 5)
    assert {record.stage for record in plan.records if record.block} == {1, 2, 3, 4}


def test_a_network_without_classes_is_a_backbone():
    plan = planned("resnet18", num_classes=0)
    assert {name: plan.by_name[record].shape for name, record in plan.outputs.items()} == {"stage4": (7, 7, 512)}


def test_pixels_are_those_of_the_weights():
    weights = timm_facts()["weights"]["test_resnet.r160_in1k"]
    document = timm_spec("test_resnet", {}, pretrained_cfg=weights | {"url": "", "fixed_input_size": False})
    assert document["input"] == {
        "shape": [160, 160, 3],
        "pixels": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
        "resize": {"kind": "center_crop", "shorter_side": 168, "interpolation": "bilinear"},
    }
    squashed = timm_spec("test_resnet", {}, pretrained_cfg=weights | {"crop_mode": "squash"})
    assert squashed["input"]["resize"] == {"kind": "stretch", "interpolation": "bilinear"}


@pytest.mark.parametrize(
    ("model_args", "expected"),
    [
        ({"layers": [3, 4]}, ("contradiction", "channels")),
        ({"block": ["Bottleneck"] * 3}, ("contradiction", "block")),
        ({"block_args": {"attn_layer": {"name": "se", "rd_ratio": 0.3}}},
         ("contradiction", "block_args.attn_layer.rd_ratio")),
        ({"aa_layer": "blur", "output_stride": 16}, ("contradiction", "aa_layer")),
        ({"act": "relu"}, ("unknown_field", "act")),
        ({"norm_layer": "groupnorm", "channels": [40, 80, 160, 320]}, ("contradiction", "stages.0.block.norm.groups")),
    ],
)  # fmt: skip
def test_what_no_spec_can_say_is_refused(model_args, expected):
    assert refusal("resnet50", **model_args) == expected


def test_other_architectures_are_refused():
    with pytest.raises(KresnetError) as caught:
        timm_spec("resnet50v2", {})
    [problem] = caught.value.problems
    assert (problem.code, problem.nearest) == ("unknown_name", "resnet50")
