"""The measured gradients of a residual perceptron against their closed form."""

from __future__ import annotations

import numpy as np

from kresnet.diagnostics.gradient_check import check_gradients
from kresnet.diagnostics.network_under_test import open_network_under_test


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


def test_jacobians_are_taken_only_when_asked_for():
    network = open_network_under_test("residual_mlp", batch=2)
    (without,), (block,) = check_gradients(network, jacobians=False).blocks, check_gradients(network).blocks
    assert (without.largest, without.typical) == (None, None)
    assert block.largest >= block.typical > 0
