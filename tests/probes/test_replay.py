"""A network replayed layer by layer computes what the network itself computes."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from kresnet.graph import build_model
from kresnet.probes.block_paths import block_paths
from kresnet.probes.replay import replay
from tests.probes.small_networks import images, plan_of


def test_a_preactivation_stage_is_its_input_plus_all_residuals():
    """x_L = x_1 + Σ F(x_i) (He et al. 2016, equation 4), to the rounding of as many additions."""
    plan = plan_of(block={"kind": "basic", "order": "full_preactivation"}, stages=[{"blocks": 6, "width": 8}])
    network = build_model(plan)
    replayed = replay(network, plan.records, {"input": tf.cast(images(8)[0], tf.float32)})
    parts = block_paths(plan)[1:]  # the first reads the stem through its own activation
    branches = [plan.by_name[block.fork.add].inputs[0] for block in parts]
    total = tf.cast(replayed.outputs[parts[0].input], tf.float64)
    total += tf.add_n([tf.cast(replayed.outputs[name], tf.float64) for name in branches])
    reached = tf.cast(replayed.outputs[parts[-1].output], tf.float64)
    assert float(tf.norm(total - reached) / tf.norm(reached)) < len(parts) * 2.0**-24


def test_a_replay_gives_what_the_network_gives():
    plan = plan_of()
    network = build_model(plan)
    pixels = tf.cast(images(8)[0], tf.float32)
    outputs = replay(network, plan.records, {"input": pixels}, training=lambda record: False).outputs
    np.testing.assert_array_equal(outputs[plan.outputs["logits"]], network(pixels, training=False))


def test_a_tap_receives_the_gradient_of_its_own_edge_alone():
    plan = plan_of()
    network, block = build_model(plan), block_paths(plan)[1]
    pixels = tf.cast(images(4)[0], tf.float32)
    edges = {*block.fork.identity, *block.fork.residual}
    with tf.GradientTape() as tape:
        result = replay(network, plan.records, {"input": pixels}, edges=edges)
        total = tf.reduce_sum(result.outputs[plan.outputs["logits"]])
    assert result.taps.keys() == edges
    *parts, whole = tape.gradient(total, [*result.taps.values(), result.outputs[block.fork.at]])
    np.testing.assert_allclose(tf.add_n(parts), whole, rtol=1e-4, atol=1e-6)
