"""Keras's own `fit` takes the steps that the engine takes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kresnet.spec.recipe import Sgd
from kresnet.training.step.engine import Engine
from kresnet.training.step.keras_trainer import KerasTrainer
from kresnet.training.step.optimizers import make_optimizer
from kresnet.training.step.trainer import Trainer
from tests.training.step.test_trainer import IMAGES, LABELS, small_network

BATCHES = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(4, drop_remainder=True)


def trainer() -> Trainer:
    made = Trainer(small_network())
    sgd = Sgd(kind="sgd", momentum=0.9, weight_decay=1e-4)
    made.updates = make_optimizer(sgd, lambda step: tf.constant(0.1), made.network.trainable_variables)
    return made


def test_fit_ends_with_the_engines_bits_and_tells_its_means():
    by_keras, by_engine = trainer(), trainer()
    model = KerasTrainer(by_keras)
    model.compile()
    history = model.fit(BATCHES, epochs=2, verbose=0).history
    engine = Engine(by_engine, tf.distribute.get_strategy())
    expected = []
    for _ in range(2):
        engine.train(iter(BATCHES), tf.constant(2))
        expected.append(engine.metrics())
        engine.reset_metrics()
    for a, b in zip(by_keras.network.get_weights(), by_engine.network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for name in ("loss", "accuracy"):
        np.testing.assert_allclose(history[name], [means[name] for means in expected], rtol=1e-6)


def test_evaluate_tells_the_engines_means():
    made = trainer()
    model = KerasTrainer(made)
    model.compile()
    uneven = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(3)
    expected = Engine(made, tf.distribute.get_strategy()).evaluate(uneven, 3)
    found = model.evaluate(uneven, verbose=0, return_dict=True)
    for name in ("loss", "accuracy"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-6)


def test_a_step_that_is_not_finite_changes_nothing_and_counts_for_nothing():
    made = trainer()
    model = KerasTrainer(made)
    model.compile()
    before = made.network.get_weights()
    spoilt = BATCHES.map(lambda images, labels: (tf.cast(images, tf.float32) * np.nan, labels))
    model.fit(spoilt, verbose=0)
    for a, b in zip(before, made.network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert all(float(metric.count) == 0 for metric in model.metrics)


def test_callbacks_of_keras_are_called():
    model = KerasTrainer(trainer())
    model.compile()
    seen: list[float] = []

    class Record(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(logs["loss"])

    model.fit(BATCHES, epochs=3, verbose=0, callbacks=[Record()])
    assert len(seen) == 3


def test_another_loss_or_optimizer_is_refused_rather_than_ignored():
    with pytest.raises(ValueError, match="optimizer"):
        KerasTrainer(trainer()).compile(optimizer="adam")
