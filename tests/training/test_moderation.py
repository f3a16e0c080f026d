"""What moderates training: clipped gradients, the average of the weights, and stopping early."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kresnet.training.loop.early_stopping import EarlyStoppingState
from kresnet.training.step.averaging import WeightAverage
from kresnet.training.step.clipping import AdaptiveClipping, GlobalNormClipping
from tests.training.reference import gradients, pytorch, start


class Layer(keras.layers.Layer):
    """Holds the reference's kernel and gamma."""

    def __init__(self, name="layer"):
        super().__init__(name=name)
        for value, name in zip(start(), ("kernel", "gamma"), strict=True):
            self.add_weight(name=name, shape=value.shape, initializer=lambda *_, value=value, **__: value)


def large() -> list[tf.Tensor]:
    return [tf.constant(100 * gradient) for gradient in gradients()[0]]


def test_adaptive_clipping_is_timms():
    clipped = AdaptiveClipping(0.01).apply(large(), Layer().trainable_weights, None)
    for ours, theirs in zip(clipped, pytorch()["clipped"], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_adaptive_clipping_leaves_the_last_layer_and_small_gradients_alone():
    excluded = AdaptiveClipping(0.01, ["head"]).apply(large(), Layer("head").trainable_weights, None)
    small = [gradient * 1e-6 for gradient in large()]
    for ours, given in zip(excluded, large(), strict=True):
        np.testing.assert_array_equal(ours, given)
    for ours, given in zip(AdaptiveClipping(0.01).apply(small, Layer().trainable_weights, None), small, strict=True):
        np.testing.assert_array_equal(ours, given)


def test_a_convolution_is_clipped_by_output_channel():
    kernel = keras.Variable(np.ones((3, 3, 2, 2), np.float32))
    gradient = np.ones((3, 3, 2, 2), np.float32)
    gradient[..., 1] *= 1e-4
    (clipped,) = AdaptiveClipping(0.5).apply([tf.constant(gradient)], [kernel], None)
    np.testing.assert_allclose(clipped[..., 0], 0.5, rtol=1e-6)
    np.testing.assert_array_equal(clipped[..., 1], gradient[..., 1])


def test_clipping_by_norm_scales_all_gradients_alike():
    clipped = GlobalNormClipping(2.0).apply(large(), Layer().trainable_weights, tf.linalg.global_norm(large()))
    np.testing.assert_allclose(tf.linalg.global_norm(clipped), 2.0, rtol=1e-5)
    np.testing.assert_allclose(clipped[0] / clipped[1][0], large()[0] / large()[1][0], rtol=1e-5)


def model(value: float) -> keras.Model:
    inputs = keras.Input((2,))
    made = keras.Model(inputs, keras.layers.BatchNormalization()(keras.layers.Dense(2, use_bias=False)(inputs)))
    for weight in made.weights:
        weight.assign(np.full(weight.shape, value))
    return made


def averages(values, **settings) -> list[np.ndarray]:
    """The averaged weights after each of `values` was every weight's, from 1.0 on."""
    source, held = model(1.0), model(0.0)
    average = WeightAverage(source, held, **settings)
    found = []
    for updates, value in enumerate(values, start=1):
        for weight in source.weights:
            weight.assign(np.full(weight.shape, value))
        average.update(tf.constant(updates, tf.int64))
        found.append([weight.numpy() for weight in held.weights])
    return found


def test_the_average_is_tensorflows_moving_average_with_its_number_of_updates():
    values = [2.0, 4.0, -1.0, 3.0]
    theirs, reference = tf.train.ExponentialMovingAverage(0.3, num_updates=tf.Variable(1)), tf.Variable(1.0)
    expected = 1.0
    for n, (found, value) in enumerate(zip(averages(values, decay=0.3, start=0, warmup=True), values, strict=True), 1):
        decay = min(0.3, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * value
        for weights in found:
            np.testing.assert_allclose(weights, expected, rtol=1e-6)
    theirs.apply([reference])
    reference.assign(2.0)
    theirs.apply([reference])  # num_updates 1: (1 + 1) / (10 + 1)
    first = averages([2.0], decay=0.3, start=0, warmup=True)[0][0]
    np.testing.assert_allclose(first, float(theirs.average(reference)), rtol=1e-6)


def test_the_average_is_keras_ema_without_warmup():
    variable = keras.Variable(1.0)
    optimizer = keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.9)
    optimizer.build([variable])
    for value in (1.0, 2.0, 4.0):  # the first call makes Keras's average the variable itself
        optimizer.apply([tf.constant(float(variable.numpy()) - value)], [variable])
    found = averages([1.0, 2.0, 4.0], decay=0.9, start=1, warmup=False)[-1]
    for weights in found:
        np.testing.assert_allclose(weights, float(optimizer._model_variables_moving_average[0].numpy()), rtol=1e-6)


def test_until_its_start_the_average_is_a_copy():
    found = averages([5.0, 7.0, 9.0], decay=0.5, start=2, warmup=False)
    assert [float(step[0].flat[0]) for step in found] == [5.0, 7.0, 8.0]


def observed(values, metric="loss", patience=2, min_delta=0.0) -> list[bool]:
    stopping = EarlyStoppingState(metric, patience, min_delta)
    return [stopping.observe(step, {metric: value}) for step, value in enumerate(values, start=1)]


@pytest.mark.parametrize(
    ("values", "settings", "stops"),
    [
        ([3, 2, 1, 0], {}, None),
        ([3, 2, 2, 2], {}, 4),
        ([3, 2, 2.5, 1.9, 2, 2], {}, 6),
        ([3, 2.9, 2.8, 2.7], {"min_delta": 0.5}, 3),
        ([0.5, 0.4, 0.4], {"metric": "accuracy"}, 3),
        ([0.5, 0.6, 0.7], {"metric": "accuracy"}, None),
    ],
)
def test_a_run_stops_when_its_patience_is_over(values, settings, stops):
    found = observed(values, **settings)
    assert (found.index(True) + 1 if True in found else None) == stops


def test_early_stopping_is_keras_early_stopping():
    values = list(np.random.default_rng(3).random(30))
    theirs = keras.callbacks.EarlyStopping("loss", patience=4, min_delta=0.05)
    theirs.set_model(model(1.0))
    theirs.model.stop_training = False
    theirs.on_train_begin()
    for epoch, value in enumerate(values):
        theirs.on_epoch_end(epoch, {"loss": value})
        if theirs.model.stop_training:
            break
    assert observed(values, patience=4, min_delta=0.05).index(True) == epoch


def test_a_restored_early_stopping_goes_on_as_the_first_would():
    values = [3, 2, 2.5, 1.9, 2, 2]
    first = EarlyStoppingState("loss", 2, 0.0)
    for step, value in enumerate(values[:3], start=1):
        first.observe(step, {"loss": value})
    second = EarlyStoppingState("loss", 2, 0.0)
    second.restore(first.facts())
    assert [second.observe(step, {"loss": value}) for step, value in enumerate(values[3:], start=4)] == [
        False, False, True,
    ]  # fmt: skip
