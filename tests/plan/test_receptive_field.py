"""Receptive fields: others' figures, and what a gradient reaches in the built network."""

from __future__ import annotations

import numpy as np
import pytest

import kresnet
from kresnet.plan.receptive_field import ReceptiveField, receptive_fields


@pytest.mark.parametrize(("name", "field"), [("resnet50", 483), ("resnet101", 1027), ("resnet152", 1507)])
def test_of_the_papers_networks_it_is_what_is_published(name, field):
    """Araujo et al. 2019 (distill.pub/2019/computing-receptive-fields), table 1: v1, strides on the first 1x1."""
    plan = kresnet.load(name, {"block.stride_on": "conv1x1"}).plan()
    last = [record for record in plan.records if record.stage == 4][-1]
    assert receptive_fields(plan)[last.name] == ReceptiveField(field, 32)


def test_behind_a_global_pool_and_of_vectors_it_is_the_whole_input():
    fields = receptive_fields(kresnet.load("resnet18").plan())
    assert fields["head.pool"] is None
    assert fields["head.logits"] is None
    assert set(receptive_fields(kresnet.load("residual_mlp").plan()).values()) == {None}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"convolution.padding": "symmetric"},
        {"block.kind": "bottleneck", "block.shortcut": "projection", "stages.1.dilation": 2, "stages.1.stride": 1},
    ],
)
def test_it_is_as_far_as_a_gradient_reaches(changes):
    """The middle of the last map: which pixels of a large input have a gradient, all kernels being positive."""
    spec = {"name": "small", "input": {"shape": [65, 65, 1]},
            "stem": {"kind": "conv", "width": 2, "kernel": 5, "stride": 2},
            "block": {"kind": "basic", "shortcut": "identity_pad"}, "norm": {"kind": "none"},
            "stages": [{"blocks": 1, "width": 2}, {"blocks": 1, "width": 4, "stride": 2}],
            "head": {"kind": "features", "stages": [2]}}  # fmt: skip
    network = kresnet.load(spec, changes)
    import tensorflow as tf

    model = network.build()
    for weight in model.trainable_variables:
        weight.assign(tf.fill(weight.shape, 0.1 if "kernel" in weight.path else 0.0))
    images = tf.random.stateless_uniform((1, 65, 65, 1), (1, 2), 200.0, 255.0)
    with tf.GradientTape() as tape:
        tape.watch(images)
        output = model(images)
        maps = output if not isinstance(output, dict) else next(iter(output.values()))
        middle = tf.reduce_sum(maps[0, maps.shape[1] // 2, maps.shape[2] // 2])
    rows = np.flatnonzero(np.any(tape.gradient(middle, images)[0, :, :, 0].numpy() != 0, axis=1))
    (record,) = network.plan().outputs.values()
    field = receptive_fields(network.plan())[record]
    assert field is not None
    assert rows[-1] - rows[0] + 1 == field.size
