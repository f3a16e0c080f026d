"""kresnet's fused updates against Keras's optimizers, over several steps of random gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kresnet.spec.recipe import AdamW, Sgd
from kresnet.training.optimizers import make_optimizer

STEPS = 6


def weights(seed: int) -> list[keras.Variable]:
    rng = np.random.default_rng(seed)
    return [
        keras.Variable(rng.normal(size=(3, 4)).astype("float32"), name="kernel"),
        keras.Variable(rng.normal(size=(4,)).astype("float32"), name="gamma"),
    ]


def gradients(seed: int) -> list[list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    return [[rng.normal(size=(3, 4)).astype("float32"), rng.normal(size=(4,)).astype("float32")] for _ in range(STEPS)]


def train(settings, start: list[keras.Variable]) -> list[np.ndarray]:
    optimizer = make_optimizer(settings, lambda step: tf.constant(0.05), start)
    update = tf.function(optimizer.apply)
    for step in gradients(1):
        update([tf.constant(gradient) for gradient in step])
    assert int(optimizer.iterations) == STEPS
    return [np.asarray(weight) for weight in start]


def train_keras(optimizer: keras.optimizers.Optimizer, start: list[keras.Variable], decay: float = 0.0):
    for step in gradients(1):
        decayed = [
            tf.constant(g) + (decay * w.value if w.name == "kernel" else 0.0) for g, w in zip(step, start, strict=True)
        ]
        optimizer.apply(decayed, start)
    return [np.asarray(weight) for weight in start]


def assert_equal(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_sgd_is_keras_sgd_with_l2_on_kernels(nesterov, decay):
    ours = train(Sgd(kind="sgd", nesterov=nesterov, weight_decay=decay), weights(0))
    assert_equal(ours, train_keras(keras.optimizers.SGD(0.05, 0.9, nesterov), weights(0), decay))


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_adamw_is_keras_adamw_with_decay_on_kernels(decay):
    theirs = keras.optimizers.AdamW(0.05, weight_decay=decay, epsilon=1e-8)
    theirs.exclude_from_weight_decay(var_names=["gamma"])
    ours = train(AdamW(kind="adamw", weight_decay=decay), weights(0))
    assert_equal(ours, train_keras(theirs, weights(0)))


def test_decay_leaves_norm_and_bias_alone():
    decayed = train(Sgd(kind="sgd", weight_decay=0.5), weights(0))
    plain = train(Sgd(kind="sgd", weight_decay=0.0), weights(0))
    assert not np.allclose(decayed[0], plain[0])
    np.testing.assert_array_equal(decayed[1], plain[1])


def test_a_resumed_optimizer_continues_exactly():
    whole = weights(0)
    train(AdamW(kind="adamw"), whole)
    halves = weights(0)
    first = make_optimizer(AdamW(kind="adamw"), lambda step: tf.constant(0.05), halves)
    for step in gradients(1)[:3]:
        first.apply([tf.constant(gradient) for gradient in step])
    second = make_optimizer(AdamW(kind="adamw"), lambda step: tf.constant(0.05), halves)
    for new, old in zip(second.variables, first.variables, strict=True):
        new.assign(old)
    for step in gradients(1)[3:]:
        second.apply([tf.constant(gradient) for gradient in step])
    assert_equal([np.asarray(weight) for weight in halves], [np.asarray(weight) for weight in whole])
