"""Rounding in training: weights and activations on their grids, gradients as if nothing were rounded."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from kresnet.graph import build_model
from kresnet.graph.fake_quantization import RANGE_DECAY, FakeQuantization, round_kernel
from kresnet.plan import make_plan
from tests.export.networks import spec_of
from tests.graph.random_weights import randomize

PLAN = make_plan(spec_of(head={"classes": 3}))


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return randomize(build_model(PLAN))


@pytest.fixture
def images() -> tf.Tensor:
    return tf.constant(np.random.default_rng(0).uniform(0, 255, (16, 12, 10, 3)), tf.float32)


def test_kernels_are_rounded_a_channel_at_a_time_and_gradients_pass() -> None:
    kernel = tf.constant(np.random.default_rng(0).normal(size=(3, 3, 4, 5)) * np.arange(1, 6), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        rounded = round_kernel(kernel)
        total = tf.reduce_sum(rounded * 2.0)
    scale = np.abs(kernel).max(axis=(0, 1, 2)) / 127
    steps = rounded.numpy() / scale
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)
    assert np.abs(rounded - kernel).max(axis=(0, 1, 2)) == pytest.approx(scale / 2, rel=0.2)
    np.testing.assert_array_equal(tape.gradient(total, kernel), np.full(kernel.shape, 2.0))


def test_kernels_of_channels_on_another_axis_are_rounded_along_it() -> None:
    kernel = tf.constant(np.random.default_rng(0).normal(size=(3, 3, 4, 1)) * np.arange(1, 5)[:, None], tf.float32)
    steps = round_kernel(kernel, 2).numpy() * 127 / np.abs(kernel).max(axis=(0, 1, 3), keepdims=True)
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)


def test_ranges_begin_with_a_batch_and_then_move_slowly(network: keras.Model, images: tf.Tensor) -> None:
    rounding = FakeQuantization(PLAN)
    rounding.run(network, images, training=True)
    normalized = network.get_layer("normalize")(images).numpy()
    first = rounding.values()["normalize"]
    np.testing.assert_allclose(first, (min(normalized.min(), 0), normalized.max()), rtol=1e-6)
    rounding.run(network, images / 2, training=True)
    halved = network.get_layer("normalize")(images / 2).numpy()
    expected = RANGE_DECAY * np.array(first) + (1 - RANGE_DECAY) * np.array([min(halved.min(), 0), halved.max()])
    np.testing.assert_allclose(rounding.values()["normalize"], expected, rtol=1e-5)
    before = rounding.values()
    rounding.run(network, images, training=False)
    assert rounding.values() == before
    assert int(rounding.seen) == 2


def test_the_rounded_network_computes_nearly_what_the_network_does(network: keras.Model, images: tf.Tensor) -> None:
    rounding, moving = FakeQuantization(PLAN), [each.numpy() for each in network.non_trainable_weights]
    with tf.GradientTape() as tape:
        outputs = rounding.run(network, images, training=True)
        loss = tf.reduce_sum(outputs**2)
    exact = network(images, training=False).numpy()
    assert 0 < np.square(outputs - exact).sum() < 0.01 * np.square(exact).sum()
    gradients = tape.gradient(loss, [each.value for each in network.trainable_variables])
    assert all(each is not None and np.isfinite(tf.convert_to_tensor(each)).all() for each in gradients)
    for before, after in zip(moving, network.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(before, after)  # norms keep their statistics
