"""Names in other projects' layouts, against the names that PyTorch and keras.applications themselves give."""

import keras
import pytest

from kresnet.weights.layouts import LAYOUTS
from tests.golden.regenerate import plan_of
from tests.weights.test_pytorch import NETWORKS, REFERENCE


def names_of(layout: str, plan) -> set[str | None]:
    return {LAYOUTS[layout].tensor(record, each, plan) for record in plan.records for each in record.parameters}


@pytest.mark.parametrize("network", NETWORKS)
def test_every_tensor_of_pytorchs_network_and_no_other_has_a_name(network):
    project, _, spec = network.partition("/")
    plan = plan_of(spec, "head.classes=10")
    assert names_of(project, plan) == set(map(str, REFERENCE[f"{network}/tensors"]))


@pytest.mark.parametrize(("peer", "spec"), [("ResNet50", "resnet50_keras"), ("ResNet50V2", "resnet50_v2_keras")])
def test_every_weight_of_keras_applications_and_no_other_has_a_name(peer, spec):
    model = getattr(keras.applications, peer)(weights=None, input_shape=(32, 32, 3), classes=10)
    theirs = {f"{layer.name}/{weight.name}" for layer in model.layers for weight in layer.weights}
    assert names_of("keras-applications", plan_of(spec)) == theirs


def test_kresnets_own_names_are_the_plans():
    plan = plan_of("cifar_resnet20")
    assert names_of("kresnet", plan) == {f"{r.name}/{each.name}" for r in plan.records for each in r.parameters}
