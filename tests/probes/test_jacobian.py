"""Estimated singular values against NumPy's decomposition of the whole Jacobian."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from kresnet.diagnostics.network_under_test import open_network_under_test
from kresnet.probes.block_paths import block_paths
from kresnet.probes.jacobian import singular_values


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
