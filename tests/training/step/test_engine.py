"""The engine's calls of several steps."""

import keras
import numpy as np
import tensorflow as tf

from kresnet.spec.recipe import Sgd
from kresnet.training.step.engine import Engine
from kresnet.training.step.optimizers import make_optimizer
from kresnet.training.step.trainer import Trainer

RNG = np.random.default_rng(0)


IMAGES = RNG.integers(0, 256, (8, 6, 6, 1)).astype(np.uint8)


LABELS = RNG.integers(0, 4, 8).astype(np.int32)


def small_network(seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((6, 6, 1))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(3, 3, name="conv")(x)
    return keras.Model(inputs, keras.layers.Dense(4, name="logits")(keras.layers.Flatten()(x)), name="small")


def trainer(**settings) -> Trainer:
    made = Trainer(small_network(), **settings)
    sgd = Sgd(kind="sgd", momentum=0.0, weight_decay=0.0)
    made.updates = make_optimizer(sgd, lambda step: tf.constant(1.0), made.network.trainable_variables)
    return made


def test_an_engine_stops_before_the_first_step_that_is_not_finite_and_counts_those_before():
    images = np.repeat(IMAGES[None].astype(np.float32), 5, 0)
    images[3, 0, 0, 0, 0] = np.nan
    batches = tf.data.Dataset.from_tensor_slices((images, np.repeat(LABELS[None], 5, 0)))
    poisoned, sound = (Engine(trainer(), tf.distribute.get_strategy()) for _ in range(2))
    poisoned.train(iter(batches), 5)
    sound.train(iter(batches), 3)
    assert poisoned.steps_taken() == 3
    assert sound.steps_taken() == 3
    assert poisoned.metrics() == sound.metrics()
    for one, other in zip(poisoned.state().values(), sound.state().values(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert poisoned.steps_taken() == 0
