"""The loss scale against Keras's, and what it does to steps."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from kresnet.graph import build_model
from kresnet.spec.recipe import Sgd
from kresnet.training.step.engine import Engine
from kresnet.training.step.loss_scale import LossScale
from kresnet.training.step.optimizers import make_optimizer
from kresnet.training.step.trainer import Trainer
from tests.training.networks import tiny_plan
from tests.training.step.test_trainer import IMAGES, LABELS, small_network

BATCH = (tf.constant(IMAGES), tf.constant(LABELS))


def trainer(scale: LossScale | None, network: keras.Model | None = None, rate: float = 1.0) -> Trainer:
    made = Trainer(network or small_network(), loss_scale=scale)
    sgd = Sgd(kind="sgd", momentum=0.0, weight_decay=0.0)
    made.updates = make_optimizer(sgd, lambda step: tf.constant(rate), made.network.trainable_variables)
    return made


def value(scale: LossScale) -> float:
    return float(scale.variables[0].numpy())


def test_it_rises_and_falls_as_keras_s_does() -> None:
    weight = keras.Variable(1.0)
    theirs = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.0), initial_scale=2.0**4, dynamic_growth_steps=3
    )
    ours = LossScale(2.0**4, 3)
    for finite in [True] * 7 + [False, False, True, True, False] + [True] * 4:
        theirs.apply([tf.constant(1.0 if finite else np.inf)], [weight])
        ours.update(tf.constant(finite), tf.constant(True))
        assert value(ours) == float(theirs.dynamic_scale)


def test_a_step_that_does_not_count_leaves_it_alone() -> None:
    scale = LossScale(8.0, 2)
    for finite in (False, True, True):
        scale.update(tf.constant(finite), tf.constant(False))
    assert [float(variable) for variable in scale.variables] == [8.0, 0.0]


def test_it_changes_no_bit_of_a_float32_step() -> None:
    scaled, plain = trainer(LossScale()), trainer(None)
    for made in (scaled, plain):
        made.train_step(BATCH)
    for one, other in zip(scaled.network.weights, plain.network.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


@pytest.mark.parametrize("compiled", [False, True])
def test_an_overflow_halves_it_and_costs_one_step(compiled: bool) -> None:
    scale = LossScale(2.0**127)
    made = trainer(scale)
    made.network.trainable_weights[0].assign(1e3 * made.network.trainable_weights[0])  # a loss that overflows at 2^127
    before = [weight.numpy() for weight in made.network.weights]
    step = tf.function(made.train_step, autograph=False) if compiled else made.train_step
    skipped = 0
    while int(made.updates.iterations) == 0:
        for old, weight in zip(before, made.network.weights, strict=True):
            np.testing.assert_array_equal(old, weight.numpy())
        assert step(BATCH)["finite"]
        skipped += int(made.updates.iterations) == 0
        assert value(scale) == 2.0 ** (127 - skipped)
    assert 1 <= skipped < 20


def test_what_no_scale_can_help_is_not_finite() -> None:
    poisoned = IMAGES.astype(np.float32)
    poisoned[0, 0, 0, 0] = np.nan  # the loss itself
    assert not trainer(LossScale()).train_step((tf.constant(poisoned), BATCH[1]))["finite"]
    at_the_end = trainer(LossScale(1.0))
    at_the_end.network.layers[-1].bias.assign([3e38, 0, 0, 0])  # finite logits...
    at_the_end.network.trainable_weights[0].assign(3e38 * tf.ones_like(at_the_end.network.trainable_weights[0].value))
    assert not at_the_end.train_step(BATCH)["finite"]


def test_float16_trains_and_its_gradients_are_those_of_float32() -> None:
    plan = tiny_plan({"kind": "batch"})
    random = np.random.default_rng(0)
    batch = (
        tf.constant(random.integers(0, 256, (16, *plan.input_shape)).astype(np.uint8)),
        tf.constant(random.integers(0, 3, 16).astype(np.int32)),
    )
    half = trainer(LossScale(), build_model(plan, precision="float16"), rate=0.05)
    single = trainer(None, build_model(plan))
    gradients = [
        tf.function(lambda made=made: made.backward(*batch).gradients, autograph=False) for made in (half, single)
    ]
    ours, exact = (compute() for compute in gradients)
    for found, expected in zip(ours, exact, strict=True):
        assert found.dtype == tf.float32
        assert float(tf.norm(found - expected)) <= 0.15 * float(tf.norm(expected))  # kinks of relu fall apart
    engine = Engine(half, tf.distribute.get_strategy())
    batches = iter(tf.data.Dataset.from_tensors(batch).repeat())
    engine.train(batches, tf.constant(1))
    first = engine.metrics()["loss"]
    engine.reset_metrics()
    engine.train(batches, tf.constant(10))
    assert engine.metrics()["loss"] < first
    assert engine.steps_taken() == 11


def test_a_checkpoint_carries_it() -> None:
    engines = [Engine(trainer(LossScale(2.0**n)), tf.distribute.get_strategy()) for n in (5, 9)]
    engines[0].trainer.loss_scale.variables[1].assign(7)
    engines[1].restore(engines[0].state())
    assert [float(variable) for variable in engines[1].trainer.loss_scale.variables] == [32.0, 7.0]
