"""timm's networks of other families than `ResNet`: the logits and gradients that PyTorch computes, weights by rule.

`reference/timm_families.py` wrote what PyTorch makes of them. `python -m tests.weights.test_timm_families` prints the
table of docs/families.md, or the rows of the networks that it is given; with `--plans` only what a plan tells.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kresnet.errors import KresnetError
from kresnet.graph import build_model
from kresnet.plan import Plan, make_plan
from kresnet.spec.architecture import Spec
from kresnet.weights.convert import set_weights
from kresnet.weights.files.tensor import expected_shapes, from_parameter, to_parameter
from kresnet.weights.layouts import LAYOUTS
from kresnet.weights.matching import MatchTarget
from kresnet.weights.pretrained.timm_architectures import timm_facts, timm_spec
from tests.weights.gradient_differences import outputs_and_gradients, relative
from tests.weights.reference import rule
from tests.weights.reference.timm_cases import CLASSES, CUT_DOWN_FAMILIES, IMAGES, SIDE, digest, reference_file

FILES = {reference_file(facts["family"]) for facts in timm_facts()["architectures"].values()} - {"timm_resnet.npz"}
REFERENCE = {
    name: value for file in sorted(FILES) for name, value in np.load(Path(__file__).parent / "reference" / file).items()
}
ARCHITECTURES = sorted({name.rpartition("/")[0] for name in REFERENCE} - set(CUT_DOWN_FAMILIES))


def planned(name: str, architecture: str, arguments: dict[str, Any], side: int) -> Plan:
    """The network for small images, of the pixels that timm's own configuration has."""
    weights = timm_facts()["weights"]
    own = next((entry for name, entry in weights.items() if name.startswith(f"{architecture}.")), None)
    configuration = {key: own[key] for key in ("mean", "std")} if own else _pixels(architecture)
    if f"{name}/pixels" in REFERENCE:  # timm's weights of a network may be of several
        configuration = dict(zip(("mean", "std"), REFERENCE[f"{name}/pixels"].tolist(), strict=True))
    document = timm_spec(architecture, {"num_classes": CLASSES, **arguments}, pretrained_cfg=configuration)
    document["input"] |= {"shape": [side, side, 3], "resize": {"kind": "stretch"}}
    return make_plan(Spec.model_validate(document), document)


def _pixels(architecture: str) -> dict[str, Any]:
    """Of entry points without weights: as the others of their module."""
    return {"mean": [0.5] * 3, "std": [0.5] * 3} if architecture.startswith("resnetv2") else {}


def tensors(plan: Plan, architecture: str) -> Iterator[tuple[MatchTarget, tuple[int, ...]]]:
    """Every weight by its name in timm, with its shape there."""
    layout = LAYOUTS["timm"].of_family(timm_facts()["architectures"][architecture]["family"])
    for record in plan.records:
        for parameter in record.parameters:
            name = layout.tensor(record, parameter, plan)
            yield MatchTarget(record, parameter, (), name), expected_shapes(parameter, "pytorch")[0]


def differences(name: str, architecture: str, arguments: dict[str, Any], side: int) -> tuple[float, list[float]]:
    """The largest difference of logits; and, image by image, of any weight's gradient; the tensors must be timm's."""
    keras.backend.clear_session()
    plan = planned(name, architecture, arguments, side)
    targets = {target.name: target for target, _ in tensors(plan, architecture)}
    sizes = ((each.source_name or each.name, each.parameter.size) for each in targets.values())
    assert digest(sizes) == str(REFERENCE[f"{name}/digest"])
    model = build_model(plan)
    set_weights(
        model,
        (
            (target, to_parameter(rule.tensor(str(target.source_name), shape), target.parameter, "pytorch", ()))
            for target, shape in tensors(plan, architecture)
        ),
    )
    images = rule.images(IMAGES, side).astype(np.float32)
    logits = relative(np.asarray(model(images, training=False)), REFERENCE[f"{name}/logits"])
    found = []
    for (_, gradients), theirs in zip(
        outputs_and_gradients(model, images, rule.targets(IMAGES, CLASSES)), REFERENCE[f"{name}/gradients"], strict=True
    ):
        named = {str(targets[key].source_name): (targets[key], value) for key, value in gradients.items()}
        each = zip(sorted(named.items()), theirs, strict=True)
        found.append(max(_difference(source, *own, sample) for (source, own), sample in each))
    return logits, found


def _difference(source: str, target: MatchTarget, gradient: np.ndarray, theirs: np.ndarray) -> float:
    """Of the norm, relative to the norm; of the values, to the largest."""
    ours = rule.sample(from_parameter(gradient, target.parameter), source)[:3]
    return float((np.abs(ours - theirs) / np.array([theirs[0], theirs[1], theirs[1]])).max())


#: RegNetY is RegNetX with attention; RegNetZ has RegNetY's layers and MobileNetV3's, EfficientNetV2 EfficientNet's.
IN_OTHERS = ("RegNetX", "RegNetZ", "EfficientNet")
FAMILIES = [pytest.param(name, marks=[pytest.mark.slow] * (name in IN_OTHERS)) for name in CUT_DOWN_FAMILIES]


@pytest.mark.parametrize("name", FAMILIES)
def test_cut_down_networks_compute_what_timms_do(name):
    logits, gradients = differences(name, *CUT_DOWN_FAMILIES[name])
    assert logits < 1e-5
    assert min(gradients) < 1e-4, "a wrong weight, stride or padding is wrong in every image; a kink is not"


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_entry_point_computes_what_timms_does(architecture):
    logits, _ = differences(architecture, architecture, {}, SIDE)
    assert logits < 1e-4


def main() -> None:
    """A row a network: what timm and PyTorch count, what the plan counts, and the largest differences measured."""
    print(
        "| network | parameters in timm | here | MACs by PyTorch | here | largest difference of logits | of gradients |"
    )
    print("|---|---|---|---|---|---|---|")
    named = [name for name in sys.argv[1:] if not name.startswith("--")]
    for name, facts in timm_facts()["architectures"].items():
        side = facts["side"]
        if facts["family"] == "resnet" or (named and name not in named):
            continue
        try:
            document = timm_spec(name, {}, pretrained_cfg={"input_size": [3, side, side]})
        except KresnetError:  # no spec can say it
            continue
        plan = make_plan(Spec.model_validate(document), document)
        measured = "not measured | |"
        if name in ARCHITECTURES and "--plans" not in sys.argv:
            logits, gradients = differences(name, name, {}, SIDE)
            measured = f"{logits:.1e} | {min(gradients):.1e} |"
        counts = f"{facts['parameters']:,} | {plan.trainable:,} | {facts['macs']:,} | {plan.macs:,}"
        print(f"| `{name}` | {counts} | {measured}", flush=True)


if __name__ == "__main__":
    main()
