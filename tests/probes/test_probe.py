"""What a probe measures at a block is what the theory of residual learning says."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.probes.small_networks import engine_of, images, plan_of, probe_of


def gradients_and_replay(plan, probe, engine, count=8):
    """Gradients of everything the probe watches."""
    pixels, labels = images(count)
    with tf.GradientTape() as tape:
        pixels = tf.cast(pixels, tf.float32)
        tape.watch(pixels)
        replayed = probe.forward(pixels)
        loss = tf.reduce_mean(engine.trainer.objective.example_losses(probe.outputs(replayed), labels))
    watched = probe.watched_tensors(replayed) | {
        f"sum {block.name}": replayed.outputs[block.fork.add] for block in probe.blocks if block.fork
    }
    return dict(zip(watched, tape.gradient(loss, [*watched.values()]), strict=True)), replayed


@pytest.mark.parametrize("order", ["full_preactivation", "no_activation_after_add"])
def test_the_identity_term_is_exactly_the_gradient_of_the_output(order):
    """For identity shortcuts with nothing after the addition: dL/dx = dL/dy + (dF/dx)ᵀ dL/dy, bit for bit."""
    plan = plan_of(block={"kind": "basic", "order": order})
    engine = engine_of(plan)
    probe = probe_of(plan, engine, blocks=True)
    gradients, _ = gradients_and_replay(plan, probe, engine)
    identities = [block for block in probe.blocks if block.fork.identity == ((block.fork.add, block.input),)]
    assert len(identities) >= 2
    for block in identities:
        np.testing.assert_array_equal(gradients[block.fork.identity[0]], gradients[block.output])


def test_both_terms_add_up_to_the_gradient_of_the_input():
    plan = plan_of()
    engine = engine_of(plan)
    probe = probe_of(plan, engine, blocks=True)
    gradients, _ = gradients_and_replay(plan, probe, engine)
    for before, block in zip(probe.blocks, probe.blocks[1:], strict=False):
        total = sum(gradients[edge] for edge in (*block.fork.identity, *block.fork.residual))
        np.testing.assert_allclose(total, gradients[before.output], rtol=1e-5, atol=1e-9)


def test_the_activation_after_the_addition_stands_in_the_identity_path():
    """Post-activation: the identity term is the gradient at the sum, behind the ReLU, not the output's."""
    plan = plan_of()
    engine = engine_of(plan)
    probe = probe_of(plan, engine, blocks=True)
    gradients, _ = gradients_and_replay(plan, probe, engine)
    block = probe.blocks[1]
    np.testing.assert_array_equal(gradients[block.fork.identity[0]], gradients[f"sum {block.name}"])
    assert np.abs(gradients[block.fork.identity[0]] - gradients[block.output]).max() > 0
