"""What the instrument measures is what the theory of residual learning says."""

import json

import numpy as np
import pytest
import tensorflow as tf

from kresnet.diagnostics.gradient_check import check_gradients
from kresnet.diagnostics.network_under_test import open_network_under_test
from kresnet.graph import build_model
from kresnet.probes.block_paths import block_paths
from kresnet.probes.gradient_flow import gradient_flow
from kresnet.probes.jacobian import singular_values
from kresnet.probes.probe import FLOW_COLUMNS
from kresnet.probes.replay import replay
from tests.diagnostics.networks import engine_of, images, plan_of, probe_of

#: Weights are all that differs between these: 24 blocks of two layers, a stem and a head make 50.
SIGMOID = {
    "norm": {"kind": "none"},
    "activation": "sigmoid",
    "stages": [{"blocks": 24, "width": 8}],
}


def measured(plan, count=8):
    engine = engine_of(plan)
    probe = probe_of(plan, engine, blocks=True)
    return gradient_flow(plan.name, probe.blocks, engine.measure(images(count), probe)[0]["flow"])


def gradients_and_passage(plan, probe, engine, count=8):
    """Gradients of everything the probe watches."""
    pixels, labels = images(count)
    with tf.GradientTape() as tape:
        pixels = tf.cast(pixels, tf.float32)
        tape.watch(pixels)
        passage = probe.forward(pixels)
        loss = tf.reduce_mean(engine.trainer.objective.example_losses(probe.outputs(passage), labels))
    watched = probe.watched(passage) | {
        f"sum {block.name}": passage.outputs[block.fork.add] for block in probe.blocks if block.fork
    }
    return dict(zip(watched, tape.gradient(loss, [*watched.values()]), strict=True)), passage


@pytest.mark.parametrize("order", ["full_preactivation", "no_activation_after_add"])
def test_the_identity_term_is_exactly_the_gradient_of_the_output(order):
    """For identity shortcuts with nothing after the addition: dL/dx = dL/dy + (dF/dx)ᵀ dL/dy, bit for bit."""
    plan = plan_of(block={"kind": "basic", "order": order})
    engine = engine_of(plan)
    probe = probe_of(plan, engine, blocks=True)
    gradients, _ = gradients_and_passage(plan, probe, engine)
    identities = [block for block in probe.blocks if block.fork.identity == ((block.fork.add, block.input),)]
    assert len(identities) >= 2
    for block in identities:
        np.testing.assert_array_equal(gradients[block.fork.identity[0]], gradients[block.output])


def test_both_terms_add_up_to_the_gradient_of_the_input():
    plan = plan_of()
    engine = engine_of(plan)
    probe = probe_of(plan, engine, blocks=True)
    gradients, _ = gradients_and_passage(plan, probe, engine)
    for before, block in zip(probe.blocks, probe.blocks[1:], strict=False):
        total = sum(gradients[edge] for edge in (*block.fork.identity, *block.fork.residual))
        np.testing.assert_allclose(total, gradients[before.output], rtol=1e-5, atol=1e-9)


def test_the_activation_after_the_addition_stands_in_the_identity_path():
    """Post-activation: the identity term is the gradient at the sum, behind the ReLU, not the output's."""
    plan = plan_of()
    engine = engine_of(plan)
    probe = probe_of(plan, engine, blocks=True)
    gradients, _ = gradients_and_passage(plan, probe, engine)
    block = probe.blocks[1]
    np.testing.assert_array_equal(gradients[block.fork.identity[0]], gradients[f"sum {block.name}"])
    assert np.abs(gradients[block.fork.identity[0]] - gradients[block.output]).max() > 0


def test_a_preactivation_stage_is_its_input_plus_all_residuals():
    """x_L = x_1 + Σ F(x_i) (He et al. 2016, equation 4), to the rounding of as many additions."""
    plan = plan_of(block={"kind": "basic", "order": "full_preactivation"}, stages=[{"blocks": 6, "width": 8}])
    network = build_model(plan)
    passage = replay(network, plan.records, {"input": tf.cast(images(8)[0], tf.float32)})
    parts = block_paths(plan)[1:]  # the first reads the stem through its own activation
    branches = [plan.by_name[block.fork.add].inputs[0] for block in parts]
    total = tf.cast(passage.outputs[parts[0].input], tf.float64)
    total += tf.add_n([tf.cast(passage.outputs[name], tf.float64) for name in branches])
    reached = tf.cast(passage.outputs[parts[-1].output], tf.float64)
    assert float(tf.norm(total - reached) / tf.norm(reached)) < len(parts) * 2.0**-24


