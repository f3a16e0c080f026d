"""Networks of timm as specs: planned without TensorFlow, and of as many parameters as timm counts."""

from __future__ import annotations

import re

import pytest

from kresnet.errors import KresnetError
from kresnet.plan import Plan, make_plan
from kresnet.spec.architecture import Spec
from kresnet.spec.document import SourceDocument
from kresnet.spec.validation import validate
from kresnet.weights.pretrained.timm_architectures import timm_facts, timm_spec

ARCHITECTURES = timm_facts()["architectures"]
#: Networks that no spec can say, and the argument that says why.
UNSAYABLE = {
    "ecaresnet101d_pruned": ("wrong_value", "pruned"),
    "ecaresnet50d_pruned": ("wrong_value", "pruned"),
    **dict.fromkeys(("resnetv2_18", "resnetv2_18d", "resnetv2_34", "resnetv2_34d"), ("wrong_value", "basic")),
    **dict.fromkeys(("regnetv_040", "regnetv_064"), ("wrong_value", "preact")),
    "regnety_040_sgn": ("wrong_value", "norm_layer"),
    **dict.fromkeys(
        ("efficientnet_b0_g16_evos", "efficientnet_b0_g8_gn", "efficientnet_b3_g8_gn"), ("unknown_field", "group_size")
    ),
    **dict.fromkeys(("efficientnet_b0_gn", "efficientnet_b3_gn"), ("unknown_field", "norm_layer")),
    **dict.fromkeys((f"efficientnet_b{size}_pruned" for size in (1, 2, 3)), ("unknown_field", "pruned")),
    "efficientnet_blur_b0": ("unknown_field", "aa_layer"),
    "efficientnetv2_rw_m": ("wrong_type", "depth_multiplier"),
    "efficientnetv2_rw_s": ("wrong_value", "rw"),
    "gc_efficientnetv2_rw_t": ("unknown_field", "se_layer"),
    "mobilenetv3_large_150d": ("out_of_range", "depth_multiplier"),
    **dict.fromkeys(("resnetv2_50d_evos", "resnetv2_50d_frn"), ("wrong_value", "norm_layer")),
    **dict.fromkeys(
        (f"convnext_{size}_ols" for size in ("atto", "femto", "pico", "nano")), ("wrong_value", "stem_type")
    ),
    **dict.fromkeys(("convnext_atto_rms", "convnext_zepto_rms"), ("wrong_value", "norm_layer")),
    **dict.fromkeys(("test_convnext", "test_convnext2"), ("wrong_value", "act_layer")),
    "convnext_zepto_rms_ols": ("wrong_value", "stem_type"),
    "convnext_large_mlp": ("wrong_value", "head_hidden_size"),
    "convnext_tiny_hnf": ("wrong_value", "head_norm_first"),
}
#: Whose blurs and weighing of channels PyTorch counts as convolutions, and a plan not: they have no weights to learn,
#: or a dozen.
BLURRED_OR_ECA = re.compile("eca|blur")


def planned(architecture: str, **model_args: object) -> Plan:
    document = timm_spec(architecture, model_args)
    return make_plan(validate(Spec, SourceDocument(architecture, document)), document)


def refusal(architecture: str, **model_args: object) -> tuple[str, str]:
    with pytest.raises(KresnetError) as caught:
        timm_spec(architecture, model_args)
    problem = caught.value.problems[0]
    return problem.code, problem.path


@pytest.mark.parametrize("architecture", sorted(set(ARCHITECTURES) - set(UNSAYABLE)))
def test_every_entry_point_has_timms_parameters_and_pytorchs_macs_to_the_last(architecture):
    facts = ARCHITECTURES[architecture]
    document = timm_spec(architecture, {}, pretrained_cfg={"input_size": [3, facts["side"], facts["side"]]})
    plan = make_plan(validate(Spec, SourceDocument(architecture, document)), document)
    assert plan.trainable == facts["parameters"]
    if not BLURRED_OR_ECA.search(architecture):
        assert plan.macs == facts["macs"]


@pytest.mark.parametrize("architecture", UNSAYABLE)
def test_what_no_spec_can_say_is_refused_by_its_argument(architecture):
    assert refusal(architecture) == UNSAYABLE[architecture]


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


def test_other_architectures_are_refused():
    with pytest.raises(KresnetError) as caught:
        timm_spec("resnet50v2", {})
    [problem] = caught.value.problems
    assert (problem.code, problem.nearest) == ("unknown_name", "resnet50")
