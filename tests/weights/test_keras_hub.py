"""Networks of KerasHub, imported: the logits that KerasHub computed, with weights by rule.

`reference/make_keras_hub.py` wrote them; `python -m tests.weights.test_keras_hub` prints the largest differences, as in
docs/weights.md.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from kresnet.plan import Plan, plan_loaded
from kresnet.spec.loading import load_spec
from kresnet.weights.convert import converted_model
from kresnet.weights.files.tensor import WeightTensor
from kresnet.weights.files.weight_file import WeightFile
from kresnet.weights.layouts import LAYOUTS
from kresnet.weights.matching import match_weights
from kresnet.weights.mismatch import require_match
from kresnet.weights.source_defaults import apply_source_defaults
from tests.weights.gradient_differences import relative
from tests.weights.reference import rule

REFERENCE = np.load(Path(__file__).parent / "reference" / "keras_hub.npz")
NETWORKS = sorted({name.rpartition("/")[0] for name in REFERENCE.files})


def source_of(name: str) -> WeightFile:
    """The network's tensors, as a file of its weights has them."""
    shapes = [tuple(map(int, text.split())) for text in REFERENCE[f"{name}/shapes"]]
    tensors = {}
    for each, shape in zip(map(str, REFERENCE[f"{name}/tensors"]), shapes, strict=True):
        tensors[each] = WeightTensor(
            each, shape, "float32", lambda each=each, shape=shape: rule.keras_tensor(each, shape)
        )
    return WeightFile(Path(f"{name}.weights.h5"), "keras", tensors)


def plan_for(name: str) -> Plan:
    """The spec that is the same network, with what a conversion carries over from KerasHub."""
    settings = ["input.shape=[64,64,3]", "input.resize={kind: stretch}", "head.classes=10"]
    loaded = load_spec(name, settings)
    return apply_source_defaults(loaded, plan_loaded(loaded), source_of(name), LAYOUTS["keras-hub"]).plan


def compared(name: str) -> float:
    """The largest relative difference of logits."""
    keras.backend.clear_session()
    plan, logits = plan_for(name), REFERENCE[f"{name}/logits"]
    model = converted_model(plan, require_match(match_weights(plan, source_of(name)), plan))
    images = rule.images(len(logits), 64).astype(np.float32)
    return max(
        relative(np.asarray(model(image[None]))[0], theirs) for image, theirs in zip(images, logits, strict=True)
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_every_weight_has_its_name_and_no_other_is_left(name):
    plan = plan_for(name)
    found = require_match(match_weights(plan, source_of(name)), plan)
    assert found.layout.name == "keras-hub"


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=[pytest.mark.slow] * (each != "resnet18")) for each in NETWORKS]
)
def test_kerashubs_networks_compute_its_logits(name):
    assert compared(name) < 1e-4


if __name__ == "__main__":
    for each in NETWORKS:
        print(f"{each}: logits {compared(each):.1e}")
