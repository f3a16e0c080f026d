"""`kresnet check activations`: how large the outputs of the blocks are, on one batch, as a training step has them."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from kresnet.diagnostics.network_under_test import NetworkUnderTest
from kresnet.probes.activation_profile import ActivationProfile, activation_profile
from kresnet.probes.block_paths import block_paths
from kresnet.probes.replay import replay


def check_activations(network: NetworkUnderTest) -> ActivationProfile:
    """Measure the output of every block over the whole batch, in training mode, on one device."""
    blocks = block_paths(network.plan)
    outputs = [block.output for block in blocks]
    last = network.plan.records.index(network.plan.by_name[outputs[-1]])

    @tf.function
    def measure(images: Any) -> Any:
        replayed = replay(network.engine.trainer.network, network.plan.records[: last + 1], {"input": images})
        return tf.stack([_moments(replayed.outputs[name]) for name in outputs])

    measured = measure(tf.constant(network.images, tf.float32)).numpy()
    return activation_profile(network.label, [block.name for block in blocks], measured.tolist())


def _moments(tensor: Any) -> Any:
    """Return mean, deviation, largest absolute value and share of zeros, float64 (4,)."""
    values = tf.cast(tensor, tf.float64)
    mean = tf.reduce_mean(values)
    deviation = tf.sqrt(tf.reduce_mean(tf.square(values - mean)))
    zeros = tf.reduce_mean(tf.cast(tf.equal(tensor, 0), tf.float64))
    return tf.stack([mean, deviation, tf.reduce_max(tf.abs(values)), zeros])


__all__ = ["check_activations"]
