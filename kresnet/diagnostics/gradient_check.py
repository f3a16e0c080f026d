"""`kresnet check gradients`: how the gradient fares from block to block, on one batch and without a training step."""

from __future__ import annotations

import tensorflow as tf

from kresnet.diagnostics.network_under_test import NetworkUnderTest
from kresnet.graph import build_model
from kresnet.probes.block_paths import block_paths
from kresnet.probes.gradient_flow import GradientFlow, gradient_flow
from kresnet.probes.jacobian import SingularValues, singular_values
from kresnet.probes.probe import Probe
from kresnet.probes.replay import replay

#: How many images Jacobians are taken at.
JACOBIAN_IMAGES = 8


def check_gradients(network: NetworkUnderTest, *, jacobians: bool = True) -> GradientFlow:
    """Measure the gradient at every block and, unless told otherwise, the singular values of the blocks' Jacobians."""
    probe = Probe(network.plan, network.engine.trainer.network, check_norms=False, measure_blocks=True)
    flow = network.engine.measure(network.batch(), probe)[0]["flow"]
    singular = _block_jacobians(network) if jacobians else []
    return gradient_flow(network.label, probe.blocks, flow, singular)


def _block_jacobians(network: NetworkUnderTest) -> list[SingularValues]:
    """Return the singular values of every block at what the first images of the batch give it, on one device."""
    model = network.engine.trainer.network
    if network.engine.strategy.num_replicas_in_sync > 1:  # mirrored layers cannot be called outside their strategy
        weights = model.get_weights()
        model = build_model(network.plan, precision=network.precision)
        model.set_weights(weights)
    images = tf.constant(network.images[:JACOBIAN_IMAGES], tf.float32)
    replayed = replay(model, network.plan.records, {"input": images})
    return [singular_values(model, block, replayed.outputs[block.input]) for block in block_paths(network.plan)]
