"""The loss of mixed labels: that of the two labels, in their shares."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from kresnet.training.trainer import Trainer


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("probabilities", ["softmax", "sigmoid"])
def test_the_loss_is_linear_in_the_labels(probabilities: str, smoothing: float) -> None:
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(5)])
    trainer = Trainer(network, probabilities=probabilities, label_smoothing=smoothing)
    logits = tf.constant(np.random.default_rng(0).normal(size=(6, 5)), tf.float32)
    one, other = tf.constant([0, 1, 2, 3, 4, 0]), tf.constant([1, 1, 0, 4, 2, 3])
    mixed = 0.3 * tf.one_hot(one, 5) + 0.7 * tf.one_hot(other, 5)
    expected = 0.3 * trainer.losses_of(logits, one) + 0.7 * trainer.losses_of(logits, other)
    np.testing.assert_allclose(trainer.losses_of(logits, mixed), expected, rtol=1e-5)
