"""The measured activations against what Keras's own model returns, and against what is known of depth."""

from __future__ import annotations

import keras
import numpy as np

from kresnet.diagnostics.activation_check import check_activations
from kresnet.diagnostics.network_under_test import open_network_under_test
from tests.probes.small_networks import document

DEEP = {"stages": [{"blocks": 12, "width": 8}]}


def test_they_are_the_outputs_of_the_models_layers():
    subject = open_network_under_test(document(stages=[{"blocks": 1, "width": 8}]), batch=8)
    profile = check_activations(subject)
    network = subject.engine.trainer.network
    (block,) = profile.blocks
    inner = keras.Model(network.input, network.get_layer("stage1.block1.activation").output)
    found = inner(subject.images.astype(np.float32), training=True).numpy().astype(np.float64)
    np.testing.assert_allclose([block.mean, block.deviation], [found.mean(), found.std()], rtol=1e-4)
    np.testing.assert_allclose([block.largest, block.zeros], [np.abs(found).max(), (found == 0).mean()], rtol=1e-5)


def test_without_batch_norm_they_grow_with_depth_and_with_it_they_hold():
    """A block without a norm adds about as much variance as it was given; one with a norm adds as much each time."""
    with_norm = check_activations(open_network_under_test(document(**DEEP, block={"kind": "basic"}), batch=8))
    without = check_activations(
        open_network_under_test(document(**DEEP, block={"kind": "basic"}), overrides=["norm={kind: none}"], batch=8)
    )
    assert without.change > 5 * with_norm.change
