import keras
import numpy as np
import pytest
import tensorflow as tf

from kresnet.spec.recipe import Sgd
from kresnet.training.step.clipping import GlobalNormClipping
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


def test_a_step_moves_each_weight_against_its_gradient():
    made = trainer()
    before = [weight.numpy() for weight in made.network.trainable_variables]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(made.objective.example_losses(made.network(IMAGES.astype(np.float32)), LABELS))
    expected = tape.gradient(loss, [weight.value for weight in made.network.trainable_variables])
    metrics = made.train_step((tf.constant(IMAGES), tf.constant(LABELS)))
    np.testing.assert_allclose(metrics["loss"], loss, rtol=1e-6)
    for weight, old, gradient in zip(made.network.trainable_variables, before, expected, strict=True):
        np.testing.assert_allclose(old - weight.numpy(), gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("settings", [{}, {"accumulate_steps": 2}, {"xla": True}], ids=str)
def test_weights_multiply_the_losses_as_keras_has_it(settings):
    made, weights = trainer(**settings), tf.constant(RNG.random(8).astype(np.float32) * 3)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        loss = loss_of(LABELS, made.network(IMAGES.astype(np.float32)), sample_weight=weights)
    expected = tape.gradient(loss, [weight.value for weight in made.network.trainable_variables])
    before = [weight.numpy() for weight in made.network.trainable_variables]
    metrics = made.train_step((tf.constant(IMAGES), tf.constant(LABELS), weights))
    np.testing.assert_allclose(metrics["loss"], loss, rtol=1e-5)
    for weight, old, gradient in zip(made.network.trainable_variables, before, expected, strict=True):
        np.testing.assert_allclose(old - weight.numpy(), gradient, rtol=1e-4, atol=1e-5)


def test_clipping_bounds_the_global_norm_of_the_update():
    made = trainer(clip=GlobalNormClipping(1e-3))
    before = [weight.numpy() for weight in made.network.trainable_variables]
    made.train_step((tf.constant(IMAGES), tf.constant(LABELS)))
    moved = [old - new.numpy() for old, new in zip(before, made.network.trainable_variables, strict=True)]
    norm = np.sqrt(sum(np.square(change).sum() for change in moved))
    np.testing.assert_allclose(norm, 1e-3, rtol=1e-3)


def test_padding_counts_for_nothing_in_a_test_step():
    made = trainer()
    weights = tf.constant([1.0] * 5 + [0.0] * 3)
    padded = made.test_step((tf.constant(IMAGES), tf.constant(LABELS), weights))
    short = made.test_step((tf.constant(IMAGES[:5]), tf.constant(LABELS[:5]), tf.ones(5)))
    for name in ("loss", "accuracy", "weight"):
        np.testing.assert_allclose(padded[name], short[name], rtol=1e-5)


def test_accuracy_is_the_share_of_largest_logits():
    made = trainer()
    guesses = made.network(IMAGES.astype(np.float32)).numpy().argmax(-1)
    labels = guesses.copy()
    labels[:2] = (labels[:2] + 1) % 4
    metrics = made.train_step((tf.constant(IMAGES), tf.constant(labels.astype(np.int32))))
    np.testing.assert_allclose(metrics["accuracy"], 6 / 8)


def everything(made: Trainer) -> list[np.ndarray]:
    return [variable.numpy() for variable in (*made.network.variables, *made.updates.variables)]


@pytest.mark.parametrize("poison", [np.nan, np.inf])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_step_that_is_not_finite_changes_nothing(poison, compiled):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 6, 1))
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(3, 3)(inputs))
    x = keras.layers.Dropout(0.5)(keras.layers.Flatten()(x))
    made = Trainer(keras.Model(inputs, keras.layers.Dense(4)(x)))
    made.updates = make_optimizer(Sgd(kind="sgd"), lambda step: tf.constant(0.1), made.network.trainable_variables)
    step = tf.function(made.train_step, autograph=False) if compiled else made.train_step
    assert step((tf.constant(IMAGES, tf.float32), tf.constant(LABELS)))["finite"]
    before = everything(made)
    images = IMAGES.astype(np.float32)
    images[3, 2, 1, 0] = poison
    assert not step((tf.constant(images), tf.constant(LABELS)))["finite"]
    for old, new in zip(before, everything(made), strict=True):
        np.testing.assert_array_equal(old, new)
    assert step((tf.constant(IMAGES, tf.float32), tf.constant(LABELS)))["finite"]
    assert any((old != new).any() for old, new in zip(before, everything(made), strict=True))


def test_a_step_of_weighted_examples_is_that_of_keras_with_sample_weight():
    weights = np.linspace(0, 2, 8).astype(np.float32)
    ours, reference = trainer(), small_network()
    reference.compile(keras.optimizers.SGD(1.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    expected = reference.train_on_batch(IMAGES.astype(np.float32), LABELS, sample_weight=weights)
    found = ours.train_step((tf.constant(IMAGES), tf.constant(LABELS), tf.constant(weights)))
    np.testing.assert_allclose(found["loss"], expected, rtol=1e-5)
    for one, other in zip(ours.network.weights, reference.weights, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-4, atol=1e-5)