def test_residual_mlp_has_the_gradients_of_the_closed_form():
    """With y = W₂ a + b₂ + x, a = σ(W₁ x + b₁) and δ = (ŷ − y)/N, dL/dW₂ = a δᵀ, and dL/dx carries δ undiminished."""
    subject = open_network_under_test("residual_mlp", batch=8)
    assert any("squared error" in told for told in subject.provenance)
    engine, x, target = subject.engine, subject.images, subject.targets
    network = engine.trainer.network
    w1, b1, w2, b2 = (weight.numpy() for weight in network.weights)
    a = 1 / (1 + np.exp(-(x @ w1 + b1)))
    delta = (a @ w2 + b2 + x - target) / len(x)
    hidden = delta @ w2.T * a * (1 - a)
    gradients = engine.trainer.backward(x, target).gradients
    for found, expected in zip(gradients, (x.T @ hidden, hidden.sum(0), a.T @ delta, delta.sum(0)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-6)
    (block,) = check_gradients(subject).blocks
    np.testing.assert_allclose(block.delta, np.linalg.norm(delta), rtol=1e-6)
    assert block.identity == block.delta
    np.testing.assert_allclose(block.residual, np.linalg.norm(hidden @ w1.T), rtol=1e-5)
    flat = (delta.ravel(), (hidden @ w1.T).ravel())
    cosine = flat[0] @ flat[1] / np.linalg.norm(flat[0]) / np.linalg.norm(flat[1])
    np.testing.assert_allclose(block.cosine, cosine, rtol=1e-4)


def test_fifty_sigmoid_layers_vanish_and_their_residual_twin_does_not():
    plain = plan_of(**SIGMOID, block={"kind": "basic", "order": "relu_only_preactivation", "shortcut": "none"})
    twin = plan_of(**SIGMOID, block={"kind": "basic", "order": "relu_only_preactivation", "shortcut": "projection"})
    assert plain.weighted_layers == twin.weighted_layers == 50
    assert plain.trainable == twin.trainable
    found, other = measured(plain), measured(twin)
    assert found.verdict == "vanishes"
    assert found.rate < 0.8
    assert "vanishes" in found.sentence()
    assert found.first_block in found.sentence()
    assert other.verdict == "holds"
    assert other.rate > 0.95
    assert found.blocks[0].identity is None
    assert other.blocks[3].identity > 0


def test_the_jacobians_values_are_those_of_its_singular_value_decomposition():
    subject = open_network_under_test("residual_mlp", batch=2)
    network = subject.engine.trainer.network
    (block,) = block_paths(subject.plan)
    x = tf.constant(subject.images)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reshape(network(x, training=True), (-1,))
    values = np.linalg.svd(tf.reshape(tape.jacobian(y, x), (32, 32)), compute_uv=False)
    found = singular_values(network, block, x)
    assert 0.9 * values[0] < found.largest <= values[0] * (1 + 1e-5)
    np.testing.assert_allclose(found.typical, np.sqrt(np.mean(values**2)), rtol=0.15)


def report(deltas, names=("a", "b", "c", "d")):
    parts = [block_paths(plan_of())[0]] * len(deltas)
    rows = np.zeros((len(deltas), len(FLOW_COLUMNS)))
    rows[:, 0] = np.square(deltas)
    return gradient_flow("net", parts, rows)


@pytest.mark.parametrize(
    ("deltas", "verdict"),
    [
        ([1.0, 1.0, 1.0], "holds"),
        ([1e-8, 1e-4, 1.0], "vanishes"),
        ([1e8, 1e4, 1.0], "explodes"),
        ([np.nan, 1.0, 1.0], "not_a_number"),
        ([np.inf, 1.0, 1.0], "not_a_number"),
        ([0.0, 1.0, 1.0], "vanishes"),
        ([0.0, 0.0, 0.0], "vanishes"),
    ],
)
def test_words(deltas, verdict):
    found = report(deltas)
    assert found.verdict == verdict
    assert found.sentence()
    json.dumps(found.as_dict(), allow_nan=False)


def test_the_fit_recovers_a_law():
    found = report([3.0 * 0.5**3, 3.0 * 0.5**2, 3.0 * 0.5, 3.0])
    np.testing.assert_allclose([found.constant, found.rate], [3.0, 0.5])
    assert [block.ratio for block in found.blocks] == [0.5, 0.5, 0.5, None]
